"""A topology of Apache Storm, in a local cluster, whose spout is `millstream storm-spout`."""

import boto3
import builds
import object_store
from fresh_server import binary
from judging import at_least_once

PROGRAM = {
    "name": "connector-storm", "folder": "../connectors/storm", "language": "java", "version": "2.8.3",
    "sources": ["Worker.java"], "java_options": ["-Xmx512m"],
}


class Storm:
    """A bolt that writes down what it acks and fails: at least once by its tuples, exactly once by their ids."""

    def __init__(self, run):
        builds.build(PROGRAM)
        self.run, self.workers, self.checkpoints = run, 0, {}
        self.stalled = run.folder / "stalled"
        spout = [binary(), "storm-spout", "--stream", run.name, "--application", run.name, "--fields", "id,data",
                 "--data", "json", "--failover", "2s"]
        run.before_start.append(self.starting)
        run.after_kill.append(self.killed)
        run.command = [*builds.command(PROGRAM), *map(str, spout)]
        run.env |= {"STALLED": str(self.stalled), "JAVA_TOOL_OPTIONS": f"-Djava.io.tmpdir={run.folder}"}

    def starting(self):
        """Each topology has a ledger of its own."""
        self.workers += 1
        self.run.env["LEDGER"] = str(self.run.folder / f"{self.workers}.ledger")

    def ledgers(self):
        """What each topology said of each tuple, in its order: the word, the id, the number."""
        for path in sorted(self.run.folder.glob("*.ledger")):
            text = path.read_text()
            yield [line.split(" ") for line in text[: text.rfind("\n") + 1].splitlines()]

    def acked(self):
        return [(id, int(n)) for ledger in self.ledgers() for word, id, n in ledger if word == "ack"]

    def count(self):
        return len(set(self.acked()))

    def down(self):
        """The bolt fails everything."""
        self.stalled.touch()
        return self.stalled.unlink

    def killed(self):
        """Topology and spouts are dead now; what is checkpointed then must not come again."""
        tables = boto3.client("dynamodb", endpoint_url=self.run.endpoint, region_name="us-east-1",
                              aws_access_key_id=object_store.KEYS["AWS_ACCESS_KEY_ID"],
                              aws_secret_access_key=object_store.KEYS["AWS_SECRET_ACCESS_KEY"])
        rows = tables.scan(TableName=self.run.name, ConsistentRead=True)["Items"]
        self.checkpoints[self.workers] = {row["leaseKey"]["S"]: row["checkpoint"]["S"] for row in rows}

    def check(self):
        ids = {}
        for id, n in self.acked():
            assert ids.setdefault(id, n) == n, f"two records of one id: {id}"
        at_least_once(ids.values(), self.run.records)
        assert len(ids) == self.run.records, f"{len(ids)} ids of {self.run.records} records"
        failed = 0
        for worker, ledger in enumerate(self.ledgers(), 1):
            self.check_checkpoint(worker, ledger)
            failed += sum(word == "fail" for word, _, _ in ledger)
        # All are acked by now, so each of these was emitted again.
        assert failed >= self.run.records // 10, f"only {failed} tuples failed"
        self.run.said = f"{failed} times a tuple failed, {len(self.acked()) - len(ids)} were acked more than once"

    def check_checkpoint(self, worker, ledger):
        """Nothing that was checkpointed when a topology before was killed came to this one."""
        for before, checkpoints in self.checkpoints.items():
            if before >= worker:
                continue
            for _, id, n in ledger:
                shard, number = id.split(":")
                checkpoint = checkpoints.get(shard, "TRIM_HORIZON")
                is_behind = checkpoint == "SHARD_END" or checkpoint.isdigit() and int(number) <= int(checkpoint)
                assert not is_behind, f"{n} of {shard} came to topology {worker}, behind the checkpoint of {before}"
