"""One number is read; a number is bought."""

import base64
import json
import os
import re
import time

from gate import Refused, caller, http
from ids import iso, uuid7
from table import TABLE, client, get, query, to_item
from vault import open_sealed, seal

DAY_SECONDS = 86_400
TYPES = ["local", "mobile", "toll_free"]
SIP_DOMAIN = os.environ["SIP_DOMAIN"]
ONE_NUMBER = re.compile(r"/v1/phone-numbers/([^/]+)$")
_told = {}


def shown(number, org):
    return {
        "id": number["id"],
        "e164": number["e164"],
        "number": number["e164"],
        "country": number["country"],
        "type": number["type"],
        "status": number["status"],
        "endpoint_id": number.get("endpoint_id"),
        "agent_id": number.get("agent_id"),
        "allow_inbound": number["allow_inbound"],
        "allow_outbound": number["allow_outbound"],
        "sip_uri": f"sip:{number['e164']}@{SIP_DOMAIN}",
        "source": number["source"],
        "provider": number.get("carrier"),
        "credentials_id": number.get("credentials_id"),
        "setup_cost_cents": number["setup_cost_cents"],
        "monthly_cost_cents": number["monthly_cost_cents"],
        "organization_id": org,
        "created_at": number["created_at"],
        "updated_at": number["updated_at"],
        "released_at": number.get("released_at"),
    }


def get_number(event, id):
    org, mode, scopes, _ = caller(event, "numbers:read")
    partition = f"ORG#{org}#{mode}"
    number = get(partition, f"NUMBER#{id}", consistent=True)
    if number is None:
        raise Refused(404, "NOT_FOUND", "Phone number not found")
    claim = get(f"E164#{mode}#{number['e164']}", "CLAIM")
    endpoint = get(partition, f"ENDPOINT#{number['endpoint_id']}") if "endpoint_id" in number else None
    credentials = None
    if claim and "sip_username" in claim:
        password = open_sealed(claim["sip_password"], org, mode, "sip-password", id) if "numbers:write" in scopes else None
        credentials = {"domain": SIP_DOMAIN, "transport": "tls", "port": 5061, "username": claim["sip_username"], "password": password}
    summary = None
    if endpoint:
        summary = {"id": number["endpoint_id"]} | {name: endpoint[name] for name in ("name", "type", "provider", "url", "status")}
    return 200, shown(number, org) | {"endpoint_id": summary and summary["id"], "endpoint": summary, "sip_credentials": credentials}


def slot_of(inventory_id):
    """An inventory id carries its number: type, country and digits are its last 62 bits."""
    payload = int(inventory_id[19:].replace("-", ""), 16) & ((1 << 62) - 1)
    country = chr(65 + (payload >> 55 & 31)) + chr(65 + (payload >> 50 & 31))
    return f"+{payload & ((1 << 50) - 1)}", country, TYPES[payload >> 60]


def is_told(partition):
    """Whether anybody is told of purchases; remembered for five seconds."""
    kept = _told.get(partition)
    if kept is None or kept[1] < time.time():
        kept = _told[partition] = (bool(query(partition, "SUBSCRIPTION#")), time.time() + 5)
    return kept[0]


def fresh(item):
    return {"Put": {"TableName": TABLE, "Item": to_item(item), "ConditionExpression": "attribute_not_exists(pk)"}}


def buy(event):
    org, mode, _, key = caller(event, "numbers:write")
    order = json.loads(event["body"])
    if "inventory_id" not in order:
        raise Refused(400, "MISSING_FIELDS", "inventory_id is missing")
    e164, country, type = slot_of(order["inventory_id"])
    partition = f"ORG#{org}#{mode}"
    place = {"pk": f"INVENTORY#{mode}#{country}#{type}", "sk": f"SLOT#{e164}"}
    slot = get(**place)
    if slot is None:
        raise Refused(404, "NUMBER_NOT_AVAILABLE", "This number is not available")
    if is_told(partition):
        raise NotImplementedError("events of purchases are not measured")
    now = time.time_ns() // 1_000_000
    id, at = uuid7(now), iso(now)
    number = {
        "id": id,
        "e164": e164,
        "country": country,
        "type": type,
        "caps": slot["capabilities"],
        "status": "active",
        "allow_inbound": order.get("allow_inbound", True),
        "allow_outbound": order.get("allow_outbound", False),
        "source": "inventory",
        "setup_cost_cents": slot["setup_cost_cents"],
        "monthly_cost_cents": slot["monthly_cost_cents"],
        "created_at": at,
        "updated_at": at,
    }
    password = base64.urlsafe_b64encode(os.urandom(24)).decode()
    sealed = seal(password, org, mode, "sip-password", id)
    claim = {"e164": e164, "organization_id": org, "number_id": id, "sip_username": e164, "sip_password": sealed}
    entry = {
        "id": uuid7(now),
        "at": at,
        "action": "phone_number.purchased",
        "resource": id,
        "actor": f"key:{key}",
        "ip": event["requestContext"]["http"]["sourceIp"],
        "expires_at": now // 1000 + 365 * DAY_SECONDS,
    }
    prices = {":setup": slot["setup_cost_cents"], ":monthly": slot["monthly_cost_cents"]}
    take = {
        "TableName": TABLE,
        "Key": to_item(place),
        "ConditionExpression": "setup_cost_cents = :setup AND monthly_cost_cents = :monthly",
        "ExpressionAttributeValues": to_item(prices),
    }
    count = {
        "TableName": TABLE,
        "Key": to_item({"pk": partition, "sk": "COUNT#NUMBER"}),
        "UpdateExpression": "SET kind = :kind, v = :one ADD numbers :one",
        "ConditionExpression": "attribute_not_exists(numbers) OR numbers < :most OR numbers < most",
        "ExpressionAttributeValues": to_item({":kind": "number_count", ":one": 1, ":most": 1000}),
    }
    audit = {"pk": f"AUDIT#{org}#{mode}", "sk": f"ENTRY#{entry['id']}", "kind": "audit_entry", "v": 1} | entry
    try:
        client.transact_write_items(
            TransactItems=[
                {"Delete": take},
                fresh({"pk": f"E164#{mode}#{e164}", "sk": "CLAIM", "kind": "claim", "v": 1} | claim),
                fresh({"pk": partition, "sk": f"NUMBER#{id}", "kind": "number", "v": 1} | number),
                {"Update": count},
                {"Put": {"TableName": TABLE, "Item": to_item(audit)}},
            ]
        )
    except client.exceptions.TransactionCanceledException:
        raise Refused(404, "NUMBER_NOT_AVAILABLE", "This number is not available") from None
    return 201, shown(number, org) | {"total_cost_cents": slot["setup_cost_cents"] + slot["monthly_cost_cents"]}


def route(event):
    method, one = event["requestContext"]["http"]["method"], ONE_NUMBER.match(event["rawPath"])
    if method == "GET" and one:
        return get_number(event, one[1])
    if method == "POST" and event["rawPath"] == "/v1/phone-numbers":
        return buy(event)
    raise Refused(404, "NOT_FOUND", "Route not found")


handler = http(route)
