"""The carriers' own helper libraries as judges: they sign random requests, and write the XML that ours must equal.

libraries.py sign CARRIER COUNT    prints one signed request a line, as JSON
libraries.py compare               reads answers from standard input and compares each with what the library writes
"""

import base64
import hashlib
import hmac
import json
import random
import sys
import xml.etree.ElementTree as ElementTree
from urllib.parse import quote, quote_plus, urlencode, urlparse

from plivo import plivoxml
from plivo.utils import signature_v3
from twilio.request_validator import RequestValidator, add_port, remove_port
from twilio.twiml.voice_response import Dial, Number, Sip, VoiceResponse

NAMES = ["CallSid", "From", "To", "CallStatus", "Digits", "a", "A", "aa", "Ä", "名", "x y", "x.y", "x=y", "x&y", "%", "é", "q[]"]
TEXTS = ["", "ringing", "+14155550100", "14155550100", "a b", "a+b", "a&b=c", "100%", "%41", "Zoë", "電話", "🙂", "a.b", "?", "/", "~", "ß\u0301", "\n", "'\"<>"]


class MultiDict(dict):
    """Repeated parameters as the web frameworks that the library knows hand them over."""

    def getall(self, name):
        return self[name]


def token(rng):
    return "".join(rng.choice("0123456789abcdef") for _ in range(32))


def pairs(rng, most, ascii_only=False):
    made = []
    for _ in range(rng.randint(0, most)):
        name, text = rng.choice(NAMES), rng.choice(TEXTS)
        if rng.random() < 0.3:
            text += "".join(rng.choice("abcXYZ019 &=+%äЖ漢🙂") for _ in range(rng.randint(0, 12)))
        made.append((name, text))
        if rng.random() < 0.2:
            made.append((name, rng.choice(TEXTS)))
    if ascii_only:
        made = [(name, text) for name, text in made if (name + text).isascii()]
    return made


def encoded(rng, made):
    text = urlencode(made, quote_via=rng.choice([quote, quote_plus]))
    return text if rng.random() < 0.8 else text.replace("%2B", "%2b").replace("%C3", "%c3")


def by_name(made):
    values = {}
    for name, text in made:
        values.setdefault(name, []).append(text)
    return values


def url(rng, query):
    port = rng.choice(["", "", ":443", ":8443"])
    path = rng.choice(["/carriers/x/voice", "/carriers/x/A_b-9/status", "/", "/a%20b/c", "/a.b"])
    return f"https://tel.example.test{port}{path}" + (f"?{query}" if query else "")


def sign_twilio(rng):
    secret, algorithm = token(rng), rng.choice(["HMAC_SHA1", "HMAC_SHA256"])
    validator = RequestValidator(secret)
    kind, made = rng.choice(["GET", "form", "form", "form", "JSON"]), pairs(rng, 8)
    body, content_type, params = "", "", MultiDict()
    if kind == "GET":
        target = url(rng, encoded(rng, made))
    elif kind == "JSON":
        body, content_type = json.dumps(by_name(made), ensure_ascii=rng.random() < 0.5), "application/json; charset=utf-8"
        target = url(rng, urlencode([("bodySHA256", hashlib.sha256(body.encode()).hexdigest())]))
    else:
        body, content_type, params = encoded(rng, made), "application/x-www-form-urlencoded", MultiDict(by_name(made))
        target = url(rng, encoded(rng, pairs(rng, 3)))
    # Either spelling of the port that goes without saying may be the one that is signed.
    parsed = urlparse(target)
    signed = target if ":8443" in target else rng.choice([target, add_port(parsed), remove_port(parsed)])
    signature = validator.compute_signature(signed, params, algorithm)
    assert validator.validate(target, body if kind == "JSON" else params, signature, algorithm)
    headers = {"content-type": content_type, "x-twilio-signature": signature}
    if algorithm == "HMAC_SHA256" or rng.random() < 0.1:
        headers["x-twilio-webhooks-signature-settings"] = f"key=webhooks_sharedkey_1,algorithm={algorithm}"
    method = "GET" if kind == "GET" else "POST"
    return {"method": method, "url": target, "headers": headers, "body": body, "token": secret, "flip": ["url", "body", "x-twilio-signature"]}


def query_must_be_ascii():
    """Up to Python 3.12 the library fails on a query beyond ASCII."""
    try:
        signature_v3.get_map_from_query(b"a=%C3%A4")
    except UnicodeEncodeError:
        return True
    return False


