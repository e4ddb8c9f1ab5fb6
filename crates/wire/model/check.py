#!/usr/bin/env python3
"""Checks that the generated files say what the model of the clients' botocore says.

The clients' suites pin a boto3, and so a botocore. If its model has an operation, a member or a constraint that the
checked-in files under src/generated do not have, the check fails and names it: add the operation to the server, or let
generate.py list it as not served, and raise the version in requirements.txt.

Makes an environment with that botocore under .build/ once. Ends with one line: N passed, N failed, N skipped.
"""

import difflib
import hashlib
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

MODEL = Path(__file__).resolve().parent
ROOT = MODEL.parent.parent.parent
CLIENTS = ROOT / "compat" / "boto3" / "requirements.txt"
OPERATION = re.compile(r'^ +"(\w+)"( =>|,)', re.MULTILINE)
DIFFERENCES_SHOWN_MAX = 40


def python_of_the_clients():
    """A Python with the botocore that the clients' suites use."""
    boto3 = next(line for line in CLIENTS.read_text().splitlines() if line.startswith("boto3"))
    folder = ROOT / ".build" / "model" / f"venv-{hashlib.sha256((boto3 + sys.version).encode()).hexdigest()[:12]}"
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", boto3], check=True)
        (folder / "complete").touch()
    return python


def without_header(text):
    """The first line names the version, which may differ."""
    return text.partition("\n")[2]


def compare():
    import botocore
    import generate

    pinned = (MODEL / "requirements.txt").read_text().split("botocore==")[1].strip()
    print(f"the clients have botocore {botocore.__version__}; the files were made from {pinned}")
    passed = failed = 0
    for name, made in generate.files().items():
        checked_in = (generate.OUT / name).read_text()
        if f"botocore {pinned};" not in checked_in.partition("\n")[0]:
            print(f"{name} was not made from the version in requirements.txt")
            failed += 1
        elif without_header(made) == without_header(checked_in):
            passed += 1
        else:
            failed += 1
            old, new = (set(match[0] for match in OPERATION.findall(text)) for text in (checked_in, made))
            for operation in sorted(new - old):
                print(f"{name}: the model has a new operation: {operation}")
            for operation in sorted(old - new):
                print(f"{name}: the model has no more operation {operation}")
            lines = difflib.unified_diff(checked_in.splitlines(), made.splitlines(), "checked in", "made", n=1, lineterm="")
            print("\n".join(list(lines)[:DIFFERENCES_SHOWN_MAX]))
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return failed == 0


if __name__ == "__main__":
    if "--here" in sys.argv[1:]:
        sys.exit(0 if compare() else 1)
    sys.exit(subprocess.run([python_of_the_clients(), "-B", __file__, "--here"]).returncode)
