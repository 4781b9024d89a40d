// The main flows by a client that is generated from the API's description (`api.d.ts`) and compiled strictly: what does not fit
// the description is no program. `client.mjs STACK_FILE`.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import createClient from "openapi-fetch";

import type { components, paths } from "./api.js";

type Schemas = components["schemas"];
type Stack = { base_url: string; test_key: string };

const LIMIT_MS = 60_000;
const stackFile = process.argv[2] ?? assert.fail("which stack?");
const { base_url: baseUrl, test_key: key } = JSON.parse(readFileSync(stackFile, "utf8")) as Stack;
const api = createClient<paths>({ baseUrl, headers: { "x-api-key": key } });

/** The body of an answer that must be a success. */
function good<T>(answer: { data?: T; error?: unknown; response: Response }): T {
  return answer.data ?? assert.fail(`${answer.response.status} ${answer.response.url}: ${JSON.stringify(answer.error)}`);
}

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (const start = Date.now(); Date.now() - start < LIMIT_MS; await sleep(200)) {
    const found = await look();
    if (found !== undefined) return found;
  }
  return assert.fail(`${what}: not within ${LIMIT_MS} ms`);
}

async function buys(endpoint: Schemas["Endpoint"]): Promise<Schemas["PurchasedNumber"]> {
  const query = { country: "NG", type: "mobile", limit: 1 } as const;
  const offers = good(await api.GET("/v1/phone-numbers/available", { params: { query } }));
  const offer = (Array.isArray(offers) ? offers : offers.phone_numbers)[0] ?? assert.fail("nothing on offer");
  const body = { inventory_id: offer.inventory_id, endpoint_id: endpoint.id, total_cost_cents: offer.total_cost_cents };
  const number = good(await api.POST("/v1/phone-numbers", { body }));
  assert.deepEqual([number.e164, number.endpoint_id, number.status], [offer.e164, endpoint.id, "active"]);
  return number;
}

async function is_routed(number: Schemas["Number"], endpoint: Schemas["Endpoint"]): Promise<void> {
  const explained = good(await api.POST("/v1/route/explain", { body: { to: number.e164 } }));
  assert.deepEqual([explained.phone_number_id, explained.endpoint_id], [number.id, endpoint.id]);
}

async function calls(number: Schemas["Number"]): Promise<Schemas["CallDetail"]> {
  const played = good(await api.POST("/v1/test/calls", { body: { script: "answered", to: number.e164 } }));
  const path = { id: played.call_id };
  const call = await until("the end of the call", async () => {
    const { data } = await api.GET("/v1/calls/{id}", { params: { path } });
    return data?.status === "completed" && data.transcript !== null ? data : undefined;
  });
  assert.ok(call.events.length >= 4);
  return call;
}

async function is_counted(call: Schemas["CallDetail"], number: Schemas["Number"]): Promise<void> {
  const query = { phone_number_id: number.id };
  const list = good(await api.GET("/v1/calls", { params: { query } }));
  assert.ok("page" in list);
  assert.deepEqual([list.total, list.data.map(({ id }) => id)], [1, [call.id]]);
  const stats = good(await api.GET("/v1/calls/stats", { params: { query } }));
  assert.deepEqual([stats.total, stats.by_status.completed, stats.total_duration], [1, 1, call.duration]);
}

async function is_told(call: Schemas["CallDetail"], webhook: Schemas["Subscription"]): Promise<void> {
  const query = { call_id: call.id, subscription_id: webhook.id, status: "delivered" } as const;
  const delivered = await until("the deliveries", async () => {
    const page = good(await api.GET("/v1/webhooks/deliveries", { params: { query } }));
    return page.data.length >= 4 ? page.data : undefined;
  });
  assert.ok(delivered.every(({ last_attempt: attempt }) => attempt?.status === 204));
}

async function is_given_back(number: Schemas["Number"]): Promise<void> {
  const params = { path: { id: number.id }, query: { action: "release" } } as const;
  assert.equal(good(await api.DELETE("/v1/phone-numbers/{id}", { params })).status, "inactive");
}

/** The type of an error is that of the problems which the operation knows: another code here would not compile. */
async function refuses(): Promise<void> {
  const path = { id: "00000000-0000-4000-8000-000000000000" };
  const { error, response } = await api.GET("/v1/phone-numbers/{id}", { params: { path } });
  const known: Schemas["Problem"] = error ?? assert.fail("there is no such number");
  assert.deepEqual([response.status, known.code], [404, "NOT_FOUND"]);
  const order = await api.POST("/v1/webhooks", { body: { url: "https:///" } });
  const problem: Schemas["Problem"] = order.error ?? assert.fail("that is no address");
  assert.deepEqual([problem.code, problem.details.errors?.[0]?.field], ["VALIDATION_ERROR", "url"]);
}

const receiver = createServer((request, answer) => {
  request.resume().on("end", () => answer.writeHead(204).end());
});
await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
const endpoint = good(await api.POST("/v1/endpoints", { body: { name: "TypeScript", type: "webhook", url } }));
const webhook = good(await api.POST("/v1/webhooks", { body: { url, events: ["call.*"] } }));
// Events begin up to five seconds after a subscription is created.
await sleep(6_000);
const number = await buys(endpoint);
await is_routed(number, endpoint);
const call = await calls(number);
await is_counted(call, number);
await is_told(call, webhook);
await is_given_back(number);
await refuses();
receiver.close();
console.log(`a generated TypeScript client bought ${number.e164}, had it called, and gave it back`);
