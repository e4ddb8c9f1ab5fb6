"""Another stream, read by boto3; joined records are taken apart by AWS's own library."""

import json

import object_store
from judging import at_least_once

SHARDS = 3


class AnotherStream:
    """Every record at least once: the record's number tells those that came twice."""

    def __init__(self, run):
        import boto3
        from following import Follower
        self.run, self.name, self.times = run, f"{run.name}-copy", {}
        run.millstream("streams", "create", self.name, "--shards", str(SHARDS))
        client = boto3.client(
            "kinesis", endpoint_url=run.endpoint, region_name="us-east-1",
            aws_access_key_id=object_store.KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=object_store.KEYS["AWS_SECRET_ACCESS_KEY"],
        )
        shards = [shard["ShardId"] for shard in client.list_shards(StreamName=self.name)["Shards"]]
        self.follower = Follower(client, self.name, shards)
        run.declare(f'[[sink]]\nstream = {{ name = "{self.name}", key = ".k" }}\n')

    def count(self):
        for found in self.follower.read():
            value = json.loads(found.text)
            assert found.key == value["k"], found
            self.times[value["n"]] = self.times.get(value["n"], 0) + 1
        return len(self.times)

    def down(self):
        return None

    def check(self):
        self.count()
        at_least_once(self.times, self.run.records)
        self.run.said = f"by its number: {sum(self.times.values()) - self.run.records} came again"
