"""A stand-in for Amazon Redshift, for tests: PostgreSQL behind its own protocol, where COPY is Redshift's.

Simple queries go through as they are. A COPY is parsed, its manifest and the objects are read from an S3 server and
checked as Redshift documents it, and the rows are loaded by COPY FROM STDIN on the same connection, so in the transaction
that is open there. Whatever is not in order fails the statement, and PostgreSQL the transaction.
"""

import gzip
import json
import socket
import socketserver
import struct
import threading
from urllib.parse import urlsplit

import sqlglot
from sqlglot import exp

SSL_REQUEST = 80877103
PROTOCOL = 196608
ROLE = "arn:aws:iam::123456789012:role/load"


class Refused(Exception):
    """What Redshift would not load."""


class Connection(socketserver.BaseRequestHandler):
    """One client, and its connection to PostgreSQL."""

    def handle(self):
        self.server.connections.add(self.request)
        try:
            self.converse()
        except (ConnectionError, EOFError, OSError):
            pass
        finally:
            self.server.connections.discard(self.request)

    def converse(self):
        startup = self.startup()
        with socket.create_connection(("127.0.0.1", self.server.postgres.port)) as self.backend:
            self.backend.sendall(startup)
            self.answer()
            while True:
                kind, body = receive(self.request)
                if kind == b"X":
                    return
                if kind != b"Q":
                    raise EOFError(f"the stand-in knows simple queries alone, and this is {kind}")
                text = body[:-1].decode()
                if text.lstrip().upper().startswith("COPY"):
                    self.copy(text)
                else:
                    send(self.backend, kind, body)
                    self.answer()

    def startup(self):
        while True:
            head = exactly(self.request, 8)
            length, code = struct.unpack("!II", head)
            rest = exactly(self.request, length - 8)
            if code == SSL_REQUEST:
                self.request.sendall(b"N")
            elif code == PROTOCOL:
                return head + rest
            else:
                raise EOFError(f"no start of a connection: {code}")

    def answer(self, until=b"Z"):
        """Hands what PostgreSQL says to the client, up to its being ready."""
        while True:
            kind, body = receive(self.backend)
            send(self.request, kind, body)
            if kind == until:
                return

    def rows(self, statement):
        """Rows that the stand-in itself wants to know."""
        send(self.backend, b"Q", statement.encode() + b"\0")
        rows = []
        while True:
            kind, body = receive(self.backend)
            if kind == b"D":
                rows.append(fields(body))
            if kind == b"E":
                raise EOFError(f"{statement}: {body}")
            if kind == b"Z":
                return rows

    def copy(self, text):
        try:
            load = Load(text)
            lines = [line for body in load.objects(self.server.s3) for line in body]
            columns = load.columns or [name for name, in self.rows(
                "SELECT attname FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped "
                f"AND attrelid = {quoted(load.table)}::regclass ORDER BY attnum"
            )]
            data = b"".join(row(line, columns) for line in lines)
        except Refused as refused:
            # So that the transaction has failed too.
            statement = f"DO $$ BEGIN RAISE EXCEPTION USING MESSAGE = {quoted(str(refused))}, ERRCODE = 'XX000'; END $$"
            send(self.backend, b"Q", statement.encode() + b"\0")
            self.answer()
            return
        names = ", ".join('"' + name.replace('"', '""') + '"' for name in columns)
        send(self.backend, b"Q", f"COPY {load.table} ({names}) FROM STDIN".encode() + b"\0")
        kind, body = receive(self.backend)
        if kind != b"G":
            send(self.request, kind, body)
            self.answer()
            return
        send(self.backend, b"d", data)
        send(self.backend, b"c", b"")
        self.server.loads.append(load.manifest)
        self.answer()


