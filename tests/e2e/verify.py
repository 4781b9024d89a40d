"""Verifies webhook deliveries with the reference library of Standard Webhooks: a list of them on standard input."""

import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError

webhook = Webhook(sys.argv[1])
deliveries = json.load(sys.stdin)
for delivery in deliveries:
    webhook.verify(delivery["body"], delivery["headers"])
try:
    webhook.verify(deliveries[0]["body"] + " ", deliveries[0]["headers"])
except WebhookVerificationError:
    print(f"{len(deliveries)} verified, 1 forgery refused")
