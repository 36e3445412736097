"""corridor ping: what a health check relies on."""
import http.server, os, socket, subprocess, threading, unittest

CORRIDOR = os.environ.get("CORRIDOR", "build/corridor")


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status = 200 if self.path == "/healthz" else 503
        self.send_response(status)
        self.end_headers()
        self.wfile.write(b"fine\n" if status == 200 else b"kafka: no broker can be reached\n")

    def log_message(self, *_):
        pass


def ping(*arguments):
    done = subprocess.run([CORRIDOR, "ping", *arguments], capture_output=True, text=True, timeout=30)
    return done.returncode, done.stdout, done.stderr


class Ping(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = http.server.HTTPServer(("127.0.0.1", 0), Answers)
        cls.url = f"http://127.0.0.1:{cls.server.server_port}"
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.shutdown()
        cls.server.server_close()

    def test_well(self):
        self.assertEqual(ping("--url", self.url + "/healthz"), (0, "fine\n", ""))

    def test_quiet(self):
        self.assertEqual(ping("--quiet", "--url", self.url + "/healthz"), (0, "", ""))

    def test_not_ready_says_why(self):
        status, out, error = ping("--url", self.url + "/readyz")
        self.assertEqual((status, out), (1, "kafka: no broker can be reached\n"))
        self.assertIn("503", error)

    def test_nobody_there(self):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            status, _, error = ping("--url", f"http://127.0.0.1:{closed.getsockname()[1]}/healthz")
        self.assertEqual(status, 1)
        self.assertIn("no answer", error)

    def test_silence_ends(self):
        with socket.socket() as mute:
            mute.bind(("127.0.0.1", 0))
            mute.listen()
            status, _, error = ping("--timeout", "1", "--url", f"http://127.0.0.1:{mute.getsockname()[1]}/")
        self.assertEqual(status, 1)
        self.assertIn("within 1 s", error)

    def test_wrong_usage(self):
        for wrong in (["--url", "https://x/"], ["--url", "http://:80/"], ["--url", "http://x:0/"], ["--timeout", "0"], ["more"], ["--no"]):
            self.assertEqual(ping(*wrong)[0], 2, wrong)


if __name__ == "__main__":
    unittest.main()
