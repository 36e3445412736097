#!/usr/bin/env python3
"""Several instances under load while they, the broker and Redis are killed, paused, emptied and restarted at random: in the end every number
equals a recount of what Kafka holds, and every dead letter is there once. CORRIDOR_TEST_BROKERS names the broker, CORRIDOR_TEST_SEED repeats
the order of what is done (not its timing), CORRIDOR_TEST_SECONDS how long it goes on (40)."""
import os, random, re, signal, subprocess, sys, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import deployment, kafka_client, storm
from truth import must_agree_with_kafka

deployment.need_broker()
SEED = int(os.environ.get("CORRIDOR_TEST_SEED") or time.time_ns() % 1000000)
SECONDS = int(os.environ.get("CORRIDOR_TEST_SECONDS") or 40)
PARTITIONS = 4


class Chaos:
    def __init__(self, d, seed):
        self.d, self.dice, self.done = d, random.Random(seed), []

    def running(self):
        return [i for i in self.d.instances.values() if i.alive()]

    def pause(self, least, most):
        time.sleep(self.dice.uniform(least, most))

    def kill(self):
        victim = self.dice.choice(self.running())
        victim.kill()
        self.pause(0, 2)
        victim.start()

    def term(self):
        victim = self.dice.choice(self.running())
        deployment.until(5, victim.said)   # before its first word it has no handler for signals yet
        code, seconds = victim.stop()
        assert code == 0, f"{victim.name}: exit code {code} after SIGTERM ({seconds:.1f} s)"
        self.pause(0, 1)
        victim.start()

    def kill_all(self):
        victims = self.running()
        for victim in victims:
            victim.kill()
        for victim in victims:
            victim.start()

    def stop_broker(self):
        deployment.broker("pause")
        self.pause(0.3, 4)
        deployment.broker("continue")

    def stop_broker_long(self):
        deployment.broker("pause")   # longer than a session and a transaction live
        self.pause(12, 14)
        deployment.broker("continue")

    def stop_instance(self):
        victim = self.dice.choice(self.running())
        victim.signal(signal.SIGSTOP)
        self.pause(0.2, 4)
        victim.signal(signal.SIGCONT)

    def empty_redis(self):
        self.d.redis.call("FLUSHALL")

    def kill_redis(self):
        self.d.redis.kill()
        self.pause(0, 3)
        self.d.redis.start()

    def pause_redis(self):
        self.d.redis.process.send_signal(signal.SIGSTOP)   # longer than the time that it is waited for
        self.pause(1, 4)
        self.d.redis.process.send_signal(signal.SIGCONT)

    def third(self):
        if "gamma" in self.d.instances and self.d.instances["gamma"].alive():
            self.dice.choice([self.d.instances["gamma"].kill, self.d.instances["gamma"].stop])()
        else:
            self.d.start("gamma", intake={"lanes": 1})

    def go_on(self, seconds):
        acts = [self.kill, self.kill, self.term, self.stop_broker, self.stop_instance, self.empty_redis, self.kill_redis, self.pause_redis, self.third, self.kill_all]
        until, queue = time.monotonic() + seconds, []
        self.pause(4, 5)
        while time.monotonic() < until:
            queue = queue or self.dice.sample(acts, len(acts))   # each of them, in any order
            act = queue.pop()
            began = time.monotonic()
            act()
            self.done.append(f"{act.__name__} {time.monotonic() - began:.1f}")
            self.pause(0, 2.5)
        self.stop_broker_long()
        print("# " + ", ".join(self.done), flush=True)

    def settle(self):
        for instance in self.d.instances.values():
            if not instance.alive():
                assert instance.process.returncode in (0, -9), f"{instance.name} ended by itself: {instance.process.returncode}"
        for name in ("alpha", "beta"):
            if not self.d.instances[name].alive():
                self.d.instances[name].start()


def generate(topic):
    """Six and a half days of the synthetic feed up to now, within the time that the chaos takes."""
    count = 600 * SECONDS
    start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 6.5 * 86400))
    options = dict(count=count, seed=SEED, start=start, rate=f"{count / (6.5 * 86400):.6f}", touchpoints=24, duplicates=0.1, edits=0.2, deletions=0.05,
                   partial=0.2, late=0.005, malformed=0.02, unmapped=0.01, disorder="10m", to="kafka", brokers=deployment.BROKERS, topic=topic)
    options["rate-real"] = 600
    return subprocess.Popen([deployment.CORRIDOR, "generate"] + [word for key, value in options.items() for word in (f"--{key}", str(value))],
                            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)


def topics(producer, *names):
    for name in names:
        producer.create_topic(name, PARTITIONS)
    return [{"topic": name} for name in names], {name: dict.fromkeys(range(PARTITIONS)) for name in names}


