# What publishers do in Python with the requests of the schemes, by the code that the
# networks document and by what is common. A receiver that other ones than the network's
# sample make has the name by which warnings speak of it.
# One line of JSON in, {"scheme", "url", "headers", "body", "secret"}; one out.
import base64
import hashlib
import hmac
import json
import sys
from urllib.parse import parse_qsl, urlencode, urlsplit


def mac(name, text, secret):
    return hmac.new(secret.encode(), text.encode(), name)


def parameters(request):
    return dict(parse_qsl(urlsplit(request["url"]).query, keep_blank_values=True))


def header(request, name):
    return {key.lower(): value for key, value in request["headers"].items()}[name]


def ayet(r):
    made = urlencode(sorted(parameters(r).items()))
    return {"urlencode": mac("sha256", made, r["secret"]).hexdigest() == header(r, "x-ayetstudios-security-hash")}


def nowpayments(r):
    made = json.dumps(json.loads(r["body"]), separators=(",", ":"), sort_keys=True)
    return {"json.dumps": mac("sha512", made, r["secret"]).hexdigest() == header(r, "x-nowpayments-sig")}


def theorem_reach(r):
    url, _, signature = r["url"].rpartition("&hash=")
    made = base64.urlsafe_b64encode(mac("sha1", url, r["secret"]).digest()).decode().rstrip("=")
    return {"sample": made == signature}


def bitlabs(r):
    mark = "&hash=" if "&hash=" in r["url"] else "?hash="
    url, _, signature = r["url"].rpartition(mark)
    return {"sample": mac("sha1", url, r["secret"]).hexdigest() == signature}


def tapjoy(r):
    get = parameters(r)
    text = ":".join([get["id"], get["snuid"], get["currency"], r["secret"]])
    return {"sample": hashlib.md5(text.encode()).hexdigest() == get["verifier"]}


RECEIVERS = {
    "ayet-studios": ayet,
    "nowpayments": nowpayments,
    "theorem-reach": theorem_reach,
    "bitlabs": bitlabs,
    "tapjoy": tapjoy,
    "adgem": lambda r: {"sample": mac("sha256", r["body"], r["secret"]).hexdigest() == header(r, "signature")},
    "razorpay": lambda r: {"sample": mac("sha256", r["body"], r["secret"]).hexdigest() == header(r, "x-razorpay-signature")},
    "btcpay": lambda r: {"sample": "sha256=" + mac("sha256", r["body"], r["secret"]).hexdigest() == header(r, "btcpay-sig")},
    "github-style": lambda r: {
        "sample": "sha256=" + mac("sha256", r["body"], r["secret"]).hexdigest() == header(r, "x-hub-signature-256")
    },
}

for line in sys.stdin:
    request = json.loads(line)
    receive = RECEIVERS.get(request["scheme"], lambda r: {})
    print(json.dumps({"verdicts": receive(request)}), flush=True)
