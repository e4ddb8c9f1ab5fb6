"""A receiver of requests, which may lose its answers for a while."""

import http.server
import json
import sys
import threading
import traceback

from judging import at_least_once


class Receiver(http.server.ThreadingHTTPServer):
    """Keeps every value that it was sent, by its id, and how often values came."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock, self.values, self.deliveries, self.requests = threading.Lock(), {}, 0, 0
        self.is_down, self.wrong = False, []
        self.thread = threading.Thread(target=self.serve_forever, daemon=True)
        self.thread.start()

    def handle_error(self, *_):
        """A worker that is killed leaves its connections as they are."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            self.wrong.append(traceback.format_exc())

    def take(self, body):
        """Keeps the values. How to answer: a status, or nothing."""
        with self.lock:
            self.requests += 1
            # Of the requests while it is down, half are taken and not answered, and half are refused.
            if self.is_down and self.requests % 2:
                return 503
            for record in json.loads(body)["records"]:
                self.deliveries += 1
                known = self.values.setdefault(record["id"], record["value"])
                if known != record["value"]:
                    self.wrong.append(f"two values of one id: {known} {record}")
            return None if self.is_down else 200


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        status = self.server.take(self.rfile.read(int(self.headers["content-length"])))
        if status is None:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Http:
    """A receiver in this process: at least once by its requests, exactly once by the ids in them."""

    def __init__(self, run):
        self.run, self.receiver = run, Receiver()
        run.ends.append(self.receiver.shutdown)
        run.declare(f'[[sink]]\nhttp = {{ url = "http://127.0.0.1:{self.receiver.server_port}/", timeout = "5s" }}\n')

    def count(self):
        with self.receiver.lock:
            return len(self.receiver.values)

    def down(self):
        self.receiver.is_down = True
        return self.up

    def up(self):
        self.receiver.is_down = False

    def check(self):
        assert not self.receiver.wrong, self.receiver.wrong[0]
        found = [value["n"] for value in self.receiver.values.values()]
        at_least_once(found, self.run.records)
        # An id is one record, and a record one id.
        assert len(found) == self.run.records, f"{len(found)} ids of {self.run.records} records"
        # Answers were lost.
        assert self.receiver.deliveries > self.run.records
