"""Spikes on demand, and whether what becomes of them is told once and the same everywhere: the stream in Redis, the topic in Kafka, the
receiver of webhooks, the incidents. For the proofs and the benchmark of alerts."""
import json, os, random, threading, time, urllib.error, urllib.request

import deployment, kafka_client, receiver

SCHEMA = os.path.join(deployment.ROOT, "deploy/schema/alert.json")
GOOD, BAD = 0.1, 0.9   # parts of detractors: normal, and in a spike


class Hooks:
    """A receiver of webhooks in this process. got: what it was sent, each {at, path, status, id, event}."""

    def __init__(self):
        self.server = receiver.Server(("127.0.0.1", 0), receiver.Receiver)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.from_ = len(receiver.seen)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def got(self, path="/hook"):
        with receiver.lock:
            seen = [s for s in receiver.seen[self.from_:] if s["path"] == path]
        return [{"at": s["at"], "status": s["status"], "id": s["headers"].get("webhook-id"), "type": json.loads(s["body"])["type"],
                 "event": json.loads(s["body"])["data"]} for s in seen]

    def of(self, touchpoint, path="/hook"):
        return [g for g in self.got(path) if g["event"].get("touchpoint") == touchpoint]


class Traffic:
    """Surveys at a steady rate for each touchpoint, of which a part is detractors. Goes on in a thread until it is closed."""
    STEP_S = 0.05

    def __init__(self, producer, topic, partitions, rate=40):
        self.producer, self.topic, self.partitions, self.rate = producer, topic, partitions, rate
        self.parts, self.owed, self.sent, self.failure, self.over = {}, {}, 0, None, False
        self.name = f"{random.getrandbits(40):x}"
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def set(self, part, *touchpoints):
        for touchpoint in touchpoints:
            self.parts[touchpoint] = part

    def quiet(self, *touchpoints):
        for touchpoint in touchpoints:
            self.parts.pop(touchpoint, None)

    def send(self, touchpoint, score):
        self.sent += 1
        identity = f"{self.name}-{self.sent}"
        event = {"id": identity, "time": int(time.time() * 1000), "kind": "survey", "touchpoint": touchpoint, "score": score}
        self.producer.send(self.topic, self.sent % self.partitions, identity.encode(), json.dumps(event).encode())

    def step(self, seconds):
        for touchpoint, part in list(self.parts.items()):
            responses, detractors = self.owed.get(touchpoint, (0.0, 0.0))
            responses += self.rate * seconds
            while responses >= 1:
                responses, detractors = responses - 1, detractors + part
                bad = detractors >= 1
                detractors -= bad
                self.send(touchpoint, 2 if bad else 9)
            self.owed[touchpoint] = responses, detractors
        kafka_client.LIB.rd_kafka_poll(self.producer.rk, 0)

    def work(self):
        last = time.monotonic()
        try:
            while not self.over:
                time.sleep(self.STEP_S)
                now = time.monotonic()
                self.step(min(now - last, 1))
                last = now
        except Exception as problem:
            self.failure = problem

    def close(self):
        self.over = True
        self.thread.join()
        if self.failure:
            raise self.failure


class World(deployment.Deployment):
    """A deployment whose alerts go to Hooks, and the traffic that it measures."""

    def __init__(self, prefix, producer, partitions=2, **settings):
        self.hooks, self.token = Hooks(), "a-token-for-the-proof-of-alerts"
        producer.create_topic(f"{prefix}.in", partitions)
        super().__init__(prefix, [{"topic": f"{prefix}.in"}])
        for name, text in (("secret", receiver.SECRET), ("token", self.token)):
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as out:
                out.write(text + "\n")
        hook = {"type": "webhook", "secret_file": os.path.join(self.folder, "secret"), "private_addresses": True}
        self.settings = {"alerts": {"ticket_every": "1d", "page_every": "7d", "silence": False},
                         "http": {"token_file": os.path.join(self.folder, "token"), "public_url": "http://corridor.example"},
                         "delivery": {"group_wait": "3s"},
                         "sinks": [{"name": "all", "url": f"{self.hooks.url}/hook", **hook},
                                   {"name": "pages", "url": f"{self.hooks.url}/hook/pages", "severity": "page", **hook}], **settings}
        self.traffic = Traffic(producer, f"{prefix}.in", partitions)

    def __exit__(self, *failure):
        try:
            self.traffic.close()
        finally:
            super().__exit__(*failure)
            self.hooks.close()

    # ---- what is so ----

    def stream(self):
        """Events in Redis' stream, in its order: (partition, ledger, number, incident, touchpoint, event)."""
        events = []
        for _, flat in self.redis.call("XRANGE", f"{self.prefix}:alerts", "-", "+"):
            fields = {k.decode(): v.decode() for k, v in zip(flat[::2], flat[1::2])}
            event = json.loads(fields["alert"])
            for name in ("ledger", "incident", "touchpoint"):
                assert event[name] == fields[name], fields
            assert (event["number"], event["partition"]) == (int(fields["number"]), int(fields["partition"])), fields
            events.append(event)
        return events

    def topic(self):
        """Events in Kafka, by partition and offset."""
        return [json.loads(m.value) for m in kafka_client.read_topic(deployment.BROKERS, f"{self.prefix}.alerts")]

    def incidents(self):
        """{id: (whether it is open, its newest event)}."""
        closed = {name.decode() for name in self.redis.call("ZRANGE", f"{self.prefix}:closed:{{{self.prefix}:alerts}}", 0, -1)}
        flat = self.redis.call("HGETALL", f"{self.prefix}:incidents:{{{self.prefix}:alerts}}")
        return {k.decode(): (k.decode() not in closed, json.loads(v)) for k, v in zip(flat[::2], flat[1::2])}

    def hash(self, touchpoint):
        flat = self.redis.call("HGETALL", f"{self.prefix}:{{{touchpoint}}}:alert")
        return {k.decode(): v.decode() for k, v in zip(flat[::2], flat[1::2])}

    def told(self, touchpoint, *events, path="/hook", after=0):
        """What the receiver got of a touchpoint: of these events, with a number above."""
        return [g for g in self.hooks.of(touchpoint, path) if g["event"]["event"] in events and g["event"]["number"] > after]

    def so_far(self):
        """For the words of a failure."""
        def short(events):
            return ", ".join(f"{e.get('touchpoint')} {e['event']} {e['number']}" for e in events) or "nothing"
        return (f"stream: {short(self.stream())}; topic: {short(self.topic())}; "
                f"receiver: {short(g['event'] for g in self.hooks.got())}")

    # ---- what people do ----

    def acknowledge(self, incident, name="one", token=None, by="Ada"):
        port = self.instances[name].said().split("readiness on port ")[-1].split()[0]
        request = urllib.request.Request(f"http://127.0.0.1:{port}/alerts/{incident}/ack", data=f"by={by}".encode(), method="POST",
                                         headers={"Authorization": f"Bearer {token or self.token}"})
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


