"""The faults of the folder `faults`: each says what caught it; one whose place has moved has to follow the code."""

import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
FAULTS = sorted((HERE / "faults").glob("*.diff"))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda path: path.stem)
def test_the_fault_applies(fault):
    done = subprocess.run(["git", "apply", "--check", fault], cwd=HERE.parent.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_each_fault_says_what_caught_it():
    said = (HERE / "faults" / "README.md").read_text()
    assert FAULTS
    assert [fault.stem for fault in FAULTS if fault.stem not in said] == []