def chaos(producer):
    """kills, pauses, rebalances, an emptied Redis: every number is right in the end"""
    sources, ends = topics(producer, "chaos.a", "chaos.b", "chaos.generated")
    with deployment.Deployment("chaos", sources) as d:
        feed = generate("chaos.generated")
        wind = storm.Storm(producer, ["chaos.a", "chaos.b"], PARTITIONS, SEED, ids=6000)
        wind.send_meanwhile(400 * SECONDS, 400)
        d.start("alpha")
        d.start("beta")
        disorder = Chaos(d, SEED)
        disorder.go_on(SECONDS)
        wind.finish()
        assert feed.wait(60) == 0, feed.stderr.read().decode()
        places = [(topic, p) for topic in ends for p in range(PARTITIONS)]
        done = sum(kafka_client.committed_offsets(deployment.BROKERS, "chaos", places).values())
        disorder.settle()
        d.wait_caught_up(ends)
        aborts = sum(i.said(True).count(": transaction ") for i in d.instances.values())
        return f"{must_agree_with_kafka(d)[1]}, {len(disorder.done)} blows, {aborts} transactions that failed, \
{done} messages committed meanwhile"


def zombie(producer):
    """an instance that is paused until others took over: exact counts, and it joins again"""
    sources, ends = topics(producer, "zombie.a", "zombie.b")
    with deployment.Deployment("zombie", sources) as d:
        wind = storm.Storm(producer, ["zombie.a", "zombie.b"], PARTITIONS, SEED + 1)
        d.start("alpha")
        d.start("beta")
        d.wait_ready()
        wind.send_meanwhile(18000, 800)
        time.sleep(2)
        sleeper, other = d.instances["alpha"], d.instances["beta"]
        sleeper.signal(signal.SIGSTOP)
        paused = time.monotonic()
        all_parts = PARTITIONS * len(sources)
        assert deployment.until(30, lambda: len(other.metric("corridor_consumer_lag_messages")) == all_parts), "beta did not take over"
        took_over = time.monotonic() - paused
        time.sleep(max(0, 12 - took_over))
        sleeper.signal(signal.SIGCONT)
        wind.finish()
        deployment.until(15, lambda: not sleeper.alive() or sleeper.metric("corridor_consumer_lag_messages"))
        assert sleeper.alive() or sleeper.process.returncode == 3, f"the sleeper ended with {sleeper.process.returncode}"
        assert sleeper.alive(), "the sleeper gave up:\n" + sleeper.said()
        d.wait_caught_up(ends)
        return f"taken over after {took_over:.0f} s; {must_agree_with_kafka(d)[1]}"


def broker_asleep(producer):
    """a broker that stands still for longer than sessions and transactions live: all instances go on by themselves"""
    sources, ends = topics(producer, "asleep.a", "asleep.b")
    with deployment.Deployment("asleep", sources) as d:
        wind = storm.Storm(producer, ["asleep.a", "asleep.b"], PARTITIONS, SEED + 3)
        d.start("alpha")
        d.start("beta")
        d.wait_ready()
        wind.send_meanwhile(9000, 500)
        time.sleep(2)
        deployment.broker("pause")
        time.sleep(13)
        deployment.broker("continue")
        wind.finish()
        time.sleep(3)
        for instance in d.instances.values():
            assert instance.alive(), f"{instance.name} gave up with {instance.process.returncode}:\n{instance.said()}"
        d.wait_caught_up(ends)
        again = sum(i.said().count("joining again") for i in d.instances.values())
        return f"{again} times falsely fenced; {must_agree_with_kafka(d)[1]}"


def same_name(producer, seconds=2):
    """an instance that is paused while another starts under its name: exact counts, and one of the two gives way with a clear word"""
    prefix = f"double{seconds}"
    sources, ends = topics(producer, prefix)
    with deployment.Deployment(prefix, sources) as d:
        wind = storm.Storm(producer, [prefix], PARTITIONS, SEED + 2)
        sleeper = d.start("alpha")
        d.wait_ready()
        wind.send_meanwhile(6000 + 800 * seconds, 800)
        time.sleep(2)
        sleeper.signal(signal.SIGSTOP)
        d.instances["again"] = successor = deployment.Instance(d.folder, "again", d.yaml("alpha"))
        d.start("again")
        d.wait_ready("again")
        time.sleep(seconds)
        sleeper.signal(signal.SIGCONT)
        ended, until = [], time.monotonic() + 12
        while time.monotonic() < until:
            time.sleep(0.2)
            for instance in (sleeper, successor):
                if instance.alive() or (instance.name, 3) in ended:
                    continue
                code = instance.process.returncode
                assert code in (1, 3), f"{instance.name} ended with {code}:\n{instance.said()}"
                assert re.search("another instance runs .*under (the|this) name", instance.said()), instance.said()
                ended.append((instance.name, code))
                if code == 1:   # what a supervisor does
                    instance.start()
        wind.finish()
        alive = [i.name for i in (sleeper, successor) if i.alive()]
        assert len(alive) == 1, f"alive: {alive}; ended: {ended}\n{sleeper.said(True)[-3000:]}\n--- successor:\n{successor.said(True)[-3000:]}"
        d.wait_caught_up(ends)
        return f"ended: {ended}; {must_agree_with_kafka(d)[1]}"


def same_name_long(producer):
    """the same, paused for longer than sessions and transactions live"""
    return same_name(producer, 14)


def main():
    print(f"# seed {SEED} (CORRIDOR_TEST_SEED)", flush=True)
    producer = kafka_client.Client(deployment.BROKERS, linger_ms=5)
    cases = []
    for case in (chaos, zombie, broker_asleep, same_name, same_name_long):
        def run(case=case):
            return case(producer)
        run.__doc__, run.__name__ = case.__doc__, case.__name__
        cases.append(run)
    deployment.run_cases(cases)


if __name__ == "__main__":
    main()
