"""corridor alerts: what people see and say of incidents, with a real Redis."""
import http.server, json, os, shutil, signal, subprocess, sys, tempfile, threading, time, unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from deployment import Redis

CORRIDOR = os.environ.get("CORRIDOR", "build/corridor")
DAY_MS = 24 * 3600 * 1000


def event(incident, raised_ms, touchpoint="checkout", severity="page", kind="raised", **more):
    figures = {"onset_ms": raised_ms, "responses": 57, "detractors": 23}
    return json.dumps({"version": 1, "incident": incident, "event": kind, "number": 1, "kind": "detractor_spike",
                       "severity": severity, "touchpoint": touchpoint, "ledger": "survey", "moment_of_truth": False, "partition": 0,
                       "at_ms": raised_ms, "raised_ms": raised_ms, **figures, "parents": [], "children": [], "dims": [],
                       "themes": [], "verbatims": [], "links": {}, "summary": f"{touchpoint} turned bad", "test": False, **more})


class Hook(http.server.BaseHTTPRequestHandler):
    seen = []

    def do_POST(self):
        self.seen.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(404 if self.path == "/gone" else 204)
        self.end_headers()

    def log_message(self, *_):
        pass


@unittest.skipUnless(shutil.which("redis-server"), "no redis-server here")
class Alerts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="corridor-alerts-")
        cls.server = Redis(cls.folder)
        cls.config = os.path.join(cls.folder, "corridor.yaml")
        with open(cls.config, "w", encoding="utf-8") as file:
            file.write(f"redis: {{url: 'unix://{cls.server.path}'}}\nsources: [{{topic: a}}]\n")

    @classmethod
    def tearDownClass(cls):
        cls.server.kill()
        shutil.rmtree(cls.folder)

    def setUp(self):
        self.server.call("FLUSHALL")
        self.now = int(time.time() * 1000)

    def alerts(self, *words):
        done = subprocess.run([CORRIDOR, "alerts", *words, "--config", self.config], capture_output=True, text=True, timeout=30,
                              env={**os.environ, "USER": "zoe"})
        return done.returncode, done.stdout, done.stderr

    def incident(self, incident, ago_ms=0, is_open=True, **more):
        self.server.call("HSET", "corridor:incidents:{corridor:alerts}", incident, event(incident, self.now - ago_ms, **more))
        if not is_open:
            self.server.call("ZADD", "corridor:closed:{corridor:alerts}", self.now, incident)

    def said(self, what, field):
        return json.loads(self.server.call("HGET", f"corridor:{what}:{{corridor:alerts}}", field) or "null")

    def test_nothing_was_raised(self):
        self.assertEqual(self.alerts("list"), (0, "", "0 incidents, 0 of them open\n"))
        self.assertEqual(self.alerts("list", "--format", "json")[:2], (0, ""))
        status, _, error = self.alerts("ack", "a1")
        self.assertEqual(status, 1)
        self.assertIn("there are none at all", error)

    def test_list(self):
        self.incident("00000000000000a1", 1000)
        self.incident("00000000000000b2", 2000, False, touchpoint="a\x1b[31m very long name of a touchpoint", severity="ticket")
        self.incident("00000000000000c3", 0, touchpoint="Straße")
        status, out, error = self.alerts("list")
        self.assertEqual((status, error), (0, "3 incidents, 2 of them open\n"))
        lines = out.splitlines()
        self.assertEqual([line.split()[2][-2:] for line in lines[1:]], ["c3", "a1", "b2"])
        self.assertRegex(lines[1], r"^\d{4}-\d\d-\d\d \d\d:\d\dZ  00000000000000c3  page    open   Straße {16}Straße turned bad$")
        self.assertRegex(lines[3], r"  ticket  over   a\?\[31m very long na~  a\?\[31m very long name of a touchpoint turned bad$")
        for head, cell in (("touchpoint", "Straße"), ("what", "Straße t")):
            self.assertEqual(lines[0].index(head), lines[1].index(cell))
        out = self.alerts("list", "--open", "--limit", "1")
        self.assertEqual(len(out[1].splitlines()), 2)
        self.assertIn("; 1 more: --limit", out[2])
        self.alerts("ack", "a1".rjust(16, "0"), "--by", "Zoë")
        objects = [json.loads(line) for line in self.alerts("list", "--format", "json")[1].splitlines()]
        self.assertEqual([o["open"] for o in objects], [True, True, False])
        self.assertEqual(objects[1]["acknowledged_by"], "Zoë")
        self.assertEqual(objects[1]["alert"]["summary"], "checkout turned bad")
        self.assertNotIn("verdict", objects[1])

    def test_ack(self):
        self.incident("a1a2000000000000")
        self.incident("a1b2000000000000")
        status, out, error = self.alerts("ack", "a1")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("2 incidents begin with a1: a1", error)
        self.assertEqual(self.alerts("ack", "A1A"), (0, "acknowledged a1a2000000000000: checkout turned bad\n", ""))
        ack = self.said("acks", "a1a2000000000000")
        self.assertEqual(ack["by"], "zoe")
        self.assertLess(abs(ack["at_ms"] - self.now), 20000)
        status, out, _ = self.alerts("ack", "a1a", "--by", "other")
        self.assertEqual(status, 0)
        self.assertRegex(out, r"^a1a2000000000000 was acknowledged before, .*Z by zoe$")
        self.assertRegex(self.alerts("list", "--open")[1], r"a1a2000000000000  page    acked")
        status, _, error = self.alerts("ack", "a1a2000000000001")
        self.assertEqual(status, 1)
        self.assertIn("there is no incident a1a2000000000001; did you mean a1", error)
        status, _, error = self.alerts("ack", "ffff")
        self.assertIn("there is no incident ffff (any more); the newest ones are a1", error)

    def test_close(self):
        self.incident("00000000000000a1")
        self.assertEqual(self.alerts("close", "00000000000000a", "--as", "false"),
                         (0, "false 00000000000000a1: checkout turned bad\n", ""))
        self.assertEqual(self.said("verdicts", "00000000000000a1")["as"], "false")
        self.assertEqual(self.said("acks", "00000000000000a1")["by"], "zoe")
        self.assertIn("  false  ", self.alerts("list")[1])
        self.assertEqual(self.alerts("close", "0", "--as", "real")[0], 0)
        self.assertEqual(self.said("verdicts", "00000000000000a1")["as"], "real")

    def test_mute(self):
        status, out, _ = self.alerts("mute", "Shop*", "--for", "2h", "--by", "me")
        self.assertEqual(status, 0)
        self.assertRegex(out, r"^muted until \d{4}-\d\d-\d\d \d\d:\d\dZ: Shop\*\n$")
        mute = self.said("mutes", "Shop*")
        self.assertEqual(mute["by"], "me")
        self.assertLess(abs(mute["until_ms"] - self.now - 7200000), 20000)
        self.assertIn(": Shop*, by me\n", self.alerts("list")[1])
        self.assertEqual(self.alerts("unmute", "Shop*"), (0, "no longer muted: Shop*\n", ""))
        status, _, error = self.alerts("unmute", "Shop*")
        self.assertEqual(status, 1)
        self.assertIn("Shop* is not muted", error)

    def test_report(self):
        rows = [(0, 60, "real"), (0, 180, "false"), (0, None, None), (7, 7200, "known"), (70, 5, None), (400, 5, None)]
        for i, (ago, ack_after, verdict) in enumerate(rows):   # days ago, seconds
            name = f"{i + 1:016x}"
            self.incident(name, ago * DAY_MS, team="app" if i == 2 else "shop", is_open=False)
            if ack_after is not None:
                self.server.call("HSET", "corridor:acks:{corridor:alerts}", name,
                           json.dumps({"at_ms": self.now - ago * DAY_MS + ack_after * 1000, "by": ""}))
            if verdict:
                self.server.call("HSET", "corridor:verdicts:{corridor:alerts}", name, json.dumps({"at_ms": 1, "by": "", "as": verdict}))
        self.incident("00000000000000ee", test=True)
        status, out, _ = self.alerts("report")
        self.assertEqual(status, 0)
        lines = [line.split() for line in out.splitlines()[1:]]
        self.assertEqual([line[1:] for line in lines], [["app", "1", "0", "0", "0", "0", "-"], ["shop", "2", "2", "1", "1", "0", "2", "min"],
                                                        ["shop", "1", "1", "0", "0", "1", "2.0", "h"]])
        for line in lines:
            self.assertEqual(time.strptime(line[0], "%Y-%m-%d").tm_wday, 0)
        objects = [json.loads(line) for line in self.alerts("report", "--weeks", "12", "--format", "json")[1].splitlines()]
        self.assertEqual(len(objects), 4)
        self.assertEqual(objects[1], {"week": lines[1][0], "team": "shop", "raised": 2, "acknowledged": 2, "real": 1, "false": 1,
                                      "known": 0, "median_ack_ms": 120000})
        self.assertNotIn("median_ack_ms", objects[0])

    def add(self, incident, **more):
        self.server.call("XADD", "corridor:alerts", "*", "partition", 0, "ledger", "survey", "number", 1, "incident", incident,
                   "touchpoint", "checkout", "alert", event(incident, self.now, **more))

    def test_follow(self):
        self.add("00000000000000a1")
        process = subprocess.Popen([CORRIDOR, "alerts", "follow", "--config", self.config], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        self.assertIn("following", process.stderr.readline())
        self.add("00000000000000b2")
        self.assertRegex(process.stdout.readline(), r"Z  00000000000000b2  page    raised   checkout {14}checkout turned bad\n")
        self.add("00000000000000b2", kind="resolved")
        self.assertIn("resolved", process.stdout.readline())
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.communicate(timeout=10), ("", ""))
        self.assertEqual(process.returncode, 0)

    def test_a_test_alert(self):
        server = http.server.HTTPServer(("127.0.0.1", 0), Hook)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        config, secret = os.path.join(self.folder, "sinks.yaml"), os.path.join(self.folder, "secret")
        with open(secret, "w", encoding="utf-8") as file:
            file.write("0123456789abcdef0123456789abcdef\n")
        with open(config, "w", encoding="utf-8") as file:
            file.write("redis: {url: 'unix:///nowhere/redis.sock'}\nsources: [{topic: a}]\nsinks:\n")
            for name in ("hook", "gone"):
                file.write(f"  - {{name: {name}, type: webhook, url: 'http://127.0.0.1:{server.server_port}/{name}', severity: page, "
                           f"secret_file: {secret}, private_addresses: true}}\n")

        def send(name):
            done = subprocess.run([CORRIDOR, "alerts", "test", "--sink", name, "--config", config], capture_output=True, text=True, timeout=30)
            return done.returncode, done.stdout, done.stderr
        self.assertEqual(send("hook"), (0, "hook took a test alert\n", ""))
        self.assertIn('"test": true', json.dumps(Hook.seen))
        status, out, error = send("gone")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("corridor alerts: gone: it answers 404", error)
        status, _, error = send("hoock")
        self.assertEqual(status, 2)
        self.assertIn("there is no sink 'hoock'; did you mean 'hook'?", error)
        status, _, error = send("x")
        self.assertIn("there is no sink 'x'; there are hook, gone", error)
        server.shutdown()
        server.server_close()

    def test_wrong_usage(self):
        for words, says in [((), "not ''"), (("lits",), "not 'lits'"), (("ack",), "wants an incident's id"), (("ack", "xyz"), "hex digits"),
                            (("ack", "a1", "a2"), "what is 'a2'"), (("mute",), "wants a touchpoint"), (("test",), "test wants --sink NAME"), (("mute", "x"), "--for 30m"),
                            (("mute", "x", "--for", "soon"), "not soon"), (("mute", "x", "--for", "0"), "--for 30m"),
                            (("mute", "x", "--for", "400d"), "at most 366d"),
                            (("close", "a1"), "--as real, false or known"), (("close", "a1", "--as", "x"), "not x"),
                            (("list", "--weeks", "2"), "--weeks does not belong to list"),
                            (("ack", "a1", "--open"), "--open does not belong to ack"),
                            (("report", "--weeks", "13"), "1 to 12"), (("list", "--format", "xml"), "text or json"),
                            (("list", "--limit", "0"), "number of incidents")]:
            status, out, error = self.alerts(*words)
            self.assertEqual((status, out), (2, ""), words)
            self.assertIn(says, error, words)
        done = subprocess.run([CORRIDOR, "alerts", "list"], capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--config FILE is missing", done.stderr)

    def test_redis_is_away(self):
        config = os.path.join(self.folder, "away.yaml")
        with open(config, "w", encoding="utf-8") as file:
            file.write("redis: {url: 'unix:///nowhere/redis.sock'}\nsources: [{topic: a}]\n")
        for words in (["list"], ["follow"], ["mute", "x", "--for", "1h"]):
            done = subprocess.run([CORRIDOR, "alerts", *words, "--config", config], capture_output=True, text=True, timeout=30)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn("/nowhere/redis.sock", done.stderr)


if __name__ == "__main__":
    unittest.main()
