"""usage: _schema_check.py SOCKET: holds every key of a Redis against the table in deploy/schema/README.md and its schemas.

Also the other way round: each row of the table must have a key, and each property of a schema must be seen somewhere.
"""
import json, os, re, socket, sys

try:
    import jsonschema
except ImportError:
    print("skipped: python3-jsonschema is not here")
    sys.exit(77)

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../deploy/schema")
PLACES = {"<touchpoint>": r"(?:[^%{}\x00-\x1f\x7f]|%[0-9A-F]{2}){0,200}", "<ledger>": "(?:survey|relationship|social|review)",
          "<window>": r"(?:[0-9]+[smhd]|today)", "<partition>": "(?:0|[1-9][0-9]*)", "<sink>": "[A-Za-z0-9_-]+", "<incident>": "[0-9a-f]{16}"}


class Redis:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")

    def reply(self):
        kind, rest = (line := self.file.readline())[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        return [self.reply() for _ in range(int(rest))] if kind == b"*" else rest

    def __call__(self, *words):
        words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
        return self.reply()


def text(value):
    return value.decode("utf-8", "surrogateescape")


def table():
    rows = []
    with open(os.path.join(FOLDER, "README.md"), encoding="utf-8") as file:
        for key, kind, schema in re.findall(r"^\| `([^`]+)` \| (\w+) \| \[[\w-]+\]\(([\w.-]+)\) \|", file.read(), re.M):
            pattern = re.escape(key)
            for place, form in PLACES.items():
                pattern = pattern.replace(re.escape(place), form)
            with open(os.path.join(FOLDER, schema), encoding="utf-8") as content:
                schema_of = json.load(content)
            jsonschema.Draft202012Validator.check_schema(schema_of)
            rows.append({"key": key, "pattern": re.compile(pattern), "kind": kind, "file": schema, "schema": schema_of, "keys": 0})
    return rows


def pairs(flat):
    return {text(k): text(v) for k, v in zip(flat[::2], flat[1::2])}


def values_of(redis, key, kind):
    """What a schema is for: the text, the object, or each entry of a stream."""
    if kind == "string":
        return [text(redis("GET", key))]
    if kind == "stream":
        return [pairs(fields) for _, fields in redis("XRANGE", key, "-", "+")]
    return [pairs(redis("HGETALL", key) if kind == "hash" else redis("ZRANGE", key, 0, -1, "WITHSCORES"))]


def errors(schema, value):
    if "$ref" in schema:
        with open(os.path.join(FOLDER, schema["$ref"]), encoding="utf-8") as content:
            schema = json.load(content)
    yield from (e.message for e in jsonschema.Draft202012Validator(schema).iter_errors(value))
    if "contentSchema" in schema:
        try:
            yield from errors(schema["contentSchema"], json.loads(value))
        except ValueError as e:
            yield f"{value!r} is no JSON: {e}"
    if isinstance(value, dict):
        for name, member in value.items():
            of = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
            if isinstance(of, dict) and "contentSchema" in of:
                yield from (f"{name}: {said}" for said in errors(of, member))


def main():
    redis, rows, mistakes, seen = Redis(sys.argv[1]), table(), [], {}
    if len(rows) < 9:
        mistakes.append(f"the table in README.md has only {len(rows)} rows that can be read")
    for key in redis("KEYS", "*"):
        name, kind = text(key), text(redis("TYPE", key))
        of = [row for row in rows if row["pattern"].fullmatch(name)]
        if len(of) != 1:
            mistakes.append(f"{name!r} is in {len(of)} rows of the table")
            continue
        row = of[0]
        row["keys"] += 1
        if kind != row["kind"]:
            mistakes.append(f"{name!r} is a {kind}, the table says {row['kind']}")
            continue
        if redis("PTTL", key) <= 0:
            mistakes.append(f"{name!r} has no TTL")
        for value in values_of(redis, key, kind):
            mistakes += [f"{name!r} against {row['file']}: {error}" for error in errors(row["schema"], value)]
            if isinstance(value, dict):
                seen.setdefault(row["file"], set()).update(value)
    for row in rows:
        if not row["keys"]:
            mistakes.append(f"no key for `{row['key']}`")
        for field in sorted(set(row["schema"].get("properties", {})) - seen.get(row["file"], set())):
            mistakes.append(f"no key holds `{field}` of {row['file']}")
    print("\n".join(mistakes) or f"{sum(row['keys'] for row in rows)} keys keep the contract")
    return 1 if mistakes else 0


sys.exit(main())
