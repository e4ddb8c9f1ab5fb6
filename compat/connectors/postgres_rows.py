"""A table of PostgreSQL, read by psql."""

import subprocess

import postgres
from builds import Missing
from judging import exactly_once

TABLE = """CREATE TABLE numbers (
    millstream_id text PRIMARY KEY, millstream_revision bigint NOT NULL, n integer NOT NULL, half numeric, text text)"""


class PostgresRows:
    """A row for each record."""

    def __init__(self, run):
        if not postgres.programs():
            raise Missing("PostgreSQL is not here (Debian's package postgresql)")
        self.run, self.server = run, postgres.Postgres(run.folder / "postgres")
        run.ends.append(self.server.end)
        self.server.psql(TABLE)
        url = f"postgresql://postgres@127.0.0.1:{self.server.port}/postgres?sslmode=disable"
        run.declare(f'[[sink]]\npostgres = {{ url = "{url}", table = "numbers", '
                    'columns = { n = ".n", half = ".half", text = ".text" } }\n')

    def count(self):
        # None while the server is down.
        try:
            return int(self.server.psql("SELECT count(*) FROM numbers"))
        except subprocess.CalledProcessError:
            return 0

    def down(self):
        self.server.stop()
        return self.server.start

    def check(self):
        exactly_once(map(int, self.server.psql("SELECT n FROM numbers").split()), self.run.records)
        wrong = self.server.psql("SELECT n FROM numbers WHERE half <> n % 100 + 0.5 OR text <> repeat('x', 60) LIMIT 5")
        assert not wrong, f"rows with other values: {wrong.split()}"
