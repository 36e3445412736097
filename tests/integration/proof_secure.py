#!/usr/bin/env python3
"""A Kafka that asks for a name over TLS and allows nothing but its ACLs, and a Redis with users: exactly the rights that we print are enough,
and each one that is missing is named. Starts a broker of its own, of the version that CORRIDOR_TEST_BROKERS stands for."""
import json, os, re, subprocess, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import deployment, kafka_client, secure_kafka

deployment.need_broker()
TOPIC, LATER = "feedback", "later"
USERS = os.path.join(deployment.ROOT, "deploy/redis/users.conf")
EXITS, WAITS = 1, None   # what the program does without a right: end with that code, or go on, say so and not be ready

#  kind                name                     operation          then
RIGHTS = [
    ("topic",            TOPIC,                   "Read",            WAITS),
    ("topic",            TOPIC,                   "Describe",        WAITS),
    ("group",            "corridor",              "Read",            WAITS),
    ("group",            "corridor",              "Describe",        WAITS),
    ("group",            "corridor.watch",        "Read",            WAITS),
    ("topic",            "corridor.tallies",      "Read",            EXITS),
    ("topic",            "corridor.tallies",      "Write",           EXITS),
    ("topic",            "corridor.tallies",      "Describe",        EXITS),
    ("topic",            "corridor.responses",    "Read",            EXITS),
    ("topic",            "corridor.responses",    "Write",           EXITS),
    ("topic",            "corridor.dead-letters", "Write",           EXITS),
    ("transactional-id", "corridor/",             "Write",           EXITS),
    ("transactional-id", "corridor/",             "Describe",        EXITS),
]


