"""A private Redis and instances of `corridor run`, for the end-to-end tests: start, kill, pause, ask, and say what they logged."""
import json, os, re, shutil, signal, socket, subprocess, sys, tempfile, time, traceback, urllib.error, urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CORRIDOR = os.environ.get("CORRIDOR") or os.path.join(ROOT, os.environ.get("BUILD", "build"), "corridor")
BROKERS = os.environ.get("CORRIDOR_TEST_BROKERS")


def need_broker():
    """Exit 77 where a test that needs a real Kafka has none."""
    missing = [p for p in ("kcat", "redis-server") if not shutil.which(p)]
    if missing:
        print(f"skipped: needs {' and '.join(missing)}")
        sys.exit(77)
    if not BROKERS:
        print("skipped: needs a real Apache Kafka in CORRIDOR_TEST_BROKERS (tests/kafka/broker.sh with ... starts one)")
        sys.exit(77)


def broker(command):
    """pause or continue the broker that tests/kafka/broker.sh started for us."""
    folder = os.environ["CORRIDOR_TEST_BROKER_FOLDER"]
    subprocess.run([os.path.join(ROOT, "tests/kafka/broker.sh"), command, folder], check=True)


class Redis:
    def __init__(self, folder, *settings):
        self.folder, self.path, self.process, self.socket = folder, os.path.join(folder, "redis.sock"), None, None
        self.settings = settings
        self.start()

    def start(self):
        log = open(os.path.join(self.folder, "redis.log"), "ab")
        self.process = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", self.path, "--save", "", "--appendonly", "no",
                                         "--dir", self.folder, *self.settings], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until = time.monotonic() + 20
        while True:
            try:
                self.call("PING")
                return
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.drop()

    def drop(self):
        if self.socket:
            self.socket.close()
        self.socket = None

    def reply(self):
        line = self.stream.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis went away")
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            return None if rest == b"-1" else self.stream.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [self.reply() for _ in range(int(rest))]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        return int(rest) if kind == b":" else rest

    def pipeline(self, calls):
        try:
            if self.socket is None:
                self.socket = socket.socket(socket.AF_UNIX)
                self.socket.settimeout(10)
                self.socket.connect(self.path)
                self.stream = self.socket.makefile("rb")
            words = [[w if isinstance(w, bytes) else str(w).encode() for w in call] for call in calls]
            self.socket.sendall(b"".join(b"*%d\r\n" % len(c) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in c) for c in words))
            return [self.reply() for _ in calls]
        except OSError:
            self.drop()
            raise

    def call(self, *words):
        return self.pipeline([words])[0]


class Instance:
    """One `corridor run`. settings: lines of YAML at the end, that is, of the last section and after it."""

    def __init__(self, folder, name, yaml):
        self.folder, self.name, self.process, self.log = folder, name, None, os.path.join(folder, name + ".log")
        self.config = os.path.join(folder, name + ".yaml")
        self.write(yaml)

    def write(self, yaml):
        with open(self.config, "w") as out:
            out.write(yaml)

    def start(self):
        assert not self.alive()
        self.since = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        log = open(self.log, "ab")
        self.process = subprocess.Popen([CORRIDOR, "run", "--config", self.config], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, seconds=30):
        """The exit code of SIGTERM, and how long it took."""
        began = time.monotonic()
        self.process.terminate()
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait()
            code = None
        return code, time.monotonic() - began

    def said(self, all_lives=False):
        with open(self.log, errors="replace") as log:
            log.seek(0 if all_lives else self.since)
            return log.read()

    def get(self, path):
        """(status, body), or (0, why)."""
        port = re.findall(r"readiness on port (\d+)", self.said())
        if not port or not self.alive():
            return 0, "not up"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port[-1]}{path}", timeout=3) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def metric(self, name):
        """{labels: value} of a metric."""
        text = self.get("/metrics")[1]
        return {m[1] or "": float(m[2]) for m in re.finditer(rf"^{name}(?:{{(.*)}})? ([^ \n]+)$", text, re.M)}


def until(seconds, question, every=0.1):
    """The first true answer, or the last false one."""
    end = time.monotonic() + seconds
    while True:
        answer = question()
        if answer or time.monotonic() > end:
            return answer
        time.sleep(every)


