#!/usr/bin/env python3
"""Pipelines under faults: a writer puts numbered records on a stream of 8 shards, or as many as a destination says (SHARDS);
while the pipeline delivers them, its worker is killed with SIGKILL three times, a shard is split, two are merged, and the
destination is down for a while. Then every record must be there exactly once, as somebody else's program reads it.

    under_faults.py --endpoint URL [--records 200000] [files] [columns] [s3] [parquet] [redshift] [redshift-data] [dynamodb]
                    [windows] [windows-of-1] [windows-of-64] [stream] [postgres] [http] [storm] [opensearch] [kafka]
                    [iceberg] [iceberg-sql]

`make test` runs it with 8,000 records, or as many as a destination says (RECORDS), and as long a pause (DOWN_S); `make soak`
with 200,000 (MILLSTREAM_CONNECTOR_RECORDS) and ten seconds. `iceberg` and `iceberg-sql` run if they are named: they
want another build of millstream and other packages (`compat/iceberg`).

Prints a line for each destination, and `N passed, N failed, N skipped`.
"""

import argparse
import collections
import contextlib
import gzip
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMPAT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(COMPAT), str(COMPAT / "programs")]
from builds import Missing  # noqa: E402
from fresh_server import binary  # noqa: E402

import another_stream  # noqa: E402
import http_receiver  # noqa: E402
import iceberg_sql  # noqa: E402
import iceberg_table  # noqa: E402
import kafka_cluster  # noqa: E402
import object_store  # noqa: E402
import parquet_files  # noqa: E402
import postgres  # noqa: E402
import postgres_rows  # noqa: E402
import redshift  # noqa: E402
import redshift_data  # noqa: E402
import search  # noqa: E402
import storm  # noqa: E402
from judging import exactly_once  # noqa: E402

SHARDS = 8
KEYS = 97
RECORDS = 8000
DEADLINE_S = 900
DOWN_S = 10


class Run:
    """One pipeline: its stream, its file, its worker."""

    def __init__(self, endpoint, name, folder, records, shards):
        self.endpoint, self.name, self.folder, self.records = endpoint, name, Path(folder), records
        self.env = {**os.environ, **object_store.KEYS, "AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "us-east-1",
                    "RUST_LOG": "warn"}
        self.env.pop("AWS_ENDPOINT_URL_S3", None)
        self.worker = None
        # What works on the stream, and what is to be told of it in the end.
        self.command, self.said = None, ""
        # What is to be done before each start, after each kill -9, and when the run is over.
        self.before_start, self.after_kill, self.ends = [], [], []
        self.written = 0
        self.millstream("streams", "create", name, "--shards", str(shards))

    def millstream(self, *arguments, **options):
        return subprocess.run([binary(), *arguments], env=self.env, check=True, text=True,
                              stdout=subprocess.PIPE, timeout=DEADLINE_S, **options).stdout

    def declare(self, text):
        self.file = self.folder / f"{self.name}.toml"
        self.file.write_text(f'name = "{self.name}"\n[source]\nstream = "{self.name}"\n{text}')
        self.millstream("pipeline", "check", str(self.file))
        self.command = [binary(), "pipeline", "run", str(self.file), "--failover", "2s", "--report", "5s"]

    def write(self, share):
        """The next records, up to this share of all."""
        until = int(self.records * share)
        lines = (json.dumps({"n": n, "k": f"key-{n % KEYS}", "half": n % 100 + 0.5, "text": "x" * 60})
                 for n in range(self.written + 1, until + 1))
        path = self.folder / "input.jsonl"
        path.write_text("".join(f"{line}\n" for line in lines))
        self.millstream("records", "put", self.name, "--file", str(path), "--input", "json", "--key", ".n", "--quiet")
        self.written = until

    def start(self):
        for prepare in self.before_start:
            prepare()
        with (self.folder / f"{self.name}.log").open("ab") as log:
            self.worker = subprocess.Popen(
                self.command, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def kill(self):
        """kill -9 of the worker and all that it started, at once."""
        os.killpg(self.worker.pid, signal.SIGKILL)
        self.worker.wait()
        for look in self.after_kill:
            look()

    def clean_up(self):
        """Whatever the run has come to: a program left behind holds its folder and its ports."""
        if self.worker:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.worker.pid, signal.SIGKILL)
            self.worker.wait()
        for end in reversed(self.ends):
            end()

    def finish(self):
        """Ctrl-C: what is in hand is delivered."""
        self.worker.send_signal(signal.SIGINT)
        assert self.worker.wait(120) == 0, (self.folder / f"{self.name}.log").read_text()[-3000:]

    def until(self, what, is_done):
        deadline = time.monotonic() + DEADLINE_S
        while not (seen := is_done())[0]:
            if time.monotonic() > deadline or self.worker.poll() is not None:
                log = (self.folder / f"{self.name}.log").read_text()[-3000:]
                raise AssertionError(f"{what}: {seen[1]}; the worker said\n{log}")
            time.sleep(0.3)


