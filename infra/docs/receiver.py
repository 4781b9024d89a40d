"""A webhook receiver to try things with: verifies what comes and prints one line of each. Run: receiver.py PORT SECRET"""

import http.server
import json
import sys

# What the function needs, as the documentation shows it.
import base64
import hashlib
import hmac
import time


def verify(secret, headers, body, now=None):
    """Whether a webhook is genuine. The body as bytes, as it came; of the headers, get() of a name in lower case."""
    sent = headers.get("webhook-timestamp", "")
    now = time.time() if now is None else now
    if not (sent.isascii() and sent.isdigit()) or abs(now - int(sent)) > 300:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{headers.get('webhook-id', '')}.{sent}.".encode() + body
    expected = b"v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest())
    given = headers.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(expected, one.encode()) for one in given)


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        genuine = verify(sys.argv[2], self.headers, body)
        print("verified" if genuine else "refused", json.loads(body)["event"], flush=True)
        self.send_response(204 if genuine else 401)
        self.end_headers()

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
