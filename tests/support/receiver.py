#!/usr/bin/env python3
"""A receiver of webhooks that misbehaves when asked to: for tests of what sends them. Prints its port, then serves.

A path is read from the left; what a segment asks for happens, then the rest is handled:
  /fault/N/KIND/...     the first N requests of this very path fail as KIND says; N `all`: every one
      KIND: a status (500), `429-S` (Retry-After: S), `reset`, `close` (no answer), `hang`, `garbage`
  /slow/MS/...          waits first
  /redirect/...         307 to the rest
  /big/BYTES            200 with so many bytes
  /hook/...             checks a Standard Webhooks signature (secret: --secret) and the body's members; 400 says what is wrong
  /v2/enqueue           PagerDuty's Events API v2: checks the body
  /api/chat.postMessage /api/chat.update    Slack: checks token and body, keeps the messages
  /services/...         Slack's incoming webhook
  /echo/...             404 that repeats the path
  anything else         200 "ok"
GET /seen is a JSON list of all requests: at (epoch s), method, path, headers, body, status. GET /messages: Slack's messages.
"""
import argparse, base64, hashlib, hmac, http.server, json, re, socket, ssl, struct, sys, threading, time

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
seen, counts, messages, hooks = [], {}, [], {}
lock = threading.Lock()


def check_hook(headers, body):
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        if name not in headers:
            return 400, f"no {name}"
    if abs(time.time() - int(headers["webhook-timestamp"])) > 300:
        return 400, "too old or too new"
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    good = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    if good not in headers["webhook-signature"].split(" "):
        return 401, "wrong signature"
    event = json.loads(body)
    if not re.fullmatch(r"corridor\.alert\.[a-z]+", event["type"]) or not isinstance(event["data"], dict):
        return 400, "no event"
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["timestamp"]):
        return 400, "no timestamp"
    return 200, "ok"


def check_pagerduty(headers, body):
    event = json.loads(body)
    wrong = []
    if not re.fullmatch(r"[0-9a-zA-Z]{32}", event.get("routing_key", "")):
        wrong.append("'routing_key' is invalid")
    if event.get("event_action") not in ("trigger", "acknowledge", "resolve"):
        wrong.append("'event_action' is invalid")
    if event.get("event_action") != "trigger" and not event.get("dedup_key"):
        wrong.append("'dedup_key' is missing")
    if len(event.get("dedup_key", "")) > 255:
        wrong.append("'dedup_key' is too long")
    if event.get("event_action") == "trigger":
        payload = event.get("payload", {})
        if not 0 < len(payload.get("summary", "")) <= 1024:
            wrong.append("'payload.summary' is missing or blank, or too long")
        if payload.get("severity") not in ("critical", "warning", "error", "info"):
            wrong.append("'payload.severity' is invalid")
        if not payload.get("source"):
            wrong.append("'payload.source' is missing or blank")
        if any(not link.get("href", "").startswith("http") for link in event.get("links", [])):
            wrong.append("'links' is invalid")
    if wrong:
        return 400, json.dumps({"status": "invalid event", "message": "Event object is invalid", "errors": wrong})
    return 202, json.dumps({"status": "success", "message": "Event processed", "dedup_key": event.get("dedup_key")})


def slack(method, headers, body):
    if headers.get("authorization") != "Bearer xoxb-test-token":
        return 200, '{"ok":false,"error":"invalid_auth"}'
    call = json.loads(body)
    channel = call.get("channel", "")
    if channel not in ("#alerts", "C012345"):
        return 200, '{"ok":false,"error":"channel_not_found"}'
    if not call.get("text"):
        return 200, '{"ok":false,"error":"no_text"}'
    with lock:
        if method == "chat.update":
            found = [m for m in messages if m["ts"] == call.get("ts")]
            if not found or channel != "C012345":
                return 200, '{"ok":false,"error":"message_not_found"}'
            found[0].update(text=call["text"], edited=found[0].get("edited", 0) + 1)
            ts = call["ts"]
        else:
            if "thread_ts" in call and not any(m["ts"] == call["thread_ts"] for m in messages):
                return 200, '{"ok":false,"error":"thread_not_found"}'
            ts = f"1700000000.{len(messages) + 1:06}"
            messages.append({"ts": ts, "text": call["text"], "thread_ts": call.get("thread_ts")})
    return 200, json.dumps({"ok": True, "channel": "C012345", "ts": ts})


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def reply(self, status, text, **headers):
        body = text.encode() if isinstance(text, str) else text
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def note(self, status):
        with lock:
            seen.append({"at": self.at, "method": self.command, "path": self.path, "headers": self.lower,
                         "body": self.body.decode(errors="replace"), "status": status})

    def fail(self, kind):
        self.close_connection = True
        if kind == "reset":
            self.note("reset")
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        elif kind == "close":
            self.note("close")
        elif kind == "hang":
            self.note("hang")
            time.sleep(30)
        elif kind == "garbage":
            self.note("garbage")
            self.wfile.write(b"\x00\x01 no HTTP at all\r\n\r\n")
        else:
            status, _, after = kind.partition("-")
            self.note(int(status))
            self.reply(int(status), "failed as asked", **({"Retry_After": after} if after else {}))

    def handle_path(self, path):
        parts = path.lstrip("/").split("/")
        if parts[0] == "fault":
            with lock:
                counts[self.path] = counts.get(self.path, 0) + 1
                due = parts[1] == "all" or counts[self.path] <= int(parts[1])
            return self.fail(parts[2]) if due else self.handle_path("/" + "/".join(parts[3:]))
        if parts[0] == "slow":
            time.sleep(int(parts[1]) / 1000)
            return self.handle_path("/" + "/".join(parts[2:]))
        if parts[0] == "redirect":
            self.note(307)
            return self.reply(307, "", Location="/" + "/".join(parts[1:]))
        if parts[0] == "big":
            self.note(200)
            return self.reply(200, b"x" * int(parts[1]))
        try:
            if parts[0] == "hook":
                status, text = check_hook(self.lower, self.body)
            elif path == "/v2/enqueue":
                status, text = check_pagerduty(self.lower, self.body)
            elif parts[0] == "api":
                status, text = slack(parts[-1], self.lower, self.body)
            elif parts[0] == "echo":
                status, text = 404, f"Cannot POST {path}"
            elif parts[0] == "services":
                status, text = (200, "ok") if json.loads(self.body).get("text") else (400, "no_text")
            else:
                status, text = 200, "ok"
        except (ValueError, KeyError, TypeError) as problem:
            status, text = 400, f"cannot be read: {problem}"
        self.note(status)
        self.reply(status, text)

    def do_POST(self):
        self.at = time.time()
        self.lower = {name.lower(): value for name, value in self.headers.items()}
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.handle_path(self.path)

    def do_GET(self):
        if self.path in ("/seen", "/messages"):
            with lock:
                return self.reply(200, json.dumps(seen if self.path == "/seen" else messages))
        self.do_POST()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--secret", default=SECRET)
    parser.add_argument("--cert", help="speak TLS with this certificate and --key")
    parser.add_argument("--key")
    options = parser.parse_args()
    globals()["SECRET"] = options.secret
    server = Server(("127.0.0.1", options.port), Receiver)
    if options.cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.cert, options.key)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
