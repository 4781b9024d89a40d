// Reads the page of the API's description as people do, in a browser: it must work while nothing but the API itself can be
// reached, authorize with a key, and send requests that succeed. `docs.js STACK_FILE PICTURES`.

const assert = require("node:assert/strict");
const { readFileSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");

// Before the package is loaded: it brings the libraries and fonts that the browser needs, but unpacks them only where it believes
// that a system has none.
process.env.AWS_EXECUTION_ENV = "AWS_Lambda_nodejs24.x";
const { default: packed } = require("@sparticuz/chromium");
const { chromium } = require("playwright-core");

const [stackFile, pictures] = process.argv.slice(2);
const { base_url: origin, test_key: key } = JSON.parse(readFileSync(stackFile, "utf8"));
const FLAGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
  "--disable-sync",
];
const LIMIT = { timeout: 20_000 };

/** The program of the browser, unpacked. Its fonts are told by where they really are: without one it ends at the first letter. */
async function unpacked() {
  const program = await packed.executablePath();
  const fonts = join(tmpdir(), "fonts");
  const told = `<fontconfig><dir>${fonts}</dir><cachedir>${join(fonts, "cache")}</cachedir></fontconfig>`;
  writeFileSync(join(fonts, "fonts.conf"), `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">${told}\n`);
  return program;
}

/** Everything that a quiet and self-sufficient page does not do. */
function watch(page, faults) {
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && faults.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => faults.push(`script: ${error}`));
  page.on("requestfailed", (request) => faults.push(`failed: ${request.url()} ${request.failure()?.errorText}`));
  page.on("response", (response) => response.status() >= 400 && faults.push(`${response.status()}: ${response.url()}`));
}

async function open(browser, faults) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  context.setDefaultTimeout(LIMIT.timeout);
  await context.route("**/*", (route) => {
    if (new URL(route.request().url()).origin === origin) return route.continue();
    faults.push(`elsewhere: ${route.request().url()}`);
    return route.abort();
  });
  const page = await context.newPage();
  watch(page, faults);
  await page.goto(`${origin}/docs`);
  return page;
}

/** Every operation of the document is on the page. */
async function sees_all_operations(page) {
  const document = await (await fetch(`${origin}/openapi.json`)).json();
  const count = (items) => Object.values(items).reduce((sum, item) => sum + Object.keys(item).length, 0);
  const operations = count(document.paths) + count(document.webhooks);
  await page.waitForFunction((wanted) => globalThis.document.querySelectorAll(".opblock").length === wanted, operations, LIMIT);
  assert.equal(await page.title(), "Trunkline API");
  return operations;
}

async function authorizes(page) {
  await page.locator(".auth-wrapper > .btn.authorize").click();
  const form = page.locator(".auth-container", { hasText: "apiKey (apiKey)" }).first();
  await form.locator("input").fill(key);
  await form.getByRole("button", { name: "Apply credentials" }).click();
  await page.locator(".auth-container", { hasText: "Authorized" }).first().waitFor();
  await page.locator(".modal-ux .btn-done").first().click();
}

/** Opens an operation, sends it with what is filled in, and answers with what the page shows of the answer. */
async function tries(page, operation, body) {
  const block = page.locator(`#operations-${operation}`);
  await block.locator(".opblock-summary-control").click();
  if (body) await block.locator("textarea.body-param__text").fill(JSON.stringify(body));
  await block.locator("button.execute").click();
  const answer = block.locator(".live-responses-table .response");
  await answer.scrollIntoViewIfNeeded();
  const status = Number((await answer.locator(".response-col_status").innerText()).split(/\s/)[0]);
  const shown = JSON.parse(await answer.locator(".highlight-code code, .highlight-code pre").first().innerText());
  assert.ok(decodeURI(page.url()).endsWith(`/${operation.split("-")[1]}`), `${page.url()} does not lead here`);
  return { status, shown };
}

async function main() {
  const faults = [];
  const browser = await chromium.launch({ executablePath: await unpacked(), args: FLAGS, chromiumSandbox: false });
  try {
    const page = await open(browser, faults);
    const operations = await sees_all_operations(page);
    await page.screenshot({ path: join(pictures, "docs.png") });
    await authorizes(page);
    const listed = await tries(page, "Phone_numbers-list_numbers");
    assert.equal(listed.status, 200);
    assert.ok(Array.isArray(listed.shown), JSON.stringify(listed.shown));
    const order = { name: "From the page", type: "custom_sip", url: "sip:desk@pbx.example.com" };
    const created = await tries(page, "Endpoints-create_endpoint", order);
    assert.deepEqual([created.status, created.shown.name], [201, order.name]);
    await page.screenshot({ path: join(pictures, "docs-tried.png") });
    assert.deepEqual(faults, []);
    console.log(`the page shows ${operations} operations and webhooks, loads nothing from elsewhere, and sent 2 requests that succeeded`);
  } finally {
    await browser.close();
  }
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
