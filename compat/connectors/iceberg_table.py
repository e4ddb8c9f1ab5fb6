"""A table of Iceberg in SeaweedFS's catalog, read by pyiceberg and duckdb; catalog and files can be down for a while."""

import object_store
from judging import exactly_once
from parquet_files import source

TABLE_BUCKET = "lake"
# How requests to the catalog are signed.
SIGNING_NAME = "s3tables"
SCHEMA = '{ n = "long", k = "string", half = "double", text = "string", at = "timestamp", all = "json" }'
COLUMNS = {"n": "long", "k": "string", "half": "double", "text": "string", "at": "timestamptz", "all": "string"}


class IcebergTable:
    """A table that the sink makes."""

    def __init__(self, run):
        self.run = run
        self.store = object_store.ObjectStore(run.folder / "objects", TABLE_BUCKET)
        run.ends.append(self.store.stop)
        run.declare(
            f'[[sink]]\niceberg = {{ url = "{self.store.catalog}", warehouse = "s3://{TABLE_BUCKET}", '
            f'table = "market.trades", sigv4 = "{SIGNING_NAME}", endpoint = "{self.store.endpoint}", '
            f'schema = {SCHEMA}, flush = {{ bytes = "256 KiB", time = "1s" }} }}\n'
        )

    def table(self):
        from pyiceberg.catalog import load_catalog
        key, secret = object_store.KEYS["AWS_ACCESS_KEY_ID"], object_store.KEYS["AWS_SECRET_ACCESS_KEY"]
        return load_catalog("lake", **{
            "type": "rest", "uri": self.store.catalog, "warehouse": f"s3://{TABLE_BUCKET}",
            "rest.sigv4-enabled": "true", "rest.signing-name": SIGNING_NAME, "rest.signing-region": "us-east-1",
            "client.access-key-id": key, "client.secret-access-key": secret, "client.region": "us-east-1",
            "s3.endpoint": self.store.endpoint, "s3.access-key-id": key, "s3.secret-access-key": secret,
            "s3.region": "us-east-1", "s3.path-style-access": "true",
        }).load_table("market.trades")

    def count(self):
        """For progress alone, what the newest snapshot says of itself; none while nobody answers, or there is none."""
        from pyiceberg.exceptions import NoSuchTableError, RESTError
        from requests.exceptions import RequestException
        try:
            snapshot = self.table().current_snapshot()
        except (NoSuchTableError, RESTError, RequestException):
            return 0
        return int(snapshot.summary["total-records"]) if snapshot else 0

    def down(self):
        self.store.stop()
        return self.store.start

    def check(self):
        import duckdb
        table = self.table()
        columns = {field.name: str(field.field_type) for field in table.schema().fields}
        assert columns == COLUMNS, columns
        rows = table.scan().to_arrow()
        exactly_once(rows["n"].to_pylist(), self.run.records)
        for row in rows.to_pylist():
            # The source has neither of the last two.
            assert row == {**source(row["n"]), "at": None, "all": None}, row
        # A second reader adds up what the first one handed over, with a filter that goes by the bounds of files.
        half = table.scan(row_filter=f"n > {self.run.records // 2}", selected_fields=("n", "half")).to_arrow()
        found = duckdb.sql("SELECT count(*), count(DISTINCT n), sum(n)::BIGINT FROM half").fetchall()[0]
        wanted = range(self.run.records // 2 + 1, self.run.records + 1)
        assert found == (len(wanted), len(wanted), sum(wanted)), (found, len(wanted), sum(wanted))
        self.check_positions(table)

    def check_positions(self, table):
        """The table says of each shard what it has, and each snapshot of what came with it."""
        prefix = f"millstream.{self.run.name}."
        held = {name: value for name, value in table.properties.items() if name.startswith(prefix)}
        # 8 shards, two of a split and one of a merge; the split ones may have had nothing more.
        assert len(held) >= 9, held
        latest, commits = {}, 0
        for snapshot in sorted(table.snapshots(), key=lambda one: one.sequence_number):
            said = {name: value for name, value in snapshot.summary.additional_properties.items() if name.startswith(prefix)}
            assert said, f"a commit that says nothing of where it is: {snapshot.summary}"
            for name, value in said.items():
                first, last = (tuple(map(int, place.split("."))) for place in value.split()[:2])
                assert name not in latest or latest[name] < first <= last, (name, latest[name], value)
                latest[name] = last
            commits += 1
        assert latest == {name: tuple(map(int, value.split()[1].split("."))) for name, value in held.items()}
        self.run.said = f"{commits} commits of {len(held)} shards"
