"""corridor help, config and check: what is printed where, and the exit codes."""
import os, re, subprocess, tempfile, unittest

CORRIDOR = os.environ.get("CORRIDOR", "build/corridor")


def corridor(*args, **more):
    return subprocess.run([CORRIDOR, *args], capture_output=True, text=True, timeout=30, **more)


def check(yaml, *args, env=None):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(yaml)
        file.flush()
        done = corridor("check", "--config", file.name, *args, env=env)
        return done, [line.removeprefix(file.name) for line in done.stdout.splitlines()]


class Frame(unittest.TestCase):
    def test_help(self):
        for args in (["help"], ["--help"], ["-h"]):
            done = corridor(*args)
            self.assertEqual((done.returncode, done.stderr), (0, ""), args)
            self.assertIn("  config ", done.stdout)
        listed = [line.split()[0] for line in corridor("help").stdout.splitlines() if line.startswith("  ")]
        for name in listed:
            self.assertEqual(corridor("help", name).stdout, corridor(name, "--help").stdout, name)
            self.assertTrue(corridor("help", name).stdout.startswith(f"usage: corridor {name}"), name)

    def test_wrong_usage(self):
        for args in ([], ["hepl"], ["help", "nothing"], ["check"], ["check", "--config"], ["check", "--nothing"],
                     ["check", "--config", "x", "y"], ["check", "--config", "x", "--rate", "fast"], ["config", "x"]):
            done = corridor(*args)
            self.assertEqual((done.returncode, done.stdout), (2, ""), args)
            self.assertNotEqual(done.stderr, "", args)
        self.assertIn("did you mean 'help'?", corridor("hepl").stderr)

    def test_version(self):
        self.assertRegex(corridor("--version").stdout, r"^corridor \d+\.\d+\.\d+")

    def test_full_disk_is_a_failure(self):
        with open("/dev/full", "w") as full:
            self.assertEqual(subprocess.run([CORRIDOR, "config"], stdout=full, stderr=subprocess.DEVNULL).returncode, 1)


class Check(unittest.TestCase):
    def test_printed_configuration_is_accepted(self):
        done, lines = check(corridor("config").stdout)
        self.assertEqual((done.returncode, lines[0], done.stderr), (0, ": no mistakes", ""))

    def test_every_mistake_with_its_line(self):
        done, lines = check("sources:\n  - topic: a\n    knid: review\nlog:\n  level: loud\nintake: {lanes: 0}\n")
        self.assertEqual(done.returncode, 2)
        self.assertEqual([line.split(": ")[0] for line in lines], [":3", ":5", ":6"])
        self.assertIn("did you mean 'kind'?", lines[0])
        self.assertIn("3 mistakes", done.stderr)

    def test_secrets_from_the_environment(self):
        yaml = "sources: [{topic: a}]\nkafka: {security.protocol: sasl_ssl, sasl.password: '${PASS}'}\nintake: {lanes: '${PASS}'}\n"
        done, lines = check(yaml, env={**os.environ, "PASS": "hunter2"})
        self.assertEqual((done.returncode, len(lines)), (2, 1))
        self.assertNotIn("hunter2", done.stdout + done.stderr)

    def test_no_such_file(self):
        done = corridor("check", "--config", "/nowhere/c.yaml")
        self.assertEqual((done.returncode, done.stdout), (2, "/nowhere/c.yaml: can't be opened: No such file or directory\n"))

    def test_every_key_has_one_readable_line(self):
        lines = corridor("config").stdout.splitlines()
        for above, line in zip(lines, lines[1:]):
            if re.match(r" *(# )?[a-z_]+:( |$)", line) and not re.match(r"[a-z]+:$| *(# )?(sources|fields|zones|sasl)", line):
                prose = above.strip().removeprefix("# ")
                self.assertRegex(above, "^ *# ", line)
                self.assertGreater(len(prose.split()), 3, line)
        for line in lines:
            self.assertLessEqual(len(line), 120, line)
            words = re.findall(r"\w+", line)
            threes = list(zip(words, words[1:], words[2:]))
            self.assertEqual(len(threes), len(set(threes)), f"says a thing twice: {line}")

    def test_a_kafka_that_is_not_there(self):
        done, _ = check("kafka: {brokers: '127.0.0.1:1'}\nsources: [{topic: a}]\n", "--live")
        self.assertEqual(done.returncode, 1)
        self.assertIn("Kafka at 127.0.0.1:1 does not answer: is it up, and are kafka.brokers and security.protocol right?", done.stderr)

    def test_costs_say_what_they_assume(self):
        done, _ = check("sources: [{topic: a}]\n", "--rate", "5000", "--touchpoints", "300")
        self.assertIn("5000 responses a second", done.stdout)
        self.assertIn("300 touchpoints", done.stdout)
        for part in ("Memory", "Redis", "Kafka"):
            self.assertIn(part, done.stdout)

    def test_costs_say_how_much_the_table_holds(self):
        yaml = "sources: [{topic: a}]\nintake: {lanes: 4}\nresponses: {max: 6912000}\n"   # 10 a second for 8 days, all lanes
        done, _ = check(yaml, "--rate", "9.9")
        self.assertIn("room for 10 responses a second", done.stdout)
        self.assertNotIn("NOT ENOUGH", done.stdout)
        self.assertIn("NOT ENOUGH for 10.1 a second", check(yaml, "--rate", "10.1")[0].stdout)

    def test_what_budgets_mean(self):
        def meaning(alerts="", more="", *args):
            done, _ = check("sources: [{topic: a}, {topic: b, kind: review}, {topic: c}]\nalerts: {%s}\n%s" % (alerts, more),
                            "--touchpoints", "5000", *args)
            self.assertEqual(done.returncode, 0, done.stdout)
            return done.stdout.partition("Alerts")[2]
        text = meaning()
        self.assertIn("for 5000 touchpoints with 2 ledgers each", text)
        self.assertIn("at most 1 false page a week in all: once in 383 years for each touchpoint, ledger and kind", text)   # 140,000 days: spikes and silences
        self.assertIn("at most 7 false tickets a week in all: once in 55 years", text)
        rows = [line.split() for line in text.splitlines() if line.startswith("  1 a second")]
        self.assertEqual(rows[0][:4], ["1", "a", "second", "ticket"])
        self.assertNotIn("parents ", text)
        text = meaning("page_every: 365d, tickets_per_week: 0")
        self.assertIn("at most one false page for each touchpoint and ledger in 365 days", text)
        self.assertIn("ticket   none", text)
        self.assertIn("page     none", meaning("pages_per_week: 0"))
        self.assertNotIn("How soon", meaning("pages_per_week: 0, tickets_per_week: 0"))
        self.assertIn("none (alerts.enabled is false)", meaning("enabled: false"))
        text = meaning("", "touchpoints: {declared: {a: {parent: p}, b: {parent: p}}}\n")
        self.assertIn("kept for the 2 of them: for each a false page once in 140 days, a false ticket once in 20 days", text)
        self.assertIn("once in 479 years", text)   # 0.8 of the week's for 10,000

    def test_the_example_needs_nothing_done(self):
        done = corridor("check", "--config", "deploy/corridor.yaml")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertNotIn("NOT ENOUGH", done.stdout)


if __name__ == "__main__":
    unittest.main()