class Files:
    """JSON lines in a folder, which is a link: while the disk is away it leads nowhere."""

    FLUSH = 'flush = { bytes = "256 KiB", time = "1s" }'
    DOWN_S = 2

    def __init__(self, run):
        self.mount(run)
        run.declare(f'[[sink]]\nfiles = {{ folder = "{self.out}", {self.FLUSH} }}\n')

    def lines(self):
        if self.out.exists():
            for path in sorted(self.out.iterdir()):
                if not path.name.startswith("."):
                    yield from path.read_text().splitlines()

    def count(self):
        return sum(1 for _ in self.lines())

    def mount(self, run):
        self.run, self.out = run, run.folder / "out"
        (run.folder / "disk").mkdir()
        self.lead("disk")

    def lead(self, to):
        """At once: the worker sees the one or the other."""
        link = self.run.folder / "link"
        link.symlink_to(to)
        link.replace(self.out)

    def down(self):
        self.lead("nowhere")
        return lambda: self.lead("disk")

    def check(self):
        exactly_once((json.loads(line)["n"] for line in self.lines()), self.run.records)


class S3(Files):
    """Compressed JSON lines in a bucket, read by boto3."""

    FORMAT = 'compression = "gzip"'
    DOWN_S = DOWN_S

    def __init__(self, run):
        self.run = run
        self.store = object_store.ObjectStore(run.folder / "objects")
        run.ends.append(self.store.stop)
        self.read = {}
        run.declare(
            f'[[sink]]\ns3 = {{ bucket = "{object_store.BUCKET}", prefix = "trades/{{date}}/{{hour}}", '
            f'endpoint = "{self.store.endpoint}", {self.FORMAT}, {self.FLUSH} }}\n'
        )

    def lines(self):
        client = self.store.client()
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=object_store.BUCKET):
            for entry in page.get("Contents", []):
                key = entry["Key"]
                if key not in self.read:
                    body = client.get_object(Bucket=object_store.BUCKET, Key=key)["Body"].read()
                    self.read[key] = gzip.decompress(body).decode().splitlines()
        for lines in self.read.values():
            yield from lines

    def down(self):
        self.store.stop()
        return self.store.start

    def check(self):
        self.read.clear()
        super().check()


class Parquet(S3):
    """Parquet in a bucket, with a schema of its own, read by pyarrow. Buckets that are down are S3's part."""

    RECORDS = 2000
    FORMAT = f'format = "parquet", schema = {parquet_files.SCHEMA}'

    def lines(self):
        client = self.store.client()
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=object_store.BUCKET):
            for key in (entry["Key"] for entry in page.get("Contents", [])):
                if key not in self.read:
                    body = client.get_object(Bucket=object_store.BUCKET, Key=key)["Body"].read()
                    self.read[key] = parquet_files.given_rows(body)
        for lines in self.read.values():
            yield from lines

    def down(self):
        return None


class Columns(Files):
    """Parquet in a folder, each file with the columns that its rows have, read by pyarrow. Disks that are away are `files`' part."""

    RECORDS = 2000

    def __init__(self, run):
        self.mount(run)
        self.read = {}
        run.declare(f"[[step]]\nmap = '''{parquet_files.MAP}'''\n"
                    f'[[sink]]\nfiles = {{ folder = "{self.out}", format = "parquet", {self.FLUSH} }}\n')

    def lines(self):
        for path in sorted(self.out.iterdir()) if self.out.exists() else []:
            if path not in self.read and not path.name.startswith("."):
                self.read[path] = parquet_files.found_rows(path.read_bytes())
        for lines in self.read.values():
            yield from lines

    def down(self):
        return None

    def check(self):
        self.read.clear()
        super().check()


