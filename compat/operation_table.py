"""The table of operation x SDK in docs/compatibility.md: what the SDKs saw in a run, and what was committed."""

import json
from collections import defaultdict
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "compatibility.md"

OPERATIONS = """
AddTagsToStream CreateStream DecreaseStreamRetentionPeriod DeleteResourcePolicy DeleteStream DeregisterStreamConsumer
DescribeAccountSettings DescribeLimits DescribeStream DescribeStreamConsumer DescribeStreamSummary
DisableEnhancedMonitoring EnableEnhancedMonitoring GetRecords GetResourcePolicy GetShardIterator
IncreaseStreamRetentionPeriod ListShards ListStreamConsumers ListStreams ListTagsForResource ListTagsForStream
MergeShards PutRecord PutRecords PutResourcePolicy RegisterStreamConsumer RemoveTagsFromStream SplitShard
StartStreamEncryption StopStreamEncryption SubscribeToShard TagResource UntagResource UpdateAccountSettings
UpdateMaxRecordSize UpdateShardCount UpdateStreamMode UpdateStreamRecordDistributionStrategy
UpdateStreamWarmThroughput
""".split()

# What a suite's records call the SDK -> what it is.
COLUMNS = {
    "boto3": "boto3",
    "JavaScript": "JavaScript v3",
    "Java": "Java v2, blocking",
    "Java async": "Java v2, Netty",
    "Rust": "Rust",
}
# The suite of compat/run that a column comes from.
SUITE_OF = {"boto3": "boto3", "JavaScript": "javascript", "Java": "java", "Java async": "java", "Rust": "rust"}

BOTH = "✓ ✓"
# Cells that cannot be filled: the blocking client has no event streams.
NO_SUCH_CALL = {("Java", "SubscribeToShard"): "no such call"}
UNKNOWN_OPERATION = "UnknownOperationException"
ENCODINGS = {"application/x-amz-json-1.1": "JSON", "application/x-amz-cbor-1.1": "CBOR"}
HEAD = ("version", "encoding", "HTTP")

INTRODUCTION = """# Compatibility

Which operations the SDKs of AWS have called on this server, as they come, without a setting but the endpoint.
`compat/run` writes this page from what hooks inside each SDK saw while the suites ran (`compat/run --write-table`), and
fails when a run sees anything else.

`✓ ✓`: at least one call succeeded, and at least one was refused with an error of AWS's own. The Rust SDK's hooks do not
tell the version of HTTP.

"""

PROGRAMS = """
## Programs

Other people's programs, in the versions that the registries serve, unchanged but for a processor that writes down what it
sees. Each has a fresh server and goes through one scenario (`compat/programs/README.md`): a stream of eight shards under
constant traffic, two workers, one of them killed with kill -9, a split, a merge, a graceful stop, a restart. Every record
came, in the order of its shard, and of its key where the library waits for a shard's parents; what was repeated is what was
under way when a worker was killed or lost a lease. A program that moves records puts them to a second stream, which is
judged; one that keeps no place is not killed. `compat/programs/matrix.toml` says what is known of each library.
`make compat` runs all of them and writes this table; `make test` runs the smallest set that guards each difference of
protocol. Times are from the start of the process to the first record, and from the kill to the last shard's first record
at another worker, on 2 cores that all share, with the library's own settings; only some in Go, Node and Python are told
to look for shards and leases more often.

"""


def read_seen(path):
    """Cell of each (column, row) that a run saw."""
    outcomes, heads = defaultdict(set), defaultdict(lambda: defaultdict(set))
    for line in path.read_text().splitlines() if path.exists() else []:
        entry = json.loads(line)
        column = entry["sdk"]
        if entry["code"] != UNKNOWN_OPERATION:
            outcomes[column, entry["operation"]].add(entry["outcome"])
        heads[column]["version"].add(entry["version"])
        heads[column]["encoding"].add(ENCODINGS.get(entry["encoding"], entry["encoding"]))
        heads[column]["HTTP"].add(entry["http"] or "not told")
    cells = {}
    for column in COLUMNS:
        for row in HEAD:
            cells[column, row] = " and ".join(sorted(map(str, heads[column][row]))) or "-"
        for operation in OPERATIONS:
            cells[column, operation] = cell(column, operation, outcomes[column, operation])
    return cells


def cell(column, operation, seen):
    if (column, operation) in NO_SUCH_CALL:
        return NO_SUCH_CALL[column, operation]
    return f"{'✓' if 'success' in seen else '-'} {'✓' if 'error' in seen else '-'}"


def render(cells):
    rows = [["", *COLUMNS.values()], ["---"] * (len(COLUMNS) + 1)]
    rows += [[row, *(cells[column, row] for column in COLUMNS)] for row in (*HEAD, *OPERATIONS)]
    return INTRODUCTION + "".join(f"| {' | '.join(row)} |\n" for row in rows) + committed_programs()


def committed_programs():
    """The part of the page that is another run's."""
    text = DOCUMENT.read_text() if DOCUMENT.exists() else ""
    heading = PROGRAMS.splitlines(keepends=True)[1]
    return f"\n{text[text.index(heading):]}" if heading in text else ""


def write_programs(table):
    """Writes the programs' part; what stands before it stays."""
    before = DOCUMENT.read_text().removesuffix(committed_programs())
    DOCUMENT.write_text(before + PROGRAMS + table)


def read_programs():
    """The committed row of each program."""
    lines = [line for line in committed_programs().splitlines() if line.startswith("|")]
    rows = [[part.strip() for part in line.strip("|").split("|")] for line in lines]
    return {row[0]: row for row in rows}


def read_committed():
    """The committed cells; none if there is no such page or it has other columns."""
    lines = DOCUMENT.read_text().splitlines() if DOCUMENT.exists() else []
    rows = [[part.strip() for part in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    if not rows or rows[0][1:] != list(COLUMNS.values()):
        return {}
    return {(column, row[0]): value for row in rows[2:] for column, value in zip(COLUMNS, row[1:])}


def gaps(cells, columns):
    """Operations that an SDK did not both call with success and see refused."""
    return [
        f"{COLUMNS[column]}: {operation}: {cells[column, operation]}"
        for column in columns
        for operation in OPERATIONS
        if cells[column, operation] != BOTH and (column, operation) not in NO_SUCH_CALL
    ]


def differences(cells, columns):
    """What a run saw otherwise than the committed page says."""
    committed = read_committed()
    return [
        f"{COLUMNS[column]}: {row}: the page says {committed.get((column, row), 'nothing')}, the run saw {value}"
        for (column, row), value in cells.items()
        if column in columns and committed.get((column, row)) != value
    ]
