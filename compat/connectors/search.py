"""One node of OpenSearch; it can be down for a while."""

import os
import subprocess
import time

import builds
from judging import exactly_once
from object_store import free_ports

PROGRAM = {
    "name": "connector-opensearch", "folder": "../connectors/opensearch", "language": "java", "version": "2.19.1.0",
    "sources": ["Node.java"], "main": "Node", "java_options": ["-Xms512m", "-Xmx512m"],
}
START_DEADLINE_S = 120
INDEX = "numbers"


class Node:
    """The node, in a process of its own."""

    def __init__(self, folder):
        from opensearchpy import OpenSearch
        builds.build(PROGRAM)
        self.folder, (self.port, self.transport_port) = folder, free_ports(2)
        self.client = OpenSearch(f"http://127.0.0.1:{self.port}", timeout=60)
        self.start()

    def start(self):
        env = {**os.environ, "FOLDER": str(self.folder / "search"), "PORT": str(self.port),
               "TRANSPORT_PORT": str(self.transport_port), "JAVA_TOOL_OPTIONS": f"-Djava.io.tmpdir={self.folder}"}
        with (self.folder / "search.log").open("ab") as log:
            self.process = subprocess.Popen(
                builds.command(PROGRAM), cwd=self.folder, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + START_DEADLINE_S
        while not self.is_up():
            if self.process.poll() is not None or time.monotonic() > deadline:
                said = (self.folder / "search.log").read_text(errors="replace").strip()
                raise builds.Missing(f"OpenSearch does not start: {said[-300:]}")
            time.sleep(0.5)

    def is_up(self):
        from opensearchpy.exceptions import OpenSearchException
        try:
            return self.client.cluster.health()["status"] in ("yellow", "green")
        except OpenSearchException:
            return False

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class OpenSearch:
    """An index with a document for each record, read by OpenSearch's client for Python."""

    def __init__(self, run):
        self.run = run
        self.node = Node(run.folder)
        run.ends.append(self.node.kill)
        self.node.client.indices.create(index=INDEX, body={
            "settings": {"number_of_shards": 2, "number_of_replicas": 0},
            "mappings": {"dynamic": "strict", "properties": {
                "n": {"type": "long"}, "k": {"type": "keyword"}, "half": {"type": "double"}, "text": {"type": "keyword"}}},
        })
        run.declare(f'[[sink]]\nopensearch = {{ url = "http://127.0.0.1:{self.node.port}", index = "{INDEX}" }}\n')

    def count(self):
        self.node.client.indices.refresh(index=INDEX)
        return self.node.client.count(index=INDEX)["count"]

    def down(self):
        self.node.kill()
        return self.node.start

    def check(self):
        from opensearchpy.helpers import scan
        self.node.client.indices.refresh(index=INDEX)
        hits = scan(self.node.client, index=INDEX, size=5000, _source=["n"], version=True)
        numbers = []
        for hit in hits:
            numbers.append(hit["_source"]["n"])
            # Nothing was written over what was there.
            assert hit["_version"] == 0, hit
        exactly_once(numbers, self.run.records)
