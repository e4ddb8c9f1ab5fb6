"""Where the suites lie and what is made for them: folders, and Python environments."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from fresh_server import Trouble

COMPAT = Path(__file__).resolve().parent
ROOT = COMPAT.parent
BUILD = ROOT / ".build" / "compat"


@contextlib.contextmanager
def alone(what):
    """Holds the other suites back that would touch the same files: Maven's repository bears one that fetches."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / f"{what}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def python_with(requirements):
    """A Python that has these packages, in an environment of its own; made once."""
    with alone("python"):
        return made_python(requirements)


def made_python(requirements):
    wanted = "".join(sorted(path.read_text() for path in requirements)) + sys.version
    folder = BUILD / f"venv-{hashlib.sha256(wanted.encode()).hexdigest()[:12]}"
    python = folder / "bin" / "python"
    if (folder / "complete").exists():
        return python
    need_venv()
    print("==> making a Python environment for the suites", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    arguments = [option for path in requirements for option in ("-r", str(path))]
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments], check=True)
    (folder / "complete").touch()
    return python


def need_venv():
    """Debian ships venv's pip in a package of its own."""
    try:
        import ensurepip  # noqa: F401
        return
    except ImportError:
        pass
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise Trouble("please install python3-venv (Debian package)")
    subprocess.run(["apt-get", "update", "-qq"], check=True)
    subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "python3-venv"], check=True)