class Redshift:
    """Rows of a table, loaded by COPY from objects, read by psql."""

    def __init__(self, run):
        if not postgres.programs():
            raise Missing("PostgreSQL is not here (Debian's package postgresql)")
        self.run = run
        self.postgres = postgres.Postgres(run.folder / "postgres")
        run.ends.append(self.postgres.end)
        self.store = object_store.ObjectStore(run.folder / "objects")
        run.ends.append(self.store.stop)
        self.stand_in = redshift.Redshift(self.postgres, self.store.client())
        run.ends.append(self.stand_in.stop)
        # Redshift keeps no key unique, so this has none.
        self.postgres.psql("CREATE TABLE trades (n bigint, k text, half double precision, text text)")
        run.declare(
            f'[[sink]]\nredshift = {{ {self.way()}, table = "trades", iam_role = "{redshift.ROLE}", '
            f'bucket = "{object_store.BUCKET}", endpoint = "{self.store.endpoint}", prefix = "staging/trades", '
            f'compression = "gzip", {Files.FLUSH} }}\n'
        )

    def way(self):
        """How statements get there."""
        return f'url = "{self.stand_in.url}"'

    def count(self):
        # None while the database is down.
        try:
            return int(self.postgres.psql("SELECT count(*) FROM trades"))
        except subprocess.CalledProcessError:
            return 0

    def down(self):
        self.postgres.stop()
        return self.postgres.start

    def check(self):
        exactly_once(map(int, self.postgres.psql("SELECT n FROM trades").split()), self.run.records)
        # Each manifest has one note, and one COPY was committed for each note.
        notes = self.postgres.psql("SELECT count(*), count(DISTINCT manifest) FROM trades_millstream_loads").split("|")
        assert notes[0] == notes[1] and int(notes[0]) <= len(self.stand_in.loads), (notes, len(self.stand_in.loads))


class RedshiftData(Redshift):
    """The same by calls of the Data API, of which some are not answered and some are throttled."""

    RECORDS = 4000

    def way(self):
        self.data_api = redshift_data.DataApi(self.stand_in)
        self.run.ends.append(self.data_api.stop)
        return (f'cluster = "{redshift_data.CLUSTER}", database = "{redshift_data.DATABASE}", '
                f'user = "{redshift_data.USER}", data_endpoint = "{self.data_api.endpoint}"')

    def check(self):
        super().check()
        counts = self.data_api.counts
        assert counts["lost"] and counts["throttled"], counts
        self.run.said = "{lost} answers lost, {throttled} calls throttled".format_map(counts)


class DynamoDb:
    """A table with a row for each record, read by boto3."""

    def __init__(self, run):
        import boto3
        self.run = run
        self.table = boto3.resource(
            "dynamodb", endpoint_url=run.endpoint, region_name="us-east-1",
            aws_access_key_id=object_store.KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=object_store.KEYS["AWS_SECRET_ACCESS_KEY"],
        ).create_table(
            TableName=f"{run.name}-rows", BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "n", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "n", "AttributeType": "N"}],
        )
        run.declare(f'[[sink]]\ndynamodb = {{ table = "{run.name}-rows", key = {{ n = ".n" }} }}\n')

    def rows(self):
        start = {}
        while True:
            page = self.table.scan(ConsistentRead=True, ProjectionExpression="n", **start)
            yield from (int(row["n"]) for row in page["Items"])
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def count(self):
        # To read them all again and again would take as long as to write them.
        self.table.reload()
        return self.table.item_count

    def down(self):
        return None

    def check(self):
        exactly_once(self.rows(), self.run.records)