class Case:
    def __init__(self, kafka, d):
        self.kafka, self.d, self.sent = kafka, d, 0
        self.one = d.instances["one"] = deployment.Instance(d.folder, "one", d.yaml("one"))
        self.both = deployment.Instance(d.folder, "both", d.yaml("both", sources=[{"topic": TOPIC}, {"topic": LATER}]))

    def corridor(self, *words, config=None):
        """(exit code, standard output, standard error), and quick."""
        began = time.monotonic()
        done = subprocess.run([deployment.CORRIDOR, *words, "--config", (config or self.one).config], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
        assert time.monotonic() - began < 12, f"{words} took {time.monotonic() - began:.0f} s"
        assert done.returncode in (0, 1, 2, 3), f"{words}: exit code {done.returncode}\n{done.stderr}"
        return done.returncode, done.stdout, done.stderr

    def send(self, good, broken=0):
        events = [json.dumps({"id": f"e{self.sent + i}", "time": int(time.time() * 1000), "touchpoint": "Checkout", "score": 9}) for i in range(good)]
        self.sent += good
        self.kafka.kcat("-P", "-t", TOPIC, text="\n".join(events + ["{broken"] * broken).encode())

    def counted(self):
        return int(self.d.redis.call("HGET", "corridor:{Checkout}:survey:1h", "responses") or 0)

    def all_counted(self, seconds=20):
        assert deployment.until(seconds, lambda: self.counted() == self.sent), f"{self.sent} sent, {self.counted()} counted"

    def stop(self):
        code, seconds = self.one.stop()
        assert code == 0 and seconds < 12, f"exit code {code} after {seconds:.0f} s"

    # ---- cases ----

    def nothing_allowed(self):
        """without any right: what is missing first is named, exit code 1"""
        code, out, error = self.corridor("topics")
        assert code == 1 and "no right to Describe topic corridor.tallies" in error and "no right to Describe" in out, (code, out, error)
        code, _, error = self.corridor("run")
        assert code == 1 and "no right to Describe topic corridor.tallies" in error, (code, error)

    def printed_rights(self):
        """the commands and ACLs that corridor topics --print prints, and no other, let it run: from Kafka over TLS into a Redis with users"""
        code, out, error = self.corridor("topics", "--print", "--principal", "User:corridor", config=self.both)
        lines = [line for line in out.splitlines() if line and not line.startswith("#")]
        assert code == 0 and len(lines) == 9, (code, out, error)
        self.kafka.tools(lines)
        code, out, error = self.corridor("topics", "--check")
        assert code == 0 and out.count(" fine") == 4, (code, out, error)
        self.one.start()
        self.d.wait_ready()
        self.send(20, broken=2)
        self.all_counted()
        return f"{len(lines)} commands"

    def redis_rights(self):
        """the program's Redis user is enough: publish, health, checkpoint, restore, rebuild; nothing was refused"""
        redis = self.d.redis
        assert deployment.until(10, lambda: redis.call("KEYS", "corridor:state:*")), "no checkpoint"
        assert deployment.until(10, lambda: redis.call("KEYS", "corridor:health:*")), "no health"
        assert redis.call("ZSCORE", "corridor:touchpoints", "Checkout"), "no list of touchpoints"
        self.stop()
        self.one.start()
        self.d.wait_ready()
        assert "touchpoints restored" in self.one.said(), self.one.said()
        redis.call("FLUSHALL")
        self.send(5)
        self.all_counted()
        refused = redis.call("ACL", "LOG")
        assert not refused, f"Redis refused: {refused}"
        self.stop()

    def tools(self):
        """check --live and dead-letters list do with these rights; redrive names the further one, and does its work with it, once"""
        code, out, error = self.corridor("check", "--live")
        assert code == 0 and "not_json" in out and "accepted               25" in out, (code, out, error)
        code, out, error = self.corridor("dead-letters", "list")
        assert code == 0 and out.count("not_json") == 2 and error.strip().startswith("2 shown"), (code, out, error)
        code, out, error = self.corridor("dead-letters", "redrive")
        assert code == 1 and f"no right to Write topic {TOPIC};" in error and out.startswith("0 sent back"), (code, out, error)
        extra = re.findall(r"^# +(--operation Write --topic .*)$", self.corridor("topics", "--print")[1], re.M)
        self.kafka.tools([f"kafka-acls.sh --bootstrap-server {self.kafka.brokers} --add --allow-principal User:corridor {words}" for words in extra])
        code, out, error = self.corridor("dead-letters", "redrive")
        assert code == 0 and out.startswith("2 sent back"), (code, out, error)
        code, out, error = self.corridor("dead-letters", "redrive")
        assert code == 0 and out.startswith("0 sent back, 2 were"), (code, out, error)

    def tools_denied(self):
        """the tools without a right: named, exit code 1, at once"""
        for right, words, says in (
                (("topic", "corridor.dead-letters", "Read"), ("dead-letters", "list"), "no right to Read topic corridor.dead-letters"),
                (("topic", "corridor.dead-letters", "Read"), ("dead-letters", "redrive"), "no right to Read topic corridor.dead-letters"),
                (("topic", "corridor.dead-letters", "Describe"), ("dead-letters", "list"), "no right to Describe topic corridor.dead-letters"),
                (("topic", "corridor.dead-letters", "Write"), ("dead-letters", "redrive"), "no right to Write topic corridor.dead-letters"),
                (("topic", TOPIC, "Read"), ("check", "--live"), f"no right to Read topic {TOPIC}"),
                (("topic", TOPIC, "Describe"), ("check", "--live"), f"{TOPIC}: no right to Describe it"),
                (("topic", TOPIC, "Describe"), ("topics",), f"{TOPIC} .*no right to Describe it"),
                (("topic", "corridor.tallies", "DescribeConfigs"), ("topics",), "topic corridor.tallies: .*no right to DescribeConfigs")):
            if words == ("dead-letters", "redrive") and right[2] == "Write":
                self.kafka.kcat("-P", "-t", "corridor.dead-letters", "-H", f"topic={TOPIC}", "-H", "reason=not_json", text=b"{")
            with self.kafka.without(*right):
                code, out, error = self.corridor(*words)
            assert code == 1 and re.search(says, out + error), f"without {right}: {words} ends with {code}:\n{out}{error}"
        config = deployment.Instance(self.d.folder, "two", self.d.yaml("two", kafka={"prefix": "corridor.two"}))
        with self.kafka.without("topic", "corridor.two.responses", "Create"):
            code, out, error = self.corridor("topics", "--create", config=config)
            assert code == 1 and "no right to Create topic corridor.two.responses" in error, (code, out, error)
        code, out, error = self.corridor("topics", "--create", config=config)
        assert code == 0 and out.count("created") == 3, (code, out, error)   # the tallies were there by then

    def each_right(self):
        """each right that is missing at the start is named exactly; the program ends with 1 or waits, not ready; then nothing was lost"""
        for *right, then in RIGHTS:
            kind, name, operation = right
            words = f"no right to {operation} {kind.replace('-', ' ')} {name}"
            with self.kafka.without(*right):
                self.one.start()
                self.send(2, broken=1)
                if then is EXITS:
                    assert deployment.until(15, lambda: not self.one.alive()), f"without {right} it does not end:\n{self.one.said()}"
                    assert self.one.process.returncode == 1, f"without {right}: exit code {self.one.process.returncode}\n{self.one.said()}"
                    last = self.one.said().splitlines()[-1]
                    assert last.startswith("corridor run: ") and words in last, f"without {right} the last line is: {last}"
                    continue
                assert deployment.until(15, lambda: words in self.one.said()), f"without {right}:\n{self.one.said()}"
                assert deployment.until(8, lambda: words in self.one.get("/readyz")[1]), f"without {right}: {self.one.get('/readyz')}"
                assert self.one.get("/readyz")[0] == 503 and self.one.said().count(words) == 1, self.one.said()
                self.stop()
        self.one.start()
        self.d.wait_ready()
        self.all_counted()
        self.stop()
        with self.kafka.without("topic", LATER, "Read"):   # where the group begins is committed at once
            code, _, error = self.corridor("run", config=self.both)
            assert code == 1 and f"no right to Read topic {LATER};" in error.splitlines()[-1], (code, error)
        self.one.start()
        self.d.wait_ready()
        self.all_counted()
        return f"{len(RIGHTS)} rights"

    def taken_away(self):
        """a right that is taken away while it runs, and given back: named, not ready, and it goes on by itself"""
        with self.kafka.without("topic", TOPIC, "Read"):
            words = f"no right to Read topic {TOPIC}"
            self.send(3)
            assert deployment.until(20, lambda: words in self.one.get("/readyz")[1] or not self.one.alive()), self.one.said()
            if not self.one.alive():   # something read was just being committed
                assert self.one.process.returncode == 1 and words in self.one.said().splitlines()[-1], self.one.said()
                self.one.start()
                assert deployment.until(20, lambda: words in self.one.get("/readyz")[1]), self.one.said()
        self.d.wait_ready()
        self.all_counted()
        with self.kafka.without("topic", "corridor.tallies", "Write"):
            assert deployment.until(20, lambda: not self.one.alive()), "it goes on without the right to write"
            assert self.one.process.returncode == 1 and "no right to Write topic corridor.tallies" in self.one.said().splitlines()[-1], self.one.said()
        self.one.start()
        self.send(3)
        self.d.wait_ready()
        self.all_counted()
        self.stop()

    def strangers(self):
        """a wrong password, a certificate of nobody we know: said as such, exit code 1, at once"""
        rows = [("password", {"sasl.password": "wrong"}, "does not accept the name or the password"),
                ("ca", {"ssl.ca.location": os.path.join(self.kafka.certificates, "other-ca.pem")}, "no TLS connection.*ssl.ca.location")]
        if secure_kafka.MECHANISM == "PLAIN" and kafka_client.LIB.rd_kafka_version() < 0x02060100:
            rows.append(("scram", {"sasl.mechanism": "SCRAM-SHA-512"}, "Kafka 4 accepts none by SCRAM from librdkafka .* 2.6.1"))
        for name, kafka, says in rows:
            config = deployment.Instance(self.d.folder, name, self.d.yaml(name, kafka=kafka))
            for words in (("run",), ("dead-letters", "list")):
                code, out, error = self.corridor(*words, config=config)
                assert code == 1 and re.search(says, error.splitlines()[-1]), (words, code, out, error)


def main():
    with secure_kafka.SecureKafka() as kafka:
        deployment.BROKERS = kafka.brokers
        kafka.admin.create_topic(TOPIC, 2)
        kafka.admin.create_topic(LATER, 1)
        with deployment.Deployment("corridor", [{"topic": TOPIC}], redis=["--include", USERS], kafka={**kafka.settings(), "shards": 2},
                                   intake={"lanes": 1}) as d:
            d.settings["redis"] = {"url": f"unix://corridor:change-me-program@{d.redis.path}?db=0"}
            case = Case(kafka, d)
            deployment.run_cases([case.nothing_allowed, case.printed_rights, case.redis_rights, case.tools, case.tools_denied, case.each_right,
                                  case.taken_away, case.strangers])


if __name__ == "__main__":
    main()
