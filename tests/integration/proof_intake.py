#!/usr/bin/env python3
"""What intake stands without losing or doubling a response: names that change, partitions that come, a first start that reads nothing,
a message that fits nowhere. With a real Kafka and a real Redis; CORRIDOR_TEST_BROKERS names the broker."""
import glob, json, os, re, subprocess, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import deployment, kafka_client
from deployment import until

deployment.need_broker()
producer = kafka_client.Client(deployment.BROKERS, linger_ms=5)


def send(topic, ids, touchpoint="A", partition=0, by=producer):
    """One response of score 9 for each id, now."""
    for identity in ids:
        event = {"id": f"r{identity}", "time": int(time.time() * 1000), "touchpoint": touchpoint, "score": 9}
        by.send(topic, partition, None, json.dumps(event).encode())
    by.flush()


def responses(d, touchpoint="A", window="1h"):
    found = d.redis.call("HGET", f"{d.prefix}:{{{touchpoint}}}:survey:{window}", "responses")
    return int(found or 0)


def must_count(d, wanted, touchpoints=("A",), seconds=30):
    """It comes to be so for each, and stays so for two seconds."""
    until(seconds, lambda: all(responses(d, t) == wanted for t in touchpoints))
    for when in ("", " then"):
        found = {t: responses(d, t) for t in touchpoints}
        assert set(found.values()) == {wanted}, f"{found} responses{when}, {wanted} expected"
        time.sleep(2)


def stop(d, name="one"):
    code, seconds = d.instances[name].stop()
    assert code == 0, f"exit code {code} after SIGTERM ({seconds:.1f} s)"


def tool(name, *words):
    """One of Kafka's own, for what the small client can't."""
    jars = glob.glob(os.path.expanduser("~/.cache/corridor/kafka-*/complete"))
    subprocess.run(["java", "-cp", os.path.dirname(jars[0]) + "/*", name, "--bootstrap-server", deployment.BROKERS, *words],
                   check=True, capture_output=True)


def topics(*words):
    tool("org.apache.kafka.tools.TopicCommand", *words)


def set_topic(topic, setting):
    tool("kafka.admin.ConfigCommand", "--alter", "--entity-type", "topics", "--entity-name", topic, "--add-config", setting)


def deployed(name, partitions=1, **settings):
    """A deployment of one lane that reads the topic NAME.in, with 0 partitions: one that is there."""
    if partitions:
        producer.create_topic(f"{name}.in", partitions)
    settings = {"intake": {"lanes": 1}, "kafka": {"shards": 2}, **settings}
    return deployment.Deployment(name, [{"topic": f"{name}.in"}], **settings)


def restart(d, seconds=60, **settings):
    d.instances["one"].write(d.yaml("one", **settings))
    d.start()
    d.wait_ready(seconds=seconds)


def ends(d, seconds=40, name="one"):
    """Its exit code, by itself."""
    assert until(seconds, lambda: not d.instances[name].alive()), "it goes on"
    return d.instances[name].process.returncode


def renamed_group():
    """the group is renamed under the same prefix and reads everything again: no count changes"""
    with deployed("regroup") as d:
        d.start()
        d.wait_ready()
        send("regroup.in", range(50))
        must_count(d, 50)
        stop(d)
        restart(d, kafka={"group": "regroup-b"})
        until(20, lambda: sum(d.instances["one"].metric("corridor_messages_consumed_total").values()) >= 50)
        must_count(d, 50)


def foreign_key():
    """a journal that was written under another id key is refused: exit code 3, and what to do is said"""
    with deployed("rekey") as d:
        d.start()
        d.wait_ready()
        send("rekey.in", range(20))
        must_count(d, 20)
        stop(d)
        secret = os.path.join(d.folder, "secret")
        with open(secret, "w") as out:
            out.write("0123456789abcdef")
        d.instances["one"].write(d.yaml("one", intake={"lanes": 1, "id_key_file": secret}))
        d.start()
        assert ends(d) == 3, d.instances["one"].process.returncode
        assert re.search(r"rekey\.responses.*another id key.*intake\.id_key_file", d.instances["one"].said()), "the log does not say why"
        restart(d)   # with the key as it was
        send("rekey.in", range(10, 30))
        must_count(d, 30)


def same_name():
    """of two instances of one name the first ends, with exit code 3: systemd must not start it again"""
    with deployed("twins") as d:
        d.start()
        d.wait_ready()
        d.instances["two"] = deployment.Instance(d.folder, "two", d.yaml("one"))
        d.instances["two"].start()
        assert ends(d) == 3, d.instances["one"].process.returncode
        assert "give each its own kafka.instance" in d.instances["one"].said()
        send("twins.in", range(5))
        must_count(d, 5)


