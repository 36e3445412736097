#!/usr/bin/env python3
"""Windows that empty while one looks, corrections of what has left them, floods of broken and of large messages, more lanes than partitions,
stages that run apart: with a real Kafka and a real Redis. CORRIDOR_TEST_BROKERS names the broker, CORRIDOR_TEST_SEED repeats a run."""
import json, os, random, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import deployment, kafka_client, storm, truth
from truth import must_agree_with_kafka

deployment.need_broker()
SEED = int(os.environ.get("CORRIDOR_TEST_SEED") or time.time_ns() % 1000000)
PARTITIONS = 2


def topics(producer, *names):
    for name in names:
        producer.create_topic(name, PARTITIONS)
    return [{"topic": name} for name in names], {name: dict.fromkeys(range(PARTITIONS)) for name in names}


def short_windows(producer):
    """windows of minutes: they empty by themselves, and corrections reach what has left them"""
    sources, ends = topics(producer, "short")
    windows, reach = ["1m", "2m", "3m"], 180000
    with deployment.Deployment("short", sources, windows=windows) as d:
        wind = storm.Storm(producer, ["short"], PARTITIONS, SEED, ids=700, reach=reach)
        d.start()
        d.wait_ready()
        looks, began = 0, time.monotonic()
        while time.monotonic() - began < 45:
            wind.send(250 if looks < 4 else 40)   # later ones mostly correct what is there
            d.wait_caught_up(ends)
            words = must_agree_with_kafka(d, reach=reach, windows=windows, steady=3)[1]
            looks += 1
        return f"{looks} looks; {words}"


def flood(producer):
    """thousands of broken messages at once, and large ones: each is a dead letter, once, byte for byte"""
    dice = random.Random(SEED)
    large = kafka_client.Client(deployment.BROKERS, message_max_bytes=1048576, linger_ms=5)
    sources, ends = topics(producer, "flood")
    sources[0]["bytes_max"] = "100KiB"
    with deployment.Deployment("flood", sources) as d:
        now = int(time.time() * 1000)
        for i in range(12000):
            raw = json.dumps({"id": f"f{i}", "time": now - dice.randrange(86400000), "touchpoint": "Order", "score": dice.choice([9, 10, 3])}).encode()
            producer.send("flood", i % PARTITIONS, b"k", raw if i % 10 == 0 else raw[:-1])
            if i % 200 == 0:   # valid but for its length
                text = json.dumps({"id": f"large{i}", "comment": "x" * dice.randrange(200000, 1000000), "time": now, "score": 9}).encode()
                large.send("flood", i % PARTITIONS, None, text)
        producer.flush()
        large.flush()
        d.start()
        d.wait_ready()
        d.wait_caught_up(ends)
        deployment.until(30, lambda: len(kafka_client.read_topic(deployment.BROKERS, "flood.dead-letters")) >= 10860, 1)
        large.close()
        messages = kafka_client.read_topic(deployment.BROKERS, "flood")
        letters = {(m.headers["topic"], int(m.headers["partition"]), int(m.headers["offset"])): m
                   for m in kafka_client.read_topic(deployment.BROKERS, "flood.dead-letters")}
        for m in messages:
            expected = "too_large" if len(m.value) > 102400 else "not_json" if m.value[-1:] != b"}" else None
            letter = letters.pop((m.topic, m.partition, m.offset), None)
            assert (letter and letter.headers["reason"]) == expected, f"{m.partition}:{m.offset}: expected {expected}, found {letter and letter.headers}"
            assert letter is None or letter.value == m.value and letter.key == m.key, f"{m.partition}:{m.offset}: other bytes"
        assert not letters, list(letters)[:10]
        good = [json.loads(m.value) for m in messages if len(m.value) <= 102400 and m.value[-1:] == b"}"]
        facts = [("Order", "survey", e["time"], e["score"]) for e in good]
        return f"{len(messages)} messages, {len(facts)} good, {truth.must_agree(d.redis, 'flood', truth.Truth(facts))} hashes"


def apart(producer):
    """two intakes with more lanes than there are partitions, two watches, each a process of its own; a watch is killed"""
    sources, ends = topics(producer, "apart")
    with deployment.Deployment("apart", sources) as d:
        wind = storm.Storm(producer, ["apart"], PARTITIONS, SEED + 1)
        for name, roles in (("in1", ["intake"]), ("in2", ["intake"]), ("out1", ["watch"]), ("out2", ["watch"])):
            d.start(name, roles=roles, intake={"lanes": 3})
        d.wait_ready()
        wind.send_meanwhile(6000, 800)
        time.sleep(2)
        d.instances["out1"].kill()   # and its partitions are taken over
        time.sleep(1)
        d.instances["in1"].kill()
        d.start("in1")
        wind.finish()
        d.wait_caught_up(ends)
        return must_agree_with_kafka(d)[1]


def main():
    print(f"# seed {SEED} (CORRIDOR_TEST_SEED)", flush=True)
    producer = kafka_client.Client(deployment.BROKERS, linger_ms=5)
    cases = []
    for case in (short_windows, flood, apart):
        def run(case=case):
            return case(producer)
        run.__doc__, run.__name__ = case.__doc__, case.__name__
        cases.append(run)
    deployment.run_cases(cases)


if __name__ == "__main__":
    main()
