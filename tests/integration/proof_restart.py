#!/usr/bin/env python3
"""Stopping, starting, losing what Redis held, reading everything again: no number changes. With a real Kafka and a real Redis; what must be
in Redis is worked out from what Kafka holds. CORRIDOR_TEST_BROKERS names the broker, CORRIDOR_TEST_SEED repeats a run."""
import json, os, re, signal, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import deployment, incidents, kafka_client, storm, truth
from truth import must_agree_with_kafka

deployment.need_broker()
SEED = int(os.environ.get("CORRIDOR_TEST_SEED") or time.time_ns() % 1000000)
PARTITIONS = 3
TOPICS = ["again.a", "again.b"]
ENDS = {topic: dict.fromkeys(range(PARTITIONS)) for topic in TOPICS}


def input_messages():
    return [m for topic in TOPICS for m in kafka_client.read_topic(deployment.BROKERS, topic)]


def stop(d, name="one"):
    code, seconds = d.instances[name].stop()
    assert code == 0, f"exit code {code} after SIGTERM ({seconds:.1f} s)"
    assert seconds < 10, f"SIGTERM took {seconds:.1f} s"
    return seconds


def restarted(d, said=None, never=None):
    """Starts again; what Redis holds must agree, and the log must say how that came about."""
    d.start()
    d.wait_ready()
    d.wait_caught_up(ENDS)
    _, words = must_agree_with_kafka(d)
    log = d.instances["one"].said()
    assert not said or re.search(said, log), f"the log does not say {said}:\n{log}"
    assert not never or not re.search(never, log), f"the log says {never}"
    return words


def total(d, metric):
    return sum(d.instances["one"].metric(metric).values())


