// Webhooks: each is frozen, signed, sent over a connection that is kept, and recorded. What fails comes again with the queue.

import { createHmac } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import { ConditionalCheckFailedException, PutItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { TableName, bucket, client, get, pack, toItem } from './table.js';
import { open } from './vault.js';

const KEPT_SECONDS = 30 * 86_400;
const RECEIVER_MS = 30_000;
const ATTEMPT_MS = 10_000;
const agents = { 'http:': new http.Agent({ keepAlive: true }), 'https:': new https.Agent({ keepAlive: true }) };
const receivers = new Map();

async function receiver({ organization_id: org, mode, endpoint_id: id }) {
  const kept = receivers.get(id);
  if (kept && kept.until > Date.now()) return kept;
  const endpoint = await get(`ORG#${org}#${mode}`, `ENDPOINT#${id}`, true);
  if (endpoint?.status !== 'active') return undefined;
  const secret = await open({ org, mode, kind: 'webhook-secret', id }, endpoint.secret);
  const found = { url: new URL(endpoint.url), secret, until: Date.now() + RECEIVER_MS };
  receivers.set(id, found);
  return found;
}

const hmac = (key, ...parts) => parts.reduce((sum, part) => sum.update(part), createHmac('sha256', key));

function headers(id, body, secret, now) {
  const seconds = Math.floor(now / 1000).toString();
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  return {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'webhook-id': id,
    'webhook-timestamp': seconds,
    'webhook-signature': `v1,${hmac(key, id, '.', seconds, '.', body).digest('base64')}`,
    'x-webhook-signature': `sha256=${hmac(secret, body).digest('hex')}`,
  };
}

function post(url, fields, body) {
  const { request } = url.protocol === 'https:' ? https : http;
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', agent: agents[url.protocol], headers: fields, timeout: ATTEMPT_MS }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode));
      response.on('error', reject);
    });
    sent.on('timeout', () => sent.destroy(new Error('timeout')));
    sent.on('error', reject);
    sent.end(body);
  });
}

// The body that was written first decides; who finds one leaves this message to whoever wrote it.
async function freeze(message, created_at) {
  const { organization_id: org, mode, delivery_id: id, endpoint_id, call_id, event, body } = message;
  const header = JSON.stringify({ endpoint_id, call_id, event, created_at });
  const item = {
    pk: `BODIES#${org}#${mode}#${bucket(id)}`, sk: `BODY#${id}`, kind: 'delivery', v: 1,
    b: pack(`${header}\n${body}`), expires_at: Math.floor(Date.parse(created_at) / 1000) + KEPT_SECONDS,
  };
  try {
    await client.send(new PutItemCommand({ TableName, Item: toItem(item), ConditionExpression: 'attribute_not_exists(pk)' }));
    return true;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return false;
    throw error;
  }
}

async function record(message, created_at, attempt) {
  const { organization_id: org, mode, delivery_id: id, endpoint_id, call_id, event } = message;
  const last = (uuid) => Number.parseInt(uuid.slice(-2), 16);
  const lane = (last(endpoint_id) % 4) * 2 + (last(id) % 2);
  const place = `AT#${created_at}_${id}`;
  await client.send(
    new UpdateItemCommand({
      TableName,
      Key: toItem({ pk: `DELIVERIES#${org}#${mode}#${lane}`, sk: place }),
      UpdateExpression:
        'SET kind = :kind, v = :v, expires_at = :expires, endpoint_id = :endpoint, call_id = :call, #event = :event, #status = :status, ' +
        'gsi3pk = :listed, gsi3sk = :place, #attempt = if_not_exists(#attempt, :attempt) REMOVE next_at, reason',
      ConditionExpression: 'attribute_not_exists(#status) OR NOT #status IN (:status, :dead)',
      ExpressionAttributeNames: { '#event': 'event', '#status': 'status', '#attempt': 'attempt#1' },
      ExpressionAttributeValues: toItem({
        ':kind': 'delivery_state', ':v': 1, ':expires': Math.floor(Date.parse(created_at) / 1000) + KEPT_SECONDS, ':endpoint': endpoint_id,
        ':call': call_id, ':event': event, ':status': 'delivered', ':dead': 'dead', ':listed': `DELIVERIES#${org}#${mode}#CALL#${call_id}`,
        ':place': place, ':attempt': pack(JSON.stringify(attempt)),
      }),
    }),
  );
}

async function deliver(message) {
  const to = await receiver(message);
  const now = Date.now();
  const created_at = new Date(now).toISOString();
  if (!to || !(await freeze(message, created_at))) return;
  const id = `dlv_${message.delivery_id}`;
  const status = await post(to.url, headers(id, message.body, to.secret, now), message.body);
  if (status >= 300) throw new Error(`the receiver answered ${status}`);
  const duration_ms = Date.now() - now;
  console.log(JSON.stringify({ level: 'INFO', message: 'attempt', delivery_id: message.delivery_id, attempt: 1, status, duration_ms }));
  await record(message, created_at, { at: created_at, status, duration_ms });
}

export async function handler({ Records }) {
  const done = await Promise.allSettled(Records.map((message) => deliver(JSON.parse(message.body))));
  const failed = Records.filter((_, at) => done[at].status === 'rejected');
  done.filter(({ status }) => status === 'rejected').forEach(({ reason }) => console.error(reason));
  console.log(JSON.stringify({ level: 'INFO', message: 'batch', records: Records.length, failed: failed.length }));
  return { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) };
}
