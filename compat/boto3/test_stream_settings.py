"""What a stream can be told to do: encryption, monitoring, capacity mode, record size, distribution, throughput."""

import pytest

from conftest import poll

FIRST = "shardId-000000000000"
MIB = 2**20


def summary(stream):
    return stream.wait_until_active()


def missing(stream):
    return "ResourceNotFoundException", f"Stream nowhere under account {stream.account} not found."


def nowhere(stream):
    return stream.arn.replace(stream.name, "nowhere")


class TestEncryption:
    KEY = {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}

    def put(self, kinesis, stream):
        return kinesis.put_record(StreamName=stream.name, PartitionKey="k", Data=b"d")

    def test_it_starts_and_stops(self, kinesis, stream):
        self.put(kinesis, stream)
        kinesis.start_stream_encryption(StreamName=stream.name, **self.KEY)
        found = summary(stream)
        assert (found["EncryptionType"], found["KeyId"]) == ("KMS", "alias/aws/kinesis")
        description = kinesis.describe_stream(StreamName=stream.name)["StreamDescription"]
        assert (description["EncryptionType"], description["KeyId"]) == ("KMS", "alias/aws/kinesis")
        # On AWS it takes some seconds until records are encrypted.
        answer = poll(
            lambda: self.put(kinesis, stream), lambda answer: "EncryptionType" in answer, "records to be encrypted"
        )
        assert answer["EncryptionType"] == "KMS"
        after = stream.iterator(FIRST, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=answer["SequenceNumber"])
        assert stream.read(after, 1)[0][0]["EncryptionType"] == "KMS"
        batch = kinesis.put_records(StreamName=stream.name, Records=[{"PartitionKey": "k", "Data": b""}])
        assert batch["EncryptionType"] == "KMS"
        kinesis.stop_stream_encryption(StreamName=stream.name, **self.KEY)
        found = summary(stream)
        assert (found["EncryptionType"], "KeyId" in found) == ("NONE", False)
        first = stream.read(stream.iterator(FIRST), 1)[0][0]
        assert "EncryptionType" not in first

    def test_of_a_missing_stream(self, kinesis, stream, refused):
        for call in (kinesis.start_stream_encryption, kinesis.stop_stream_encryption):
            with refused(*missing(stream)):
                call(StreamName="nowhere", **self.KEY)

    def test_a_key_is_needed(self, kinesis, stream, refused):
        with refused("ValidationException", contains="at 'keyId' failed to satisfy constraint: Member must not be null"):
            kinesis.start_stream_encryption(StreamName=stream.name, EncryptionType="KMS")


class TestEnhancedMonitoring:
    def test_metrics_are_enabled_and_disabled(self, kinesis, stream):
        answer = kinesis.enable_enhanced_monitoring(StreamName=stream.name, ShardLevelMetrics=["IncomingBytes"])
        assert answer["CurrentShardLevelMetrics"] == []
        assert answer["DesiredShardLevelMetrics"] == ["IncomingBytes"]
        assert answer["StreamName"] == stream.name
        assert summary(stream)["EnhancedMonitoring"] == [{"ShardLevelMetrics": ["IncomingBytes"]}]
        answer = kinesis.disable_enhanced_monitoring(StreamARN=stream.arn, ShardLevelMetrics=["IncomingBytes"])
        assert answer["CurrentShardLevelMetrics"] == ["IncomingBytes"]
        assert answer["DesiredShardLevelMetrics"] == []
        assert summary(stream)["EnhancedMonitoring"] == [{"ShardLevelMetrics": []}]

    def test_all_of_them(self, kinesis, stream):
        kinesis.enable_enhanced_monitoring(StreamName=stream.name, ShardLevelMetrics=["ALL"])
        (monitoring,) = summary(stream)["EnhancedMonitoring"]
        assert "IteratorAgeMilliseconds" in monitoring["ShardLevelMetrics"] or monitoring["ShardLevelMetrics"] == ["ALL"]

    def test_what_is_refused(self, kinesis, stream, refused):
        for call in (kinesis.enable_enhanced_monitoring, kinesis.disable_enhanced_monitoring):
            with refused(*missing(stream)):
                call(StreamName="nowhere", ShardLevelMetrics=["ALL"])
            with refused("ValidationException"):
                call(StreamName=stream.name, ShardLevelMetrics=["NoSuchMetric"])