def cases(d, producer):
    wind = storm.Storm(producer, TOPICS, PARTITIONS, SEED, ids=1500)

    def first():
        """every hash agrees with a recount of what Kafka holds"""
        wind.send(8000)
        d.start()
        d.wait_ready()
        d.wait_caught_up(ENDS)
        return must_agree_with_kafka(d)[1]

    def from_checkpoint():
        """after a restart the windows come from the checkpoint, though all hashes are gone"""
        stop(d)
        for key in d.redis.call("KEYS", "again:{*"):
            d.redis.call("DEL", key)
        words = restarted(d, r"[1-9]\d* touchpoints restored", "rebuilding")
        problems = truth.series_differences(d.redis, d.prefix, truth.Truth(truth.kafka_facts(d)[0]))
        assert not problems, f"{len(problems)} in the series:\n" + "\n".join(problems[:20])
        return words

    def lost_checkpoint():
        """a checkpoint that was deleted meanwhile: the windows are rebuilt from the tallies"""
        stop(d)
        for key in d.redis.call("KEYS", "again:state:*"):
            d.redis.call("DEL", key)
        return restarted(d, None, "touchpoints restored")

    def flushed():
        """a Redis that was emptied meanwhile"""
        stop(d)
        d.redis.call("FLUSHALL")
        return restarted(d, None, "touchpoints restored")

    def damaged_checkpoint():
        """a checkpoint that can't be read: said, and the windows are rebuilt"""
        stop(d)
        key = max(d.redis.call("KEYS", "again:state:*"), key=lambda k: d.redis.call("HLEN", k))
        field = next(f for f in d.redis.call("HKEYS", key) if not f.startswith(b":") or f.startswith(b"::"))
        d.redis.call("HSET", key, field, b"\x07\xff garbage")
        return restarted(d, r"[1-9]\d* of \d+ touchpoints in the checkpoint.*rebuilding from the tallies")

    def flushed_while_running():
        """a Redis that is emptied, or killed and started empty, under the running program"""
        d.redis.call("FLUSHALL")
        must_agree_with_kafka(d)
        d.redis.kill()
        wind.send(500)
        assert deployment.until(10, lambda: "Redis is away" in d.instances["one"].get("/readyz")[1]), "/readyz does not say that Redis is away"
        d.redis.start()
        d.wait_caught_up(ENDS)
        return must_agree_with_kafka(d)[1]

    def known_before():
        """repeats, old versions and second deletions of what came before a restart change no number"""
        before, _ = must_agree_with_kafka(d)
        stop(d)
        d.start()
        d.wait_ready()
        resent, newest, last = 0, {}, {}
        for m in input_messages():
            try:
                identity, updated, fact = truth.recount.read(m.value or b"")
            except truth.recount.Rejected:
                continue
            response = newest.setdefault((m.topic, m.partition, identity), truth.recount.Response())
            if not truth.misjudged(m, updated, fact, None):
                response.delete(updated) if fact is None else response.upsert(updated, fact)
                last.setdefault((m.topic, m.partition, identity), []).append((m, updated, fact))
        for place, events in last.items():
            response = newest[place]
            for m, updated, fact in events:
                older = updated is not None and response.version is not None and updated < response.version
                if older or (fact is None and (response.deleted or response.for_good) and updated in (None, response.version)) or response.for_good:
                    producer.send(m.topic, m.partition, m.key, m.value)
                    resent += 1
            m, updated, fact = events[-1]
            if response.fact == fact and fact is not None:
                producer.send(m.topic, m.partition, m.key, m.value)
                resent += 1
        producer.flush()
        deployment.until(30, lambda: total(d, "corridor_messages_consumed_total") >= resent)
        after, words = must_agree_with_kafka(d)
        assert after == before, "the test is wrong: what it sent again changes the recount"
        assert deployment.until(5, lambda: total(d, "corridor_duplicates_total") + total(d, "corridor_superseded_total") == resent), \
            f"{resent} sent again, {total(d, 'corridor_duplicates_total')} duplicates, {total(d, 'corridor_superseded_total')} superseded"
        return f"{resent} sent again; {words}"

    def under_load():
        """SIGTERM in the middle of load: exit code 0 within 10 s, nothing lost"""
        wind.send_meanwhile(12000, 1500)
        slowest = 0
        for _ in range(2):
            time.sleep(1.5)
            slowest = max(slowest, stop(d))
            d.start()
            d.wait_ready()
        wind.finish()
        d.wait_caught_up(ENDS)
        return f"slowest {slowest:.1f} s; {must_agree_with_kafka(d)[1]}"

    def ready_under_load():
        """ready again while a steady load goes on, though a log that gets a transaction every few milliseconds never ends"""
        one, slowest = d.instances["one"], 0
        steady = incidents.Traffic(producer, TOPICS[0], PARTITIONS, rate=60)
        steady.set(0.1, "Order")
        for number in range(8):
            time.sleep(1)
            one.kill() if number % 2 else stop(d)
            d.start()
            slowest = max(slowest, d.wait_ready(seconds=20))
        steady.close()
        producer.flush()
        d.wait_caught_up(ENDS)
        return f"slowest {slowest:.1f} s; {must_agree_with_kafka(d)[1]}"

    def reload():
        """SIGHUP: what can change does, for the rest it says that a restart is needed, a broken file changes nothing"""
        one = d.instances["one"]
        for change, said in (({}, "nothing changed"), ({"log": {"level": "debug"}}, r"log.level.*applied"),
                             ({"windows": ["5m", "1h"]}, r"windows.*needs a restart"), ({"kafka": {"shards": -1}}, "nothing was reloaded")):
            at = len(one.said())
            one.write(d.yaml("one", **change))
            one.signal(signal.SIGHUP)
            assert deployment.until(5, lambda: re.search(said, one.said()[at:])), f"{change}: expected '{said}', found:\n{one.said()[at:]}"
        one.write(d.yaml("one"))
        one.signal(signal.SIGHUP)

    def aborted():
        """input of aborted transactions leaves no trace, that of an open one waits"""
        other = kafka_client.Client(deployment.BROKERS, transactional_id="outsider", linger_ms=5)
        gust = storm.Storm(other, TOPICS, PARTITIONS, SEED + 1, ids=300, name="t")
        before, _ = must_agree_with_kafka(d)
        for end in (other.abort, other.commit, other.abort):
            other.begin()
            gust.send(400)
            time.sleep(1)
            if end is other.abort:
                problems = truth.differences(d.redis, d.prefix, truth.Truth(before))
                assert not problems, "before the transaction ends:\n" + "\n".join(problems[:20])
            end()
            before = truth.kafka_facts(d)[0]
            truth.must_agree(d.redis, d.prefix, truth.Truth(before), steady=1)
        wind.send(300)
        d.wait_caught_up(ENDS)
        other.close()
        return must_agree_with_kafka(d)[1]

    def other_windows():
        """windows and time zones configured anew: what the checkpoint lacks is rebuilt from the tallies"""
        windows, zone, zones = ["2m", "5m", "6h", "7d", "today"], "America/St_Johns", {"Order": "Pacific/Auckland", "Größe & Maß": "Asia/Kathmandu"}
        stop(d)
        d.instances["one"].write(d.yaml("one", windows=windows, zone=zone, touchpoints={"zones": zones}))
        d.start()
        d.wait_ready()
        wind.send(300)
        d.wait_caught_up(ENDS)
        words = must_agree_with_kafka(d, windows=windows, zone=zone, zones=zones)[1]
        stop(d)
        d.instances["one"].write(d.yaml("one"))
        restarted(d)
        return words

    def missing_topic():
        """a topic that does not exist is waited for, the others go on; created later, it is read"""
        stop(d)
        d.sources.append({"topic": "again.later"})
        d.instances["one"].write(d.yaml("one"))
        d.start()
        one = d.instances["one"]
        assert deployment.until(30, lambda: "again.later" in one.said().split("metrics, health", 1)[-1]), "the log does not name the missing topic"
        d.wait_ready()
        consumed = total(d, "corridor_messages_consumed_total")
        wind.send(300)
        assert deployment.until(15, lambda: total(d, "corridor_messages_consumed_total") >= consumed + 300), "the other topics are not read"
        producer.create_topic("again.later", 2)
        storm.Storm(producer, ["again.later"], 2, SEED + 2, ids=200).send(500)
        created = time.monotonic()
        assert deployment.until(60, lambda: 'topic="again.later"' in "".join(one.metric("corridor_consumer_lag_messages"))), \
            "the new topic is not read after 60 s"
        waited = time.monotonic() - created
        d.wait_caught_up({"again.later": {0: None, 1: None}})
        messages = [m for source in d.sources for m in kafka_client.read_topic(deployment.BROKERS, source["topic"])]
        letters = {(m.headers["topic"], m.headers["partition"], m.headers["offset"]): m
                   for m in kafka_client.read_topic(deployment.BROKERS, "again.dead-letters")}
        facts, problems = truth.counted(messages, letters.values())
        assert not problems, problems[:10]
        return f"noticed after {waited:.0f} s; {truth.must_agree(d.redis, d.prefix, truth.Truth(facts))} hashes"

    return [first, from_checkpoint, lost_checkpoint, flushed, damaged_checkpoint, flushed_while_running, known_before, under_load,
            ready_under_load, reload, aborted, other_windows, missing_topic]


