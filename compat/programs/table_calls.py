"""Counts the calls that a program makes to its table: stands between it and the server, and reads the heads."""

import collections
import re
import socket
import threading

TARGET = re.compile(rb"x-amz-target: *DynamoDB_20120810\.(\w+)\r", re.IGNORECASE)
HEAD_BYTES_MAX = 64


class TableCalls:
    """Passes connections on to `port`; `counts` holds how often each operation was called."""

    def __init__(self, port):
        self.port, self.counts = port, collections.Counter()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # Closed.
            server = socket.create_connection(("127.0.0.1", self.port))
            threading.Thread(target=self._pass_on, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._pass_on, args=(server, client, False), daemon=True).start()

    def _pass_on(self, source, target, count):
        rest = b""
        try:
            while chunk := source.recv(65536):
                target.sendall(chunk)
                if count:
                    # A header may lie in two chunks: what came last is looked at again, without what was counted.
                    rest += chunk
                    found = list(TARGET.finditer(rest))
                    self.counts.update(match[1].decode() for match in found)
                    rest = rest[found[-1].end():][-HEAD_BYTES_MAX:] if found else rest[-HEAD_BYTES_MAX:]
        except OSError:
            pass
        for end in (source, target):
            end.close()
