#!/usr/bin/env python3
"""Counts a file of feedback once more, by the definition and with nothing clever: a dict of responses, a loop per window.

usage: recount.py [--at TIME] [--windows LIST] [--zone ZONE] [--clock events|none] [--parent CHILD=PARENT ...] [FILE]

Reads JSON lines in Corridor's own shape and prints what `corridor replay --format json` prints: one object per touchpoint, ledger and
window that holds anything (or whose window before does), in the order of touchpoint bytes, ledger, window.
--clock events (default): late is judged by the newest time so far, as replay does. --clock none: nothing is late (a live run whose
events are all young). A response counts at its touchpoint and at the parent of that, and so on up. Written from the rules, not from the C code. Also a module: recount(lines, ...) gives the rows as dicts.
"""
import argparse, ctypes, json, math, re, sys
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

LEDGERS = ["survey", "relationship", "social", "review"]
WINDOWS = "5m,1h,24h,7d,today"
Z95 = 1.959963984540054
DEPTH_MAX = 64
BYTES_MAX = 16 << 20
YEAR_2263 = 9246182400000


class Rejected(Exception):
    def __init__(self, reason):
        super().__init__(reason)
        self.reason = reason


# ---- reading one message ----

def depth_of(text):
    deepest = depth = 0
    in_string = escaped = False
    for c in text:
        if in_string:
            if escaped:
                escaped = False
            elif c == "\\":
                escaped = True
            elif c == '"':
                in_string = False
        elif c == '"':
            in_string = True
        elif c in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif c in "]}":
            depth -= 1
    return deepest


def no_constant(word):
    raise ValueError(word)


def parse(raw):
    if len(raw) > BYTES_MAX:
        raise Rejected("too_large")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Rejected("not_utf8")
    if depth_of(text) > DEPTH_MAX:
        raise Rejected("too_deep")
    try:
        value = json.loads(text, parse_constant=no_constant, parse_float=Decimal)
    except ValueError:
        raise Rejected("not_json")
    if not isinstance(value, dict):
        raise Rejected("not_object")
    return value


RFC3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:?\d\d)", re.ASCII)


def epoch_ms(number):
    """Seconds, milliseconds or microseconds, told apart by size; what is finer than a millisecond is cut."""
    if number < 0:
        raise Rejected("bad_time")
    if number < 10**11:
        return int(number * 1000)
    return int(number) if number < 10**14 else int(number) // 1000


def time_ms(value):
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise Rejected("bad_time")
    if not isinstance(value, str):
        ms = epoch_ms(value)
    elif re.fullmatch(r"\d+(\.\d+)?", value, re.ASCII):
        ms = epoch_ms(Decimal(value))
    else:
        m = RFC3339.fullmatch(value)
        if not m:
            raise Rejected("bad_time")
        try:
            at = datetime(*(int(m[i]) for i in range(1, 7)), tzinfo=timezone.utc)
        except ValueError:
            raise Rejected("bad_time")
        ms = int((at - datetime(1970, 1, 1, tzinfo=timezone.utc)) / timedelta(seconds=1)) * 1000 + int(((m[7] or "") + "000")[:3])
        if m[8] not in "Zz":
            sign = -1 if m[8][0] == "-" else 1
            ms -= sign * (int(m[8][1:3]) * 60 + int(m[8][-2:])) * 60000
    if not 0 <= ms < YEAR_2263:
        raise Rejected("bad_time")
    return ms


def name(value):
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise Rejected("bad_type")
    return str(value)


def touchpoint_name(value):
    """What is longer than 200 bytes is cut between two characters and ends in ~ and the hash (xxh3) of the whole."""
    whole = name(value).encode()
    if len(whole) <= 200:
        return whole.decode()
    xxh3 = ctypes.CDLL("libxxhash.so.0").XXH3_64bits
    xxh3.restype, xxh3.argtypes = ctypes.c_uint64, [ctypes.c_char_p, ctypes.c_size_t]
    return whole[:183].decode(errors="ignore") + "~%016X" % xxh3(whole, len(whole))


def score(event, ledger):
    """The bin, or None: the event has no score member."""
    if ledger == "social":
        word, number = event.get("class"), event.get("sentiment")
        if word is not None:
            if word not in ("negative", "neutral", "positive"):
                raise Rejected("bad_class")
            return ["negative", "neutral", "positive"].index(word)
        if number is None:
            return 3
        if isinstance(number, bool) or not isinstance(number, (int, Decimal)) or not -1 <= number <= 1:
            raise Rejected("bad_class")
        return 2 if number >= Decimal("0.05") else 0 if number <= Decimal("-0.05") else 1
    if "score" not in event:
        return None
    value = event["score"]
    if isinstance(value, str) and re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", value, re.ASCII):
        value = Decimal(value)
    if isinstance(value, (bool, str)) or not isinstance(value, (int, Decimal)) or value != int(value):
        raise Rejected("bad_score")
    least, most = (1, 5) if ledger == "review" else (0, 10)
    if not least <= value <= most:
        raise Rejected("bad_score")
    return int(value)