def must(seconds, question, what):
    answer = deployment.until(seconds, question, 0.05)
    assert answer, f"not within {seconds} s: {what() if callable(what) else what}"
    return answer


def place(event):
    return event["touchpoint"], event["ledger"]


def distinct(events):
    """In order of number per place, each number once: {place: [event]}; repetitions must be the same to the last byte."""
    found = {}
    for event in events:
        known = found.setdefault(place(event), {}).setdefault(event["number"], event)
        assert known == event, f"two events of one number:\n{known}\n{event}"
    return {where: [numbered[n] for n in sorted(numbered)] for where, numbered in found.items()}


NEXT = {None: ("raised",), "raised": ("updated", "resolved"), "updated": ("updated", "resolved"), "resolved": ("reopened",),
        "reopened": ("updated", "resolved")}


def check_life(events):
    """Of one place: each event may follow the one before, all of one incident (it is reopened within a day)."""
    before = None
    for event in events:
        assert event["event"] in NEXT[before], [(e["incident"], e["event"], e["number"]) for e in events]
        assert event["incident"] == events[0]["incident"], f"two ids at {place(event)}: {[(e['incident'], e['event']) for e in events]}"
        before = event["event"]


def check_stream(world):
    """Each event once and in order, in a life that can be; the topic has the same ones (perhaps repeated), soon at least: some may be on the
    way. Returns {place: [event]}."""
    until = time.monotonic() + 15
    while True:
        events, seen = world.stream(), {}
        for event in events:
            newest = seen.get(place(event), 0)
            assert event["number"] > newest, f"number {event['number']} at {place(event)} behind {newest}"
            seen[place(event)] = event["number"]
        by_place, in_kafka = distinct(events), distinct(world.topic())
        if by_place == in_kafka or time.monotonic() > until:
            break
        time.sleep(0.3)
    assert by_place == in_kafka, f"Kafka and the stream differ:\n{shown(in_kafka)}\n{shown(by_place)}"
    for lived in by_place.values():
        check_life(lived)
    return by_place


def shown(by_place):
    return "\n".join(f"  {where}: " + ", ".join(f"{e['event']} {e['number']} {e['incident']}" for e in events)
                     for where, events in sorted(by_place.items()))


def check_schema(events):
    import jsonschema
    with open(SCHEMA, encoding="utf-8") as schema:
        validator = jsonschema.Draft202012Validator(json.load(schema))
    for event in events:
        wrong = [error.message for error in validator.iter_errors(event)]
        assert not wrong, f"{wrong}\n{event}"


def spells(events):
    """[(number it began with, number it ended with or None)] of one place."""
    found = []
    for event in events:
        if event["event"] in ("raised", "reopened"):
            found.append([event["number"], None])
        elif event["event"] == "resolved":
            found[-1][1] = event["number"]
    return found


def check_deliveries(world, by_place, path="/hook"):
    """Every spell was told while it lasted, and every end, at least once, signed; what was told is what was raised."""
    got = world.hooks.got(path)
    assert all(g["status"] == 200 for g in got), [g for g in got if g["status"] != 200][:3]
    check_schema([g["event"] for g in got])
    known = {(*where, e["number"]): e for where, events in by_place.items() for e in events}
    for g in got:
        e = g["event"]
        source = known.get((*place(e), e["number"]))
        assert source and source["incident"] == e["incident"] and source["event"] == e["event"], f"told, but never raised: {e}"
    for where, events in by_place.items():
        told = {g["event"]["number"] for g in got if place(g["event"]) == where}
        for began, ended in spells(events):
            here = [n for n in told if began <= n and (ended is None or n < ended)]
            assert here, f"{where}: {began} to {ended} was never told; told {sorted(told)}\n{shown({where: events})}"
            assert ended is None or ended in told, f"{where}: the end {ended} was never told; told {sorted(told)}\n{shown({where: events})}"
    return len(got)