class Deployment:
    """A folder, a Redis, and the instances that a test starts. with Deployment(...) as d: everything ends with it."""

    def __init__(self, prefix, sources, redis=(), **settings):
        self.prefix, self.sources, self.settings, self.instances = prefix, sources, settings, {}
        self.folder = tempfile.mkdtemp(prefix="corridor-proof-")
        self.redis = Redis(self.folder, *redis)

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        if failure[0] and not (failure[0] is SystemExit and failure[1].code == 0):
            for instance in self.instances.values():
                print(f"# --- {instance.name}'s last lines")
                print("".join("#   " + line + "\n" for line in instance.said(True).splitlines()[-40:]), flush=True)
        for instance in self.instances.values():
            if instance.alive():
                instance.signal(signal.SIGCONT)
                instance.kill()
        self.redis.kill()
        if os.environ.get("CORRIDOR_TEST_KEEP"):
            print(f"# kept: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def yaml(self, name, **more):
        """JSON is YAML. Sections given as keyword arguments are merged into the test's own."""
        config = {
            "windows": ["5m", "1h", "24h", "7d", "today"],
            "start": "earliest",
            "kafka": {"brokers": BROKERS, "group": self.prefix, "prefix": self.prefix, "instance": name, "shards": 4, "session_timeout": "6s"},
            "redis": {"url": f"unix://{self.redis.path}", "prefix": self.prefix},
            "intake": {"lanes": 2},
            "responses": {"max": 200000},
            "publish": {"refresh": "1s", "checkpoint": "1s"},
            "http": {"listen": "127.0.0.1:0"},
            "sources": self.sources,
        }
        for settings in (self.settings, more):
            for key, value in settings.items():
                config[key] = {**config[key], **value} if isinstance(config.get(key), dict) else value
        return json.dumps(config, indent=1) + "\n"

    def start(self, name="one", **more):
        if name not in self.instances:
            self.instances[name] = Instance(self.folder, name, self.yaml(name, **more))
        return self.instances[name].start()

    def wait_ready(self, *names, seconds=60):
        began = time.monotonic()
        for name in names or self.instances:
            instance = self.instances[name]
            until(seconds, lambda: not instance.alive() or instance.get("/readyz")[0] == 200)
            status, body = instance.get("/readyz")
            assert status == 200, f"{name} is not ready after {time.monotonic() - began:.0f} s: {status} {body}"
        return time.monotonic() - began

    def wait_caught_up(self, ends, seconds=90):
        """Ready, and nothing of the input is left. ends: {topic: {partition: how many messages}}, each must be owned by somebody."""
        def missing():
            lags = {}
            for instance in self.instances.values():
                if instance.alive():
                    if instance.get("/readyz")[0] != 200:
                        return f"{instance.name} is not ready: {instance.get('/readyz')[1].strip()}"
                    lags.update(instance.metric("corridor_consumer_lag_messages"))
            want = {f'topic="{t}",partition="{p}"' for t in ends for p in ends[t]}
            lacking = want - set(lags)
            behind = {k: v for k, v in lags.items() if v != 0}
            return f"partitions of nobody: {sorted(lacking)}" if lacking else f"lag: {behind}" if behind else None
        until(seconds, lambda: missing() is None, 0.2)
        why = missing()
        assert why is None, f"not caught up after {seconds} s: {why}"


def run_cases(cases):
    """Runs each (or those named in the arguments), speaks TAP, ends the process. A case is a function; its docstring says what it shows,
    what it returns is said beside it."""
    cases = [case for case in cases if case.__name__ in sys.argv[1:] or len(sys.argv) == 1]
    failed, began = 0, time.monotonic()
    print(f"1..{len(cases)}")
    for number, case in enumerate(cases, 1):
        started, said = time.monotonic(), None
        try:
            said = case()
            verdict = "ok"
        except Exception:
            verdict, failed = "not ok", failed + 1
            print("".join(f"# {line}\n" for line in traceback.format_exc().splitlines()), end="")
        print(f"{verdict} {number} - {case.__doc__} ({f'{said}; ' if said else ''}{time.monotonic() - started:.0f} s)", flush=True)
    print(f"# {time.monotonic() - began:.0f} s")
    sys.exit(1 if failed else 0)
