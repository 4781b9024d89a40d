"""What a description cannot say, told to whoever asks by it.

No check is switched off. Requests that the description allows are made such that they can be judged: an organization's header names
the own one, a key for repetitions is used once. And where a request that the description allows is refused for a rule between two
fields, or between a field and what there is, the long run, which people look at, wants it to be one of those that are listed here. The
short one, which must end the same on every machine, takes a 400 for such a request as it is.
"""

import json
import os
import uuid

import schemathesis

ORGANIZATION = os.environ["TRUNKLINE_ORGANIZATION"]
KEY_ID = os.environ["TRUNKLINE_KEY_ID"]
EVERY_RULE = os.environ.get("TRUNKLINE_EVERY_RULE") == "1"

# Rules that no schema of a parameter or of a body tells, by what the API says of them.
BEYOND_SCHEMAS = (
    "must not be sent together with",  # one of offset, page and cursor
    "is not a cursor of",  # cursors are signed
    "must not be before start_date",
    "must not be after end_date",
    "days before end_date",  # at most 366 days of trends
    "must be a date such as",  # of a day that there is not, such as 31 February
    "must lie in the future",  # a key's end
    "is not the price",  # costs are compared with the offer
    "is not the country of the number",
    "must be a valid number",
    "must be a number that the organization holds",  # simulated calls
    "only webhooks have a signing secret",  # depends on the endpoint
    "must be a sip: or sips: URI",  # likewise, where it is changed
    "provider_config.",  # which settings a provider needs, by any of their names, or by the url
    "must have keys of",  # in whatever lies within a setting
    "must have exactly",  # depends on the credential
    "is Twilio's alone",  # likewise
    "is another account",  # likewise
    "cannot be changed",  # an endpoint's type
    "says something else than",  # two spellings of one field
    "country: is required",  # of numbers on offer alone
    "must be an https URL such as",  # of a host that is none
    "must name a host:",  # likewise
    "must be an IPv4 or IPv6 address",
    "must not be a private, local or reserved address",
    "must name a public host",  # addresses of networks that are nobody's
    "is not the id of one of your credentials",
    "must be the one receiver that",  # names of one receiver that disagree
)


@schemathesis.hook
def before_call(context, case, kwargs):
    """The own organization, and each key for repetitions once, where a request is meant to be right."""
    headers = case.headers if case.headers is not None else {}
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    for name in list(headers):
        if name.lower() in ("x-organization-id", "x-account-id"):
            headers[name] = ORGANIZATION
        elif name.lower() == "idempotency-key":
            headers[name] = str(uuid.uuid4())


@schemathesis.hook
def filter_case(context, case):
    """Who revokes or narrows the key that it asks with asks no more; and no line break at the carriers' door, which the emulator
    routes elsewhere (infra/docs/local.md)."""
    values = [str(value) for value in (case.path_parameters or {}).values()]
    is_own = any(value.endswith(KEY_ID) for value in values)
    breaks = ("\n", "\r", "%0A", "%0D")
    is_elsewhere = case.path.startswith("/carriers/") and any(line_break in value.upper() for value in values for line_break in breaks)
    return not (is_elsewhere or (is_own and case.method in ("PATCH", "DELETE")))


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Whether a failure is one: not if a right request was refused for nothing but rules beyond schemas."""
    if type(failure).__name__ != "RejectedPositiveData" or response.status_code != 400:
        return True
    return EVERY_RULE and not all(any(rule in fault for rule in BEYOND_SCHEMAS) for fault in problems(response))


def problems(response):
    """What an answer finds wrong, fault by fault."""
    try:
        errors = json.loads(response.content)["details"]["errors"]
        return [f"{error['field']}: {error['problem']}" for error in errors]
    except (ValueError, KeyError, TypeError):
        # The telephony routes tell theirs as a line.
        return response.text.split("; ")