class Windows(Files):
    """Totals over all shards, in windows of two seconds."""

    def __init__(self, run):
        self.mount(run)
        run.declare(
            '[window]\nevery = "2s"\nby = ".k"\nvalues = { records = "count", sum = "sum .n", halves = "sum .half" }\n'
            f'[[sink]]\nfiles = {{ folder = "{self.out}", flush = {{ time = "500ms" }} }}\n'
        )

    def totals(self):
        latest = {}
        for line in self.lines():
            result = json.loads(line)
            key = (result["window"], result["by"])
            known = latest.get(key)
            if known and known["revision"] == result["revision"]:
                assert known == result, f"two results of one revision: {known} {result}"
            if not known or known["revision"] < result["revision"]:
                latest[key] = result
        totals = collections.defaultdict(lambda: [0, 0, 0.0])
        for (_, by), result in latest.items():
            for at, name in enumerate(("records", "sum", "halves")):
                totals[by][at] += result[name]
        return totals

    def count(self):
        return sum(records for records, _, _ in self.totals().values())

    def check(self):
        wanted = collections.defaultdict(lambda: [0, 0, 0.0])
        for n in range(1, self.run.records + 1):
            total = wanted[f"key-{n % KEYS}"]
            total[0] += 1
            total[1] += n
            total[2] += n % 100 + 0.5
        found = self.totals()
        assert found == wanted, {key: (found[key], wanted[key]) for key in wanted if found[key] != wanted[key]}


class WindowsOf1(Windows):
    """The same of one shard, which is split, and its two children merged."""

    SHARDS = 1
    RECORDS = 4000


class WindowsOf64(Windows):
    """The same over 64 shards, most of which have little to do."""

    SHARDS = 64
    RECORDS = 4000


DESTINATIONS = {
    "files": Files, "columns": Columns, "s3": S3, "parquet": Parquet, "redshift": Redshift, "redshift-data": RedshiftData,
    "dynamodb": DynamoDb, "windows": Windows, "windows-of-1": WindowsOf1, "windows-of-64": WindowsOf64, "stream": another_stream.AnotherStream,
    "postgres": postgres_rows.PostgresRows, "http": http_receiver.Http, "storm": storm.Storm,
    "opensearch": search.OpenSearch, "kafka": kafka_cluster.Kafka,
}

# Those that run if they are named.
APART = {"iceberg": iceberg_table.IcebergTable, "iceberg-sql": iceberg_sql.IcebergSql}


def under_faults(run, destination, down_s):
    """Everything that goes wrong, at places that progress decides and not time."""
    reached = lambda share: (lambda: ((count := destination.count()) >= run.records * share, count))  # noqa: E731
    run.start()
    run.write(0.2)
    run.until("the first records", reached(0.02))
    run.kill()
    run.start()
    run.millstream("streams", "split", run.name, "0")
    run.write(0.5)
    run.until("more records", reached(0.25))
    run.kill()
    up = destination.down()
    run.start()
    run.millstream("streams", "merge", run.name, "1", "2")
    run.write(0.8)
    if up:
        time.sleep(down_s)
        up()
    run.until("records after the destination was down", reached(0.6))
    run.kill()
    run.start()
    run.write(1.0)
    run.until("all records", reached(1.0))
    run.finish()
    destination.check()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--records", type=int, default=os.environ.get("MILLSTREAM_CONNECTOR_RECORDS"))
    parser.add_argument("--down-s", type=float)
    parser.add_argument("destinations", nargs="*", default=[])
    options = parser.parse_args()
    passed = failed = skipped = 0
    for name in options.destinations or DESTINATIONS:
        with tempfile.TemporaryDirectory(prefix="millstream-connectors-", ignore_cleanup_errors=True) as folder:
            began = time.monotonic()
            kind = {**DESTINATIONS, **APART}[name]
            records = options.records or getattr(kind, "RECORDS", RECORDS)
            shards = getattr(kind, "SHARDS", SHARDS)
            down_s = options.down_s or (DOWN_S if options.records else getattr(kind, "DOWN_S", DOWN_S))
            run = Run(options.endpoint, f"faults-{name}", folder, records, shards)
            try:
                under_faults(run, kind(run), down_s)
            except Missing as reason:
                print(f"SKIPPED {name}: {reason}", flush=True)
                skipped += 1
            except (AssertionError, subprocess.SubprocessError) as error:
                print(f"FAILED {name}: {error}", flush=True)
                failed += 1
            else:
                took_s = time.monotonic() - began
                print(f"{name}: {records} records, each once{run.said and f'; {run.said}'}; {took_s:.0f} s", flush=True)
                passed += 1
            finally:
                run.clean_up()
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
