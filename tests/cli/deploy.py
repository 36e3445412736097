"""What deploy/ gives people works: the example configuration, as it is and as compose.yaml uses it."""
import os, re, subprocess, tempfile, unittest

CORRIDOR = os.environ.get("CORRIDOR", "build/corridor")


def check(**environment):
    return subprocess.run([CORRIDOR, "check", "--config", "deploy/corridor.yaml"], capture_output=True, text=True, timeout=30,
                          env=os.environ | environment)


def compose_environment():
    with open("deploy/compose.yaml", encoding="utf-8") as file:
        service = file.read().split("\n  corridor:\n")[1]
    return dict(re.findall(r'^ {6}(CORRIDOR_\w+): "?([^"\n]+)"?$', service, re.M))


class Deploy(unittest.TestCase):
    def test_example_is_accepted(self):
        done = check()
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_what_it_shows_as_comments_is_accepted(self):
        """each block by itself, and all at once; with the files that it names"""
        with open("deploy/corridor.yaml", encoding="utf-8") as file:
            shown = file.read()
        blocks = r"(?m)^# (KEY:\n)((?:#   .*\n)+)"
        with tempfile.TemporaryDirectory() as folder:
            for name, holds in {"id-key": "a" * 64, "http-token": "b" * 64, "pagerduty-key": "c" * 32, "webhook-secret": "whsec_" + "d" * 32,
                                "slack-url": "https://hooks.slack.com/services/T0/B0/x", "redis-password": "secret"}.items():
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    file.write(holds + "\n")
            for key in ("intake", "touchpoints", "alerts", "delivery", "sinks", r"\w+"):
                text, count = re.subn(blocks.replace("KEY", key), lambda m: m[1] + re.sub("(?m)^# ", "", m[2]), shown)
                self.assertEqual(count, 5 if key == r"\w+" else 1, key)
                if count > 1:   # what stands within a block: http's token, the password of Redis, another shape
                    text = re.sub(r"(?m)^  # ( *(?:- )?[\w.]+:.*)$", r"  \1", text)
                path = os.path.join(folder, "corridor.yaml")
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text.replace("/etc/corridor/", folder + "/"))
                done = subprocess.run([CORRIDOR, "check", "--config", path], capture_output=True, text=True,
                                      env=os.environ | {"CORRIDOR_KAFKA_PASSWORD": "secret"})
                self.assertEqual(done.returncode, 0, f"{key}: {done.stdout}{text if done.returncode else ''}")

    def test_example_in_compose_is_accepted(self):
        environment = compose_environment()
        self.assertEqual(set(environment), {"CORRIDOR_KAFKA", "CORRIDOR_REDIS", "CORRIDOR_HTTP"})
        done = check(**environment)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_environment_reaches_the_configuration(self):
        done = check(CORRIDOR_HTTP="nonsense")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stdout, r"corridor\.yaml:\d+: .*http\.listen")

    def test_health_check_asks_where_the_example_listens(self):
        with open("deploy/corridor.yaml", encoding="utf-8") as file:
            listen = re.search(r"CORRIDOR_HTTP:-([^}]+)\}", file.read())[1]
        said = subprocess.run([CORRIDOR, "help", "ping"], capture_output=True, text=True, check=True).stdout
        self.assertIn(f"http://{listen}/healthz", said)


if __name__ == "__main__":
    unittest.main()