def sign_plivo(rng):
    secret, nonce = token(rng), str(rng.randrange(10**19, 10**20))
    query = pairs(rng, 4, query_must_be_ascii())
    method = rng.choice(["GET", "POST", "POST", "POST"])
    made = pairs(rng, 8) if method == "POST" else []
    params = {name: texts[0] if len(texts) == 1 else texts for name, texts in by_name(made).items()}
    target, body = url(rng, encoded(rng, query)), encoded(rng, made)
    construct = signature_v3.construct_get_url if method == "GET" else signature_v3.construct_post_url
    signature = signature_v3.get_signature_v3(secret.encode(), construct(target, dict(params)).decode(), nonce.encode()).decode()
    assert signature_v3.validate_v3_signature(method, target, nonce, secret, signature, dict(params))
    name = rng.choice(["x-plivo-signature-v3", "x-plivo-signature-v3", "x-plivo-signature-ma-v3"])
    headers = {"content-type": "application/x-www-form-urlencoded", name: signature, "x-plivo-signature-v3-nonce": nonce}
    flip = ["url", "body", name, "x-plivo-signature-v3-nonce"]
    if rng.random() < 0.2:
        others = [base64.b64encode(rng.randbytes(32)).decode(), signature]
        rng.shuffle(others)
        headers[name] = ",".join(others)
        flip.remove(name)
    return {"method": method, "url": target, "headers": headers, "body": body, "token": secret, "flip": flip}


def sign_vobiz(rng):
    """There is no library: the formula of the carrier's documentation."""
    secret, version = token(rng), rng.choice(["v2", "v3"])
    target, made = url(rng, ""), pairs(rng, 8)
    nonce = str(rng.randrange(10**19, 10**20))
    text = target + ("." if version == "v3" else "") + nonce
    signature = base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()
    name = f"x-vobiz-signature-{rng.choice(['', 'ma-'])}{version}"
    headers = {"content-type": "application/x-www-form-urlencoded", name: signature, f"x-vobiz-signature-{version}-nonce": nonce}
    query = encoded(rng, pairs(rng, 2))
    flip = [name, f"x-vobiz-signature-{version}-nonce"] if query else ["url", name, f"x-vobiz-signature-{version}-nonce"]
    target += f"?{query}" if query else ""
    return {"method": "POST", "url": target, "headers": headers, "body": encoded(rng, made), "token": secret, "flip": flip}


def twilio_xml(answer):
    response = VoiceResponse()
    if "dial" not in answer:
        response.reject(reason=answer["reject"]) if "reject" in answer else response.hangup()
        return response.to_xml()
    told = answer["dial"]
    dial = Dial(action=told["status_url"], answer_on_bridge=True)
    common = {"status_callback": told["status_url"], "status_callback_event": "ringing answered completed"}
    if "number" in told:
        dial.append(Number(told["number"], **common))
    else:
        headers = urlencode([tuple(header) for header in told["headers"]], quote_via=quote, safe="")
        uri = told["uri"] + (f"?{headers}" if headers else "")
        dial.append(Sip(uri, username=told["username"], password=told["password"], **common))
    response.append(dial)
    return response.to_xml()


def plain(text):
    return text.isascii() and text.isalnum()


def escape(text):
    return "".join(chr(byte) if plain(chr(byte)) else f"%{byte:02X}" for byte in text.encode())


def plivo_xml(answer):
    response = plivoxml.ResponseElement()
    if "dial" not in answer:
        response.add(plivoxml.HangupElement(reason=answer.get("reject")))
        return response.to_string(pretty=False)
    told = answer["dial"]
    dial = plivoxml.DialElement(action=told["status_url"], callback_url=told["status_url"])
    if "number" in told:
        dial.add_number(told["number"])
    else:
        escaped = [(name[2:].replace("-", ""), escape(value)) for name, value in told["headers"]]
        carried = [(name, value) for name, value in escaped if plain(name) and (answer["carrier"] == "plivo" or plain(value))]
        dial.add_user(told["uri"], sip_headers=",".join(f"{name}={value}" for name, value in carried) or None)
    response.add(dial)
    return response.to_string(pretty=False)


def tree(xml):
    def parts(element):
        return element.tag, element.attrib, element.text or "", [parts(child) for child in element]

    return parts(ElementTree.fromstring(xml))


def compare(answers):
    for answer in answers:
        theirs = twilio_xml(answer) if answer["carrier"] == "twilio" else plivo_xml(answer)
        assert tree(answer["xml"]) == tree(theirs), f"{answer['carrier']}\nours:   {answer['xml']}\ntheirs: {theirs}"
    print(f"{len(answers)} answers equal")


if __name__ == "__main__":
    if sys.argv[1] == "compare":
        compare(json.load(sys.stdin))
    else:
        sign, seeded = {"twilio": sign_twilio, "plivo": sign_plivo, "vobiz": sign_vobiz}[sys.argv[2]], random.Random(sys.argv[2])
        for _ in range(int(sys.argv[3])):
            print(json.dumps(sign(seeded)))
