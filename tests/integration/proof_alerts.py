#!/usr/bin/env python3
"""Alerts from a real Kafka through a real Redis to a receiver of webhooks: raised once, told signed and complete, acknowledged, muted, and
nothing lost or told under another id while instances, Redis and what it held are killed. CORRIDOR_TEST_BROKERS names the broker,
CORRIDOR_TEST_SEED repeats the order of what is killed, CORRIDOR_TEST_SECONDS how long that goes on (40)."""
import json, os, random, signal, subprocess, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import deployment, kafka_client
from incidents import BAD, GOOD, World, check_deliveries, check_schema, check_stream, must

deployment.need_broker()
try:
    import jsonschema
except ImportError:
    print("skipped: python3-jsonschema is not here")
    sys.exit(77)
SEED = int(os.environ.get("CORRIDOR_TEST_SEED") or time.time_ns() % 1000000)
SECONDS = int(os.environ.get("CORRIDOR_TEST_SECONDS") or 40)
NORMAL_S = 4      # of usual traffic before anything happens
PATIENCE_S = 40   # for what takes a second or two


def corridor(d, *words, code=0):
    done = subprocess.run([deployment.CORRIDOR, *words, "--config", d.instances["one"].config], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == code, f"{words}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout.decode()


def listed(d, *words):
    return [json.loads(line) for line in corridor(d, "alerts", "list", "--format", "json", *words).splitlines()]


def begin(d, *touchpoints, names=("one",), **more):
    for name in names:
        d.start(name, **more)
    d.wait_ready()
    d.traffic.set(GOOD, *touchpoints)
    time.sleep(NORMAL_S)
    return d


def told(d, touchpoint, *events, after=0, seconds=PATIENCE_S):
    """The first that the receiver got of it."""
    return must(seconds, lambda: d.told(touchpoint, *events, after=after), lambda: f"{touchpoint} {events} told; {d.so_far()}")[0]["event"]


FIRING = ("raised", "reopened", "updated")   # the first message has the newest event: one that was a page at once is told as that


def spike(d, touchpoint, after=0):
    d.traffic.set(BAD, touchpoint)
    return told(d, touchpoint, *FIRING, after=after)


def calm(d, touchpoint, after=0):
    d.traffic.set(GOOD, touchpoint)
    return told(d, touchpoint, "resolved", after=after)


# ---- the cases ----

def once(producer):
    """a spike is raised once, told signed and complete, the same in the stream, in Kafka, the touchpoint's hash and the incidents; it resolves"""
    with World("once", producer) as d:
        begin(d, "Checkout", "Delivery")
        event = spike(d, "Checkout")
        assert event["kind"] == "detractor_spike" and event["ledger"] == "survey", event
        assert d.hooks.got()[0]["type"] == "corridor.alert.raised", d.hooks.got()[0]
        assert event["links"]["ack"].startswith(f"http://corridor.example/alerts/{event['incident']}/ack?"), event
        assert event["rate"] > 0.5 and 0.05 < event["baseline_rate"] < 0.25 and 0 < event["detractors"] <= event["responses"], event
        assert event["onset_ms"] <= event["raised_ms"] <= event["at_ms"] <= time.time() * 1000 + 2000, event
        state = must(10, lambda: d.hash("Checkout").get("incident") and d.hash("Checkout"), "an incident in the touchpoint's hash")
        assert (state["incident"], state["state"]) == (event["incident"], "open"), state
        shown = listed(d, "--open")
        assert [(i["incident"], i["open"], i["alert"]["touchpoint"]) for i in shown] == [(event["incident"], True, "Checkout")], shown
        over = calm(d, "Checkout")
        must(10, lambda: d.hash("Checkout").get("state") == "resolved", lambda: f"resolved in the touchpoint's hash: {d.hash('Checkout')}")
        assert over["incident"] == event["incident"] and over["number"] > event["number"], over
        by_place = check_stream(d)
        assert list(by_place) == [("Checkout", "survey")], by_place
        events = by_place["Checkout", "survey"]
        assert [e["event"] for e in events if e["event"] != "updated"] == ["raised", "resolved"], events
        check_schema(events)
        for told_event in (g["event"] for g in d.hooks.got()):
            stored = next(e for e in events if e["number"] == told_event["number"])
            assert told_event.pop("links").keys() - stored.pop("links", {}).keys() == {"ack"} and told_event == stored, (told_event, stored)
        assert {i: (o, e["number"]) for i, (o, e) in d.incidents().items()} == {event["incident"]: (False, events[-1]["number"])}, d.incidents()
        assert listed(d, "--open") == [] and [i["open"] for i in listed(d)] == [False], listed(d)
        messages = [g["id"] for g in d.hooks.got()]
        assert len(set(messages)) == len(messages) == check_deliveries(d, by_place), messages
        assert "over" in corridor(d, "alerts", "list"), corridor(d, "alerts", "list")
        return f"{len(events)} events"


def acknowledged(producer):
    """who acknowledges, over HTTP or at the command line, is told no more but of the end; what is reopened is told and may be acknowledged again"""
    with World("acked", producer) as d:
        begin(d, "Checkout", "Delivery")
        one, two = spike(d, "Checkout"), spike(d, "Delivery")
        assert d.acknowledge(one["incident"], token="wrong")[0] == 401
        assert d.acknowledge("0123456789abcdef")[0] == 404
        status, said = d.acknowledge(one["incident"])
        assert (status, json.loads(said)["outcome"]) == (200, "acknowledged"), (status, said)
        assert json.loads(d.acknowledge(one["incident"], by="Bob")[1])["outcome"] == "already"
        corridor(d, "alerts", "ack", two["incident"][:12], "--by", "Cleo")
        quiet_from = {}
        for touchpoint in ("Checkout", "Delivery"):
            must(10, lambda: [g for g in d.hooks.of(touchpoint) if g["type"] == "corridor.alert.acknowledged"], f"{touchpoint}: acknowledged told")
            quiet_from[touchpoint] = max(g["event"]["number"] for g in d.hooks.of(touchpoint))
        by = {i["alert"]["touchpoint"]: i.get("acknowledged_by") for i in listed(d)}
        assert by == {"Checkout": "Ada", "Delivery": "Cleo"}, by

        def updates(touchpoint):   # of the same severity: one that got worse is told
            return [e for e in d.stream() if e["touchpoint"] == touchpoint and e["event"] == "updated" and e["number"] > quiet_from[touchpoint]]
        for touchpoint in quiet_from:
            must(PATIENCE_S, lambda: updates(touchpoint), f"an update of {touchpoint} in the stream")
        again = {}
        for touchpoint in quiet_from:
            over = calm(d, touchpoint)
            severity, worse = [g["event"]["severity"] for g in d.hooks.of(touchpoint)], []
            heard = d.told(touchpoint, "updated", after=quiet_from[touchpoint])
            worse = [g for g in heard if g["event"]["severity"] == "page" and severity[0] == "ticket"]
            assert len(heard) == len(worse) <= 1, f"told though acknowledged: {heard}"
            again[touchpoint] = over
        d.traffic.set(BAD, "Checkout")
        new = told(d, "Checkout", *FIRING, after=again["Checkout"]["number"])
        assert new["incident"] == one["incident"]
        must(5, lambda: "acknowledged_by" not in [i for i in listed(d, "--open")][0], "the acknowledgement ends with the reopening")
        before = len([g for g in d.hooks.of("Checkout") if g["type"] == "corridor.alert.acknowledged"])
        assert json.loads(d.acknowledge(one["incident"], by="Eve")[1])["outcome"] == "acknowledged"
        must(10, lambda: len([g for g in d.hooks.of("Checkout") if g["type"] == "corridor.alert.acknowledged"]) > before, "acknowledged again, told")
        calm(d, "Checkout", after=new["number"])
        check_deliveries(d, check_stream(d))


def killed(producer):
    """kill -9 at random instants while incidents begin and end at several touchpoints: every event once, every begin and end told, no second id"""
    dice, touchpoints = random.Random(SEED), [f"Shop {i}" for i in range(6)]
    fine = [f"Market {i}" for i in range(8)]   # or most of the source would fire, and one message speak for all
    with World("killed", producer) as d:
        begin(d, *touchpoints, *fine)
        until, kills, due = time.monotonic() + SECONDS, 0, {}
        ends = {t: 0 for t in touchpoints}

        def turn(touchpoint):
            """From calm to bad and back, each as soon as the receiver knows of the last: nothing may be lost, or it stands still."""
            bad = d.traffic.parts[touchpoint] == BAD
            numbers = [g["event"]["number"] for g in d.told(touchpoint, *(FIRING if bad else ("resolved",)), after=due.get(touchpoint, 0))]
            if not numbers and touchpoint in due:
                return
            due[touchpoint] = max(numbers, default=0)
            ends[touchpoint] += bad
            d.traffic.set(GOOD if bad else BAD, touchpoint)
        next_kill = time.monotonic() + dice.uniform(0.5, 3)
        while time.monotonic() < until:
            for touchpoint in touchpoints:
                if dice.random() < 0.3:
                    turn(touchpoint)
            if time.monotonic() > next_kill:
                d.instances["one"].kill()
                kills += 1
                time.sleep(dice.choice((0, 0, dice.uniform(0, 1))))
                d.start()
                next_kill = time.monotonic() + dice.choice((dice.uniform(0.2, 1), dice.uniform(1, 4)))
            time.sleep(0.05)
        d.wait_ready()
        d.traffic.set(GOOD, *touchpoints)
        must(PATIENCE_S, lambda: d.incidents() and not any(is_open for is_open, _ in d.incidents().values()),
             lambda: f"all is over: {[(i, e['touchpoint'], e['event']) for i, (o, e) in d.incidents().items() if o]}")
        by_place = check_stream(d)

        def untold():
            return [(w, [(e["event"], e["number"]) for e in events[-4:]], [(g["event"]["event"], g["event"]["number"]) for g in d.hooks.of(w[0])[-4:]])
                    for w, events in by_place.items() if not d.told(w[0], "resolved", after=events[-1]["number"] - 1)]
        must(PATIENCE_S, lambda: not untold(), lambda: f"every end told: {untold()}")
        messages = check_deliveries(d, by_place)
        check_deliveries_of_pages(d, by_place)
        count = sum(e["event"] in ("raised", "reopened") for events in by_place.values() for e in events)
        assert count >= len(touchpoints), count
        return f"seed {SEED}, {kills} kills, {count} spikes, {sum(map(len, by_place.values()))} events, {messages} messages"


def check_deliveries_of_pages(d, by_place):
    """The sink for pages got pages, and nothing else."""
    got = d.hooks.got("/hook/pages")
    assert all(g["event"]["severity"] == "page" for g in got), [g["event"] for g in got if g["event"]["severity"] != "page"][:2]
    paged = {where for where, events in by_place.items() if any(e["severity"] == "page" for e in events)}
    assert {(g["event"]["touchpoint"], g["event"]["ledger"]) for g in got} == paged, (len(got), paged)


def told_once_over_restarts(producer):
    """what was told is not told again after a restart, whatever the sinks want to have"""
    with World("again", producer, alerts={"ticket_every": "1d", "pages_per_week": 0, "silence": False}) as d:
        begin(d, "Checkout")
        event = spike(d, "Checkout")
        memory = f"again:memory:{{again:alerts}}:_desk:{event['incident']}"
        must(5, lambda: d.redis.call("EXISTS", memory), "what was told is written down")
        for stop in (d.instances["one"].kill, d.instances["one"].stop):
            stop()
            d.start()
            d.wait_ready()
            must(10, lambda: "alerts are delivered from here" in d.instances["one"].said(), "delivery after a restart")
        calm(d, "Checkout")
        messages = [g["id"] for g in d.hooks.of("Checkout")]
        assert len(set(messages)) == len(messages) and sum("_raised_" in m for m in messages) == 1, messages
        assert d.hooks.got("/hook/pages") == []
        check_deliveries(d, check_stream(d))


def taken_over(producer):
    """of two instances the one that delivers is killed: the other one goes on, and the receiver misses nothing"""
    touchpoints = [f"Shop {i}" for i in range(4)]
    with World("over", producer, partitions=4) as d:
        begin(d, *touchpoints, names=("one", "two"))

        def owner():
            return [i for i in d.instances.values() if i.alive() and d.redis.call("HGET", "over:health:0", "instance") == i.name.encode()]
        delivers = must(20, owner, "somebody owns partition 0")[0]
        survivor = next(i for i in d.instances.values() if i is not delivers)
        first = spike(d, touchpoints[0])
        d.traffic.set(BAD, touchpoints[1])   # may be told by either
        time.sleep(random.Random(SEED).uniform(0, 0.5))
        delivers.kill()
        killed_at = time.monotonic()
        d.traffic.set(BAD, touchpoints[2])
        told(d, touchpoints[1], *FIRING)
        told(d, touchpoints[2], *FIRING)
        took = time.monotonic() - killed_at
        must(5, lambda: owner() == [survivor], "the other one owns partition 0")
        over = calm(d, touchpoints[0])
        assert over["incident"] == first["incident"], (over, first)
        delivers.start()
        spike(d, touchpoints[3])
        for touchpoint in touchpoints[1:]:
            calm(d, touchpoint)
        by_place = check_stream(d)
        return f"the other one told after {took:.0f} s; {check_deliveries(d, by_place)} messages of {sum(map(len, by_place.values()))} events"


def emptied(producer):
    """Redis loses all it held while an incident is open, under the running program and under one that starts then: the same id, and the end is told"""
    with World("emptied", producer) as d:
        begin(d, "Checkout", "Delivery")
        event = spike(d, "Checkout")
        for blow in ("flush", "restart of Redis", "flush while down"):
            if blow == "flush":
                d.redis.call("FLUSHALL")
            elif blow == "restart of Redis":
                d.redis.kill()
                time.sleep(1)
                d.redis.start()
            else:
                d.instances["one"].kill()
                d.redis.call("FLUSHALL")
                d.start()
                d.wait_ready()
            must(20, lambda: d.incidents().get(event["incident"], (False,))[0], f"open again after {blow}; {d.incidents()}")
            must(10, lambda: (d.hash("Checkout").get("incident"), d.hash("Checkout").get("state")) == (event["incident"], "open"), f"in the hash after {blow}")
            assert [i["incident"] for i in listed(d, "--open")] == [event["incident"]], (blow, listed(d))
            check_stream(d)
        status, said = d.acknowledge(event["incident"])
        assert status == 200, said
        over = calm(d, "Checkout")
        assert over["incident"] == event["incident"], over
        d.traffic.set(BAD, "Delivery")
        other = told(d, "Delivery", *FIRING)
        d.redis.call("FLUSHALL")
        d.traffic.set(GOOD, "Delivery")
        assert told(d, "Delivery", "resolved")["incident"] == other["incident"]
        by_place = check_stream(d)
        return f"{check_deliveries(d, by_place)} messages of {sum(map(len, by_place.values()))} events"


def family(producer):
    """a parent that fires with two of its children speaks for them: they are listed, and not told themselves"""
    declared = {"Site": {}, "Till A": {"parent": "Site"}, "Till B": {"parent": "Site"}}
    with World("family", producer, alerts={"ticket_every": "1d", "pages_per_week": 0, "silence": False}, delivery={"group_wait": "8s"},
               touchpoints={"declared": declared}) as d:
        begin(d, "Till A", "Till B")
        d.traffic.set(BAD, "Till A", "Till B")
        must(PATIENCE_S, lambda: [g for g in d.hooks.of("Site") if sorted(g["event"]["children"]) == ["Till A", "Till B"]],
             lambda: f"the site's alert with both tills: {[(g['event']['event'], g['event']['touchpoint'], g['event']['children']) for g in d.hooks.got()]}")
        for till in ("Till A", "Till B"):
            assert [e["event"] for e in d.stream() if e["touchpoint"] == till][:1] == ["raised"], d.stream()
            assert next(e for e in d.stream() if e["touchpoint"] == till)["parents"] == ["Site"]
        time.sleep(9)   # the wait is over
        alone = [g["event"] for g in d.hooks.got() if g["event"]["touchpoint"] != "Site"]
        assert alone == [], alone
        d.traffic.set(GOOD, "Till A", "Till B")
        told(d, "Site", "resolved")
        check_schema([g["event"] for g in d.hooks.got()])
        check_stream(d)


def muted(producer):
    """a mute that SIGHUP brings holds from then on, one that it takes away no more: what is still open is told then"""
    with World("muted", producer, delivery={"group_wait": "0s", "mute": ["Old *"]}) as d:
        begin(d, "Old Shop", "New Shop")

        def reload(*patterns):
            one = d.instances["one"]
            one.write(d.yaml("one", delivery={"mute": list(patterns)}))
            said = len(one.said())
            one.signal(signal.SIGHUP)
            must(10, lambda: "delivery.mute" in one.said()[said:], "the reload is logged")
        d.traffic.set(BAD, "Old Shop")
        must(PATIENCE_S, lambda: [e for e in d.stream() if e["touchpoint"] == "Old Shop"], "raised")
        time.sleep(2)
        assert d.hooks.got() == [], d.hooks.got()
        reload("New *")
        late = told(d, "Old Shop", *FIRING)
        d.traffic.set(BAD, "New Shop")
        must(PATIENCE_S, lambda: [e for e in d.stream() if e["touchpoint"] == "New Shop"], "raised")
        time.sleep(2)
        assert d.hooks.of("New Shop") == [], d.hooks.of("New Shop")
        calm(d, "Old Shop", after=late["number"])
        d.traffic.set(GOOD, "New Shop")
        must(PATIENCE_S, lambda: [e for e in d.stream() if e["touchpoint"] == "New Shop" and e["event"] == "resolved"], "New Shop is over")
        reload()
        time.sleep(2)
        assert d.hooks.of("New Shop") == [], f"told though it was muted while it lasted: {d.hooks.of('New Shop')}"
        check_stream(d)


def main():
    print(f"# seed {SEED} (CORRIDOR_TEST_SEED)", flush=True)
    producer = kafka_client.Client(deployment.BROKERS, linger_ms=5)
    cases = []
    for case in (once, acknowledged, told_once_over_restarts, killed, taken_over, emptied, family, muted):
        def run(case=case):
            return case(producer)
        run.__doc__, run.__name__ = case.__doc__, case.__name__
        cases.append(run)
    deployment.run_cases(cases)


if __name__ == "__main__":
    main()
