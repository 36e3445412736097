"""What Redis has to hold, worked out from what was sent, and what differs. Nothing here knows how Corridor counts: facts in sorted lists,
each window counted anew at the edges that its hash names."""
import bisect, os, re, sys, time
from zoneinfo import ZoneInfo

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import deployment, kafka_client, recount

WINDOWS = ("5m", "1h", "24h", "7d", "today")


class Truth:
    def __init__(self, facts, windows=WINDOWS, zone="UTC", zones=()):
        """facts: (touchpoint, ledger, time in ms, bin). zones: {touchpoint: its own time zone}."""
        self.windows, self.zone, self.facts = windows, ZoneInfo(zone), {}
        self.zones = {touchpoint: ZoneInfo(name) for touchpoint, name in dict(zones).items()}
        for touchpoint, ledger, at, bin_ in facts:
            self.facts.setdefault((touchpoint, ledger), []).append((at // 1000 * 1000, bin_))
        for events in self.facts.values():
            events.sort()

    def row(self, touchpoint, ledger, window, to):
        """The fields of a hash that ends at `to`, or None: nothing in it and nothing before."""
        events = self.facts.get((touchpoint, ledger), [])
        before, start, end = recount.edges(window, to, self.zones.get(touchpoint, self.zone))
        bins = [[0] * 11, [0] * 11]
        low, middle, high = (bisect.bisect_left(events, (edge,)) for edge in (before, start, end))
        for which, part in ((1, events[low:middle]), (0, events[middle:high])):
            for _, bin_ in part:
                bins[which][bin_] += 1
        if not sum(bins[0]) and not sum(recount.three(ledger, bins[1])):
            return None
        row = recount.row(touchpoint, ledger, window, bins[0], bins[1], start, end)
        return {k: v for k, v in row.items() if k not in ("touchpoint", "ledger", "window")}

    def panes(self, touchpoint, ledger, window, now):
        """{start: [p, q, d]} of the panes of the window and of the one before that hold anything; and from which start on all are certain."""
        width = recount.window_ms(window) // 60 if window != "today" else 1800000
        before, _, _ = recount.edges(window, now, self.zones.get(touchpoint, self.zone))
        out = {}
        for at, bin_ in self.facts.get((touchpoint, ledger), []):
            start = (at - before) // width * width + before if window == "today" else at // width * width
            if start >= before:
                bins = [0] * 11
                bins[bin_] = 1
                out[start] = [a + b for a, b in zip(out.get(start, [0, 0, 0]), recount.three(ledger, bins))]
        return {start: counts for start, counts in out.items() if any(counts)}, before + (0 if window == "today" else 2 * width)

    def rows(self, to):
        """{(touchpoint, ledger, window)} that hold anything at `to`."""
        return {(t, l, w) for t, l in self.facts for w in self.windows if self.row(t, l, w, to)}


def same(expected, found):
    if isinstance(expected, float):
        try:
            return abs(float(found) - expected) <= 1e-9 * max(1, abs(expected))
        except (TypeError, ValueError):
            return False
    return str(expected) == found


def decoded(name):
    return re.sub(rb"%([0-9A-F]{2})", lambda m: bytes([int(m[1], 16)]), name).decode()


def read_redis(redis, prefix, series=""):
    """{(touchpoint, ledger, window): {field: value}}, [names in the index]."""
    pattern, cursor, keys = re.compile(rb"%s:\{(.*)\}:(survey|relationship|social|review)%s:([^:]+)" % (prefix.encode(), series.encode()), re.S), b"0", set()
    while True:
        cursor, page = redis.call("SCAN", cursor, "MATCH", f"{prefix}:{{*", "COUNT", 1000)
        keys.update(page)
        if cursor == b"0":
            break
    named = [(k, m) for k in sorted(keys) if (m := pattern.fullmatch(k))]
    hashes = {}
    for (_, m), fields in zip(named, redis.pipeline([("HGETALL", k) for k, _ in named]) if named else []):
        texts = [f.decode() for f in fields]
        if texts:
            hashes[decoded(m[1]), m[2].decode(), m[3].decode()] = dict(zip(texts[::2], texts[1::2]))
    return hashes, [n.decode() for n in redis.call("ZRANGE", f"{prefix}:touchpoints", 0, -1)]


def differences(redis, prefix, truth, age_max=30):
    """What is wrong in Redis now, as sentences. A hash is judged at its own edges, and must not be older than age_max seconds."""
    hashes, index = read_redis(redis, prefix)
    hashes = {key: fields for key, fields in hashes.items() if key[2] in truth.windows}   # what was configured once stays for its TTL
    now, problems = time.time() * 1000, []
    second = int(now // 1000 * 1000)
    wanted = truth.rows(second) & truth.rows(second + 2000)   # what ends between two looks may be there or not
    for key in sorted(set(hashes) | wanted):
        found = hashes.get(key)
        if found is None:
            problems.append(f"{' / '.join(key)}: missing, expected {truth.row(*key, second)}")
            continue
        to = int(found["to_ms"])
        if now - to > age_max * 1000:
            problems.append(f"{' / '.join(key)}: {(now - to) / 1000:.0f} s old")
        expected = truth.row(*key, to)
        if expected is None:
            problems.append(f"{' / '.join(key)}: nothing to count at {to}, found {found}")
            continue
        wrong = {f for f in set(expected) | set(found) if f not in found or f not in expected or not same(expected[f], found[f])}
        if wrong:
            problems.append(f"{' / '.join(key)} at {to}: " + "; ".join(
                f"{f} expected {expected.get(f, 'absent')} found {found.get(f, 'absent')}" for f in sorted(wrong)))
    missing = {key[0] for key in wanted} - set(index)
    extra = set(index) - {key[0] for key in wanted | truth.rows(second - 15000)}
    if missing or extra:
        problems.append(f"touchpoints: missing {sorted(missing)}, not wanted {sorted(extra)}")
    return problems


def series_differences(redis, prefix, truth):
    """What is wrong in the series, if they were written after the last feedback came: sentences."""
    problems, now = [], int(time.time()) * 1000
    hashes = read_redis(redis, prefix, ":series")[0]
    for key in {(t, l, w) for t, l in truth.facts for w in truth.windows}:
        expected, certain = truth.panes(*key, now)
        found = {int(start): [int(n) for n in counts.split(",")] for start, counts in hashes.get(key, {}).items()}
        for start in sorted(set(expected) | set(found)):
            if expected.get(start) != found.get(start) and (start >= certain or start in expected and start in found):
                problems.append(f"{' / '.join(key)} series at {start}: expected {expected.get(start)}, found {found.get(start)}")
    return problems


def must_agree(redis, prefix, truth, seconds=30, steady=2, age_max=30):
    """Waits until everything agrees, then looks again for a while: right once must stay right. Returns how many hashes were judged."""
    began, problems = time.monotonic(), None
    while problems != [] and time.monotonic() - began < seconds:
        if problems:
            time.sleep(0.3)
        problems = differences(redis, prefix, truth, age_max)
    agreed = time.monotonic()
    while not problems and time.monotonic() - agreed < steady:
        time.sleep(0.4)
        problems = differences(redis, prefix, truth, age_max)
    if problems:
        shown = "\n".join("  " + p for p in problems[:20])
        raise AssertionError(f"{len(problems)} differences after {time.monotonic() - began:.0f} s:\n{shown}")
    return len(truth.rows(int(time.time()) * 1000))


# ---- own-shape messages read back from Kafka ----

REACH, SKEW = 7 * 86400000, 60000


def misjudged(message, updated, fact, reason, reach=REACH):
    """What is wrong with how a well-formed message was judged by its dates, or None. The clock was between its sending and now."""
    sent, now, slack = message.timestamp, int(time.time() * 1000), 2000
    newest = max(d for d in (updated, fact and fact[0], 0) if d is not None)
    if reason == "late":
        return None if fact and fact[0] < now - reach else "not late"
    if reason == "future":
        return None if newest > sent + SKEW - slack else "not in the future"
    if reason:
        return "a good message"
    return "late" if fact and fact[0] < sent - reach - slack else "in the future" if newest > now + SKEW else None


def counted(messages, letters, copies=1, reach=REACH):
    """(facts, problems): the newest version of each response in `messages` (of several topics), without the dead letters; events of a
    response are those of its partition in their order. problems: what went to the dead letters and should not have, or the other way,
    or not `copies` times, or with other bytes. reach: the longest window, in ms."""
    problems, dead, responses, times = [], {}, {}, {}
    for letter in letters:
        if not isinstance(letter.headers, dict):
            problems.append(f"dead letter at {letter.offset} has the headers {letter.headers!r}")
            continue
        origin = (letter.headers["topic"], int(letter.headers["partition"]), int(letter.headers["offset"]))
        times[origin] = times.get(origin, 0) + 1
        dead[origin] = letter
    problems += [f"{origin} is {n} times in the dead letters, not {copies}" for origin, n in times.items() if n != copies]
    for m in sorted(messages, key=lambda m: (m.topic, m.partition, m.offset)):
        letter = dead.pop((m.topic, m.partition, m.offset), None)
        reason = letter and letter.headers["reason"]
        if letter and letter.value != m.value:
            problems.append(f"{m.topic}:{m.partition}:{m.offset}: the dead letter has other bytes: {letter.value!r}, not {m.value!r}")
        try:
            identity, updated, fact = recount.read(m.value or b"")
        except recount.Rejected as rejected:
            # Bytes that are neither: one pass over them says what it meets first.
            if reason != rejected.reason and (reason, rejected.reason) != ("not_json", "not_utf8"):
                problems.append(f"{m.topic}:{m.partition}:{m.offset}: expected {rejected.reason}, found {reason}: {m.value!r}")
            continue
        wrong = misjudged(m, updated, fact, reason, reach)
        if wrong:
            problems.append(f"{m.topic}:{m.partition}:{m.offset}: found {reason or 'counted'}, but it is {wrong}: {m.value!r}")
        if letter is None:
            response = responses.setdefault((m.topic, m.partition, identity), recount.Response())
            response.delete(updated) if fact is None else response.upsert(updated, fact)
    problems += [f"a dead letter of nothing that was sent: {origin}" for origin in dead]
    facts = [(r.fact[2], r.fact[1], r.fact[0], r.fact[3]) for r in responses.values() if r.fact and r.fact[3] is not None]
    return facts, problems


def kafka_facts(d, copies=1, reach=REACH):
    """(facts, number of messages, number of dead letters) of the deployment's input topics; dead letters must be as they should."""
    until = time.monotonic() + 15   # the lag that said "caught up" may be a second old
    while True:
        messages = [m for source in d.sources for m in kafka_client.read_topic(deployment.BROKERS, source["topic"])]
        letters = kafka_client.read_topic(deployment.BROKERS, f"{d.prefix}.dead-letters")
        facts, problems = counted(messages, letters, copies, reach)
        if not problems or time.monotonic() > until:
            break
        time.sleep(0.5)
    assert not problems, f"{len(problems)} problems with dead letters:\n" + "\n".join("  " + p[:1000] for p in problems[:20])
    return sorted(facts), len(messages), len(letters)


def must_agree_with_kafka(d, copies=1, reach=REACH, steady=2, **how):
    """Redis against what the deployment's input topics hold. Returns (facts, a word on how much that was)."""
    facts, messages, letters = kafka_facts(d, copies, reach)
    hashes = must_agree(d.redis, d.prefix, Truth(facts, **how), steady=steady)
    return facts, f"{messages} messages, {len(facts)} responses, {letters} dead letters, {hashes} hashes"
