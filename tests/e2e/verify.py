"""Verifies webhook deliveries with the reference libraries, as they are installed: a file with a list of them.

Each delivery has its body, its headers and the secrets of which every one must verify it. X-Webhook-Signature, which no
library knows, is computed anew with the last of them, as is the check vector that receivers are given.
"""

import hashlib
import hmac
import json
import sys

import standardwebhooks
import svix.webhooks

LIBRARIES = [standardwebhooks, svix.webhooks]
VECTOR = (
    "whsec_test",
    '{"id":"evt_1","event":"call.completed","timestamp":"2026-01-01T00:00:00Z","data":{"call_id":"c1"}}',
    "sha256=0353025cbd5733882656b61f860a6a18403f9d27cb5751512230eaa3aae7ab61",
)


def check_body(secret, body, signature):
    expected = "sha256=" + hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest()
    if expected != signature:
        raise SystemExit(f"X-Webhook-Signature is {signature} and should be {expected}")


def refuses(library, delivery):
    try:
        library.Webhook(delivery["secrets"][0]).verify(delivery["body"] + " ", delivery["headers"])
    except library.WebhookVerificationError:
        return True
    return False


check_body(*VECTOR)
with open(sys.argv[1], encoding="utf-8") as file:
    deliveries = json.load(file)
for delivery in deliveries:
    for library in LIBRARIES:
        for secret in delivery["secrets"]:
            library.Webhook(secret).verify(delivery["body"], delivery["headers"])
    check_body(delivery["secrets"][-1], delivery["body"], delivery["headers"]["x-webhook-signature"])
refused = sum(refuses(library, deliveries[0]) for library in LIBRARIES)
names = " and ".join(library.__name__ for library in LIBRARIES)
print(f"{len(deliveries)} verified by {names}, {refused} forgeries refused")
