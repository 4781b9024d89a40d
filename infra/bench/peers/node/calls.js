// The newest calls of an organization, with their exact number.

import { Refused, caller, http } from './gate.js';
import { timeOf } from './ids.js';
import { bucket, query, unpack } from './table.js';

const STATUSES = ['completed', 'failed', 'busy', 'no_answer'];
const DIRECTIONS = ['inbound', 'outbound'];
const REASONS = ['normal_clearing', 'user_hangup', 'agent_hangup', 'no_answer', 'busy', 'rejected', 'network_error', 'timeout'];
const MONTHS = /^[A-L]/;

const time = (millis) => new Date(millis).toISOString();

function shown(item, org) {
  const id = item.sk.slice('CALL#'.length);
  const [
    begun, answered, completed, status, direction, from, to, duration, cost, latency, number, endpoint, recording, cause, reason, carrier,
    carrierCall, metadata, hasTranscript,
  ] = JSON.parse(unpack(item.b));
  const begin = begun ?? timeOf(id);
  return {
    id,
    from_number: from,
    to_number: to,
    direction: DIRECTIONS[direction],
    status: STATUSES[status],
    duration,
    cost: cost / 1e6,
    cost_cents: Math.round(cost / 1e6),
    latency_ms: latency,
    phone_number_id: number,
    endpoint_id: endpoint,
    recording_url: recording,
    hangup_cause: cause,
    hangup_reason: reason === null ? null : REASONS[reason],
    carrier,
    carrier_call_id: carrierCall,
    metadata,
    organization_id: org,
    created_at: time(begin),
    answered_at: answered === null ? null : time(begin + answered),
    completed_at: completed === null ? null : time(begin + completed),
    transcript: null,
    has_transcript: hasTranscript,
  };
}

async function list(event) {
  const { org, mode } = await caller(event, 'calls:read');
  const limit = Number(event.queryStringParameters?.limit ?? 20);
  if (!(limit >= 1 && limit <= 100)) throw new Refused(400, 'VALIDATION_ERROR', 'limit must be 1 to 100');
  const [ended, years, live] = await Promise.all([
    query(`LIST#${org}#${mode}`, 'CALL#', { ScanIndexForward: false, Limit: limit }),
    query(`YEARS#${org}#${mode}#${bucket('ALL')}`, 'ALL#YEAR#'),
    query(`LIVE#${org}#${mode}`, 'CALL#'),
  ]);
  if (live.length > 0) throw new Error('calls that go on are not measured');
  const months = years.flatMap((year) => Object.entries(year).filter(([name]) => MONTHS.test(name)));
  const total = months.reduce((sum, [, count]) => sum + count, 0);
  const data = ended.filter((item) => item.b).map((item) => shown(item, org));
  return { statusCode: 200, body: { data, total, page: 1, limit, total_pages: Math.ceil(total / limit) } };
}

export const handler = http(async (event) => {
  if (event.requestContext.http.method === 'GET' && event.rawPath === '/v1/calls') return list(event);
  throw new Refused(404, 'NOT_FOUND', 'Route not found');
});
