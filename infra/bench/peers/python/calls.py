"""The newest calls of an organization, with their exact number."""

import json

from gate import Refused, caller, http
from ids import iso, time_of
from table import bucket, query, unpack

STATUSES = ["completed", "failed", "busy", "no_answer"]
DIRECTIONS = ["inbound", "outbound"]
REASONS = ["normal_clearing", "user_hangup", "agent_hangup", "no_answer", "busy", "rejected", "network_error", "timeout"]
FIELDS = [
    "begun", "answered", "completed", "status", "direction", "from_number", "to_number", "duration", "cost", "latency_ms", "phone_number_id",
    "endpoint_id", "recording_url", "hangup_cause", "hangup_reason", "carrier", "carrier_call_id", "metadata", "has_transcript",
]  # fmt: skip


def shown(item, org):
    id = item["sk"].removeprefix("CALL#")
    call = dict(zip(FIELDS, json.loads(unpack(item["b"]))))
    begun, answered, completed, cost = (call.pop(name) for name in ("begun", "answered", "completed", "cost"))
    begin = time_of(id) if begun is None else begun
    reason = call["hangup_reason"]
    return call | {
        "id": id,
        "direction": DIRECTIONS[call["direction"]],
        "status": STATUSES[call["status"]],
        "cost": cost / 1e6,
        "cost_cents": (cost + 500_000) // 1_000_000,
        "hangup_reason": None if reason is None else REASONS[reason],
        "organization_id": org,
        "created_at": iso(begin),
        "answered_at": None if answered is None else iso(begin + answered),
        "completed_at": None if completed is None else iso(begin + completed),
        "transcript": None,
    }


def list_calls(event):
    org, mode, _, _ = caller(event, "calls:read")
    limit = int(event.get("queryStringParameters", {}).get("limit", 20))
    if not 1 <= limit <= 100:
        raise Refused(400, "VALIDATION_ERROR", "limit must be 1 to 100")
    ended = query(f"LIST#{org}#{mode}", "CALL#", ScanIndexForward=False, Limit=limit)
    years = query(f"YEARS#{org}#{mode}#{bucket('ALL')}", "ALL#YEAR#")
    if query(f"LIVE#{org}#{mode}", "CALL#"):
        raise NotImplementedError("calls that go on are not measured")
    total = sum(count for year in years for name, count in year.items() if "A" <= name[0] <= "L")
    data = [shown(item, org) for item in ended if "b" in item]
    return 200, {"data": data, "total": total, "page": 1, "limit": limit, "total_pages": -(-total // limit)}


def route(event):
    if event["requestContext"]["http"]["method"] == "GET" and event["rawPath"] == "/v1/calls":
        return list_calls(event)
    raise Refused(404, "NOT_FOUND", "Route not found")


handler = http(route)
