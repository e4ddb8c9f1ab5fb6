"""A server, a stream of eight shards, and a program's processes on them: what every scenario works in."""

import contextlib
import dataclasses
import itertools
import os
import re
import string
import subprocess
import time
import uuid

import boto3
import builds
import checks
from botocore.config import Config
from fresh_server import server
from processes import LEVEL, Process
from traffic import SHARDS

REGION = "us-east-1"
POLL_S = 0.25
# The longest step is a killed leader of the KCL's version 3: three minutes on two cores that all share.
STEP_DEADLINE_S = 600
CERTIFICATE = re.compile(r"certificate +(\S+)")


class Stuck(Exception):
    """A step of the scenario did not come to pass in time."""


@dataclasses.dataclass
class Outcome:
    """What one program did."""

    name: str
    findings: list[str] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    records: int = 0
    repeats: int = 0
    first_s: float | None = None
    takeover_s: float | None = None
    took_s: float = 0


class World:
    """A server, a stream, and a program's processes on them."""

    def __init__(self, program, endpoint, certificate, folder, matrix):
        self.program, self.folder, self.matrix = program, folder, matrix
        self.stream = f"program-{uuid.uuid4().hex[:8]}"
        self.processes = []
        verify = str(certificate) if certificate else None
        settings = dict(endpoint_url=endpoint, region_name=REGION, aws_access_key_id="programs",
                        aws_secret_access_key="programs", verify=verify,
                        config=Config(retries={"total_max_attempts": 5}, inject_host_prefix=False))
        self.kinesis = boto3.client("kinesis", **settings)
        self.tables = boto3.client("dynamodb", **settings)
        self.env = {
            **os.environ, "AWS_ENDPOINT_URL": endpoint, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "programs", "AWS_SECRET_ACCESS_KEY": "programs", "AWS_EC2_METADATA_DISABLED": "true",
            "PYTHONDONTWRITEBYTECODE": "1", "STREAM": self.stream, "APPLICATION": self.stream,
            "ENDPOINT_HOST": endpoint.split("://")[1],
            **(trusting(verify, folder) if verify else {}),
        }
        # What is killed leaves its files, some of them tens of megabytes; a folder of a run is emptied by the next.
        self.env["TMPDIR"] = str(folder)
        self.env["JAVA_TOOL_OPTIONS"] = f"{self.env.get('JAVA_TOOL_OPTIONS', '')} -Djava.io.tmpdir={folder}".strip()
        self.make_stream(self.stream, SHARDS)
        if keys := program.get("table_keys"):
            self.make_table(keys)

    def make_stream(self, name, shards):
        self.kinesis.create_stream(StreamName=name, ShardCount=shards)
        self.until(f"{name} is ACTIVE", lambda: self.is_active(name))

    def make_table(self, keys):
        """A table for the program's positions, which it expects to be there."""
        self.tables.create_table(
            TableName=self.stream, BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
            KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"))],
        )

    def is_active(self, name=None):
        summary = self.kinesis.describe_stream_summary(StreamName=name or self.stream)["StreamDescriptionSummary"]
        return summary["StreamStatus"] == "ACTIVE"

    def shards(self, name=None):
        return self.kinesis.list_shards(StreamName=name or self.stream)["Shards"]

    def start(self, name, program=None, ends_by_itself=False, quick=True):
        """Starts a worker; of another program if one is given, on the same stream and table."""
        program = program or self.program
        env = {**self.env, "BUILT": str(builds.folder_of(program)), "SOURCE": str(builds.HERE / program["folder"]),
               "FOLDER": str(self.folder), "WORKER": name, **builds.environment(program), **program.get("env", {})}
        if template := program.get("config"):
            source = builds.HERE / program["folder"] / template
            config = self.folder / f"{name}-{source.name}"
            config.write_text(string.Template(source.read_text()).substitute(env))
            env["CONFIG"] = str(config)
        arguments = [string.Template(argument).substitute(env) for argument in program.get("arguments", [])]
        command = builds.command(program, quick) + arguments
        process = Process(name, program["name"], command, env, self.folder, ends_by_itself)
        self.processes.append(process)
        return process

    def visits(self):
        return [visit for process in self.processes for visit in process.visits()]

    def until(self, what, is_done, deadline_s=STEP_DEADLINE_S):
        """Waits for a step; a worker that ends by itself meanwhile is Stuck too."""
        deadline = time.monotonic() + deadline_s
        while not is_done():
            for process in self.processes:
                may_be_gone = process.killed_ms or process.exited_ms or process.ends_by_itself
                if not may_be_gone and not process.is_alive():
                    raise Stuck(f"{process.name} ended by itself before: {what}\n{process.tail()}")
            if time.monotonic() > deadline:
                raise Stuck(f"waited {deadline_s} s for: {what}")
            time.sleep(POLL_S)

    def split(self, index):
        parent = self.shards()[index]
        low, high = (int(parent["HashKeyRange"][edge]) for edge in ("StartingHashKey", "EndingHashKey"))
        self.kinesis.split_shard(
            StreamName=self.stream, ShardToSplit=parent["ShardId"], NewStartingHashKey=str((low + high) // 2 + 1))
        self.until("the split is done", self.is_active)

    def merge(self, index):
        first, second = (shard["ShardId"] for shard in self.shards()[index:index + 2])
        self.kinesis.merge_shards(StreamName=self.stream, ShardToMerge=first, AdjacentShardToMerge=second)
        self.until("the merge is done", self.is_active)

    def parents(self):
        """The parents of each child."""
        names = ("ParentShardId", "AdjacentParentShardId")
        return {shard["ShardId"]: [shard[name] for name in names if name in shard]
                for shard in self.shards() if "ParentShardId" in shard}

    def ended_shards(self):
        return sorted(set(itertools.chain(*self.parents().values())))

    def kcl_checkpoints(self):
        """The checkpoint of each lease in a table of the KCL's; version 3.5 keeps other rows in it too."""
        pages = self.tables.get_paginator("scan").paginate(TableName=self.stream, ConsistentRead=True)
        rows = [row for page in pages for row in page["Items"] if "checkpoint" in row]
        return {row["leaseKey"]["S"]: row["checkpoint"]["S"] for row in rows}


def trusting(certificate, folder):
    """What makes clients trust a certificate, language by language."""
    store = folder / "trusted"
    subprocess.run(["keytool", "-importcert", "-noprompt", "-alias", "millstream", "-file", certificate, "-keystore", store,
                    "-storepass", "changeit"], check=True, capture_output=True)
    return {"AWS_CA_BUNDLE": certificate, "SSL_CERT_FILE": certificate, "NODE_EXTRA_CA_CERTS": certificate,
            "JAVA_TOOL_OPTIONS": f"-Djavax.net.ssl.trustStore={store} -Djavax.net.ssl.trustStorePassword=changeit"}


@contextlib.contextmanager
def on_a_server(program, folder, accepted, matrix):
    """A world on a server of its own, and the outcome to fill. What waits in vain, and what the server or a process warns
    of beyond what `accepted(name)` has for it, is a finding."""
    outcome, said, began = Outcome(program["name"]), [], time.monotonic()
    options = ["--tls-self-signed"] if program.get("tls") else []
    if settings := program.get("server_settings"):
        (folder / "settings.toml").write_text(settings)
        options += ["--config", str(folder / "settings.toml")]
    with server(*options, said=said) as endpoint:
        certificate = CERTIFICATE.search("".join(said))
        here = World(program, endpoint, certificate and certificate[1], folder, matrix)
        try:
            yield here, outcome
        except Stuck as stuck:
            outcome.findings.append(str(stuck))
        finally:
            for process in here.processes:
                process.clean_up()
    (folder / "server.log").write_text("".join(said))
    logs = [("server", "server", [line.rstrip() for line in said if LEVEL.search(line)])]
    logs += [(process.name, process.program, process.warnings()) for process in here.processes]
    for name, program_name, lines in logs:
        outcome.findings += [f"{name}: {line}" for line in checks.unaccepted(lines, accepted(program_name))]
    outcome.took_s = time.monotonic() - began
