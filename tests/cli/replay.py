"""corridor generate and corridor replay: three ways of counting the same feed agree, whatever is in it."""
import base64, csv, io, json, os, random, subprocess, sys, tempfile, time, unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from recount import differences, recount

CORRIDOR = os.environ.get("CORRIDOR", "build/corridor")
T = 1767603600000   # 2026-01-05T09:00:00Z


def corridor(*args, **more):
    return subprocess.run([CORRIDOR, *map(str, args)], capture_output=True, timeout=120, **more)


def event(id, time=T, **more):
    return {"id": id, "time": time, "touchpoint": "a", "score": 9, **more}


class Files(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="corridor-replay-")
        self.addCleanup(self.folder.cleanup)

    def path(self, name, content=None):
        path = os.path.join(self.folder.name, name)
        if content is not None:
            with open(path, "wb") as file:
                file.write(content if isinstance(content, bytes) else content.encode())
        return path

    def read(self, path):
        with open(path) as file:
            return [json.loads(line) for line in file]

    def replay(self, content, *args, format="json"):
        if not isinstance(content, bytes):
            content = "".join(json.dumps(e) + "\n" for e in content).encode()
        done = corridor("replay", "--format", format, *args, "-", input=content)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return [json.loads(line) for line in done.stdout.splitlines()] if format == "json" else done.stdout


