"""Versions of this repository: another one is built in a worktree of its own under .build/versions."""

import json
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".build" / "versions"
# The version that this script is of, with all that is not committed.
THIS = "this"


def run(command, cwd=ROOT, **more):
    return subprocess.run(command, cwd=cwd, check=True, text=True, **more)


def cargo(*arguments, cwd=ROOT, **more):
    return run([os.environ.get("CARGO", "cargo"), *arguments], cwd, **more)


def target(folder=ROOT, **more):
    """Where cargo puts what it builds in this folder."""
    metadata = cargo("metadata", "--format-version", "1", "--no-deps", "--offline", cwd=folder, stdout=subprocess.PIPE,
                     **more)
    return Path(json.loads(metadata.stdout)["target_directory"])


def build(version, packages):
    """Builds packages of a commit, or of this version, in the release profile; the folder with its programs."""
    folder = ROOT if version == THIS else FOLDER / version
    if not folder.exists():
        run(["git", "worktree", "add", "--quiet", "--detach", folder, version])
    more = {"env": {**os.environ, "CARGO_TARGET_DIR": str(FOLDER / f"{version}-target")}}
    chosen = [argument for package in packages for argument in ("-p", package)]
    cargo("build", "--quiet", "--release", "--locked", *chosen, cwd=folder, **more)
    return target(folder, **more) / "release"
