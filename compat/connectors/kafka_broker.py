"""One broker of Apache Kafka; it can be down for a while."""

import base64
import json
import os
import subprocess
import time
import uuid

import builds
from judging import at_least_once
from object_store import free_ports

PROGRAM = {"name": "connector-kafka", "folder": "../connectors/kafka", "language": "java", "version": "4.4.0"}
START_DEADLINE_S = 60
TOPIC, PARTITIONS = "numbers", 6
SETTINGS = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=SASL_PLAINTEXT://127.0.0.1:{port},PLAINTEXT://127.0.0.1:{plain},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=SASL_PLAINTEXT://127.0.0.1:{port},PLAINTEXT://127.0.0.1:{plain}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=SCRAM-SHA-256
listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
log.dirs={folder}/kafka
auto.create.topics.enable=false
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
"""


class Broker:
    """The broker, in a process of its own: with a login at one port, without at another."""

    def __init__(self, folder):
        builds.build(PROGRAM)
        self.folder, (self.port, self.plain_port, controller) = folder, free_ports(3)
        self.settings = folder / "kafka.properties"
        self.settings.write_text(SETTINGS.format(
            port=self.port, plain=self.plain_port, controller=controller, folder=folder))
        cluster = base64.urlsafe_b64encode(uuid.UUID(int=7).bytes).decode().rstrip("=")
        self.run("kafka.tools.StorageTool", "format", "-t", cluster, "-c", self.settings,
                 "--add-scram", "SCRAM-SHA-256=[name=pipelines,password=kafka-secret]")
        self.start()

    def command(self, program, *arguments):
        return [*builds.command({**PROGRAM, "main": program}), *map(str, arguments)]

    def run(self, program, *arguments):
        with (self.folder / "kafka.log").open("ab") as log:
            subprocess.run(self.command(program, *arguments), cwd=self.folder, check=True, stdin=subprocess.DEVNULL,
                           stdout=log, stderr=log)

    def start(self):
        log = self.folder / "kafka.log"
        began = log.stat().st_size
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command("kafka.Kafka", self.settings), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, env={**os.environ, "JAVA_TOOL_OPTIONS": f"-Djava.io.tmpdir={self.folder}"})
        deadline = time.monotonic() + START_DEADLINE_S
        while b"Kafka Server started" not in log.read_bytes()[began:]:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise builds.Missing(f"Kafka does not start: {log.read_text(errors='replace').strip()[-300:]}")
            time.sleep(0.3)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Kafka:
    """A topic, read by a client in Python: at least once by its records, exactly once by the ids in their headers."""

    def __init__(self, run):
        from kafka import KafkaConsumer, TopicPartition
        from kafka.admin import KafkaAdminClient, NewTopic
        self.run, self.broker = run, Broker(run.folder)
        run.ends.append(self.broker.kill)
        place = f"127.0.0.1:{self.broker.plain_port}"
        admin = KafkaAdminClient(bootstrap_servers=place)
        admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)])
        admin.close()
        self.consumer = KafkaConsumer(bootstrap_servers=place, auto_offset_reset="earliest", enable_auto_commit=False)
        self.consumer.assign([TopicPartition(TOPIC, partition) for partition in range(PARTITIONS)])
        run.ends.append(self.consumer.close)
        self.found = {}
        run.env["KAFKA_PASSWORD"] = "kafka-secret"
        run.declare(f'[[sink]]\nkafka = {{ brokers = ["127.0.0.1:{self.broker.port}"], topic = "{TOPIC}", key = ".k", '
                    'user = "pipelines", password_env = "KAFKA_PASSWORD", timeout = "5s" }\n')

    def count(self):
        from kafka.partitioner.default import murmur2
        while batches := self.consumer.poll(timeout_ms=500, max_records=20_000):
            for record in (record for batch in batches.values() for record in batch):
                value, headers = json.loads(record.value), dict(record.headers)
                name = headers["millstream-id"].decode()
                known = self.found.setdefault(name, value["n"])
                assert known == value["n"], f"two records of one id: {name}"
                # Where Kafka's own clients put this key.
                place = (murmur2(record.key) & 0x7FFFFFFF) % PARTITIONS
                assert place == record.partition and record.key == value["k"].encode(), record
        return len(self.found)

    def down(self):
        self.broker.kill()
        return self.broker.start

    def check(self):
        self.count()
        at_least_once(self.found.values(), self.run.records)
        assert len(self.found) == self.run.records, f"{len(self.found)} ids of {self.run.records} records"
        ends = self.consumer.end_offsets(self.consumer.assignment())
        self.run.said = f"{sum(ends.values()) - len(self.found)} of them again"
