// Verifies webhook deliveries with the reference library of Standard Webhooks: a file with a list of them. Each has its
// body, its headers and the secrets of which every one must verify it.

const { readFileSync } = require("node:fs");
const { Webhook, WebhookVerificationError } = require("standardwebhooks");

const deliveries = JSON.parse(readFileSync(process.argv[2], "utf8"));
for (const { body, headers, secrets } of deliveries) {
  for (const secret of secrets) {
    new Webhook(secret).verify(body, headers);
  }
}
const [{ body, headers, secrets }] = deliveries;
try {
  new Webhook(secrets[0]).verify(`${body} `, headers);
  throw new Error("a forgery was taken");
} catch (error) {
  if (!(error instanceof WebhookVerificationError)) throw error;
}
console.log(`${deliveries.length} verified by standardwebhooks of npm, 1 forgery refused`);