def read(raw):
    """(id, updated or None, None if a deletion else (time, ledger, touchpoint, bin or None))"""
    event = parse(raw)
    identity = name(event.get("id"))
    if not identity:
        raise Rejected("no_id")
    op = event.get("op") or "upsert" if event.get("op") != "" else ""
    if op not in ("upsert", "delete"):
        raise Rejected("bad_op")
    updated = event.get("updated")
    updated = None if updated is None else time_ms(updated)
    kind = event.get("kind")
    if kind is None or kind == "transactional":
        kind = "survey"
    if kind not in LEDGERS:
        raise Rejected("bad_kind")
    if op == "delete":
        return identity, updated, None
    if event.get("time") is None:
        raise Rejected("no_time")
    time = time_ms(event["time"])
    bin_ = score(event, kind)
    touchpoint = touchpoint_name(event.get("touchpoint"))
    if not isinstance(event.get("comment"), (str, type(None))) or not isinstance(event.get("dims"), (dict, type(None))):
        raise Rejected("bad_type")
    name(event.get("customer"))
    for value in (event.get("dims") or {}).values():
        if isinstance(value, (dict, list)):
            raise Rejected("bad_type")
    return identity, updated, (time, kind, touchpoint or "_unmapped", bin_)


# ---- the newest version of each response ----

class Response:
    def __init__(self):
        self.version = None      # the highest `updated` known
        self.fact = None         # (time, ledger, touchpoint, bin)
        self.deleted = False
        self.for_good = False

    def older(self, updated):
        return updated is not None and self.version is not None and updated < self.version

    def delete(self, updated):
        if updated is None:
            self.for_good, self.fact = True, None
        elif not self.older(updated):
            self.version, self.fact, self.deleted = updated, None, True

    def upsert(self, updated, fact):
        if self.for_good or self.older(updated):
            return
        if self.deleted and (updated is None or updated <= self.version):
            return
        time, ledger, touchpoint, bin_ = fact
        if bin_ is None and self.fact is not None:
            known = self.fact[1]
            if known == ledger or {known, ledger} <= {"survey", "relationship"}:
                bin_ = self.fact[3]
        self.deleted = False
        self.version = self.version if updated is None else updated
        self.fact = (time, ledger, touchpoint, bin_)


def window_ms(word):
    if word == "today":
        return None
    return int(word[:-1]) * {"m": 60000, "h": 3600000, "d": 86400000}[word[-1]]


def day_start(zone, date):
    """The first instant of a local date: midnight, or where it is skipped the first instant after."""
    start = datetime(date.year, date.month, date.day, tzinfo=zone)
    utc = start.astimezone(timezone.utc)
    while utc.astimezone(zone).date() < date:      # midnight does not exist that day
        utc += timedelta(minutes=1)
    while (utc - timedelta(minutes=1)).astimezone(zone).date() == date:   # or exists twice
        utc -= timedelta(minutes=1)
    return int(utc.timestamp()) * 1000


