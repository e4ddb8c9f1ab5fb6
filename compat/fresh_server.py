"""A fresh server of ours, for the suites of this folder."""

import contextlib
import json
import os
import re
import subprocess
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START_DEADLINE_S = 60
STOP_DEADLINE_S = 60
ADDRESS = re.compile(r"https?://127\.0\.0\.1:\d+")


class Trouble(Exception):
    """What a person has to put right before anything can run."""


def binary():
    """The server to test; built if it is not there."""
    if "MILLSTREAM_BIN" in os.environ:
        return Path(os.environ["MILLSTREAM_BIN"]).resolve()
    subprocess.run(["cargo", "build", "--quiet", "--locked", "-p", "millstream-cli"], cwd=ROOT, check=True)
    metadata = subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--no-deps", "--offline"],
        cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True,
    )
    return Path(json.loads(metadata.stdout)["target_directory"]) / "debug" / "millstream"


@contextlib.contextmanager
def server(*options, said=None):
    """A server with these options, on a free port, with an empty data folder that goes away; yields its address.

    The lines that it prints are added to `said`.
    """
    said = [] if said is None else said
    path = binary()
    with tempfile.TemporaryDirectory(prefix="millstream-compat-") as data_dir:
        process = subprocess.Popen(
            [path, "serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir, *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        )
        address = threading.Event()

        def listen():
            for line in process.stdout:
                said.append(line)
                if ADDRESS.search(line):
                    address.set()
            address.set()

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        try:
            address.wait(START_DEADLINE_S)
            found = ADDRESS.search("".join(said))
            if not found:
                raise Trouble(f"the server did not say where it listens:\n{''.join(said)}")
            yield found[0]
            if process.poll() is not None:
                raise Trouble(f"the server ended by itself:\n{''.join(said[-50:])}")
        finally:
            process.terminate()
            try:
                process.wait(STOP_DEADLINE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise Trouble("the server did not stop within a minute of SIGTERM") from None
            listener.join()
        if process.returncode != 0:
            raise Trouble(f"the server ended with status {process.returncode}:\n{''.join(said[-50:])}")