class Agreement(Files):
    """The windows, the feed's own expectation and a recount in Python."""

    def agree(self, *args, config="", zone="UTC", windows="5m,1h,24h,7d,today"):
        expected = self.path("expected")
        feed = corridor("generate", *args, "--expect", expected, "--zone", zone, "--windows", windows)
        self.assertEqual(feed.returncode, 0, feed.stderr.decode())
        settings = self.path("corridor.yaml", f"zone: {zone}\nwindows: [{windows}]\n")
        done = corridor("replay", "--config", settings, "--format", "json", "-", input=feed.stdout)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        with open(expected, "rb") as file:
            self.assertEqual(done.stdout.decode().splitlines(), file.read().decode().splitlines())
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        counted = recount(feed.stdout.splitlines(keepends=True), windows=windows.split(","), zone=zone)
        self.assertEqual(differences(rows, counted), [])
        return feed.stdout, rows, settings

    def test_default_mix(self):
        _, rows, _ = self.agree("--count", 20000)
        self.assertEqual({r["ledger"] for r in rows}, {"survey", "relationship", "social", "review"})
        self.assertGreater(sum(r["responses"] for r in rows if r["window"] == "7d"), 15000)

    def test_nothing(self):
        self.assertEqual(self.agree("--count", 0)[1], [])

    def test_whatever_is_in_it(self):
        seed = int(os.environ.get("CORRIDOR_TEST_SEED", time.time_ns() % 10**9))
        dice = random.Random(seed)
        for round in range(12):
            share = lambda most: round_up(dice.random() * most if dice.random() < 0.8 else 0)
            windows = dice.sample(["5m", "30m", "1h", "6h", "24h", "7d", "today"], dice.randint(1, 5))
            args = ["--seed", dice.randrange(10**6), "--count", dice.choice([500, 3000]),
                    "--rate", dice.choice([0.002, 0.01, 0.1, 1, 20, 500]),
                    "--touchpoints", dice.choice([1, 3, 8, 60]), "--mix", dice.choice(["survey=1", "survey=3,relationship=3,social=2,review=2"]),
                    "--duplicates", share(0.4), "--edits", share(0.5), "--deletions", share(0.3), "--partial", share(0.5),
                    "--late", share(0.2), "--malformed", share(0.4), "--unmapped", share(0.2),
                    "--disorder", dice.choice(["0ms", "1s", "1m", "20m"]), "--late-by", dice.choice(["5m", "2h", "25h", "7d"]),
                    "--start", dice.choice(["2026-01-05T09:00:00Z", "2026-03-28T12:34:56Z", "2025-10-25T20:00:00Z", "2026-02-28T23:59:30Z"]),
                    "--incident", "web-shop:1m:10m:0.9"]
            zone = dice.choice(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"])
            with self.subTest(f"CORRIDOR_TEST_SEED={seed} round {round}: {' '.join(map(str, args))} {windows} {zone}"):
                self.agree(*args, zone=zone, windows=",".join(windows))

    def test_at(self):
        feed, _, settings = self.agree("--count", 4000, "--rate", 0.5, "--edits", 0.3, "--deletions", 0.1)
        lines = feed.splitlines(keepends=True)
        for at in (T, T + 1, T + 1800000, T + 3600000, T + 86400000, T + 40 * 86400000):
            got = self.replay(feed, "--config", settings, "--at", at)
            self.assertEqual(differences(got, recount(lines, at_ms=at)), [], at)
            for r in got:
                self.assertEqual(r["to_ms"], -(-at // 1000) * 1000)

    def test_long_names_that_begin_alike_stay_two(self):
        begin = "é" * 120
        events = [event(f"{len(name)}", touchpoint=name) for name in (begin[:100], begin, begin + "!")]
        rows = self.replay(events)
        self.assertEqual(len({r["touchpoint"] for r in rows}), 3)
        self.assertEqual(differences(rows, recount([json.dumps(e).encode() for e in events])), [])

    def test_deterministic(self):
        args = ("generate", "--count", 3000, "--seed", 5, "--edits", 0.5)
        self.assertEqual(corridor(*args).stdout, corridor(*args).stdout)
        self.assertNotEqual(corridor(*args).stdout, corridor(*args, "--seed", 6).stdout)


class Parents(Files):
    """A parent's windows are those of all its children, and theirs, whatever happens to a response."""

    def settings(self, parents):
        lines = "".join(f"    {child}: {{parent: {parent}}}\n" for child, parent in parents.items())
        return self.path("parents.yaml", f"windows: [5m, 1h, today]\ntouchpoints:\n  declared:\n{lines}")

    def agree(self, feed, parents, *args, **more):
        rows = self.replay(feed, "--config", self.settings(parents), *args)
        counted = recount(feed.splitlines(keepends=True), windows=["5m", "1h", "today"], parents=parents, **more)
        self.assertEqual(differences(rows, counted), [])
        return {(r["touchpoint"], r["ledger"], r["window"]): r["responses"] for r in rows}

    def test_a_move_between_children(self):
        parents = {"till": "shop", "door": "shop", "web": "all", "shop": "all"}
        events = [event("1", touchpoint="till"), event("2", touchpoint="till"), event("3", touchpoint="door"),
                  event("1", touchpoint="door", updated=T + 1), event("2", touchpoint="web", updated=T + 1),
                  {"id": "3", "op": "delete"}, event("4", touchpoint="shop"), event("5", touchpoint="nobody's")]
        counts = self.agree("".join(json.dumps(e) + "\n" for e in events).encode(), parents)
        self.assertEqual({t: n for (t, _, w), n in counts.items() if w == "5m"},
                         {"all": 3, "door": 1, "nobody's": 1, "shop": 2, "web": 1})

    def test_whatever_happens(self):
        seed = int(os.environ.get("CORRIDOR_TEST_SEED", time.time_ns() % 10**9))
        dice = random.Random(seed)
        for round in range(15):
            names = [f"t{i}" for i in range(dice.randint(2, 12))] + ["_unmapped"]
            order = dice.sample(names + ["site", "product", "all"], len(names) + 3)
            # a parent stands further right, so nothing goes in a circle; at most 8 up
            parents = {n: dice.choice(order[i + 1:i + 4]) for i, n in enumerate(order[:-1]) if dice.random() < 0.7}
            while any(self.depth(n, parents) > 8 for n in order):
                parents.popitem()
            with self.subTest(f"CORRIDOR_TEST_SEED={seed} round {round}: {parents}"):
                self.agree(self.feed(dice, names), parents)
                self.agree(self.feed(dice, names), parents, "--at", T + 1800000, at_ms=T + 1800000)

    def depth(self, name, parents):
        return 1 + self.depth(parents[name], parents) if name in parents else 0

    def feed(self, dice, names):
        lines, clock = [], T
        for _ in range(2000):
            clock += dice.randrange(4000)
            one = event(f"r{dice.randrange(300)}", time=clock - dice.choice([0, 0, 1000, 600000]), touchpoint=dice.choice(names),
                        score=dice.randrange(11), kind=dice.choice(["survey", "survey", "relationship"]))
            if one["touchpoint"] == "_unmapped":
                del one["touchpoint"]
            if dice.random() < 0.5:
                one["updated"] = clock - dice.choice([0, 0, 5000])
            if dice.random() < 0.1:
                del one["score"]
            if dice.random() < 0.1:
                one = {"id": one["id"], "op": "delete", "updated": clock}
            lines += [json.dumps(one)] * dice.choice([1, 1, 1, 2])
        return ("\n".join(lines) + "\n").encode()

    def test_a_generated_feed(self):
        feed = corridor("generate", "--count", 20000, "--edits", 0.3, "--deletions", 0.1, "--duplicates", 0.1, "--malformed", 0).stdout
        names = sorted({json.loads(line).get("touchpoint") or "_unmapped" for line in feed.splitlines()})
        parents = {name: f"site-{i % 3}" for i, name in enumerate(names)} | {f"site-{i}": "all" for i in range(3)}
        counts = self.agree(feed, parents)
        everywhere = sum(n for (t, l, w), n in counts.items() if l == "survey" and w == "1h" and t in names)
        self.assertEqual(counts["all", "survey", "1h"], everywhere)

    def test_declared_touchpoints_are_told_apart_whatever_comes_first(self):
        events = [event(f"x{i}", touchpoint=f"stranger {i}") for i in range(5)] + [event("1", touchpoint="till")]
        settings = self.path("c.yaml", "windows: [5m]\ntouchpoints: {max: 3, declared: {till: {parent: shop}}}\n")
        rows = {r["touchpoint"]: r["responses"] for r in self.replay(events, "--config", settings)}
        self.assertEqual(rows, {"stranger 0": 1, "_overflow": 4, "till": 1, "shop": 1})


def round_up(x):
    return float(f"{x:.4f}")


class Hard(Files):
    def test_a_deletion_before_any_clock_holds(self):
        late = [event("1"), event("2"), event("3", updated=T + 5)]
        gone = [{"id": "1", "op": "delete"}, {"id": "2", "op": "delete", "updated": T + 2}, {"id": "3", "op": "delete", "updated": T + 2}]
        self.assertEqual([r["responses"] for r in self.replay(gone + late) if r["window"] == "5m"], [1])

    def test_at_the_very_millisecond(self):
        """[from, to): what is dated when the windows end is not in them."""
        self.assertEqual(self.replay([event("1")], "--at", T), [])
        self.assertEqual(self.replay([event("1"), event("2", time=T - 1)], "--at", T)[0]["responses"], 1)


class Lines(Files):
    def test_ends_of_lines(self):
        one, two = (json.dumps(event(i)).encode() for i in "12")
        for content in (one + b"\n" + two + b"\n", one + b"\n" + two, one + b"\r\n\r\n\n" + two + b"\r\n", b"\xef\xbb\xbf" + one + b"\n" + two):
            self.assertEqual(self.replay(content)[0]["responses"], 2, content)

    def test_file_or_standard_input(self):
        line = json.dumps(event("1")).encode()
        self.assertEqual(corridor("replay", "--format", "json", self.path("in", line)).stdout,
                         corridor("replay", "--format", "json", "-", input=line).stdout)

    def test_dead_letters(self):
        lines = [b"not json", json.dumps(event("1", score=11)).encode(), b"", b'{"id":"2","x":"\xff"}',
                 json.dumps(event("3", comment="x" * (17 << 20))).encode(), json.dumps(event("4")).encode(),
                 json.dumps(event("5", time=T - 9 * 86400000)).encode(), json.dumps(event("6", time="2199-01-01T00:00:00Z")).encode()]
        kept = self.path("dead")
        rows = self.replay(b"\r\n".join(lines), "--dead-letters", kept)
        self.assertEqual(rows[0]["responses"], 1)
        letters = self.read(kept)
        self.assertEqual([(l["line"], l["reason"]) for l in letters],
                         [(1, "not_json"), (2, "bad_score"), (4, "not_utf8"), (5, "too_large"), (7, "late"), (8, "future")])
        for letter in letters:
            self.assertEqual(base64.b64decode(letter["raw"], validate=True), lines[letter["line"] - 1])
            self.assertTrue(letter["detail"].endswith("."), letter["detail"])

    def test_many_dead_letters_are_all_kept_in_order(self):
        kept = self.path("dead")
        self.replay(b"".join(b"%d x\n" % i for i in range(20000)), "--dead-letters", kept)
        letters = self.read(kept)
        self.assertEqual([l["line"] for l in letters], list(range(1, 20001)))
        self.assertEqual(base64.b64decode(letters[-1]["raw"]), b"19999 x")


class Formats(Files):
    def test_csv_holds_what_json_holds(self):
        feed = corridor("generate", "--count", 3000).stdout
        rows = list(csv.DictReader(io.StringIO(self.replay(feed, format="csv").decode(), newline="")))
        wanted = self.replay(feed)
        self.assertEqual(len(rows), len(wanted))
        for got, want in zip(rows, wanted):
            self.assertEqual({k: v for k, v in got.items() if v != ""},
                             {k: v if isinstance(v, str) else got[k] for k, v in want.items()})
            self.assertEqual([float(got[k]) for k, v in want.items() if not isinstance(v, str)],
                             [v for v in want.values() if not isinstance(v, str)])

    def test_order_is_by_bytes_then_ledger_then_window(self):
        events = [event(str(i), touchpoint=t, kind=k, score=5) for i, (t, k) in enumerate(
            (t, k) for t in ("z", "\u00e9", "a b", "a", "B", "10", "9") for k in ("review", "survey", "relationship"))]
        got = [(r["touchpoint"], r["ledger"], r["window"]) for r in self.replay(events)]
        ledgers, windows = ["survey", "relationship", "social", "review"], ["5m", "1h", "24h", "7d", "today"]
        self.assertEqual(got, sorted(got, key=lambda k: (k[0].encode(), ledgers.index(k[1]), windows.index(k[2]))))
        self.assertEqual(len(got), 7 * 3 * 5)

    def test_table(self):
        text = self.replay([event("1"), event("2", score=0)], format="table").decode()
        for word in ("SURVEYS", "touchpoint", "5m", "today", "NPS", "detractors", "50%"):
            self.assertIn(word, text)
        self.assertNotIn("\x1b", text)


class Configuration(Files):
    def test_a_source_names_its_fields(self):
        settings = self.path("c.yaml", "sources:\n  - topic: nps\n    fields: {id: response.key, time: at, score: answers.nps.value, touchpoint: where}\n"
                                       "  - topic: own\nwindows: [1h]\n")
        line = json.dumps({"response": {"key": 7}, "at": T // 1000, "answers": {"nps": {"value": "3"}}, "where": "desk"}).encode()
        rows = self.replay(line, "--config", settings, "--topic", "nps")
        self.assertEqual([(r["touchpoint"], r["window"], r["detractors"]) for r in rows], [("desk", "1h", 1)])
        self.assertEqual(self.replay(line, "--config", settings, "--topic", "own"), [])
        for args, word in (((), b"--topic"), (("--topic", "other"), b"other")):
            done = corridor("replay", "--config", settings, *args, "-", input=line)
            self.assertEqual(done.returncode, 2)
            self.assertIn(word, done.stderr)

    def test_zones_of_touchpoints(self):
        settings = self.path("c.yaml", "windows: [today]\nzone: UTC\ntouchpoints: {zones: {tokyo: Asia/Tokyo}}\n")
        at = 1767625200000   # 2026-01-05T15:00:00Z: a new day in Tokyo
        rows = self.replay([event(f"{t}{i}", time=at + d, touchpoint=t) for t in ("here", "tokyo") for i, d in enumerate((-1, 0))], "--config", settings)
        self.assertEqual([(r["touchpoint"], r["responses"], r["previous_responses"]) for r in rows], [("here", 2, 0), ("tokyo", 1, 1)])


class Mistakes(Files):
    def test_exit_codes(self):
        for args, code, word in ((["replay"], 2, "one file"), (["replay", "--format", "xml", "-"], 2, "xml"),
                                 (["replay", "--at", "noon", "-"], 2, "noon"), (["replay", "--what", "-"], 2, "replay --help"),
                                 (["replay", "/nowhere/x"], 1, "/nowhere/x"), (["replay", "/"], 1, "directory"),
                                 (["replay", "--dead-letters", "/nowhere/x", "-"], 1, "/nowhere/x"),
                                 (["replay", "--config", "/nowhere/x", "-"], 2, "/nowhere/x"),
                                 (["generate", "--count", "many"], 2, "--count many"), (["generate", "--edits", "2"], 2, "--edits 2"),
                                 (["generate", "--incident", "nowhere:1m:1m:1"], 2, "nowhere"), (["generate", "x"], 2, "'x'"),
                                 (["generate", "--to", "mars"], 2, "mars"), (["generate", "--start", "soon"], 2, "soon"),
                                 (["generate", "--expect", "/nowhere/x", "--count", "1"], 1, "/nowhere/x"),
                                 (["generate", "--expect", "/tmp/x", "--windows", "5 minutes"], 2, "5 minutes")):
            done = corridor(*args, stdin=subprocess.DEVNULL)
            self.assertEqual(done.returncode, code, (args, done.stderr))
            self.assertIn(word, done.stderr.decode(), args)

    def test_a_full_disk_is_no_success(self):
        with open("/dev/full", "w") as full:
            for args in (["generate", "--count", "1000"], ["replay", "--format", "csv", self.path("in", json.dumps(event("1")))]):
                done = subprocess.run([CORRIDOR, *args], stdout=full, stderr=subprocess.PIPE, timeout=30)
                self.assertEqual(done.returncode, 1, args)


if __name__ == "__main__":
    unittest.main()
