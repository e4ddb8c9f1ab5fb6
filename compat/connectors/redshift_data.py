"""The Data API of the stand-in for Amazon Redshift: calls that begin statements, and tell how they are doing.

A batch is one transaction on a connection of its own to the stand-in (redshift.py), where COPY is Redshift's. Requests must
be signed as AWS checks it, and name a database as it wants to be told; a client token is known for as long as this runs.
Some answers are lost after what they tell of has begun, and some calls are throttled.
"""

import collections
import hashlib
import http.server
import json
import socket
import struct
import threading
import uuid

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from object_store import KEYS
from redshift import PROTOCOL, receive, send

STATEMENTS_MAX = 40
TOKEN_CHARS_MAX = 64
# One call in so many that begin something is not answered, and one in so many is throttled.
LOST, THROTTLED = 3, 11
CLUSTER, DATABASE, USER, REGION = "market-cluster", "postgres", "postgres", "us-east-1"


class Refused(Exception):
    """A call that is not done: its code, and why."""


class Failed(Exception):
    """A statement that is not done."""


class Session:
    """A connection to the stand-in, for simple queries."""

    def __init__(self, port):
        self.connection = socket.create_connection(("127.0.0.1", port))
        start = b"user\0" + USER.encode() + b"\0database\0" + DATABASE.encode() + b"\0\0"
        self.connection.sendall(struct.pack("!II", len(start) + 8, PROTOCOL) + start)
        self.answer()

    def run(self, statement):
        """How many rows it gives."""
        send(self.connection, b"Q", statement.encode() + b"\0")
        return self.answer()

    def answer(self):
        rows, error = 0, None
        while True:
            kind, body = receive(self.connection)
            rows += kind == b"D"
            if kind == b"E":
                error = next(part[1:] for part in body.split(b"\0") if part.startswith(b"M")).decode()
            if kind == b"Z" or kind == b"E" and b"FATAL" in body:
                break
        if error:
            raise Failed(f"ERROR: {error}")
        return rows

    def close(self):
        self.connection.close()


class DataApi(http.server.ThreadingHTTPServer):
    """The calls, on a free port, over a stand-in for Redshift."""

    daemon_threads = True

    def __init__(self, stand_in):
        super().__init__(("127.0.0.1", 0), Call)
        self.stand_in = stand_in
        self.lock = threading.Lock()
        self.statements, self.tokens = {}, {}
        self.counts = collections.Counter()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def stop(self):
        self.shutdown()
        self.server_close()

    def begin(self, members, sqls):
        """The id of these statements, which run; of those that run or ran, if they have this token."""
        where = {"Database": DATABASE, "ClusterIdentifier": CLUSTER, "DbUser": USER}
        for name, value in where.items():
            if members.get(name) != value:
                raise Refused("ValidationException", f"{name} is {members.get(name)!r}")
        if not 1 <= len(sqls) <= STATEMENTS_MAX:
            raise Refused("ValidationException", f"{len(sqls)} statements")
        token = members.get("ClientToken")
        if token is not None and not 1 <= len(token) <= TOKEN_CHARS_MAX:
            raise Refused("ValidationException", f"a token of {len(token)} characters")
        with self.lock:
            if token in self.tokens:
                known = self.tokens[token]
                if self.statements[known]["sqls"] != sqls:
                    raise Refused("ValidationException", "the token is of another request")
                self.counts["joined"] += 1
                return known
            number = str(uuid.uuid4())
            self.statements[number] = {"sqls": sqls, "Status": "SUBMITTED", "ResultRows": -1}
            if token is not None:
                self.tokens[token] = number
        threading.Thread(target=self.run, args=(number,), daemon=True).start()
        return number

    def run(self, number):
        statement = self.statements[number]
        statement["Status"] = "STARTED"
        session = None
        try:
            session = Session(self.stand_in.server_address[1])
            session.run("BEGIN")
            rows = [session.run(sql) for sql in statement["sqls"]]
            session.run("COMMIT")
        except (Failed, OSError, EOFError) as error:
            statement.update(Status="FAILED", Error=str(error) or repr(error))
        else:
            statement.update(Status="FINISHED", ResultRows=rows[-1])
        finally:
            if session:
                session.close()

    def describe(self, number):
        if number not in self.statements:
            raise Refused("ResourceNotFoundException", f"there is no statement {number}")
        known = self.statements[number]
        return {"Id": number, **{name: known[name] for name in ("Status", "ResultRows", "Error") if name in known}}

    def answer(self, operation, members):
        if operation == "DescribeStatement":
            return self.describe(members["Id"])
        if operation == "BatchExecuteStatement":
            return {"Id": self.begin(members, members["Sqls"])}
        if operation == "ExecuteStatement":
            return {"Id": self.begin(members, [members["Sql"]])}
        raise Refused("UnknownOperationException", operation)

    def chance(self, name, one_in):
        """Whether this is a call to which this happens."""
        with self.lock:
            self.counts[f"{name} of"] += 1
            happens = self.counts[f"{name} of"] % one_in == 0
            self.counts[name] += happens
            return happens


class Call(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        service, _, operation = self.headers.get("x-amz-target", "").partition(".")
        try:
            if service != "RedshiftData" or self.headers.get("content-type") != "application/x-amz-json-1.1":
                raise Refused("UnknownOperationException", f"{service}.{operation}")
            self.check_signature(body)
            if self.server.chance("throttled", THROTTLED):
                raise Refused("ThrottlingException", "Rate exceeded")
            answer = self.server.answer(operation, json.loads(body))
        except Refused as refused:
            code, message = refused.args
            self.tell(400, {"__type": code, "Message": message})
            return
        if operation == "BatchExecuteStatement" and self.server.chance("lost", LOST):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.tell(200, answer)

    def check_signature(self, body):
        """As botocore would have signed the same request."""
        given = self.headers.get("authorization", "")
        signed = given.partition("SignedHeaders=")[2].partition(",")[0].split(";")
        if not {"host", "x-amz-date", "x-amz-target"} <= set(signed):
            raise Refused("IncompleteSignatureException", given)
        request = AWSRequest("POST", f"http://{self.headers['host']}{self.path}", data=body)
        for name in signed:
            request.headers[name] = self.headers[name]
        request.context["timestamp"] = self.headers["x-amz-date"]
        request.context["payload_signing_enabled"] = True
        keys = Credentials(KEYS["AWS_ACCESS_KEY_ID"], KEYS["AWS_SECRET_ACCESS_KEY"])
        auth = SigV4Auth(keys, "redshift-data", REGION)
        text = auth.string_to_sign(request, canonical(auth, request, signed, body))
        if given != (
            f"AWS4-HMAC-SHA256 Credential={auth.scope(request)}, SignedHeaders={';'.join(signed)}, "
            f"Signature={auth.signature(text, request)}"
        ):
            raise Refused("InvalidSignatureException", given)

    def tell(self, status, answer):
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/x-amz-json-1.1")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def canonical(auth, request, signed, body):
    """The request as it is signed, with the headers that it says."""
    headers = "".join(f"{name}:{request.headers[name].strip()}\n" for name in signed)
    path = auth._normalize_url_path("/" + request.url.split("/", 3)[3])
    return "\n".join(["POST", path, "", headers, ";".join(signed), hashlib.sha256(body).hexdigest()])
