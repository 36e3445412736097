#!/usr/bin/env python3
"""Real surveys, reviews and posts through a real Kafka: every hash in Redis equals a recount of the files, to the last unit.

The files lie in ../shared/data beside the checkout and are never copied; without them this is skipped. Times are moved into the windows
(dense towards now), ids are made up. Three topics, each with its own shape and field paths. CORRIDOR_TEST_BROKERS names the broker."""
import json, math, os, random, re, sys, time, zlib
from datetime import datetime, timedelta, timezone

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import deployment, kafka_client, truth

DATA = os.environ.get("CORRIDOR_TEST_DATA") or next((p for p in (os.path.join(deployment.ROOT, up, "shared", "data")
                                                                 for up in ("..", "../..")) if os.path.isdir(p)), None)
SEED = int(os.environ.get("CORRIDOR_TEST_SEED") or time.time_ns() % 1000000)
DICE = random.Random(SEED)
PARTITIONS = 3
SOURCES = [
    {"topic": "real.surveys", "fields": {"id": "answer.id", "time": "answer.submitted.at", "touchpoint": "context.where.touchpoint",
                                         "score": "answers.nps.value", "comment": "answers.why"}},
    {"topic": "real.reviews", "kind": "review"},
    {"topic": "real.posts", "kind": "social", "fields": {"class": "reading.label", "touchpoint": "about", "comment": "post.text",
                                                         "time": "post.created"}},
]


def rows(name):
    with open(os.path.join(DATA, name + ".jsonl"), encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def times(count, now):
    """In the order of the file, from almost 6 days ago to some seconds ago, denser and denser."""
    return [now - 3000 - int(6 * 86400000 * (1 - (i + 1) / count) ** 4) for i in range(count)]


def rfc3339(ms, hours):
    at = datetime.fromtimestamp(ms / 1000, timezone(timedelta(hours=hours)))
    return at.strftime("%Y-%m-%dT%H:%M:%S") + ".%03d" % (ms % 1000) + at.strftime("%z")[:3] + ":" + at.strftime("%z")[3:]


def surveys(now):
    """(topic, message, fact or the reason it is rejected for)"""
    read = rows("nps_telco.dev")
    for i, (row, at) in enumerate(zip(read, times(len(read), now))):
        yield "real.surveys", {"answer": {"id": f"telco-{i}", "submitted": {"at": rfc3339(at, i % 25 - 12)}},
                               "answers": {"why": row["text"], "nps": {"value": row["score"] if i % 3 else str(row["score"]), "max": 10}},
                               "context": {"where": {"touchpoint": row["touchpoint"]}}}, (row["touchpoint"], "survey", at, row["score"])


def reviews(now):
    read = rows("nhs_fft.dev")
    for i, (row, at) in enumerate(zip(read, times(len(read), now))):
        stars = 6 - int(row["fft"]) if row["fft"] in ("1", "2", "3", "4", "5", "6", "7") else None
        fact = (row["service"] or "_unmapped", "review", at, stars) if stars and stars > 0 else "bad_score"
        yield "real.reviews", {"id": f"nhs-{i}", "time": at, "score": stars, "touchpoint": row["service"], "comment": row["text"],
                               "dims": {"trust": row["trust"]}}, fact
    read = rows("skytrax_seat")
    for i, (row, at) in enumerate(zip(read, times(len(read), now))):
        stars = math.ceil(row["score"] / 2)
        yield "real.reviews", {"id": f"seat-{i}", "time": f"{at // 1000}", "score": float(stars), "touchpoint": row["brand"],
                               "comment": row["text"]}, (row["brand"], "review", at, stars)


def posts(now):
    read, labels = rows("airline_tweets.dev"), ["negative", "neutral", "positive"]
    for i, (row, at) in enumerate(zip(read, times(len(read), now))):
        yield "real.posts", {"id": f"post-{i}", "post": {"text": row["text"], "created": at * 1000}, "about": row["brand"],
                             "reading": {"label": row["label"], "confidence": row["conf"]}}, (row["brand"], "social", at, labels.index(row["label"]))


def prepared():
    """Some are cut short on the way, some come twice, some are older than every window."""
    now, facts, rejects, messages = int(time.time() * 1000), [], {}, []
    for topic, event, fact in [*surveys(now), *reviews(now), *posts(now)]:
        raw = json.dumps(event, ensure_ascii=DICE.random() < 0.5).encode()
        key = raw[:40]
        if DICE.random() < 0.004:
            raw, fact = raw[:DICE.randrange(1, len(raw) - 1)], "not_json"
        elif topic == "real.reviews" and not isinstance(fact, str) and DICE.random() < 0.004:
            raw, fact = json.dumps({**event, "time": now - 8 * 86400000}).encode(), "late"
        if isinstance(fact, str):
            try:
                raw.decode()
            except UnicodeDecodeError:
                fact = "not_utf8"
            rejects.setdefault((topic, raw), []).append(fact)
        else:
            facts.append(fact)
        messages.append((topic, key, raw))
        if not isinstance(fact, str) and DICE.random() < 0.02:
            messages.append((topic, key, raw))
    return facts, rejects, messages


HALF_A_PAIR = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}(\\(u[0-9a-fA-F]{0,3})?)?\Z")   # cut within one


def check_letters(prefix, rejects):
    found = {}
    for letter in kafka_client.read_topic(deployment.BROKERS, f"{prefix}.dead-letters"):
        found.setdefault((letter.headers["topic"], letter.value), []).append(letter.headers["reason"])
    for origin in sorted(set(found) | set(rejects)):
        if HALF_A_PAIR.search(origin[1]) and (rejects.get(origin), found.get(origin)) == (["not_json"], ["not_utf8"]):
            continue   # both are true
        assert sorted(found.get(origin, [])) == sorted(rejects.get(origin, [])), \
            f"dead letters of {origin}: expected {rejects.get(origin)}, found {found.get(origin)}"
    return sum(map(len, found.values()))


def main():
    deployment.need_broker()
    if not DATA or not os.path.exists(os.path.join(DATA, "nps_telco.dev.jsonl")):
        print("skipped: needs the real feedback in ../shared/data")
        sys.exit(77)
    print(f"# seed {SEED} (CORRIDOR_TEST_SEED)", flush=True)
    began = time.monotonic()
    producer = kafka_client.Client(deployment.BROKERS, linger_ms=20)
    for source in SOURCES:
        producer.create_topic(source["topic"], PARTITIONS)
    with deployment.Deployment("real", SOURCES) as d:
        d.start()
        facts, rejects, messages = prepared()
        ends = {source["topic"]: dict.fromkeys(range(PARTITIONS), 0) for source in SOURCES}
        for topic, key, raw in messages:
            producer.send(topic, zlib.crc32(key) % PARTITIONS, key, raw)
        producer.flush()
        d.wait_ready()
        d.wait_caught_up(ends)
        hashes = truth.must_agree(d.redis, "real", truth.Truth(facts))
        print(f"ok 1 - {len(facts)} real responses of {len(messages)} messages agree in {hashes} hashes", flush=True)
        print(f"ok 2 - {check_letters('real', rejects)} dead letters are those expected, byte for byte", flush=True)
        code, seconds = d.instances["one"].stop()
        assert code == 0, f"exit code {code} after SIGTERM ({seconds:.1f} s)"
    print(f"1..2\n# {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
