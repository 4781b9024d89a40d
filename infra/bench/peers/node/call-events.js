// Call events: each is one attribute of its call, written if it is absent; a call that is over gets an entry in the list and is
// counted, once, together with the others of the batch.

import { BatchWriteItemCommand, ConditionalCheckFailedException, TransactWriteItemsCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { timeOf } from './ids.js';
import { TableName, bucket, client, fromItem, get, pack, sha256, toItem } from './table.js';

const CODES = {
  'call.initiated': '~i', 'call.ringing': '~r', 'call.answered': '~a', 'call.completed': '~c', 'call.failed': '~f', 'recording.ready': '~R',
  'transcript.ready': '~T',
};
const STATUSES = ['completed', 'failed', 'busy', 'no_answer'];
const DIRECTIONS = ['inbound', 'outbound'];
const REASONS = ['normal_clearing', 'user_hangup', 'agent_hangup', 'no_answer', 'busy', 'rejected', 'network_error', 'timeout'];
const PARTIES = ['from_number', 'to_number', 'direction', 'carrier', 'carrier_call_id'];
const FACTS = ['latency_ms', 'hangup_cause', 'hangup_reason', 'recording_url', 'transcript', 'metadata'];

const letter = (at) => String.fromCharCode(65 + at);
const picked = (data, names) => Object.fromEntries(names.filter((name) => data[name] !== undefined).map((name) => [name, data[name]]));

// Over which of four partitions calls are spread.
const shard = (id) => Number.parseInt(id.slice(-2), 16) % 4;

// Which number a call came to: looked up with its first event.
async function route({ organization_id: org, mode, data, id }) {
  const claim = await get(`E164#${mode}#${data.to_number}`, 'CLAIM');
  if (claim?.organization_id !== org) return undefined;
  const number = await get(`ORG#${org}#${mode}`, `NUMBER#${claim.number_id}`);
  return number && { number_id: number.id, found_by: id };
}

// Marks a call as one that goes on.
async function mark({ organization_id: org, mode, call_id: id }) {
  const now = new Date().toISOString();
  await client.send(
    new UpdateItemCommand({
      TableName,
      Key: toItem({ pk: `LIVE#${org}#${mode}`, sk: `CALL#${id}` }),
      UpdateExpression: 'SET kind = :kind, v = :v, marked_at = :now, id = :id, since = if_not_exists(since, :now)',
      ExpressionAttributeValues: toItem({ ':kind': 'live', ':v': 1, ':now': now, ':id': id }),
    }),
  );
}

// Writes an event into its call; gives the whole call.
async function write(event) {
  const { organization_id: org, mode, call_id, data, id, type, timestamp, sequence } = event;
  const begins = type === 'call.initiated';
  const [found] = begins ? await Promise.all([route(event), mark(event)]) : [];
  const parties = picked(data, PARTIES);
  const name = sha256(JSON.stringify(parties)).toString('hex', 0, 6);
  const facts = picked(data, FACTS);
  if (data.cost !== undefined) facts.cost_micro_cents = Math.round(data.cost * 1e6);
  const stored = { t: CODES[type] ?? type, a: Date.parse(timestamp), n: sequence, p: name };
  if (Object.keys(facts).length > 0) stored.d = JSON.stringify(facts);
  const { Attributes } = await client.send(
    new UpdateItemCommand({
      TableName,
      Key: toItem({ pk: `CALLS#${org}#${mode}#${shard(call_id)}`, sk: `CALL#${call_id}` }),
      UpdateExpression:
        'SET kind = :kind, v = :v, #event = if_not_exists(#event, :event), #parties = if_not_exists(#parties, :parties)' +
        (found ? ', route = if_not_exists(route, :route)' : ''),
      ConditionExpression: `attribute_not_exists(deleted)${begins ? '' : ' AND attribute_exists(route)'}`,
      ExpressionAttributeNames: { '#event': `e#${id}`, '#parties': `p#${name}` },
      ExpressionAttributeValues: toItem({ ':kind': 'call', ':v': 1, ':event': stored, ':parties': parties, ':route': found }),
      ReturnValues: 'ALL_NEW',
    }),
  );
  return { org, mode, id: call_id, type, ...folded(call_id, fromItem(Attributes)) };
}

// What a call is by all of its events.
function folded(id, item) {
  const events = Object.entries(item).filter(([name]) => name.startsWith('e#')).map(([, event]) => event);
  events.sort((one, other) => one.a - other.a || one.n - other.n);
  const facts = Object.assign({}, ...events.map((event) => (event.d ? JSON.parse(event.d) : {})));
  const at = (code) => events.find((event) => event.t === code)?.a;
  const begin = timeOf(id);
  const [answered, completed] = [at('~a'), at('~c')];
  const duration = answered && completed ? Math.floor((completed - answered) / 1000) : 0;
  const parties = item[`p#${events[0].p}`];
  return { over: completed !== undefined, version: events.length * 2 + 1, begin, answered, completed, duration, facts, parties, number: item.route?.number_id };
}

function body({ begin, answered, completed, duration, facts, parties, number }) {
  const after = (time) => (time === undefined ? null : time - begin);
  const reason = facts.hangup_reason === undefined ? null : REASONS.indexOf(facts.hangup_reason);
  const shown = [
    null, after(answered), after(completed), STATUSES.indexOf('completed'), DIRECTIONS.indexOf(parties.direction), parties.from_number,
    parties.to_number, duration, facts.cost_micro_cents ?? 0, facts.latency_ms ?? 0, number ?? null, null, facts.recording_url ?? null,
    facts.hangup_cause ?? null, reason, parties.carrier ?? null, parties.carrier_call_id ?? null, facts.metadata ?? {},
    facts.transcript !== undefined,
  ];
  return pack(JSON.stringify(shown));
}

// Short for all that is counted of a call: equal as long as nothing has to be counted anew.
function counted({ answered, duration, facts, parties, number }) {
  const text = `completed ${parties.direction} ${number ?? ''}  ${answered !== undefined} ${duration} ${facts.cost_micro_cents ?? 0}`;
  return sha256(text).toString('hex', 0, 6);
}

// Adds a call to the rows that count it: of the organization and of its number, by year, day and four hours.
function count(rows, { org, mode, begin, answered, duration, facts, number }) {
  const when = new Date(begin);
  const [day, hour] = [when.toISOString().slice(0, 10), when.getUTCHours()];
  const sums = { aa: Number(answered !== undefined), da: duration, ma: facts.cost_micro_cents ?? 0 };
  const add = (kind, dimension, span, cells) => {
    const pk = `${kind}#${org}#${mode}#${bucket(dimension)}`;
    const sk = `${dimension}#${span}#-#0`;
    const row = rows.get(pk + sk) ?? { pk, sk, cells: {} };
    for (const [cell, value] of Object.entries(cells)) row.cells[cell] = (row.cells[cell] ?? 0) + value;
    rows.set(pk + sk, row);
  };
  for (const dimension of number ? ['ALL', `NUMBER.${number}`] : ['ALL']) {
    const hours = { [`${letter(hour)}a`]: 1 };
    const isAll = dimension === 'ALL';
    add('YEARS', dimension, `YEAR#${day.slice(0, 4)}`, { [`${letter(when.getUTCMonth())}a`]: 1, ...sums });
    add('DAYS', dimension, `DAY#${day}`, { ka: 1, ...sums, ...(isAll ? {} : hours) });
    if (isAll) add('WATCHES', dimension, `WATCH#${day}#${Math.floor(hour / 4)}`, { ...hours, [`s${Math.floor((begin % 86_400_000) / 300_000)}`]: 1 });
  }
}

function counting({ pk, sk, cells }) {
  const names = Object.keys(cells);
  return {
    Update: {
      TableName,
      Key: toItem({ pk, sk }),
      UpdateExpression: `SET kind = :kind, v = :v ADD ${names.map((_, at) => `#n${at} :n${at}`).join(', ')}`,
      ExpressionAttributeNames: Object.fromEntries(names.map((name, at) => [`#n${at}`, name])),
      ExpressionAttributeValues: toItem({ ':kind': 'count', ':v': 1, ...Object.fromEntries(names.map((name, at) => [`:n${at}`, cells[name]])) }),
    },
  };
}

// Enters the calls that ended into the list and counts them, all or nothing, then takes their marks away.
async function settle(calls) {
  const rows = new Map();
  calls.forEach((call) => count(rows, call));
  const entries = calls.map((call) => {
    const { org, mode, id, version } = call;
    const entry = { pk: `LIST#${org}#${mode}`, sk: `CALL#${id}`, kind: 'listed', v: 1, n: version, c: counted(call), b: body(call) };
    return { Put: { TableName, Item: toItem(entry), ConditionExpression: 'attribute_not_exists(pk)' } };
  });
  await client.send(new TransactWriteItemsCommand({ TransactItems: [...entries, ...[...rows.values()].map(counting)] }));
  const marks = calls.map(({ org, mode, id }) => ({ DeleteRequest: { Key: toItem({ pk: `LIVE#${org}#${mode}`, sk: `CALL#${id}` }) } }));
  await client.send(new BatchWriteItemCommand({ RequestItems: { [TableName]: marks } }));
}

// Brings the entry of a call that is over up to date.
async function refresh(call) {
  const { org, mode, id, version } = call;
  const request = {
    TableName,
    Key: toItem({ pk: `LIST#${org}#${mode}`, sk: `CALL#${id}` }),
    UpdateExpression: 'SET n = :version, b = :body',
    ConditionExpression: 'n < :version AND c = :counted',
    ExpressionAttributeValues: toItem({ ':version': version, ':body': body(call), ':counted': counted(call) }),
  };
  try {
    await client.send(new UpdateItemCommand(request));
  } catch (error) {
    // A later event was quicker.
    if (!(error instanceof ConditionalCheckFailedException)) throw error;
  }
}

async function take({ messageId, body: text }, ended) {
  const call = await write(JSON.parse(text));
  console.log(JSON.stringify({ level: 'INFO', message: 'event', call_id: call.id, type: call.type }));
  if (!call.over) return;
  if (call.type === 'call.completed') ended.push({ messageId, call });
  else await refresh(call);
}

export async function handler({ Records }) {
  const ended = [];
  const done = await Promise.allSettled(Records.map((message) => take(message, ended)));
  const failed = Records.filter((_, at) => done[at].status === 'rejected').map(({ messageId }) => messageId);
  done.filter(({ status }) => status === 'rejected').forEach(({ reason }) => console.error(reason));
  try {
    if (ended.length > 0) await settle(ended.map(({ call }) => call));
  } catch (error) {
    console.error(error);
    failed.push(...ended.map(({ messageId }) => messageId));
  }
  console.log(JSON.stringify({ level: 'INFO', message: 'batch', records: Records.length, failed: failed.length }));
  return { batchItemFailures: failed.map((itemIdentifier) => ({ itemIdentifier })) };
}
