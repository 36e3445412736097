"""What the benchmarks that need the world set up: a real Apache Kafka, a private Redis, a `corridor run`; all gone at the end."""
import atexit, json, os, re, shutil, signal, socket, subprocess, sys, tempfile, time, urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, os.environ.get("BUILD", "build"))
CORRIDOR = os.path.join(BUILD, "corridor")
BROKER = os.path.join(ROOT, "tests/kafka/broker.sh")
KAFKA = os.environ.get("BENCH_KAFKA", "4.2.0")
FOLDER = tempfile.mkdtemp(prefix="corridor-bench-")
_ends = [lambda: shutil.rmtree(FOLDER, ignore_errors=True)]


@atexit.register
def _end():
    while _ends:
        _ends.pop()()


signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def say(text):
    print(f"  {text}", file=sys.stderr, flush=True)


def skip(why):
    print(json.dumps({"skipped": why}))
    sys.exit(0)


def stop(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


FETCH_S = 200   # of a first run; less than benchmarks/run waits


def _fetch_kafka():
    """Jars from Maven Central into the cache; skips where that is out of reach, at once or by never answering."""
    fetched = subprocess.run([BROKER, "fetch", KAFKA], stdout=subprocess.PIPE, text=True, env=os.environ | {"KAFKA_FETCH_S": str(FETCH_S)})
    if fetched.returncode:
        skip((fetched.stdout.strip().splitlines() or ["Apache Kafka can't be fetched"])[-1].removeprefix("skipped: "))


def kafka(partitions=4):
    """Bootstrap server of a broker that creates topics when they are asked for and keeps them as lz4."""
    _fetch_kafka()
    settings = os.path.join(FOLDER, "kafka.properties")
    with open(settings, "w", encoding="utf-8") as out:
        out.write(f"auto.create.topics.enable=true\nnum.partitions={partitions}\ncompression.type=lz4\n")
    folder = os.path.join(FOLDER, "kafka")
    started = subprocess.run([BROKER, "start", KAFKA, folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             env=os.environ | {"KAFKA_SETTINGS": settings, "KAFKA_HEAP": "1g"})
    if started.returncode == 77:
        skip(started.stdout.strip().removeprefix("skipped: "))
    if started.returncode:
        sys.exit(f"Apache Kafka {KAFKA} did not start: {started.stderr}")
    _ends.append(lambda: subprocess.run([BROKER, "stop", folder]))
    return started.stdout.strip()


def redis():
    """Socket of a Redis that keeps nothing on disk."""
    path = os.path.join(FOLDER, "redis.sock")
    server = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--appendonly", "no",
                               "--dir", FOLDER], stdout=subprocess.DEVNULL)
    _ends.append(lambda: stop(server))
    until = time.monotonic() + 10
    while not os.path.exists(path):
        if time.monotonic() > until:
            sys.exit("redis-server did not start")
        time.sleep(0.02)
    return path


class Corridor:
    """`corridor run` with the configuration's text; says what it has read and what that cost it."""

    def __init__(self, brokers, redis_socket, topic, more=""):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        config = os.path.join(FOLDER, "corridor.yaml")
        with open(config, "w", encoding="utf-8") as out:
            out.write(f"kafka:\n  brokers: {brokers}\n  instance: bench\nredis:\n  url: unix://{redis_socket}\n"
                      f"sources:\n  - topic: {topic}\nhttp:\n  listen: 127.0.0.1:{self.port}\nlog:\n  level: warn\n{more}")
        self.started = time.monotonic()
        self.process = subprocess.Popen([CORRIDOR, "run", "--config", config], stdout=sys.stderr)
        _ends.append(lambda: stop(self.process))

    def metrics(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            return ""

    def sum(self, name):
        return sum(float(value) for value in re.findall(rf"^{name}(?:\{{[^}}]*\}})? ([-+.\de]+)$", self.metrics(), re.M))

    def ready(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def wait(self, true, seconds, what):
        until = time.monotonic() + seconds
        while not true():
            if self.process.poll() is not None:
                sys.exit(f"corridor run ended with {self.process.returncode} ({what})")
            if time.monotonic() > until:
                sys.exit(f"not within {seconds} s: {what}")
            time.sleep(0.05)

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="utf-8") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_mb(self):
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as status:
            return int(re.search(r"^VmRSS:\s+(\d+)", status.read(), re.M)[1]) / 1024

    def stop(self):
        stop(self.process)


def redis_cli(redis_socket, *words):
    return subprocess.run(["redis-cli", "-s", redis_socket, *words], capture_output=True, text=True, check=True).stdout.strip()
