"""Webhooks: each is frozen, signed, sent over a connection that is kept, and recorded. What fails comes again with the queue."""

import base64
import hashlib
import hmac
import json
import time
from concurrent.futures import ThreadPoolExecutor

import urllib3
from ids import iso
from table import TABLE, bucket, client, get, pack, to_item
from vault import open_sealed

KEPT_SECONDS = 30 * 86_400
RECEIVER_SECONDS = 30
_http = urllib3.PoolManager(timeout=urllib3.Timeout(10), retries=False)
_pool = ThreadPoolExecutor(10)
_receivers = {}


def receiver(message):
    org, mode, id = message["organization_id"], message["mode"], message["endpoint_id"]
    kept = _receivers.get(id)
    if kept is None or kept[2] < time.time():
        endpoint = get(f"ORG#{org}#{mode}", f"ENDPOINT#{id}", consistent=True)
        if endpoint is None or endpoint["status"] != "active":
            return None
        secret = open_sealed(endpoint["secret"], org, mode, "webhook-secret", id)
        kept = _receivers[id] = (endpoint["url"], secret, time.time() + RECEIVER_SECONDS)
    return kept


def headers(id, body, secret, now):
    seconds = str(now // 1000)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = hmac.digest(key, f"{id}.{seconds}.".encode() + body, hashlib.sha256)
    return {
        "content-type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": seconds,
        "webhook-signature": "v1," + base64.b64encode(content).decode(),
        "x-webhook-signature": "sha256=" + hmac.digest(secret.encode(), body, hashlib.sha256).hex(),
    }


def freeze(message, now):
    """The body that was written first decides; who finds one leaves this message to whoever wrote it."""
    id = message["delivery_id"]
    header = {name: message[name] for name in ("endpoint_id", "call_id", "event")} | {"created_at": iso(now)}
    item = {
        "pk": f"BODIES#{message['organization_id']}#{message['mode']}#{bucket(id)}",
        "sk": f"BODY#{id}",
        "kind": "delivery",
        "v": 1,
        "b": pack(json.dumps(header) + "\n" + message["body"]),
        "expires_at": now // 1000 + KEPT_SECONDS,
    }
    try:
        client.put_item(TableName=TABLE, Item=to_item(item), ConditionExpression="attribute_not_exists(pk)")
    except client.exceptions.ConditionalCheckFailedException:
        return False
    return True


def record(message, now, attempt):
    org, mode, id = message["organization_id"], message["mode"], message["delivery_id"]
    lane = int(message["endpoint_id"][-2:], 16) % 4 * 2 + int(id[-2:], 16) % 2
    place = f"AT#{iso(now)}_{id}"
    values = {
        ":kind": "delivery_state",
        ":v": 1,
        ":expires": now // 1000 + KEPT_SECONDS,
        ":endpoint": message["endpoint_id"],
        ":call": message["call_id"],
        ":event": message["event"],
        ":status": "delivered",
        ":dead": "dead",
        ":listed": f"DELIVERIES#{org}#{mode}#CALL#{message['call_id']}",
        ":place": place,
        ":attempt": pack(json.dumps(attempt)),
    }
    client.update_item(
        TableName=TABLE,
        Key=to_item({"pk": f"DELIVERIES#{org}#{mode}#{lane}", "sk": place}),
        UpdateExpression="SET kind = :kind, v = :v, expires_at = :expires, endpoint_id = :endpoint, call_id = :call, #event = :event, "
        "#status = :status, gsi3pk = :listed, gsi3sk = :place, #attempt = if_not_exists(#attempt, :attempt) REMOVE next_at, reason",
        ConditionExpression="attribute_not_exists(#status) OR NOT #status IN (:status, :dead)",
        ExpressionAttributeNames={"#event": "event", "#status": "status", "#attempt": "attempt#1"},
        ExpressionAttributeValues=to_item(values),
    )


def deliver(message):
    to, now = receiver(message), time.time_ns() // 1_000_000
    if to is None or not freeze(message, now):
        return
    url, secret, _ = to
    body = message["body"].encode()
    answer = _http.request("POST", url, body=body, headers=headers(f"dlv_{message['delivery_id']}", body, secret, now), redirect=False)
    if answer.status >= 300:
        raise RuntimeError(f"the receiver answered {answer.status}")
    attempt = {"at": iso(now), "status": answer.status, "duration_ms": time.time_ns() // 1_000_000 - now}
    print(json.dumps({"level": "INFO", "message": "attempt", "delivery_id": message["delivery_id"], "attempt": 1} | attempt))
    record(message, now, attempt)


def one(record):
    try:
        deliver(json.loads(record["body"]))
    except Exception as error:
        print(json.dumps({"level": "ERROR", "message": repr(error)}))
        return {"itemIdentifier": record["messageId"]}
    return None


def handler(event, context):
    records = event["Records"]
    # One alone needs no other thread.
    failed = [failure for failure in (map(one, records) if len(records) < 2 else _pool.map(one, records)) if failure]
    print(json.dumps({"level": "INFO", "message": "batch", "records": len(records), "failed": len(failed)}))
    return {"batchItemFailures": failed}
