#!/usr/bin/env python3
"""The README says what is there: its files exist, its commands are commands, its Redis users are those that are tested."""
import os, re, subprocess, unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CORRIDOR = os.path.join(ROOT, os.environ.get("BUILD", "build"), "corridor")


def text(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


class Readme(unittest.TestCase):
    def test_links_lead_somewhere(self):
        for target in re.findall(r"\]\(([^)#:]+)\)", text("README.md")):
            self.assertTrue(os.path.exists(os.path.join(ROOT, target)), target)

    def test_commands_are_commands(self):
        named = set(re.findall(r"(?:build/corridor|`corridor) ([a-z-]+)", text("README.md")))
        self.assertTrue(named)
        helped = subprocess.run([CORRIDOR, "help"], capture_output=True, text=True, check=True).stdout
        for command in named:
            self.assertRegex(helped, rf"(?m)^\s+{command}\b")

    def test_make_targets_are_there(self):
        targets = set(re.findall(r"(?m)^([a-z-]+):", text("Makefile")))
        self.assertLessEqual(set(re.findall(r"`?make ([a-z-]+)", text("README.md"))), targets)

    def test_redis_users_are_the_tested_ones(self):
        tested = re.findall(r"(?m)^user .*$", text("deploy/redis/users.conf"))
        self.assertEqual(tested, [line.strip() for line in re.findall(r"(?m)^    user .*$", text("README.md"))])

    def test_the_table_holds_what_is_said(self):
        said = re.search(r"holds\s+(\d+) responses a second for 8 days", text("README.md"))[1]
        config = os.path.join(ROOT, "deploy/corridor.yaml")
        checked = subprocess.run([CORRIDOR, "check", "--config", config], capture_output=True, text=True, check=True).stdout
        self.assertEqual(said, re.search(r"room for (\d+)\S* responses a second, each remembered for 8d", checked)[1])


unittest.main()
