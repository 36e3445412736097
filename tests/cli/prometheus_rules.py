"""deploy/prometheus: promtool takes the rules, and they fire when they should and only then."""
import os, shutil, subprocess, tempfile, unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RULES = os.path.join(ROOT, "deploy/prometheus/corridor.rules.yaml")


@unittest.skipUnless(shutil.which("promtool"), "promtool (package prometheus) is not here")
class Rules(unittest.TestCase):
    def promtool(self, *words):
        done = subprocess.run(["promtool", *words], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_they_can_be_read(self):
        self.promtool("check", "rules", RULES)

    def test_they_fire_when_they_should(self):
        with open(os.path.join(ROOT, "tests/prometheus/rules.test.yaml"), encoding="utf-8") as source:
            text = source.read().replace("RULES", RULES)
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(text)
            file.flush()
            self.promtool("test", "rules", file.name)

    def test_every_metric_in_them_is_one_of_ours(self):
        import re
        with open(RULES, encoding="utf-8") as rules, open(os.path.join(ROOT, "pkg/metrics/table.c"), encoding="utf-8") as table:
            ours = table.read()
            for name in set(re.findall(r"corridor_\w+", rules.read())):
                self.assertIn(re.sub(r"^corridor_|_total$", "", name), ours, name)


if __name__ == "__main__":
    unittest.main()
