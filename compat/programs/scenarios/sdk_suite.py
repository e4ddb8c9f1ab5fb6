"""The scenario of a command that has a suite in `compat`: the suite runs with this version of the command."""

import re
import subprocess
import sys

import builds
from world import on_a_server

DEADLINE_S = 900
COUNTS = re.compile(r"(\d+) (passed|failed|error|skipped)")


def run(program, folder, accepted, matrix):
    """Runs the suite of the program's folder; the command is told by MILLSTREAM_COMPAT_COMMAND."""
    with on_a_server(program, folder, accepted, matrix) as (here, outcome):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "--endpoint", here.env["AWS_ENDPOINT_URL"]],
            cwd=builds.HERE / program["folder"], timeout=DEADLINE_S, text=True,
            env={**here.env, "MILLSTREAM_COMPAT_COMMAND": builds.command(program)[0]},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        (folder / "suite.log").write_text(done.stdout)
        counts = {kind: int(number) for number, kind in COUNTS.findall(done.stdout.rsplit("\n", 2)[-2])}
        outcome.notes.append(f"{counts.get('passed', 0)} tests passed")
        if done.returncode != 0 or not counts.get("passed"):
            outcome.findings.append(done.stdout[-4000:])
    return outcome
