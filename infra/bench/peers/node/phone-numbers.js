// One number is read; a number is bought.

import { randomBytes } from 'node:crypto';
import { TransactWriteItemsCommand, TransactionCanceledException } from '@aws-sdk/client-dynamodb';
import { Refused, caller, http } from './gate.js';
import { uuidv7 } from './ids.js';
import { TableName, client, get, query, toItem } from './table.js';
import { open, seal } from './vault.js';

const DAY_SECONDS = 86_400;
const TYPES = ['local', 'mobile', 'toll_free'];
const SIP_DOMAIN = process.env.SIP_DOMAIN;

function shown(number, org) {
  return {
    id: number.id,
    e164: number.e164,
    number: number.e164,
    country: number.country,
    type: number.type,
    status: number.status,
    endpoint_id: number.endpoint_id ?? null,
    agent_id: number.agent_id ?? null,
    allow_inbound: number.allow_inbound,
    allow_outbound: number.allow_outbound,
    sip_uri: `sip:${number.e164}@${SIP_DOMAIN}`,
    source: number.source,
    provider: number.carrier ?? null,
    credentials_id: number.credentials_id ?? null,
    setup_cost_cents: number.setup_cost_cents,
    monthly_cost_cents: number.monthly_cost_cents,
    organization_id: org,
    created_at: number.created_at,
    updated_at: number.updated_at,
    released_at: number.released_at ?? null,
  };
}

async function getNumber(event, id) {
  const { org, mode, held } = await caller(event, 'numbers:read');
  const partition = `ORG#${org}#${mode}`;
  const number = await get(partition, `NUMBER#${id}`, true);
  if (!number) throw new Refused(404, 'NOT_FOUND', 'Phone number not found');
  const [claim, endpoint] = await Promise.all([
    get(`E164#${mode}#${number.e164}`, 'CLAIM'),
    number.endpoint_id && get(partition, `ENDPOINT#${number.endpoint_id}`),
  ]);
  let credentials = null;
  if (claim?.sip_username) {
    const place = { org, mode, kind: 'sip-password', id };
    const password = held.has('numbers:write') ? await open(place, claim.sip_password) : null;
    credentials = { domain: SIP_DOMAIN, transport: 'tls', port: 5061, username: claim.sip_username, password };
  }
  const summary = endpoint && {
    id: number.endpoint_id,
    name: endpoint.name,
    type: endpoint.type,
    provider: endpoint.provider,
    url: endpoint.url,
    status: endpoint.status,
  };
  const body = { ...shown(number, org), endpoint_id: summary?.id ?? null, endpoint: summary ?? null, sip_credentials: credentials };
  return { statusCode: 200, body };
}

// An inventory id carries its number: type, country and digits are its last 62 bits.
function slotOf(inventoryId) {
  const payload = BigInt(`0x${inventoryId.slice(19).replace('-', '')}`) & ((1n << 62n) - 1n);
  const letter = (shift) => String.fromCharCode(65 + Number((payload >> shift) & 31n));
  return {
    e164: `+${payload & ((1n << 50n) - 1n)}`,
    country: letter(55n) + letter(50n),
    type: TYPES[Number(payload >> 60n)],
  };
}

const told = new Map();

// Whether anybody is told of purchases; remembered for five seconds.
async function isTold(partition) {
  const kept = told.get(partition);
  if (kept && kept.until > Date.now()) return kept.is;
  const is = (await query(partition, 'SUBSCRIPTION#')).length > 0;
  told.set(partition, { is, until: Date.now() + 5_000 });
  return is;
}

async function buy(event) {
  const { org, mode, id: key } = await caller(event, 'numbers:write');
  const order = JSON.parse(event.body);
  if (!order.inventory_id) throw new Refused(400, 'MISSING_FIELDS', 'inventory_id is missing');
  const { e164, country, type } = slotOf(order.inventory_id);
  const partition = `ORG#${org}#${mode}`;
  const place = { pk: `INVENTORY#${mode}#${country}#${type}`, sk: `SLOT#${e164}` };
  const [slot, told] = await Promise.all([get(place.pk, place.sk), isTold(partition)]);
  if (!slot) throw new Refused(404, 'NUMBER_NOT_AVAILABLE', 'This number is not available');
  if (told) throw new Error('events of purchases are not measured');
  const now = new Date();
  const id = uuidv7(now.getTime());
  const at = now.toISOString();
  const { setup_cost_cents, monthly_cost_cents, capabilities: caps } = slot;
  const number = {
    id, e164, country, type, caps, status: 'active', allow_inbound: order.allow_inbound ?? true, allow_outbound: order.allow_outbound ?? false,
    source: 'inventory', setup_cost_cents, monthly_cost_cents, created_at: at, updated_at: at,
  };
  const sealed = await seal({ org, mode, kind: 'sip-password', id }, randomBytes(24).toString('base64url'));
  const claim = { e164, organization_id: org, number_id: id, sip_username: e164, sip_password: sealed };
  const entry = {
    id: uuidv7(now.getTime()), at, action: 'phone_number.purchased', resource: id, actor: `key:${key}`, ip: event.requestContext.http.sourceIp,
    expires_at: Math.floor(now.getTime() / 1000) + 365 * DAY_SECONDS,
  };
  await write([
    { Delete: { TableName, Key: toItem(place), ConditionExpression: 'setup_cost_cents = :setup AND monthly_cost_cents = :monthly',
        ExpressionAttributeValues: toItem({ ':setup': setup_cost_cents, ':monthly': monthly_cost_cents }) } },
    fresh({ pk: `E164#${mode}#${e164}`, sk: 'CLAIM', kind: 'claim', v: 1, ...claim }),
    fresh({ pk: partition, sk: `NUMBER#${id}`, kind: 'number', v: 1, ...number }),
    { Update: { TableName, Key: toItem({ pk: partition, sk: 'COUNT#NUMBER' }),
        UpdateExpression: 'SET kind = :kind, v = :one ADD numbers :one',
        ConditionExpression: 'attribute_not_exists(numbers) OR numbers < :most OR numbers < most',
        ExpressionAttributeValues: toItem({ ':kind': 'number_count', ':one': 1, ':most': 1000 }) } },
    { Put: { TableName, Item: toItem({ pk: `AUDIT#${org}#${mode}`, sk: `ENTRY#${entry.id}`, kind: 'audit_entry', v: 1, ...entry }) } },
  ]);
  return { statusCode: 201, body: { ...shown(number, org), total_cost_cents: setup_cost_cents + monthly_cost_cents } };
}

function fresh(item) {
  return { Put: { TableName, Item: toItem(item), ConditionExpression: 'attribute_not_exists(pk)' } };
}

async function write(TransactItems) {
  try {
    await client.send(new TransactWriteItemsCommand({ TransactItems }));
  } catch (error) {
    if (!(error instanceof TransactionCanceledException)) throw error;
    throw new Refused(404, 'NUMBER_NOT_AVAILABLE', 'This number is not available');
  }
}

export const handler = http(async (event) => {
  const [, id] = /^\/v1\/phone-numbers\/([^/]+)$/.exec(event.rawPath) ?? [];
  const { method } = event.requestContext.http;
  if (method === 'GET' && id) return getNumber(event, id);
  if (method === 'POST' && event.rawPath === '/v1/phone-numbers') return buy(event);
  throw new Refused(404, 'NOT_FOUND', 'Route not found');
});