class Load:
    """A COPY as Redshift documents it."""

    def __init__(self, text):
        try:
            copy = sqlglot.parse_one(text, read="redshift")
        except sqlglot.errors.ParseError as error:
            raise Refused(f"syntax error: {error}") from error
        if not isinstance(copy, exp.Copy) or not copy.args.get("kind"):
            raise Refused("the stand-in loads by COPY ... FROM alone")
        into = copy.this
        self.columns = None
        if isinstance(into, exp.Schema):
            self.columns = [column.name for column in into.expressions]
            into = into.this
        self.table = into.sql(dialect="postgres", identify=True)
        files = [file.name for file in copy.args["files"]]
        if len(files) != 1 or not files[0].startswith("s3://"):
            raise Refused(f"COPY FROM {files}: Redshift loads from s3:// and not from the client")
        self.manifest = files[0]
        self.options = options([
            word
            for parameter in copy.args["params"]
            for word in [*parameter.this.name.split(), *([parameter.expression.name] if parameter.expression else [])]
        ])
        given = copy.args["credentials"].args
        if given.get("credentials"):
            raise Refused("keys in a statement")
        role = given.get("iam_role")
        if not role or role.name != ROLE:
            raise Refused(f"not authorized to assume {role}")
        if "MANIFEST" not in self.options:
            raise Refused("the stand-in wants a manifest")

    def objects(self, s3):
        """The rows of each object that the manifest names."""
        manifest = json.loads(read(s3, self.manifest))
        if set(manifest) != {"entries"} or not manifest["entries"]:
            raise Refused(f"{self.manifest} is no manifest")
        for entry in manifest["entries"]:
            try:
                body = read(s3, entry["url"])
            except Refused:
                if entry.get("mandatory"):
                    raise
                continue
            length = entry.get("meta", {}).get("content_length")
            if length is not None and length != len(body):
                raise Refused(f"{entry['url']} has {len(body)} bytes and not {length}")
            if "GZIP" in self.options:
                body = gzip.decompress(body)
            if self.options.get("JSON") != "auto":
                raise Refused("the stand-in loads JSON alone, by the names of its members")
            yield [json_object(line) for line in body.decode().splitlines()]


def options(words):
    """The parameters of a COPY behind its place: those that are given a value, and those that are not."""
    found, words = {}, iter(words)
    for word in words:
        word = word.upper()
        if word == "FORMAT":
            kind = next(words)
            word = (next(words) if kind.upper() == "AS" else kind).upper()
        if word in ("JSON", "TIMEFORMAT", "REGION"):
            found[word] = next(words)
        elif word in ("GZIP", "MANIFEST"):
            found[word] = True
        else:
            raise Refused(f"the stand-in does not know {word}")
    return found


def json_object(line):
    value = json.loads(line)
    if not isinstance(value, dict):
        raise Refused(f"no object: {line[:80]}")
    return value


def read(s3, url):
    place = urlsplit(url)
    try:
        return s3.get_object(Bucket=place.netloc, Key=place.path.lstrip("/"))["Body"].read()
    except s3.exceptions.NoSuchKey as error:
        raise Refused(f"{url} does not exist") from error


def row(value, columns):
    """A line of PostgreSQL's COPY: the members that are named as columns are."""
    return ("\t".join(field(value.get(name)) for name in columns) + "\n").encode()


def field(value):
    if value is None:
        return "\\N"
    text = value if isinstance(value, str) else json.dumps(value)
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def fields(body):
    count, at, found = struct.unpack("!H", body[:2])[0], 2, []
    for _ in range(count):
        length = struct.unpack("!i", body[at:at + 4])[0]
        at += 4
        found.append(None if length < 0 else body[at:at + length].decode())
        at += max(length, 0)
    return found


def exactly(connection, length):
    data = b""
    while len(data) < length:
        more = connection.recv(length - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def receive(connection):
    kind, length = struct.unpack("!cI", exactly(connection, 5))
    return kind, exactly(connection, length - 4)


def send(connection, kind, body):
    connection.sendall(kind + struct.pack("!I", len(body) + 4) + body)


class Redshift(socketserver.ThreadingTCPServer):
    """The stand-in, on a free port."""

    daemon_threads = True

    def __init__(self, postgres, s3):
        super().__init__(("127.0.0.1", 0), Connection)
        self.postgres, self.s3 = postgres, s3
        self.connections, self.loads = set(), []
        postgres.psql("CREATE FUNCTION getdate() RETURNS timestamp LANGUAGE sql STABLE AS $$ SELECT now()::timestamp $$")
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"postgresql://postgres@127.0.0.1:{self.server_address[1]}/postgres?sslmode=disable"

    def stop(self):
        self.shutdown()
        self.server_close()
        for connection in list(self.connections):
            connection.close()