def edges(word, to, zone):
    """(start of the window before, start, end)"""
    length = window_ms(word)
    if length is None:
        date = datetime.fromtimestamp((to - 1) / 1000, zone).date()
        return day_start(zone, date - timedelta(days=1)), day_start(zone, date), to
    pane = length // 60
    start = -(-(to - length) // pane) * pane
    return start - length, start, to


# ---- numbers ----

def three(ledger, bins):
    if ledger == "social":
        return bins[2], bins[1], bins[0]
    if ledger == "review":
        return bins[4] + bins[5], bins[3], bins[1] + bins[2]
    return bins[9] + bins[10], bins[7] + bins[8], sum(bins[:7])


def adjusted(p, q, d):
    n, p, d = p + q + d + 3, p + 0.75, d + 0.75
    mean = (p - d) / n
    return mean, ((p + d) / n - mean * mean) / n


def row(touchpoint, ledger, window, bins, before_bins, start, end):
    now, before = three(ledger, bins), three(ledger, before_bins)
    n, n_before = sum(now), sum(before)
    net = ledger in ("social", "review")
    score_name = "net" if net else "nps"
    out = {"touchpoint": touchpoint, "ledger": ledger, "window": window}
    if n:
        mean, variance = adjusted(*now)
        reach = Z95 * math.sqrt(variance)
        out[score_name] = 100 * (now[0] - now[2]) / n
        out[score_name + "_low"] = 100 * max(-1, mean - reach)
        out[score_name + "_high"] = 100 * min(1, mean + reach)
    out["responses"] = n
    for key, value in zip(("positive", "neutral", "negative") if net else ("promoters", "passives", "detractors"), now):
        out[key] = value
    if n:
        out["negative_rate" if net else "detractor_rate"] = now[2] / n
    shown = bins[:3] if ledger == "social" else bins[1:6] if ledger == "review" else bins
    out["histogram"] = ",".join(map(str, shown))
    if n_before:
        out["previous_" + score_name] = 100 * (before[0] - before[2]) / n_before
    out["previous_responses"] = n_before
    if n and n_before:
        a, va = adjusted(*now)
        b, vb = adjusted(*before)
        out["change"] = out[score_name] - out["previous_" + score_name]
        out["change_p"] = math.erfc(abs((a - b) / math.sqrt(va + vb)) / math.sqrt(2))
    out["from_ms"], out["to_ms"] = start, end
    if ledger == "social":
        out["unread"] = bins[3]
    return out


def with_ancestors(touchpoint, parents):
    while touchpoint is not None:
        yield touchpoint
        touchpoint = parents.get(touchpoint)


def recount(lines, at_ms=None, windows=WINDOWS.split(","), zone="UTC", clock="events", rejects=None, parents={}):
    """lines: bytes each. rejects: a list that gets (line number, reason). parents: child -> parent."""
    reach = max(window_ms(w) or 25 * 3600000 for w in windows)
    machine = int(datetime.now(timezone.utc).timestamp() * 1000)
    responses, newest = {}, None
    for number, line in enumerate(lines, 1):
        line = line.rstrip(b"\n")
        line = line[:-1] if line.endswith(b"\r") else line
        if not line:
            continue
        try:
            identity, updated, fact = read(line)
            dates = [d for d in (updated, fact and fact[0]) if d is not None]
            if at_ms is not None and any(d > at_ms for d in dates):
                continue
            if any(d > machine + 60000 for d in dates):
                raise Rejected("future")
            if fact is not None:
                newest = fact[0] if newest is None else max(newest, fact[0])
                if clock == "events" and fact[0] < newest - reach:
                    raise Rejected("late")
        except Rejected as reason:
            if rejects is not None:
                rejects.append((number, reason.reason))
            continue
        response = responses.setdefault(identity, Response())
        response.delete(updated) if fact is None else response.upsert(updated, fact)
    if at_ms is None and newest is None:
        return []
    to = -(-at_ms // 1000) * 1000 if at_ms is not None else newest // 1000 * 1000 + 1000
    spans = [(w, *edges(w, to, ZoneInfo(zone))) for w in windows]
    counts = {}
    for response in responses.values():
        if response.fact is None or response.fact[3] is None:
            continue
        time, ledger, touchpoint, bin_ = response.fact
        for i, (_, before, start, end) in enumerate(spans):
            if before <= time < end:
                for name_ in with_ancestors(touchpoint, parents):
                    key = (name_.encode(), LEDGERS.index(ledger), i)
                    bins = counts.setdefault(key, ([0] * 11, [0] * 11))
                    bins[0 if time >= start else 1][bin_] += 1
    rows = []
    for (touchpoint, ledger, i), (bins, before_bins) in sorted(counts.items(), key=lambda item: item[0]):
        if sum(bins) or sum(three(LEDGERS[ledger], before_bins)):
            window, _, start, end = spans[i]
            rows.append(row(touchpoint.decode(), LEDGERS[ledger], window, bins, before_bins, start, end))
    return rows


def differences(got, wanted, tolerance=1e-9):
    """What differs between two lists of rows, as sentences. Whole numbers and texts must be equal, decimals nearly."""
    def key(r):
        return r["touchpoint"], r["ledger"], r["window"]
    problems = []
    if [key(r) for r in got] != [key(r) for r in wanted]:
        missing = [k for k in map(key, wanted) if k not in set(map(key, got))]
        extra = [k for k in map(key, got) if k not in set(map(key, wanted))]
        problems.append(f"rows: missing {missing}, not wanted {extra}" if missing or extra else "rows: other order")
    wanted = {key(r): r for r in wanted}
    for r in got:
        w = wanted.get(key(r), r)
        for field in sorted(set(r) | set(w)):
            a, b = r.get(field), w.get(field)
            same = abs(a - b) <= tolerance * max(1, abs(b)) if isinstance(a, float) and isinstance(b, (int, float)) else a == b
            if isinstance(b, float) and isinstance(a, int):
                same = abs(a - b) <= tolerance * max(1, abs(b))
            if not same:
                problems.append(f"{key(r)} {field}: {a}, not {b}")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--at")
    parser.add_argument("--windows", default=WINDOWS)
    parser.add_argument("--zone", default="UTC")
    parser.add_argument("--clock", choices=("events", "none"), default="events")
    parser.add_argument("--parent", action="append", default=[])
    parser.add_argument("file", nargs="?", default="-")
    args = parser.parse_args()
    lines = sys.stdin.buffer if args.file == "-" else open(args.file, "rb")
    for r in recount(lines, time_ms(args.at) if args.at else None, args.windows.split(","), args.zone, args.clock,
                     parents=dict(pair.split("=", 1) for pair in args.parent)):
        print(json.dumps(r, ensure_ascii=False, separators=(",", ":")))


if __name__ == "__main__":
    main()
