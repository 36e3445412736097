"""Hostile feedback in our own shape: few responses with many versions each, in any order, moved, taken back, broken. What it adds up to is
worked out from what Kafka holds (truth.counted), so that nothing here has to be believed."""
import json, random, threading, time, zlib

DAY = 86400000
TOUCHPOINTS = ["Checkout", "Delivery", "Returns {EU} 100%", "Größe & Maß", "a:b", "x" * 210, "x" * 209 + "y", "Support\tline", "", "0", "Order"]
BROKEN = [None, b"", b"{", b"[1,2]", b'{"id":"b","time":1,"score":', b'{"id":"b"}', b"\xff\xfe{}", b'{"id":"b","time":"yesterday","score":3}',
          b'{"id":"b","time":1e400}', b'{"time":1700000000,"score":3}', b'{"id":"b","op":"undo","time":1700000000}', b"null\n", b"\x00" * 40]


def event(dice, identity, now, dated=None, reach=7 * DAY):
    """The bytes of one event of a response. dated: whether it has `updated`; None: as chance will have it. reach: the longest window."""
    roll = dice.random()
    if roll < 0.01:
        return dice.choice(BROKEN)
    out = {"id": identity}
    if dice.random() < 0.6 if dated is None else dated:
        out["updated"] = now - dice.randrange(3600000)
    if roll < 0.05:
        out["op"] = "delete"
        return json.dumps(out).encode()
    at = now - 1000 - int(0.98 * reach * dice.random() ** (5 if reach > DAY else 1))
    if roll < 0.055:
        at = now - int(1.2 * reach) - dice.randrange(DAY)
    elif roll < 0.06:
        at = now + DAY + dice.randrange(DAY)
    out["time"] = dice.choice([at, at * 1000, str(at), at / 1000])
    out["kind"] = dice.choice(["survey", "survey", "survey", "relationship", "social", "review"])
    touchpoint = dice.choice(TOUCHPOINTS)
    if touchpoint:
        out["touchpoint"] = touchpoint
    if dice.random() < 0.85:
        if out["kind"] == "social":
            out[dice.choice(["class", "sentiment"])] = None
            out.update({"class": dice.choice(["positive", "neutral", "negative"])} if "class" in out else {"sentiment": dice.uniform(-1, 1)})
        else:
            out["score"] = dice.randrange(1, 6) if out["kind"] == "review" else dice.choice([0, 3, 6, 7, 8, 9, 9, 10, 10, "10", 11])
    if dice.random() < 0.3:
        out["comment"] = dice.choice(["fine", "slow \u00e9\U0001f600", "\n"])
    return json.dumps(out, ensure_ascii=dice.random() < 0.5).encode()


class Storm:
    """Sends to topics; all events of a response go to one partition of one topic."""

    def __init__(self, producer, topics, partitions, seed, ids=3000, name="r", mixed=True, reach=7 * DAY):
        """mixed: a response's events may or may not have `updated`; else all of them or none."""
        self.producer, self.topics, self.partitions, self.ids, self.name, self.mixed = producer, topics, partitions, ids, name, mixed
        self.reach = reach
        self.dice, self.sent, self.thread, self.failure = random.Random(seed), 0, None, None

    def place(self, identity):
        where = zlib.crc32(identity.encode())
        return self.topics[where % len(self.topics)], where // 16 % self.partitions

    def send(self, count, rate=0):
        began = time.monotonic()
        for i in range(count):
            identity = f"{self.name}{self.dice.randrange(self.ids)}"
            dated = None if self.mixed else zlib.crc32(identity.encode()) % 3 > 0
            raw = event(self.dice, identity, int(time.time() * 1000), dated, self.reach)
            self.producer.send(*self.place(identity), identity.encode(), raw)
            self.sent += 1
            if rate and i % 16 == 0:
                time.sleep(max(0, began + i / rate - time.monotonic()))
        self.producer.flush()

    def send_meanwhile(self, count, rate):
        def work():
            try:
                self.send(count, rate)
            except Exception as problem:
                self.failure = problem
        self.thread = threading.Thread(target=work, daemon=True)
        self.thread.start()

    def finish(self):
        self.thread.join()
        if self.failure:
            raise self.failure
