"""The way to a server, on which answers may be lost for a while."""

import contextlib
import socket
import threading

# Prime to the number of answers that a login takes, so that connections get further now and then.
LOST_EVERY = 7


class LossyWay:
    """Passes everything on between clients and a port of this machine. While `loses`, one answer in seven does not arrive,
    and its connection ends."""

    def __init__(self, port_of_server):
        self.port_of_server, self.loses, self.answers, self.lost = port_of_server, False, 0, 0
        self.lock, self.listener = threading.Lock(), socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client, contextlib.suppress(OSError):
            with socket.create_connection(("127.0.0.1", self.port_of_server)) as server:
                asked = threading.Thread(target=self.pass_on, args=(client, server, lambda: True), daemon=True)
                asked.start()
                self.pass_on(server, client, self.arrives)
                asked.join()

    def arrives(self):
        with self.lock:
            self.answers += 1
            is_lost = self.loses and self.answers % LOST_EVERY == 0
            self.lost += is_lost
        return not is_lost

    @staticmethod
    def pass_on(giver, taker, arrives):
        with contextlib.suppress(OSError):
            while (data := giver.recv(1 << 16)) and arrives():
                taker.sendall(data)
        for end in (giver, taker):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
