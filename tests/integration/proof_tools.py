#!/usr/bin/env python3
"""corridor topics and corridor dead-letters against a real Kafka that makes every topic it is asked for (auto.create.topics.enable, its
default). Starts a broker of its own, of the version that CORRIDOR_TEST_BROKERS stands for."""
import json, os, subprocess, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import deployment, kafka_client, secure_kafka

deployment.need_broker()
GOOD = json.dumps({"id": "good", "time": int(time.time() * 1000), "touchpoint": "Desk", "score": 9}).encode()
BAD_SCORE = json.dumps({"id": "bad", "time": int(time.time() * 1000), "touchpoint": "Desk", "score": 11}).encode()
#             topic, partition, key, value, reason (None: accepted)
MESSAGES = [("answers", 0, b"one", b"{broken", "not_json"),
            ("answers", 1, b"two", BAD_SCORE, "bad_score"),
            ("answers", 0, None, b"[1]", "not_object"),
            ("posts", 0, b'q"\\\x01\xff\xed\xa0\x80', b"\x00\xff\x1b[31m\n", "not_json"),
            ("answers", 1, b"", b"", "not_json"),
            ("answers", 0, b"good", GOOD, None)]


class Case:
    def __init__(self, d, admin):
        self.d, self.admin = d, admin
        self.one = d.instances["one"] = deployment.Instance(d.folder, "one", d.yaml("one"))

    def corridor(self, *words, code=0, config=None):
        """(standard output, standard error)"""
        done = subprocess.run([deployment.CORRIDOR, *words, "--config", config or self.one.config], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        assert done.returncode == code, f"{words}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout, done.stderr.decode()

    def letters(self, *filters):
        return [json.loads(line) for line in self.corridor("dead-letters", "list", "--format", "json", *filters)[0].splitlines()]

    def partitions(self):
        """{topic: count} of what there is."""
        listed = subprocess.run(["kcat", "-b", deployment.BROKERS, "-L", "-J"], stdout=subprocess.PIPE, check=True).stdout
        return {t["topic"]: len(t["partitions"]) for t in json.loads(listed)["topics"] if not t["topic"].startswith("__")}

    # ---- topics ----

    def asking_makes_nothing(self):
        """topics --check, topics --print, check --live and dead-letters list make no topic, though Kafka would"""
        out, error = self.corridor("topics", code=1)
        assert out.count(b"is missing") == 6 and "a topic is missing" in error, (out, error)
        self.corridor("topics", "--print")
        out, error = self.corridor("check", "--live", code=1)
        assert out.count(b"there is no such topic") == 2 and "missing" in error, (out, error)
        _, error = self.corridor("dead-letters", "list", code=1)
        assert "tools.dead-letters does not exist" in error, error
        assert self.partitions() == {}, self.partitions()

    def own_topics_are_ours(self):
        """topics --create makes them as we want them, not as Kafka would, and so does run; input topics are waited for, not made"""
        out, _ = self.corridor("topics", "--create")
        assert out.count(b"created") == 4, out
        own = {"tallies": 3, "responses": 3, "dead-letters": 3, "alerts": 3}
        wanted = {f"tools.{topic}": count for topic, count in own.items()}
        assert self.partitions() == wanted, self.partitions()
        self.one.write(self.d.yaml("one", kafka={"prefix": "run"}))
        self.one.start()
        assert deployment.until(20, lambda: "run.alerts" in self.partitions()), self.one.said()
        assert deployment.until(20, lambda: "answers" in self.one.said().split("metrics, health", 1)[-1]), "the missing topic is not named"
        time.sleep(3)   # it keeps asking for the topics that are missing
        self.one.stop()
        assert self.partitions() == {**wanted, **{f"run.{topic}": count for topic, count in own.items()}}, self.partitions()
        out, _ = self.corridor("topics", code=1)
        assert out.count(b" fine") == 4 and out.count(b"the program waits for it") == 2, out
        self.one.write(self.d.yaml("one"))
        for name in ("answers", "posts"):
            self.admin.create_topic(name, 2)
        out, _ = self.corridor("topics")
        assert out.count(b" fine") == 4 and out.count(b"2 partitions  input") == 2, out

    def made_by_kafka(self):
        """what Kafka made first, with its own settings, is found to differ, with the command that mends it"""
        self.admin.create_topic("wrong.tallies", 1)
        config = os.path.join(self.d.folder, "wrong.yaml")
        with open(config, "w") as out:
            out.write(self.d.yaml("wrong", kafka={"prefix": "wrong"}))
        out, error = self.corridor("topics", "--create", code=1, config=config)
        assert b"message.timestamp.type is CreateTime, should be LogAppendTime: kafka-configs.sh" in out and "not as it should be" in error, (out, error)

    # ---- dead letters ----

    def empty(self):
        """no letters: nothing is listed, nothing is sent back, nothing can be shown"""
        assert self.letters() == []
        assert self.corridor("dead-letters", "redrive")[0].startswith(b"0 sent back")
        assert "there is no letter 0:0" in self.corridor("dead-letters", "show", "0:0", code=1)[1]

    def listed(self):
        """list says of each rejected message where it came from and why; no control byte of a stranger reaches the terminal"""
        for topic, partition, key, value, _ in MESSAGES:
            self.admin.send(topic, partition, key, value)
        self.admin.flush()
        self.one.start()
        rejected = [m for m in MESSAGES if m[4]]
        assert deployment.until(30, lambda: len(self.letters()) == len(rejected)), self.one.said()
        self.one.stop()
        found = sorted((x["topic"], x["partition"], x["reason"], x["bytes"]) for x in self.letters())
        assert found == sorted((topic, partition, reason, len(value)) for topic, partition, _, value, reason in rejected), found
        for letter in self.letters():
            assert letter["sentence"] and not letter["cut"] and not letter["sent_back"], letter
            assert abs(time.time() - time.mktime(time.strptime(letter["time"][:19], "%Y-%m-%dT%H:%M:%S")) + time.timezone) < 120, letter
        keys = [x["key"] for x in self.letters() if x["topic"] == "posts"]
        assert keys == ['q"\\\x01\ufffd\ufffd\ufffd\ufffd'], keys
        assert {x["key"] for x in self.letters("--reason", "not_object")} == {None} and "" in {x["key"] for x in self.letters()}
        out, error = self.corridor("dead-letters", "list")
        assert len(out.splitlines()) == 5 and not any(c < 32 and c != 10 or c == 127 for c in out) and "5 shown" in error, (out, error)

    def filtered(self):
        """--reason, --topic, --since and --limit choose"""
        assert len(self.letters("--reason", "not_json")) == 3
        assert len(self.letters("--topic", "answers")) == 4
        assert len(self.letters("--topic", "answers", "--reason", "not_json")) == 2
        assert len(self.letters("--limit", "2")) == 2
        assert len(self.letters("--since", "1h")) == 5 and self.letters("--since", "2100-01-01T00:00:00Z") == []
        assert self.letters("--reason", "nothing") == []

    def shown(self):
        """show prints one whole, --raw its bytes and nothing else"""
        for letter in self.letters():
            value, key = next((m[3], m[2]) for m in MESSAGES if (m[0], m[1], m[4], len(m[3])) ==
                              (letter["topic"], letter["partition"], letter["reason"], letter["bytes"]))
            assert self.corridor("dead-letters", "show", letter["letter"], "--raw")[0] == value, letter
            out, _ = self.corridor("dead-letters", "show", letter["letter"])
            assert f"reason    {letter['reason']}: {letter['sentence']}".encode() in out and b"\x1b" not in out, out
        assert "there is no letter 0:99" in self.corridor("dead-letters", "show", "0:99", code=1)[1]

    def redriven(self):
        """redrive sends the bytes back to topic and partition with their key, each letter once, whatever filters are used"""
        before = len(kafka_client.read_topic(deployment.BROKERS, "answers"))
        assert self.corridor("dead-letters", "redrive", "--reason", "bad_score")[0].startswith(b"1 sent back, 0 were")
        assert self.corridor("dead-letters", "redrive", "--limit", "1")[0].startswith(b"1 sent back")
        assert self.corridor("dead-letters", "redrive", "--topic", "answers")[0].split(b",")[0] in (b"3 sent back", b"2 sent back")
        self.corridor("dead-letters", "redrive")
        assert self.corridor("dead-letters", "redrive")[0].startswith(b"0 sent back, 5 were sent back before")
        assert all(x["sent_back"] for x in self.letters()) and len(self.letters()) == 5
        for topic in ("answers", "posts"):
            came = sorted((m.partition, m.key or b"", m.value or b"") for m in kafka_client.read_topic(deployment.BROKERS, topic))
            sent = sorted((p, k or b"", v) for t, p, k, v, reason in MESSAGES for _ in range(2 if reason else 1) if t == topic)
            assert came == sent, (came, sent)
        assert len(kafka_client.read_topic(deployment.BROKERS, "answers")) == before + 4

    def homeless(self):
        """a letter whose topic is gone stays, that is said, exit code 1, and no such topic is made"""
        letter = ["kcat", "-P", "-b", deployment.BROKERS, "-t", "tools.dead-letters", "-p", "0", "-H", "topic=gone", "-H", "reason=not_json"]
        subprocess.run(letter, input=b"x", check=True)
        out, error = self.corridor("dead-letters", "redrive", code=1)
        assert b"1 have no topic to go to" in out and "1 letters stay" in error and "gone" not in self.partitions(), (out, error)

    def other_sources(self):
        """a source is taken out and put back between two starts: the others are read, nothing of it is lost, though Kafka still has the old plan"""
        for number, (sources, posts) in enumerate(((self.d.sources, 1), ([{"topic": "answers"}], 1), (self.d.sources, 3))):
            self.one.write(self.d.yaml("one", sources=sources))
            self.one.start()
            for topic, kind in (("answers", "score"), ("posts", "sentiment")):
                value = {"id": f"{topic}{number}", "time": int(time.time() * 1000), "touchpoint": "Later", kind: 1}
                self.admin.send(topic, 0, b"k", json.dumps(value).encode())
            self.admin.flush()
            for ledger, count in (("survey", number + 1), ("social", posts)):
                key = f"tools:{{Later}}:{ledger}:1h"
                assert deployment.until(30, lambda: int(self.d.redis.call("HGET", key, "responses") or 0) == count), self.one.said()
            self.one.stop()

    def wrong_words(self):
        """a command line that means nothing: exit code 2, and why"""
        for words, says in ((("dead-letters",), "list, show or redrive"), (("dead-letters", "lsit"), "not 'lsit'"),
                            (("dead-letters", "show"), "PARTITION:OFFSET"), (("dead-letters", "show", "1"), "PARTITION:OFFSET"),
                            (("dead-letters", "list", "--limit", "0"), "--limit"), (("dead-letters", "list", "--since", "soon"), "--since"),
                            (("dead-letters", "list", "--format", "xml"), "--format"), (("dead-letters", "redrive", "--format", "json"), "--format"),
                            (("dead-letters", "list", "--raw"), "--raw"), (("dead-letters", "list", "more"), "what is 'more'"),
                            (("topics", "--create", "--print"), "one of"), (("topics", "more"), "what is 'more'"), (("topics", "--nothing"), "nothing")):
            out, error = self.corridor(*words, code=2)
            assert says in error and not out, (words, out, error)


def main():
    brokers, folder = secure_kafka.start_broker("auto.create.topics.enable=true\n")
    deployment.BROKERS = brokers
    try:
        admin = kafka_client.Client(brokers, linger_ms=5)
        with deployment.Deployment("tools", [{"topic": "answers"}, {"topic": "posts", "kind": "social"}], kafka={"shards": 3}, intake={"lanes": 1}) as d:
            case = Case(d, admin)
            deployment.run_cases([case.asking_makes_nothing, case.own_topics_are_ours, case.made_by_kafka, case.empty, case.listed, case.filtered,
                                  case.shown, case.redriven, case.homeless, case.other_sources, case.wrong_words])
    finally:
        secure_kafka.stop_broker(folder)


if __name__ == "__main__":
    main()
