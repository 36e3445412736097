"""corridor demo without a terminal: snapshots, a summary, exit 0, nothing left behind."""
import glob, os, re, signal, subprocess, tempfile, time, unittest

CORRIDOR = os.environ.get("CORRIDOR", "build/corridor")


def start(folder, *arguments):
    return subprocess.Popen([CORRIDOR, "demo", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            stdin=subprocess.DEVNULL, env=os.environ | {"TMPDIR": folder})


def children_of(pid):
    found = []
    for stat in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(stat, encoding="utf-8", errors="replace") as file:
                fields = file.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.split("/")[2]))
    return found


class Demo(unittest.TestCase):
    def test_ends_by_itself_with_a_summary(self):
        with tempfile.TemporaryDirectory() as folder:
            demo = start(folder, "--for", "7s")
            out, error = demo.communicate(timeout=60)
            self.assertEqual(demo.returncode, 0, error)
            self.assertEqual(os.listdir(folder), [])
        self.assertRegex(out, r"(?m)^ *delivery +\d+")
        sent, read = re.search(r"Sent (\d+) messages, read (\d+)", out).groups()
        self.assertEqual(sent, read)
        self.assertGreater(int(sent), 1000)
        self.assertNotIn("\x1b", out)

    def test_interrupt_ends_it_cleanly(self):
        with tempfile.TemporaryDirectory() as folder:
            demo = start(folder)
            time.sleep(3)
            children = children_of(demo.pid)
            demo.send_signal(signal.SIGINT)
            _, error = demo.communicate(timeout=30)
            self.assertEqual(demo.returncode, 0, error)
            self.assertEqual(os.listdir(folder), [])
            self.assertTrue(children, "the private redis-server")
            self.assertEqual([pid for pid in children if os.path.exists(f"/proc/{pid}")], [])

    def test_wrong_usage(self):
        for wrong in (["--for", "soon"], ["more"]):
            done = subprocess.run([CORRIDOR, "demo", *wrong], capture_output=True, text=True, timeout=30)
            self.assertEqual(done.returncode, 2, wrong)


if __name__ == "__main__":
    unittest.main()
