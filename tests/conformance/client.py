"""The main flows by a client that is generated from the API's description (the package `trunkline`): `client.py STACK_FILE`."""

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from trunkline import AuthenticatedClient
from trunkline import models
from trunkline.api.calls import get_call, get_stats, list_calls
from trunkline.api.endpoints import create_endpoint
from trunkline.api.phone_numbers import get_number, list_available, purchase_number, release_number
from trunkline.api.routing import explain_route
from trunkline.api.testing import simulate_call
from trunkline.api.webhooks import create_webhook, list_deliveries

LIMIT_SECONDS = 60
# Events begin up to five seconds after a subscription is created.
BEGIN_SECONDS = 6

T = TypeVar("T")


class Receiver(BaseHTTPRequestHandler):
    """Takes every webhook."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def good(kind: type[T], answer: object) -> T:
    """An answer that must be of this type."""
    assert isinstance(answer, kind), f"{kind.__name__} was expected: {answer}"
    return answer


def until(what: str, look):
    """Looks until something is there."""
    end = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < end:
        if (found := look()) is not None:
            return found
        time.sleep(0.2)
    raise AssertionError(f"{what}: not within {LIMIT_SECONDS} s")


def buy(client: AuthenticatedClient, endpoint: models.Endpoint) -> models.PurchasedNumber:
    offers = list_available.sync(client=client, country=models.Country.NG, type_=models.NumberType.MOBILE, limit=1)
    (offer,) = good(list, offers)
    order = models.NumberOrder(inventory_id=str(offer.inventory_id), endpoint_id=str(endpoint.id), total_cost_cents=offer.total_cost_cents)
    number = good(models.PurchasedNumber, purchase_number.sync(client=client, body=order))
    assert (number.e164, number.endpoint_id, number.status) == (offer.e164, endpoint.id, models.NumberStatus.ACTIVE)
    return number


def play(client: AuthenticatedClient, number: models.PurchasedNumber) -> models.CallDetail:
    order = models.Simulation(script=models.Script.ANSWERED, to=number.e164)
    played = good(models.SimulatedCall, simulate_call.sync(client=client, body=order))

    def ended() -> models.CallDetail | None:
        call = get_call.sync(str(played.call_id), client=client)
        is_over = isinstance(call, models.CallDetail) and call.status == models.CallStatus.COMPLETED
        return call if is_over and call.transcript is not None else None

    call = until("the end of the call", ended)
    assert len(call.events) >= 4
    return call


def is_counted(client: AuthenticatedClient, call: models.CallDetail, number: models.PurchasedNumber) -> None:
    listed = good(models.CallList, list_calls.sync(client=client, phone_number_id=str(number.id)))
    assert (listed.total, [one.id for one in listed.data]) == (1, [call.id])
    stats = good(models.CallStats, get_stats.sync(client=client, phone_number_id=str(number.id)))
    assert (stats.total, stats.by_status.completed, stats.total_duration) == (1, 1, call.duration)


def is_told(client: AuthenticatedClient, call: models.CallDetail, webhook: models.Subscription) -> None:
    def delivered() -> list[models.Delivery] | None:
        page = list_deliveries.sync(
            client=client, call_id=str(call.id), subscription_id=str(webhook.id), status=models.DeliveryStatus.DELIVERED
        )
        found = good(models.DeliveryList, page).data
        return found if len(found) >= 4 else None

    for delivery in until("the deliveries", delivered):
        assert good(models.Attempt, delivery.last_attempt).status == 204


def is_refused(client: AuthenticatedClient) -> None:
    missing = good(models.NotFoundProblem, get_number.sync(str(uuid4()), client=client))
    assert missing.code == models.NotFoundProblemCode.NOT_FOUND
    wrong = create_webhook.sync(client=client, body=models.WebhookOrder(url="https:///"))
    problem = good(models.ValidationErrorOrMissingFieldsProblem, wrong)
    assert [fault.field for fault in good(list, problem.details.errors)] == ["url"]


def main() -> None:
    stack = json.loads(Path(sys.argv[1]).read_text())
    receiver = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{receiver.server_port}/"
    # A key goes in the header `Authorization` too, where such clients put a token.
    with AuthenticatedClient(base_url=stack["base_url"], token=stack["test_key"]) as client:
        order = models.EndpointOrder(name="Python", type_=models.EndpointType.WEBHOOK, url=url)
        endpoint = good(models.Endpoint, create_endpoint.sync(client=client, body=order))
        webhook = good(models.Subscription, create_webhook.sync(client=client, body=models.WebhookOrder(url=url, events=["call.*"])))
        time.sleep(BEGIN_SECONDS)
        number = buy(client, endpoint)
        question = models.RouteQuestion(to=number.e164)
        explained = good(models.RouteExplanation, explain_route.sync(client=client, body=question))
        assert (explained.phone_number_id, explained.endpoint_id) == (number.id, endpoint.id)
        call = play(client, number)
        is_counted(client, call, number)
        is_told(client, call, webhook)
        released = release_number.sync(str(number.id), client=client, action=models.ReleaseNumberAction.RELEASE)
        assert good(models.ReleasedNumber, released).status == models.NumberStatus.INACTIVE
        is_refused(client)
    print(f"a generated Python client bought {number.e164}, had it called, and gave it back")


main()
