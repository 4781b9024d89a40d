// Who calls: an API key, looked up by its hash and remembered for a minute.

import { get, sha256 } from './table.js';

const KEPT_MS = 60_000;
const known = new Map();

export class Refused extends Error {
  constructor(statusCode, code, message) {
    super(message);
    Object.assign(this, { statusCode, code });
  }
}

export async function caller(event, scope) {
  const text = (event.headers.authorization ?? '').replace(/^Bearer /, '');
  const hash = sha256(text).toString('hex');
  let entry = known.get(hash);
  if (!entry || entry.until < Date.now()) {
    const key = await get(`KEY#${hash}`, 'KEY');
    if (!key || key.revoked_at || (key.valid_until && Date.parse(key.valid_until) < Date.now())) {
      throw new Refused(401, 'UNAUTHORIZED', 'The API key is not valid');
    }
    entry = { key, until: Date.now() + KEPT_MS };
    known.set(hash, entry);
  }
  const { organization_id: org, mode, scopes, id } = entry.key;
  const held = new Set(scopes);
  if (!held.has(scope)) throw new Refused(403, 'INSUFFICIENT_SCOPE', `This needs a key with the scope ${scope}`);
  return { org, mode, held, id };
}

// Runs a handler and renders what it throws; one line is logged for each request.
export function http(handle) {
  return async (event) => {
    const started = Date.now();
    let answer;
    try {
      answer = await handle(event);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      answer = { statusCode: error.statusCode, body: { error: error.message, code: error.code } };
    }
    const { method, path } = event.requestContext.http;
    console.log(JSON.stringify({ level: 'INFO', message: 'request', method, path, status: answer.statusCode, duration_ms: Date.now() - started }));
    return { statusCode: answer.statusCode, headers: { 'content-type': 'application/json' }, body: JSON.stringify(answer.body) };
  };
}