def read_again(producer):
    """offsets set back to the beginning by hand: the journal knows all, no number changes"""
    # A source whose events have `updated` now and then does not stand this: one without it counts as the newest again.
    producer.create_topic("anew", PARTITIONS)
    ends = {"anew": dict.fromkeys(range(PARTITIONS))}
    with deployment.Deployment("onceagain", [{"topic": "anew"}]) as d:
        storm.Storm(producer, ["anew"], PARTITIONS, SEED + 3, ids=1500, mixed=False).send(8000)
        d.start()
        d.wait_ready()
        d.wait_caught_up(ends)
        before, _ = must_agree_with_kafka(d)
        stop(d)
        kafka_client.reset_offsets(deployment.BROKERS, d.prefix, {("anew", p): 0 for p in range(PARTITIONS)})
        d.start()
        d.wait_ready()
        d.wait_caught_up(ends)
        deployment.until(20, lambda: total(d, "corridor_messages_consumed_total") >= 8000)
        after, words = must_agree_with_kafka(d, copies=2)
        assert after == before, "the test is wrong: reading again changed the recount"
        assert total(d, "corridor_messages_consumed_total") == 8000, d.instances["one"].metric("corridor_messages_consumed_total")
        return words


def main():
    print(f"# seed {SEED} (CORRIDOR_TEST_SEED)", flush=True)
    producer = kafka_client.Client(deployment.BROKERS, linger_ms=5)
    for topic in TOPICS:
        producer.create_topic(topic, PARTITIONS)
    with deployment.Deployment("again", [{"topic": topic} for topic in TOPICS]) as d:
        def again():
            return read_again(producer)
        again.__doc__, again.__name__ = read_again.__doc__, read_again.__name__
        deployment.run_cases([*cases(d, producer), again])


if __name__ == "__main__":
    main()
