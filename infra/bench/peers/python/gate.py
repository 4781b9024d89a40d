"""Who calls: an API key, looked up by its hash and remembered for a minute."""

import json
import time

from table import get, sha256

KEPT_SECONDS = 60
_known = {}


class Refused(Exception):
    def __init__(self, status, code, message):
        super().__init__(message)
        self.status, self.code = status, code


def caller(event, scope):
    """The key's organization, mode, scopes and id."""
    text = event["headers"].get("authorization", "").removeprefix("Bearer ")
    key_hash = sha256(text).hex()
    kept = _known.get(key_hash)
    if kept is None or kept[1] < time.time():
        key = get(f"KEY#{key_hash}", "KEY")
        if key is None or "revoked_at" in key or key.get("valid_until", "9") < time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()):
            raise Refused(401, "UNAUTHORIZED", "The API key is not valid")
        kept = _known[key_hash] = (key, time.time() + KEPT_SECONDS)
    key = kept[0]
    if scope not in key["scopes"]:
        raise Refused(403, "INSUFFICIENT_SCOPE", f"This needs a key with the scope {scope}")
    return key["organization_id"], key["mode"], key["scopes"], key["id"]


def http(handle):
    """Runs a handler and renders what it raises; one line is logged for each request."""

    def handler(event, context):
        started = time.monotonic()
        try:
            status, body = handle(event)
        except Refused as refused:
            status, body = refused.status, {"error": str(refused), "code": refused.code}
        request = event["requestContext"]["http"]
        line = {"level": "INFO", "message": "request", "method": request["method"], "path": request["path"], "status": status}
        print(json.dumps(line | {"duration_ms": int((time.monotonic() - started) * 1000)}))
        return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}

    return handler
