# Compares what was decoded with the digest of what was sent; see checksum in
# hostile_test.go.
import hashlib

APART = {"sum", "numbers", "messageId", "verifyToken"}
SPELLED = {True: "true", False: "false", None: "null"}


def accept(values):
    if isinstance(values.get("data"), dict):
        values = values["data"]
    digest = hashlib.sha256()
    for name in sorted(values, key=str.encode):
        value = values[name]
        if name in APART or name.startswith("static"):
            continue
        if value is None or isinstance(value, bool):
            value = SPELLED[value]
        if isinstance(value, str):
            digest.update(f"{len(value.encode())}:{name}={value}\n".encode())
    if digest.hexdigest() != values.get("sum"):
        raise ValueError("the values are not those that were sent")
