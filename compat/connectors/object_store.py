"""An S3 server of other people's making (SeaweedFS, from PyPI), on free ports; it can be down for a while."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

START_DEADLINE_S = 60
BUCKET = "results"
KEYS = {"AWS_ACCESS_KEY_ID": "connectors", "AWS_SECRET_ACCESS_KEY": "connectors-secret"}


def free_ports(count):
    """Ports that nobody listens at now, none of them twice; the port 10000 above each is free too."""
    found, held = [], []
    while len(found) < count:
        one = socket.socket()
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
        held.append(one)
        if port < 50_000:
            found.append(port)
    for one in held:
        one.close()
    return found


class ObjectStore:
    """`weed mini` with one bucket; and with a catalog of Iceberg, if a bucket of tables is named."""

    def __init__(self, folder, table_bucket=None):
        self.folder, self.table_bucket = Path(folder), table_bucket
        self.folder.mkdir()
        *ports, self.catalog_port = free_ports(5)
        self.ports = dict(zip(["s3", "master", "volume", "filer"], ports))
        self.process = None
        self.start()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.ports['s3']}"

    @property
    def catalog(self):
        return f"http://127.0.0.1:{self.catalog_port}"

    def start(self):
        program = Path(sys.executable).parent / "weed"
        ports = [f"-{name}.port={port}" for name, port in self.ports.items()]
        grpc = [f"-{name}.port.grpc={port + 10_000}" for name, port in self.ports.items()]
        catalog = [f"-tableBucket={self.table_bucket}", f"-s3.port.iceberg={self.catalog_port}"] if self.table_bucket else [
            "-s3.port.iceberg=0"]
        self.process = subprocess.Popen(
            [program, "mini", f"-dir={self.folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-bucket={BUCKET}",
             "-s3.port.lance=0", "-admin.ui=false", "-webdav=false", *catalog, *ports, *grpc],
            env={**os.environ, **KEYS}, stdin=subprocess.DEVNULL,
            stdout=open(self.folder.parent / "weed.log", "ab"), stderr=subprocess.STDOUT,
        )
        deadline = time.monotonic() + START_DEADLINE_S
        while not self.is_up():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"SeaweedFS does not start: see {self.folder.parent / 'weed.log'}")
            time.sleep(0.2)

    def is_up(self):
        """Whether the bucket is there: it is made some time after the server answers."""
        from botocore.exceptions import BotoCoreError, ClientError
        try:
            self.client().head_bucket(Bucket=BUCKET)
        except (BotoCoreError, ClientError):
            return False
        return True

    def stop(self):
        self.process.terminate()
        self.process.wait(60)

    def client(self):
        import boto3
        from botocore.config import Config
        return boto3.client(
            "s3", endpoint_url=self.endpoint, region_name="us-east-1", config=Config(s3={"addressing_style": "path"}),
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"], aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        )
