"""A PostgreSQL of this machine on loopback, without passwords."""

import os
import shutil
import subprocess
from pathlib import Path

from object_store import free_ports


def programs():
    """The folder of its programs; none if it is not here (Debian's package postgresql)."""
    found = [Path(path).resolve() for path in [shutil.which("initdb")] if path]
    # Debian has them outside of PATH, by version.
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[0].parent if found else None


class Postgres:
    """A database `postgres` with a superuser of that name."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir()
        if os.geteuid() == 0:
            # The server does not run as root.
            shutil.chown(self.folder, "postgres")
            self.folder.parent.chmod(0o755)
        self.port = free_ports(1)[0]
        self.data = self.folder / "data"
        self.program("initdb", "-A", "trust", "-U", "postgres", "--no-sync", "-D", self.data)
        self.start()

    def program(self, name, *arguments):
        command = [programs() / name, *arguments]
        if os.geteuid() == 0:
            command = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups", *command]
        done = subprocess.run(command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise RuntimeError(f"{name}: {done.stdout}")

    def start(self):
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        self.program("pg_ctl", "-D", self.data, "-l", self.folder / "log", "-o", options, "-w", "start")

    def stop(self):
        """At once, without a word to its clients."""
        self.program("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")

    def end(self):
        """Whether or not it runs."""
        try:
            self.stop()
        except RuntimeError:
            pass

    def psql(self, statements):
        """What psql prints: a line for each row, the fields with | between them."""
        return subprocess.run(
            ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1",
             "-d", f"postgresql://postgres@127.0.0.1:{self.port}/postgres", "-c", statements],
            check=True, stdout=subprocess.PIPE, text=True, timeout=60,
        ).stdout.strip()