def too_large():
    """messages and keys that no dead letter can hold are kept cut, with their true length; the lane goes on"""
    topics("--create", "--topic", "large.in", "--partitions", "1", "--config", "max.message.bytes=8000000")
    topics("--create", "--topic", "large.dead-letters", "--partitions", "1", "--config", "max.message.bytes=200000")
    with deployed("large", 0) as d:
        large = kafka_client.Client(deployment.BROKERS, message_max_bytes=8000000)
        for key, size in ((b"k1", 2000000), (b"k" * 3000000, 1000), (b"k3", 190000), (None, 1300000)):
            large.send("large.in", 0, key, b"x" * size)
        large.flush()
        large.close()
        send("large.in", range(10))
        d.start()
        d.wait_ready()
        must_count(d, 10)
        one = d.instances["one"]
        assert sum(one.metric("corridor_aborts_total").values()) == 0, "transactions were aborted"
        assert sum(one.metric("corridor_dead_letters_cut_total").values()) == 3
        letters = {int(m.headers["offset"]): m for m in kafka_client.read_topic(deployment.BROKERS, "large.dead-letters")}
        assert sorted(letters) == [0, 1, 2, 3], sorted(letters)
        said = {offset: (m.headers.get("bytes"), m.headers.get("key_bytes")) for offset, m in letters.items()}
        assert said == {0: ("2000000", "2"), 1: ("1000", "3000000"), 2: (None, None), 3: ("1300000", "0")}, said
        for offset, m in letters.items():
            assert set(m.value) == {ord("x")} and (len(m.value) > 90000 or offset == 1), (offset, len(m.value))
        assert len(letters[1].value) == 1000 and len(letters[1].key) > 90000


def no_way_on():
    """a dead letter that the broker refuses again and again: /readyz says that the lane comes no further, and then it goes on"""
    with deployed("stuck") as d:
        d.start()
        d.wait_ready()
        one = d.instances["one"]
        set_topic("stuck.dead-letters", "max.message.bytes=10000")   # behind its back
        producer.send("stuck.in", 0, None, os.urandom(100000))
        send("stuck.in", range(10))
        assert until(30, lambda: re.search(r"lane 0 comes no further: its last \d+ transactions were aborted", one.get("/readyz")[1])), \
            one.get("/readyz")
        assert responses(d) == 0
        set_topic("stuck.dead-letters", "max.message.bytes=2000000")
        must_count(d, 10)
        d.wait_ready()


def first_position():
    """start: latest, stopped before the first message: what comes meanwhile is counted, and what a partition holds that is added later"""
    with deployed("fresh", 2, start="latest") as d:
        send("fresh.in", range(100, 120))   # before the group's first start
        d.start()
        d.wait_ready()
        d.wait_caught_up({"fresh.in": {0: None, 1: None}})
        stop(d)
        send("fresh.in", range(20))
        send("fresh.in", range(20, 50), partition=1)
        restart(d)
        must_count(d, 50)
        topics("--alter", "--topic", "fresh.in", "--partitions", "3")
        knows = kafka_client.Client(deployment.BROKERS)
        send("fresh.in", range(50, 60), partition=2, by=knows)   # before anybody was given it
        must_count(d, 60, seconds=60)
        send("fresh.in", range(60, 65), partition=2, by=knows)
        must_count(d, 65)


def first_position_moves():
    """start: latest, killed before the first message and a third instance takes over: nothing is skipped"""
    with deployed("moved", 2, start="latest") as d:
        d.start()
        d.wait_ready()
        time.sleep(1)
        d.instances["one"].kill()
        send("moved.in", range(20))
        send("moved.in", range(20, 50), partition=1)
        d.start("two", intake={"lanes": 2})
        d.wait_ready("two")
        d.instances.pop("one")
        d.wait_caught_up({"moved.in": {0: None, 1: None}})
        must_count(d, 50)


def own_partitions():
    """partitions added to our own topics change nothing: take-backs meet what they take back, repeats are known"""
    names = [f"T{i}" for i in range(8)]
    with deployed("grown", 2, kafka={"shards": 1}) as d:
        d.start()
        d.wait_ready()

        def everything():
            for i, name in enumerate(names):
                send("grown.in", range(10 * i, 10 * i + 10), name, i % 2)
        everything()
        must_count(d, 10, names)
        stop(d)
        for topic in ("tallies", "responses"):
            topics("--alter", "--topic", f"grown.{topic}", "--partitions", "3")
        for again in range(2):   # a second restart goes by what was written after the first, too
            restart(d)
            everything()
            for i, name in enumerate(names):
                send("grown.in", [1000 + 100 * again + i], name, i % 2)
            must_count(d, 11 + again, names)
            stop(d)
        assert "1 of its 3 partitions are used" in d.instances["one"].said()


def two_at_once():
    """two that start at once where nothing is yet agree; topics created anew with fewer partitions are refused"""
    with deployed("pair", 2) as d:
        d.start("one")
        d.start("two", kafka={"shards": 3})   # whoever is first
        d.wait_ready()
        send("pair.in", range(20))
        send("pair.in", range(20, 40), partition=1)
        must_count(d, 40)
        stop(d, "one")
        stop(d, "two")
        topics("--delete", "--topic", "pair.responses")
        time.sleep(3)
        topics("--create", "--topic", "pair.responses", "--partitions", "1")
        d.start("one")
        assert ends(d) == 3, d.instances["one"].process.returncode
        assert re.search(r"pair\.responses has 1 partitions.*spread over [23]", d.instances["one"].said())


if __name__ == "__main__":
    deployment.run_cases([renamed_group, foreign_key, same_name, too_large, no_way_on, first_position, first_position_moves,
                          own_partitions, two_at_once])