class TestStreamMode:
    def test_there_and_back_it_keeps_its_shards(self, kinesis, make_stream):
        stream = make_stream(3)
        for mode in ("ON_DEMAND", "PROVISIONED"):
            kinesis.update_stream_mode(StreamARN=stream.arn, StreamModeDetails={"StreamMode": mode})
            found = summary(stream)
            assert found["StreamModeDetails"] == {"StreamMode": mode}
            assert found["OpenShardCount"] == 3

    def test_what_is_refused(self, kinesis, stream, refused):
        with refused(*missing(stream)):
            kinesis.update_stream_mode(StreamARN=nowhere(stream), StreamModeDetails={"StreamMode": "ON_DEMAND"})
        with refused("ValidationException", contains="Member must satisfy enum value set"):
            kinesis.update_stream_mode(StreamARN=stream.arn, StreamModeDetails={"StreamMode": "SOMETIMES"})


class TestMaxRecordSize:
    def test_larger_records_are_taken(self, kinesis, stream, refused):
        large = {"StreamName": stream.name, "PartitionKey": "k", "Data": bytes(MIB + MIB // 2)}
        with refused(
            "ValidationException",
            "1 validation error detected: Value at 'data' failed to satisfy constraint: "
            "Member must have length less than or equal to 1048576",
        ):
            kinesis.put_record(**large)
        kinesis.update_max_record_size(StreamARN=stream.arn, MaxRecordSizeInKiB=2048)
        assert summary(stream)["MaxRecordSizeInKiB"] == 2048
        kinesis.put_record(**large)
        assert len(stream.read(stream.iterator(FIRST), 1)[0][0]["Data"]) == MIB + MIB // 2

    def test_what_is_refused(self, kinesis, stream, refused):
        for size in (1023, 10241):
            with refused("ValidationException", contains=f"Value '{size}' at 'maxRecordSizeInKiB'"):
                kinesis.update_max_record_size(StreamARN=stream.arn, MaxRecordSizeInKiB=size)
        with refused(*missing(stream)):
            kinesis.update_max_record_size(StreamARN=nowhere(stream), MaxRecordSizeInKiB=2048)


class TestRecordDistribution:
    def test_an_on_demand_stream_may_choose_for_itself(self, kinesis, make_stream):
        stream = make_stream(None, StreamModeDetails={"StreamMode": "ON_DEMAND"})
        kinesis.update_stream_record_distribution_strategy(StreamARN=stream.arn, RecordDistributionStrategy="AUTO")
        assert summary(stream)["RecordDistributionStrategy"] == "AUTO"
        assert kinesis.put_record(StreamName=stream.name, Data=b"without a key")["SequenceNumber"]

    def test_what_is_refused(self, kinesis, stream, refused):
        with refused("InvalidArgumentException"):
            kinesis.update_stream_record_distribution_strategy(StreamARN=stream.arn, RecordDistributionStrategy="AUTO")
        with refused(*missing(stream)):
            kinesis.update_stream_record_distribution_strategy(
                StreamARN=nowhere(stream), RecordDistributionStrategy="AUTO"
            )


class TestWarmThroughput:
    def test_of_an_on_demand_stream_of_a_committed_account(self, new_account, make_stream):
        new_account.update_account_settings(MinimumThroughputBillingCommitment={"Status": "ENABLED"})
        stream = make_stream(None, client=new_account, StreamModeDetails={"StreamMode": "ON_DEMAND"})
        answer = new_account.update_stream_warm_throughput(StreamName=stream.name, WarmThroughputMiBps=50)
        assert (answer["StreamName"], answer["StreamARN"]) == (stream.name, stream.arn)
        assert answer["WarmThroughput"]["TargetMiBps"] == 50
        assert summary(stream)["WarmThroughput"]["TargetMiBps"] == 50

    @pytest.mark.parametrize("throughput", [-1, 10**9])
    def test_it_has_bounds(self, new_account, make_stream, refused, throughput):
        new_account.update_account_settings(MinimumThroughputBillingCommitment={"Status": "ENABLED"})
        stream = make_stream(None, client=new_account, StreamModeDetails={"StreamMode": "ON_DEMAND"})
        with refused("ValidationException" if throughput < 0 else "InvalidArgumentException"):
            new_account.update_stream_warm_throughput(StreamName=stream.name, WarmThroughputMiBps=throughput)

    def test_of_a_missing_stream(self, kinesis, stream, refused):
        with refused(*missing(stream)):
            kinesis.update_stream_warm_throughput(StreamName="nowhere", WarmThroughputMiBps=10)
