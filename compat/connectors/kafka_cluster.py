"""A cluster of three brokers of Apache Kafka, which are killed one by one, and may lose their answers."""

import base64
import collections
import json
import os
import subprocess
import time
import uuid

import builds
from judging import exactly_once
from lossy_way import LossyWay
from object_store import free_ports

PROGRAM = {
    "name": "connector-kafka", "folder": "../connectors/kafka", "language": "java", "version": "4.4.0",
    "java_options": ["-Xms256m", "-Xmx256m"],
}
START_DEADLINE_S = 120
BROKERS = 3
TOPIC, PARTITIONS = "numbers", 6
# Written while answers are lost, when everything else is over.
LAST_RECORDS = 1000
SETTINGS = """process.roles=broker,controller
node.id={number}
controller.quorum.voters={voters}
listeners=SASL_PLAINTEXT://127.0.0.1:{port},PLAINTEXT://127.0.0.1:{plain},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=SASL_PLAINTEXT://127.0.0.1:{advertised},PLAINTEXT://127.0.0.1:{plain}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=SCRAM-SHA-256
listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
log.dirs={folder}
auto.create.topics.enable=false
unclean.leader.election.enable=false
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
"""


class Broker:
    """One broker, in a process of its own: with a login behind a way that loses answers, and without at another port."""

    def __init__(self, folder, number, ports):
        self.folder, self.process = folder, None
        self.port, self.plain_port, self.controller_port = ports
        self.way = LossyWay(self.port)
        self.settings, self.log = folder / f"kafka-{number}.properties", folder / f"kafka-{number}.log"
        self.number = number

    def configure(self, voters):
        self.settings.write_text(SETTINGS.format(
            number=self.number, voters=voters, port=self.port, plain=self.plain_port, controller=self.controller_port,
            advertised=self.way.port, folder=self.folder / f"kafka-{self.number}"))

    def run(self, program, *arguments):
        self.began = self.log.stat().st_size if self.log.exists() else 0
        command = [*builds.command({**PROGRAM, "main": program}), *map(str, arguments)]
        env = {**os.environ, "JAVA_TOOL_OPTIONS": f"-Djava.io.tmpdir={self.folder}"}
        with self.log.open("ab") as log:
            return subprocess.Popen(command, cwd=self.folder, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def format(self):
        cluster = base64.urlsafe_b64encode(uuid.UUID(int=7).bytes).decode().rstrip("=")
        return self.run("kafka.tools.StorageTool", "format", "-t", cluster, "-c", self.settings,
                        "--add-scram", "SCRAM-SHA-256=[name=pipelines,password=kafka-secret]")

    def start(self):
        self.process = self.run("kafka.Kafka", self.settings)

    def wait(self):
        deadline = time.monotonic() + START_DEADLINE_S
        while b"Kafka Server started" not in self.log.read_bytes()[self.began:]:
            is_late = self.process.poll() is not None or time.monotonic() > deadline
            assert not is_late, f"Kafka does not start: {self.log.read_text(errors='replace').strip()[-1000:]}"
            time.sleep(0.3)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def end(self):
        self.kill()
        self.way.close()


class Kafka:
    """A topic, read by a client in Python: each record by the id in its header once; and once at all where no worker was
    killed, whatever became of brokers and answers."""

    def __init__(self, run):
        from kafka import KafkaConsumer, TopicPartition
        from kafka.admin import KafkaAdminClient, NewTopic
        builds.build(PROGRAM)
        self.run, ports = run, free_ports(3 * BROKERS)
        self.brokers = [Broker(run.folder, number + 1, ports[3 * number:3 * number + 3]) for number in range(BROKERS)]
        run.ends += [broker.end for broker in self.brokers]
        voters = ",".join(f"{broker.number}@127.0.0.1:{broker.controller_port}" for broker in self.brokers)
        for broker in self.brokers:
            broker.configure(voters)
        for formatting in [broker.format() for broker in self.brokers]:
            assert formatting.wait(START_DEADLINE_S) == 0, self.brokers[0].log.read_text()
        self.start(self.brokers)
        places = [f"127.0.0.1:{broker.plain_port}" for broker in self.brokers]
        admin = KafkaAdminClient(bootstrap_servers=places)
        admin.create_topics([NewTopic(TOPIC, PARTITIONS, BROKERS, topic_configs={"min.insync.replicas": "2"})])
        admin.close()
        self.consumer = KafkaConsumer(bootstrap_servers=places, auto_offset_reset="earliest", enable_auto_commit=False)
        self.consumer.assign([TopicPartition(TOPIC, partition) for partition in range(PARTITIONS)])
        run.ends.append(self.consumer.close)
        # How often each id was read, and the number of its record.
        self.found, self.numbers = collections.Counter(), {}
        run.env["KAFKA_PASSWORD"] = "kafka-secret"
        named = ", ".join(f'"127.0.0.1:{broker.way.port}"' for broker in self.brokers)
        run.declare(f'[[sink]]\nkafka = {{ brokers = [{named}], topic = "{TOPIC}", key = ".k", user = "pipelines", '
                    'password_env = "KAFKA_PASSWORD", timeout = "5s" }\n')

    @staticmethod
    def start(brokers):
        for broker in brokers:
            broker.start()
        for broker in brokers:
            broker.wait()

    def count(self):
        self.read()
        return len(self.found)

    def read_all(self):
        while self.read():
            pass

    def read(self):
        """Some of what is there; not until nothing more comes, so that the worker is killed while it delivers."""
        from kafka.partitioner.default import murmur2
        records = [one for batch in self.consumer.poll(timeout_ms=500, max_records=5000).values() for one in batch]
        for record in records:
            value, headers = json.loads(record.value), dict(record.headers)
            name = headers["millstream-id"].decode()
            self.found[name] += 1
            known = self.numbers.setdefault(name, value["n"])
            assert known == value["n"], f"two records of one id: {name}"
            # Where Kafka's own clients put this key.
            place = (murmur2(record.key) & 0x7FFFFFFF) % PARTITIONS
            assert place == record.partition and record.key == value["k"].encode(), record
        return len(records)

    def all_there(self, what):
        self.run.until(what, lambda: ((count := self.count()) >= self.run.written, count))

    def down(self):
        """A broker is killed, and with it the leader of two partitions; the others lead from then on."""
        self.brokers[0].kill()
        return self.up

    def up(self):
        """With the second broker too few replicas are left to write to, and too few to choose a leader."""
        self.all_there("records at the leaders that are left")
        self.brokers[1].kill()
        self.run.write(0.9)
        self.start(self.brokers[:2])
        self.all_there("records after two brokers were down")

    def check(self):
        self.read_all()
        exactly_once(self.numbers.values(), self.run.records)
        again = sum(self.found.values()) - len(self.found)
        self.lose_answers()
        self.run.said = f"{again} of them again after a kill -9; {self.lost} answers lost, and no record again"

    def lose_answers(self):
        """One worker that is not killed: what it sends again, the brokers recognise."""
        known = set(self.found)
        self.run.records += LAST_RECORDS
        for broker in self.brokers:
            broker.way.loses = True
        self.run.start()
        for share in range(1, 11):
            self.run.write((self.run.records - LAST_RECORDS + LAST_RECORDS * share // 10) / self.run.records)
            self.all_there("records whose answers are lost")
        self.run.finish()
        self.lost = sum(broker.way.lost for broker in self.brokers)
        assert self.lost, "no answer was lost"
        self.read_all()
        exactly_once(self.numbers.values(), self.run.records)
        again = [name for name, times in self.found.items() if times > 1 and name not in known]
        assert not again, f"{len(again)} twice in the topic, though no worker was killed ({again[:5]})"
