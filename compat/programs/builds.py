"""Fetches and builds a program in its pinned version, once, under .build; answers the command that starts it."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from environment import BUILD, alone, python_with
from fresh_server import binary

HERE = Path(__file__).resolve().parent
MADE = BUILD / "programs"
DEADLINE_S = 900
FOLDERS = {}
MAVEN_CLASSPATH = "org.apache.maven.plugins:maven-dependency-plugin:2.8:build-classpath"
# Much quicker to start on two cores; without it where CPU time is measured.
JAVA_QUICK = ["-XX:TieredStopAtLevel=1"]
JAVA = ["-Xmx384m", "-XX:+UseSerialGC"]


class Missing(Exception):
    """A tool or an artifact that this machine cannot have: the program is skipped by name."""


def tool(command, package):
    if not shutil.which(command):
        raise Missing(f"{command} is not installed (Debian package {package})")
    return command


class Broken(Exception):
    """What is ours of a program does not compile: the program fails."""


def run(command, error, **options):
    """Runs a command; if it fails, what it said as this kind of error."""
    done = subprocess.run(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        timeout=DEADLINE_S, **options,
    )
    if done.returncode != 0:
        raise error(f"{' '.join(map(str, command[:3]))}: {' '.join(done.stdout.split())[-400:]}")


def folder_of(program):
    """A folder for what this program is made of: another version or source gets another. It stays for this run."""
    if program["name"] not in FOLDERS:
        FOLDERS[program["name"]] = fingerprinted_folder(program)
    return FOLDERS[program["name"]]


def fingerprinted_folder(program):
    sources = sorted(path for path in (HERE / program["folder"]).rglob("*")
                     if path.is_file() and not {"node_modules", "__pycache__"} & set(path.parts))
    sources += sorted(path for path in (HERE / f"{program['language']}-ledger").glob("*") if path.is_file())
    told = repr((program["language"], program["version"], program.get("sources"))).encode()
    told += b"".join(path.read_bytes() for path in sources)
    return MADE / f"{Path(program['folder']).name}-{program['version']}-{hashlib.sha256(told).hexdigest()[:10]}"


def java(program, folder):
    tool("mvn", "maven"), tool("javac", "default-jdk-headless")
    classpath = folder / "classpath"
    with alone("maven"):
        run(["mvn", "-q", "-B", "-f", HERE / program["folder"] / "pom.xml", f"-Dprogram.version={program['version']}",
             MAVEN_CLASSPATH, f"-Dmdep.outputFile={classpath}"], Missing)
    sources = [HERE / program["folder"] / source for source in program.get("sources", [])]
    if sources:
        run(["javac", "-nowarn", "-d", folder / "classes", "-cp", classpath.read_text(), *sources], Broken)


def java_command(program, folder, quick):
    classpath = f"{folder / 'classes'}{os.pathsep}{(folder / 'classpath').read_text().strip()}"
    return ["java", *JAVA, *(JAVA_QUICK if quick else []), *program.get("java_options", []), "-cp", classpath,
            program.get("main", "Worker")]


def go(program, folder):
    source = HERE / program["folder"]
    env = {**os.environ, "GOFLAGS": "-mod=readonly -buildvcs=false", "GOTOOLCHAIN": "local"}
    what = ["-tags", program.get("tags", ""), program.get("package", ".")]
    # Of a program with no code of ours, just what is compiled: `mod download` would fetch what all its plugins need.
    fetch = ["list", "-deps", *what] if "package" in program else ["mod", "download"]
    run([tool("go", "golang"), *fetch], Missing, cwd=source, env=env)
    run(["go", "build", "-o", folder / "program", *what], Broken, cwd=source, env=env)


def node(program, folder):
    tool("node", "nodejs"), tool("npm", "npm")
    for path in (HERE / program["folder"]).iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    run(["npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"], Missing, cwd=folder)


def python(program, _folder):
    python_of(program)


def python_of(program):
    return python_with([HERE / program["folder"] / "requirements.txt"])


def multilang(program, folder):
    """The daemon in Java, and the Python package beside it."""
    java(program, folder)
    python_bindings(program, folder)


def python_bindings(program, folder):
    """The Python package alone: its own set-up would fetch jars."""
    python = python_with([HERE / "requirements.txt"])
    package, version = program["python_package"], program.get("python_version", program["version"])
    run([python, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-binary", ":all:",
         "--no-build-isolation", "-d", folder, f"{package}=={version}"], Missing)
    archive = next(folder.glob("*.tar.gz"))
    with tarfile.open(archive) as unpacked:
        unpacked.extractall(folder)
    (folder / re.sub(r"\.tar\.gz$", "", archive.name)).rename(folder / "python")


def debian(program, _folder):
    """What Debian packages: the version that this release of it has."""
    command = tool(program["command"], program["package"])
    asked = ["dpkg-query", "--show", "--showformat", "${Version}", program["package"]]
    found = subprocess.run(asked, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    if found.split("-")[0] != program["version"]:
        raise Missing(f"{command} is not of Debian's package {program['package']} {program['version']}")


LANGUAGES = {
    "java": (java, java_command),
    "go": (go, lambda program, folder, quick: [folder / "program"]),
    "node": (node, lambda program, folder, quick: ["node", folder / program.get("main", "worker.js")]),
    "python": (python, lambda program, folder, quick: [
        python_of(program), HERE / program["folder"] / program.get("main", "worker.py")]),
    "multilang": (multilang, java_command),
    "debian": (debian, lambda program, folder, quick: [
        program["command"], *(HERE / program["folder"] / source for source in program.get("sources", []))]),
    "millstream": (python_bindings, lambda program, folder, quick: [binary()]),
}


def environment(program):
    """What the program's processes need in their environment to find what was built."""
    folder = folder_of(program)
    paths = [HERE / "python-ledger", *([folder / "python"] if "python_package" in program else [])]
    python = python_of(program) if program["language"] == "python" else sys.executable
    return {"PYTHONPATH": os.pathsep.join(map(str, paths)), "PYTHON": str(python)}


def build(program):
    """Makes what the program needs if it is not there."""
    folder = folder_of(program)
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        LANGUAGES[program["language"]][0](program, folder)
        (folder / "complete").touch()
    return folder


def command(program, quick=True):
    """The command that starts the program, which was built."""
    return list(map(str, LANGUAGES[program["language"]][1](program, folder_of(program), quick)))
