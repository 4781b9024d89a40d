"""Call events: each is one attribute of its call, written if it is absent; a call that is over gets an entry in the list and is
counted, once, together with the others of the batch."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from ids import iso, millis, time_of
from table import TABLE, bucket, client, from_item, get, pack, sha256, to_item

CODES = {
    "call.initiated": "~i",
    "call.ringing": "~r",
    "call.answered": "~a",
    "call.completed": "~c",
    "call.failed": "~f",
    "recording.ready": "~R",
    "transcript.ready": "~T",
}
DIRECTIONS = ["inbound", "outbound"]
REASONS = ["normal_clearing", "user_hangup", "agent_hangup", "no_answer", "busy", "rejected", "network_error", "timeout"]
PARTIES = ["from_number", "to_number", "direction", "carrier", "carrier_call_id"]
FACTS = ["latency_ms", "hangup_cause", "hangup_reason", "recording_url", "transcript", "metadata"]
_pool = ThreadPoolExecutor(10)


def picked(data, names):
    return {name: data[name] for name in names if name in data}


def shard(id):
    """Over which of four partitions calls are spread."""
    return int(id[-2:], 16) % 4


def route(event):
    """Which number a call came to: looked up with its first event."""
    org, mode = event["organization_id"], event["mode"]
    claim = get(f"E164#{mode}#{event['data']['to_number']}", "CLAIM")
    if claim is None or claim["organization_id"] != org:
        return None
    number = get(f"ORG#{org}#{mode}", f"NUMBER#{claim['number_id']}")
    return number and {"number_id": number["id"], "found_by": event["id"]}


def mark(event):
    """Marks a call as one that goes on."""
    id, now = event["call_id"], iso(time.time_ns() // 1_000_000)
    client.update_item(
        TableName=TABLE,
        Key=to_item({"pk": f"LIVE#{event['organization_id']}#{event['mode']}", "sk": f"CALL#{id}"}),
        UpdateExpression="SET kind = :kind, v = :v, marked_at = :now, id = :id, since = if_not_exists(since, :now)",
        ExpressionAttributeValues=to_item({":kind": "live", ":v": 1, ":now": now, ":id": id}),
    )


def write(event):
    """Writes an event into its call; gives the whole call."""
    org, mode, data = event["organization_id"], event["mode"], event["data"]
    begins, found = event["type"] == "call.initiated", None
    if begins:
        found = route(event)
        mark(event)
    parties, facts = picked(data, PARTIES), picked(data, FACTS)
    name = sha256(json.dumps(parties))[:6].hex()
    if "cost" in data:
        facts["cost_micro_cents"] = round(data["cost"] * 1e6)
    stored = {"t": CODES.get(event["type"], event["type"]), "a": millis(event["timestamp"]), "n": event.get("sequence"), "p": name}
    if facts:
        stored["d"] = json.dumps(facts)
    answer = client.update_item(
        TableName=TABLE,
        Key=to_item({"pk": f"CALLS#{org}#{mode}#{shard(event['call_id'])}", "sk": f"CALL#{event['call_id']}"}),
        UpdateExpression="SET kind = :kind, v = :v, #event = if_not_exists(#event, :event), #parties = if_not_exists(#parties, :parties)"
        + (", route = if_not_exists(route, :route)" if found else ""),
        ConditionExpression="attribute_not_exists(deleted)" + ("" if begins else " AND attribute_exists(route)"),
        ExpressionAttributeNames={"#event": f"e#{event['id']}", "#parties": f"p#{name}"},
        ExpressionAttributeValues=to_item({":kind": "call", ":v": 1, ":event": stored, ":parties": parties, ":route": found}),
        ReturnValues="ALL_NEW",
    )
    return folded(event["call_id"], from_item(answer["Attributes"])) | {"org": org, "mode": mode}


def folded(id, item):
    """What a call is by all of its events."""
    events = sorted((event for name, event in item.items() if name.startswith("e#")), key=lambda event: (event["a"], event["n"]))
    facts, times = {}, {event["t"]: event["a"] for event in reversed(events)}
    for event in events:
        facts |= json.loads(event.get("d", "{}"))
    answered, completed = times.get("~a"), times.get("~c")
    return {
        "id": id,
        "version": len(events) * 2 + 1,
        "begin": time_of(id),
        "answered": answered,
        "completed": completed,
        "duration": (completed - answered) // 1000 if answered and completed else 0,
        "facts": facts,
        "parties": item[f"p#{events[0]['p']}"],
        "number": item.get("route", {}).get("number_id"),
    }


def body(call):
    facts, parties, begin = call["facts"], call["parties"], call["begin"]
    reason = facts.get("hangup_reason")
    shown = [
        None,
        None if call["answered"] is None else call["answered"] - begin,
        call["completed"] - begin,
        0,
        DIRECTIONS.index(parties["direction"]),
        parties["from_number"],
        parties["to_number"],
        call["duration"],
        facts.get("cost_micro_cents", 0),
        facts.get("latency_ms", 0),
        call["number"],
        None,
        facts.get("recording_url"),
        facts.get("hangup_cause"),
        None if reason is None else REASONS.index(reason),
        parties.get("carrier"),
        parties.get("carrier_call_id"),
        facts.get("metadata", {}),
        "transcript" in facts,
    ]
    return pack(json.dumps(shown))


def counted(call):
    """Short for all that is counted of a call: equal as long as nothing has to be counted anew."""
    answered, cost = str(call["answered"] is not None).lower(), call["facts"].get("cost_micro_cents", 0)
    text = f"completed {call['parties']['direction']} {call['number'] or ''}  {answered} {call['duration']} {cost}"
    return sha256(text)[:6].hex()


def count(rows, call):
    """Adds a call to the rows that count it: of the organization and of its number, by year, day and four hours."""
    when = datetime.fromtimestamp(call["begin"] / 1000, UTC)
    day = when.strftime("%Y-%m-%d")
    sums = {"aa": int(call["answered"] is not None), "da": call["duration"], "ma": call["facts"].get("cost_micro_cents", 0)}
    hours = {chr(65 + when.hour) + "a": 1}

    def add(kind, dimension, span, cells):
        key = (f"{kind}#{call['org']}#{call['mode']}#{bucket(dimension)}", f"{dimension}#{span}#-#0")
        row = rows.setdefault(key, {})
        for cell, value in cells.items():
            row[cell] = row.get(cell, 0) + value

    for dimension in ["ALL"] + ([f"NUMBER.{call['number']}"] if call["number"] else []):
        is_all = dimension == "ALL"
        add("YEARS", dimension, f"YEAR#{when.year}", {chr(64 + when.month) + "a": 1} | sums)
        add("DAYS", dimension, f"DAY#{day}", {"ka": 1} | sums | ({} if is_all else hours))
        if is_all:
            add("WATCHES", dimension, f"WATCH#{day}#{when.hour // 4}", hours | {f"s{call['begin'] % 86_400_000 // 300_000}": 1})


def counting(key, cells):
    names = list(cells)
    return {
        "Update": {
            "TableName": TABLE,
            "Key": to_item({"pk": key[0], "sk": key[1]}),
            "UpdateExpression": "SET kind = :kind, v = :v ADD " + ", ".join(f"#n{at} :n{at}" for at in range(len(names))),
            "ExpressionAttributeNames": {f"#n{at}": name for at, name in enumerate(names)},
            "ExpressionAttributeValues": to_item({":kind": "count", ":v": 1} | {f":n{at}": cells[name] for at, name in enumerate(names)}),
        }
    }


def settle(calls):
    """Enters the calls that ended into the list and counts them, all or nothing, then takes their marks away."""
    rows, entries, marks = {}, [], []
    for call in calls:
        count(rows, call)
        place = f"{call['org']}#{call['mode']}", f"CALL#{call['id']}"
        entry = {"pk": f"LIST#{place[0]}", "sk": place[1], "kind": "listed", "v": 1, "n": call["version"], "c": counted(call), "b": body(call)}
        entries.append({"Put": {"TableName": TABLE, "Item": to_item(entry), "ConditionExpression": "attribute_not_exists(pk)"}})
        marks.append({"DeleteRequest": {"Key": to_item({"pk": f"LIVE#{place[0]}", "sk": place[1]})}})
    client.transact_write_items(TransactItems=entries + [counting(key, cells) for key, cells in rows.items()])
    client.batch_write_item(RequestItems={TABLE: marks})


def refresh(call):
    """Brings the entry of a call that is over up to date."""
    try:
        client.update_item(
            TableName=TABLE,
            Key=to_item({"pk": f"LIST#{call['org']}#{call['mode']}", "sk": f"CALL#{call['id']}"}),
            UpdateExpression="SET n = :version, b = :body",
            ConditionExpression="n < :version AND c = :counted",
            ExpressionAttributeValues=to_item({":version": call["version"], ":body": body(call), ":counted": counted(call)}),
        )
    except client.exceptions.ConditionalCheckFailedException:
        pass  # a later event was quicker


def take(record):
    """The id of a message that failed; the call that its event ended."""
    try:
        event = json.loads(record["body"])
        call = write(event)
        print(json.dumps({"level": "INFO", "message": "event", "call_id": call["id"], "type": event["type"]}))
        if event["type"] == "call.completed":
            return None, (record["messageId"], call)
        if call["completed"] is not None:
            refresh(call)
    except Exception as error:
        print(json.dumps({"level": "ERROR", "message": repr(error)}))
        return record["messageId"], None
    return None, None


def handler(event, context):
    done = list(_pool.map(take, event["Records"]))
    failed, ended = [id for id, _ in done if id], [end for _, end in done if end]
    try:
        if ended:
            settle([call for _, call in ended])
    except Exception as error:
        print(json.dumps({"level": "ERROR", "message": repr(error)}))
        failed += [id for id, _ in ended]
    print(json.dumps({"level": "INFO", "message": "batch", "records": len(done), "failed": len(failed)}))
    return {"batchItemFailures": [{"itemIdentifier": id} for id in failed]}
