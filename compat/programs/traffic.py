"""Records with known contents: what is put, and what the service answered to it."""

import hashlib
import threading
import time

from checks import Put

SHARDS = 8
KEYS_PER_SHARD = 8
HASH_KEYS = 1 << 128


def hash_key(key):
    """Where a partition key lies among the shards."""
    return int.from_bytes(hashlib.md5(key.encode()).digest(), "big")


def even_keys():
    """As many keys in each eighth of all hash keys, so that programs that balance by throughput have an even load."""
    found = [[] for _ in range(SHARDS)]
    number = 0
    while any(len(keys) < KEYS_PER_SHARD for keys in found):
        key = f"key-{number}"
        number += 1
        eighth = found[hash_key(key) * SHARDS // HASH_KEYS]
        if len(eighth) < KEYS_PER_SHARD:
            eighth.append(key)
    return sorted(key for keys in found for key in keys)


class Traffic:
    """Puts one record of each key after another. `puts` is what the service took, in the order of each shard."""

    def __init__(self, kinesis, stream, interval_s):
        self.kinesis, self.stream, self.interval_s = kinesis, stream, interval_s
        self.keys = even_keys()
        self.puts = []
        self.rounds = 0
        self.error = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self._thread.start()

    def stop(self):
        self._stopped.set()
        self._thread.join()
        if self.error:
            raise self.error

    def _run(self):
        try:
            while not self._stopped.wait(self.interval_s):
                self.round()
        except Exception as error:  # The scenario raises it where it stops the traffic.
            self.error = error

    def round(self):
        """One record of each key; those that are refused are put again before the next round, which keeps their order."""
        waiting = [(key, self.rounds) for key in self.keys]
        self.rounds += 1
        while waiting:
            answer = self.kinesis.put_records(
                StreamName=self.stream,
                Records=[{"PartitionKey": key, "Data": f"{key}:{number}".encode()} for key, number in waiting],
            )
            refused = []
            for (key, number), result in zip(waiting, answer["Records"]):
                if "ErrorCode" in result:
                    refused.append((key, number))
                else:
                    self.puts.append(Put(key, number, result["ShardId"], int(result["SequenceNumber"])))
            if len(refused) == len(waiting):
                time.sleep(self.interval_s)
            waiting = refused
