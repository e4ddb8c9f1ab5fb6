"""A table of Iceberg in a catalog of PostgreSQL, read by pyiceberg's SQL catalog and duckdb. One answer of the database in seven
is lost, the database is down for a while, and pyiceberg commits to the same table all the time."""

import logging
import threading

import object_store
import postgres
from builds import Missing
from iceberg_table import SCHEMA, IcebergTable
from lossy_way import LossyWay

CATALOG = "lake"
# What the other writer counts up.
PROPERTY = "rival"
PAUSE_S = 0.3


def not_answered():
    """What a database that goes away is to the driver, and to what stands on it."""
    from sqlalchemy.exc import SQLAlchemyError
    return SQLAlchemyError, OSError


class IcebergSql(IcebergTable):
    """A table that the sink makes, and the tables of the catalog too."""

    def __init__(self, run):
        if not postgres.programs():
            raise Missing("PostgreSQL is not here (Debian's package postgresql)")
        self.run = run
        self.postgres = postgres.Postgres(run.folder / "postgres")
        run.ends.append(self.postgres.end)
        self.store = object_store.ObjectStore(run.folder / "objects")
        run.ends.append(self.store.stop)
        self.way = LossyWay(self.postgres.port)
        run.ends.append(self.way.close)
        self.way.loses = True
        run.declare(
            f'[[sink]]\niceberg = {{ sql = "postgresql://postgres@127.0.0.1:{self.way.port}/postgres?sslmode=disable", '
            f'catalog = "{CATALOG}", warehouse = "s3://{object_store.BUCKET}/tables", table = "market.eu.trades", '
            f'endpoint = "{self.store.endpoint}", schema = {SCHEMA}, flush = {{ bytes = "256 KiB", time = "1s" }} }}\n'
        )
        self.catalog = self.opened()
        self.rival = Rival(self.opened())
        run.ends.append(self.rival.stop)

    def opened(self):
        from pyiceberg.catalog.sql import SqlCatalog
        # A connection that is found cut would be told of at length.
        logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)
        key, secret = object_store.KEYS["AWS_ACCESS_KEY_ID"], object_store.KEYS["AWS_SECRET_ACCESS_KEY"]
        return SqlCatalog(CATALOG, **{
            "uri": f"postgresql+pg8000://postgres@127.0.0.1:{self.postgres.port}/postgres",
            "pool_pre_ping": "true", "init_catalog_tables": "false", "s3.endpoint": self.store.endpoint,
            "s3.access-key-id": key, "s3.secret-access-key": secret, "s3.region": "us-east-1", "s3.path-style-access": "true",
        })

    def table(self):
        return self.catalog.load_table("market.eu.trades")

    def count(self):
        """For progress alone; none while the database is down, or before the sink has made its tables."""
        from pyiceberg.exceptions import NoSuchTableError
        try:
            snapshot = self.table().current_snapshot()
        except (NoSuchTableError, *not_answered()):
            return 0
        return int(snapshot.summary["total-records"]) if snapshot else 0

    def down(self):
        self.postgres.stop()
        return self.postgres.start

    def check(self):
        self.rival.stop()
        super().check()
        held = int(self.table().properties[PROPERTY])
        assert held in self.rival.possible, (held, self.rival.possible)
        assert self.rival.committed and self.way.lost, (self.rival.committed, self.way.lost)
        self.run.said += (f", {self.rival.committed} commits of pyiceberg among them, {self.rival.refused} of its refused; "
                          f"{self.way.lost} answers lost")


class Rival:
    """Another writer, which sets a property of the table again and again."""

    def __init__(self, catalog):
        self.catalog, self.committed, self.refused = catalog, 0, 0
        # What the property may be: what it was committed as last, and whatever was tried since and not answered.
        self.possible, self.is_over = [], threading.Event()
        self.thread = threading.Thread(target=self.write, daemon=True)
        self.thread.start()

    def write(self):
        from pyiceberg.exceptions import CommitFailedException, NoSuchTableError
        number = 0
        while not self.is_over.wait(PAUSE_S):
            number += 1
            try:
                table = self.catalog.load_table("market.eu.trades")
            except (NoSuchTableError, *not_answered()):
                continue
            try:
                with table.transaction() as change:
                    change.set_properties(**{PROPERTY: str(number)})
            except CommitFailedException:
                self.refused += 1
            except not_answered():
                self.possible.append(number)
            else:
                self.possible = [number]
                self.committed += 1

    def stop(self):
        self.is_over.set()
        self.thread.join(60)
