"""One consumer of kinesis-python, with its checkpoints in a table, from the beginning of each shard."""

import os
import signal

import boto3
import ledger_lines
from kinesis.consumer import KinesisConsumer
from kinesis.state import DynamoDB


class FromTheBeginning(DynamoDB):
    """The library's own begins with what comes next."""

    def get_iterator_args(self, shard_id):
        known = "seq" in self.shards.get(shard_id, {})
        return super().get_iterator_args(shard_id) if known else {"ShardIteratorType": "TRIM_HORIZON"}


table = os.environ["APPLICATION"]
tables = boto3.client("dynamodb")
if table not in tables.list_tables()["TableNames"]:
    tables.create_table(
        TableName=table, BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "shard", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "shard", "KeyType": "HASH"}])
consumer = KinesisConsumer(os.environ["STREAM"], state=FromTheBeginning(table), reader_sleep_time=0.3)
signal.signal(signal.SIGTERM, lambda *_: setattr(consumer, "run", False))
for record in consumer:
    ledger_lines.records("-", [record["Data"].decode()])
