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
        for key in ("touchpoints", "alerts", "delivery"):
            with open("deploy/corridor.yaml", encoding="utf-8") as file:
                shown = re.subn(rf"(?m)^# ({key}:\n)((?:#   .*\n)+)", lambda m: m[1] + re.sub("(?m)^# ", "", m[2]), file.read())
            self.assertEqual(shown[1], 1, key)
            with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
                file.write(shown[0])
                file.flush()
                done = subprocess.run([CORRIDOR, "check", "--config", file.name], capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, done.stdout)

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
