package millstream.compat;

import static millstream.compat.Account.FIRST;
import static millstream.compat.Account.HALF;
import static millstream.compat.Account.NOWHERE;
import static millstream.compat.Account.SECOND;
import static millstream.compat.Account.THIRD;
import static millstream.compat.Account.poll;
import static millstream.compat.Account.refused;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import software.amazon.awssdk.auth.credentials.AnonymousCredentialsProvider;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.ChildShard;
import software.amazon.awssdk.services.kinesis.model.CreateStreamRequest;
import software.amazon.awssdk.services.kinesis.model.EncryptionType;
import software.amazon.awssdk.services.kinesis.model.GetRecordsResponse;
import software.amazon.awssdk.services.kinesis.model.ListShardsResponse;
import software.amazon.awssdk.services.kinesis.model.MetricsName;
import software.amazon.awssdk.services.kinesis.model.MinimumThroughputBillingCommitmentInputStatus;
import software.amazon.awssdk.services.kinesis.model.MinimumThroughputBillingCommitmentOutputStatus;
import software.amazon.awssdk.services.kinesis.model.PutRecordResponse;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.services.kinesis.model.RecordDistributionStrategy;
import software.amazon.awssdk.services.kinesis.model.ScalingType;
import software.amazon.awssdk.services.kinesis.model.Shard;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.awssdk.services.kinesis.model.StreamDescription;
import software.amazon.awssdk.services.kinesis.model.StreamMode;
import software.amazon.awssdk.services.kinesis.model.Tag;

/** Every operation but SubscribeToShard: once accepted, once refused, by a client that a subclass names. */
abstract class Operations {
    private Account account;
    private KinesisClient kinesis;

    abstract KinesisClient client(AwsCredentialsProvider credentials);

    abstract String sdk();

    abstract String httpVersion();

    @BeforeEach
    void open() {
        account = new Account(client(Clients.credentials()));
        kinesis = account.kinesis;
    }

    @AfterEach
    void everyCallHadTheClientsEncodingAndHttpVersion() {
        account.close();
        List<Recorder.Seen> mine =
                Recorder.SEEN.stream().filter(seen -> seen.sdk().equals(sdk())).toList();
        assertFalse(mine.isEmpty());
        for (Recorder.Seen seen : mine) {
            assertEquals(Recorder.encodingOf(seen.operation()), seen.encoding(), seen.toString());
            assertEquals(httpVersion(), seen.http(), seen.toString());
        }
    }

    private static void onDemand(CreateStreamRequest.Builder request) {
        request.streamModeDetails(mode -> mode.streamMode(StreamMode.ON_DEMAND));
    }

    /** A client of an account that nobody used before: an access key of 12 digits is its own account. */
    private Account newAccount() {
        String id = Long.toString(ThreadLocalRandom.current().nextLong(100_000_000_000L, 1_000_000_000_000L));
        return new Account(client(Clients.credentials(id, "compat")));
    }

    private static List<String> ids(List<Shard> shards) {
        return shards.stream().map(Shard::shardId).toList();
    }

    private static Map<String, String> map(List<Tag> tags) {
        return tags.stream().collect(Collectors.toMap(Tag::key, Tag::value));
    }

    @Test
    void streamsAreCreatedOnceDescribedListedAndDeleted() {
        String name = account.stream(2);
        StreamDescription description =
                kinesis.describeStream(r -> r.streamName(name)).streamDescription();
        assertEquals(List.of(FIRST, SECOND), ids(description.shards()));
        Duration age = Duration.between(description.streamCreationTimestamp(), Instant.now());
        assertTrue(age.abs().compareTo(Duration.ofMinutes(5)) < 0, "created " + description.streamCreationTimestamp());
        assertEquals(2, account.untilActive(name).openShardCount());
        String id = account.id(name);
        String taken = refused(
                "ResourceInUseException", () -> kinesis.createStream(r -> r.streamName(name).shardCount(1)));
        assertEquals("Stream " + name + " under account " + id + " already exists.", taken);
        String before = name.substring(0, name.length() - 1);
        assertEquals(
                name,
                kinesis.listStreams(r -> r.exclusiveStartStreamName(before).limit(1)).streamNames().get(0));
        refused("ValidationException", () -> kinesis.listStreams(r -> r.limit(10_001)));
        kinesis.deleteStream(r -> r.streamName(name));
        poll(() -> kinesis.listStreams().streamNames(), names -> !names.contains(name));
        account.missing(id, () -> kinesis.deleteStream(r -> r.streamName(NOWHERE)));
        account.missing(id, () -> kinesis.describeStream(r -> r.streamName(NOWHERE)));
        account.missing(id, () -> kinesis.describeStreamSummary(r -> r.streamName(NOWHERE)));
    }

    @Test
    void shardsAreListedPageByPage() {
        String name = account.stream(3);
        ListShardsResponse first = kinesis.listShards(r -> r.streamName(name).maxResults(2));
        ListShardsResponse second = kinesis.listShards(r -> r.nextToken(first.nextToken()));
        assertEquals(List.of(FIRST, SECOND), ids(first.shards()));
        assertEquals(List.of(THIRD), ids(second.shards()));
        assertNull(second.nextToken());
        String both = refused(
                "InvalidArgumentException",
                () -> kinesis.listShards(r -> r.streamName(name).nextToken(first.nextToken())));
        assertEquals("NextToken and StreamName cannot be provided together.", both);
    }

    @Test
    void recordsComeBackByteByByte() {
        String name = account.stream(1);
        byte[] data = new byte[256];
        IntStream.range(0, 256).forEach(index -> data[index] = (byte) index);
        PutRecordResponse put =
                kinesis.putRecord(r -> r.streamName(name).partitionKey("ключ").data(SdkBytes.fromByteArray(data)));
        assertEquals(FIRST, put.shardId());
        List<PutRecordsRequestEntry> entries = IntStream.range(0, 500)
                .mapToObj(index -> PutRecordsRequestEntry.builder()
                        .partitionKey("k")
                        .data(SdkBytes.fromUtf8String("record " + index))
                        .build())
                .toList();
        assertEquals(0, kinesis.putRecords(r -> r.streamName(name).records(entries)).failedRecordCount());
        List<Record> records = account.read(account.iterator(name, FIRST, ShardIteratorType.TRIM_HORIZON), 501);
        assertArrayEquals(data, records.get(0).data().asByteArray());
        assertEquals("ключ", records.get(0).partitionKey());
        assertEquals(put.sequenceNumber(), records.get(0).sequenceNumber());
        Duration age = Duration.between(records.get(0).approximateArrivalTimestamp(), Instant.now());
        assertTrue(age.abs().compareTo(Duration.ofMinutes(5)) < 0, "came " + age + " ago");
        assertEquals("record 499", records.get(500).data().asUtf8String());
        Instant early = Instant.now().minus(Duration.ofHours(1));
        String from = kinesis.getShardIterator(r -> r.streamName(name)
                        .shardId(FIRST)
                        .shardIteratorType(ShardIteratorType.AT_TIMESTAMP)
                        .timestamp(early))
                .shardIterator();
        assertEquals(records.get(0), account.read(from, 1).get(0));
        String id = account.id(name);
        account.missing(id, () -> account.put(NOWHERE, "d"));
        account.missing(id, () -> kinesis.putRecords(r -> r.streamName(NOWHERE).records(entries)));
        assertEquals(
                "Shard shardId-000000000009 in stream " + name + " under account " + id + " does not exist",
                refused(
                        "ResourceNotFoundException",
                        () -> account.iterator(name, "shardId-000000000009", ShardIteratorType.LATEST)));
        assertEquals(
                "Invalid ShardIterator.",
                refused("InvalidArgumentException", () -> kinesis.getRecords(r -> r.shardIterator("AAAA"))));
    }

    @Test
    void shardsAreSplitAndMergedAndReadersFindTheirWay() {
        String name = account.stream(1);
        account.put(name, "before");
        refused(
                "InvalidArgumentException",
                () -> kinesis.splitShard(
                        r -> r.streamName(name).shardToSplit(FIRST).newStartingHashKey("1")));
        kinesis.splitShard(r -> r.streamName(name).shardToSplit(FIRST).newStartingHashKey(HALF));
        account.untilActive(name);
        refused(
                "InvalidArgumentException",
                () -> kinesis.mergeShards(
                        r -> r.streamName(name).shardToMerge(THIRD).adjacentShardToMerge(SECOND)));
        kinesis.mergeShards(r -> r.streamName(name).shardToMerge(SECOND).adjacentShardToMerge(THIRD));
        assertEquals(1, account.untilActive(name).openShardCount());
        String start = account.iterator(name, FIRST, ShardIteratorType.TRIM_HORIZON);
        GetRecordsResponse[] last = {kinesis.getRecords(r -> r.shardIterator(start))};
        assertEquals("before", last[0].records().get(0).data().asUtf8String());
        while (last[0].nextShardIterator() != null) {
            last[0] = kinesis.getRecords(r -> r.shardIterator(last[0].nextShardIterator()));
        }
        assertEquals(
                List.of(SECOND, THIRD),
                last[0].childShards().stream().map(ChildShard::shardId).toList());
    }

    @Test
    void theNumberOfShardsIsDoubled() {
        String name = account.stream(2);
        var answer = kinesis.updateShardCount(
                r -> r.streamName(name).targetShardCount(4).scalingType(ScalingType.UNIFORM_SCALING));
        assertEquals(List.of(2, 4), List.of(answer.currentShardCount(), answer.targetShardCount()));
        assertEquals(4, account.untilActive(name).openShardCount());
        refused(
                "LimitExceededException",
                () -> kinesis.updateShardCount(
                        r -> r.streamName(name).targetShardCount(9).scalingType(ScalingType.UNIFORM_SCALING)));
    }

    @Test
    void theRetentionPeriodGoesUpAndDown() {
        String name = account.stream(1);
        kinesis.increaseStreamRetentionPeriod(r -> r.streamName(name).retentionPeriodHours(48));
        assertEquals(48, account.untilActive(name).retentionPeriodHours());
        refused(
                "InvalidArgumentException",
                () -> kinesis.increaseStreamRetentionPeriod(r -> r.streamName(name).retentionPeriodHours(30)));
        kinesis.decreaseStreamRetentionPeriod(r -> r.streamName(name).retentionPeriodHours(24));
        assertEquals(24, account.untilActive(name).retentionPeriodHours());
        assertEquals(
                "Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is too short.",
                refused(
                        "InvalidArgumentException",
                        () -> kinesis.decreaseStreamRetentionPeriod(
                                r -> r.streamName(name).retentionPeriodHours(23))));
    }

    @Test
    void tagsByName() {
        String name = account.stream(1);
        kinesis.addTagsToStream(r -> r.streamName(name).tags(Map.of("team", "grid", "Zone", "ÿ")));
        var answer = kinesis.listTagsForStream(r -> r.streamName(name));
        assertEquals(List.of("Zone", "team"), answer.tags().stream().map(Tag::key).toList());
        assertEquals(false, answer.hasMoreTags());
        kinesis.removeTagsFromStream(r -> r.streamName(name).tagKeys("Zone"));
        assertEquals(
                Map.of("team", "grid"),
                map(kinesis.listTagsForStream(r -> r.streamName(name)).tags()));
        String id = account.id(name);
        account.missing(id, () -> kinesis.addTagsToStream(r -> r.streamName(NOWHERE).tags(Map.of("a", "b"))));
        account.missing(id, () -> kinesis.listTagsForStream(r -> r.streamName(NOWHERE)));
        account.missing(id, () -> kinesis.removeTagsFromStream(r -> r.streamName(NOWHERE).tagKeys("a")));
    }

    @Test
    void tagsByArn() {
        String name = account.stream(1);
        String arn = account.arn(name);
        kinesis.tagResource(r -> r.resourceARN(arn).tags(Map.of("team", "grid", "cost", "")));
        kinesis.untagResource(r -> r.resourceARN(arn).tagKeys("cost"));
        assertEquals(
                Map.of("team", "grid"),
                map(kinesis.listTagsForResource(r -> r.resourceARN(arn)).tags()));
        String elsewhere = account.nowhere(name);
        String code = "ResourceNotFoundException";
        refused(code, () -> kinesis.tagResource(r -> r.resourceARN(elsewhere).tags(Map.of("a", "b"))));
        refused(code, () -> kinesis.untagResource(r -> r.resourceARN(elsewhere).tagKeys("a")));
        refused(code, () -> kinesis.listTagsForResource(r -> r.resourceARN(elsewhere)));
    }

    @Test
    void consumersAreRegisteredDescribedListedAndDeregistered() {
        String name = account.stream(1);
        String arn = account.arn(name);
        var consumer = account.consumer(arn, "billing");
        long created = consumer.consumerCreationTimestamp().getEpochSecond();
        assertEquals(arn + "/consumer/billing:" + created, consumer.consumerARN());
        assertTrue(Math.abs(Instant.now().getEpochSecond() - created) < 300, "created " + created);
        var listed = kinesis.listStreamConsumers(r -> r.streamARN(arn)).consumers();
        assertEquals(List.of("billing"), listed.stream().map(c -> c.consumerName()).toList());
        refused(
                "ResourceInUseException",
                () -> kinesis.registerStreamConsumer(r -> r.streamARN(arn).consumerName("billing")));
        kinesis.deregisterStreamConsumer(r -> r.consumerARN(consumer.consumerARN()));
        poll(() -> kinesis.listStreamConsumers(r -> r.streamARN(arn)).consumers(), List::isEmpty);
        String code = "ResourceNotFoundException";
        refused(code, () -> kinesis.describeStreamConsumer(r -> r.consumerARN(consumer.consumerARN())));
        refused(code, () -> kinesis.deregisterStreamConsumer(r -> r.consumerARN(consumer.consumerARN())));
        String elsewhere = account.nowhere(name);
        account.missing(account.id(name), () -> kinesis.listStreamConsumers(r -> r.streamARN(elsewhere)));
    }

    @Test
    void encryptionStartsAndStops() {
        String name = account.stream(1);
        String key = "alias/aws/kinesis";
        kinesis.startStreamEncryption(
                r -> r.streamName(name).encryptionType(EncryptionType.KMS).keyId(key));
        assertEquals(EncryptionType.KMS, account.untilActive(name).encryptionType());
        poll(() -> account.put(name, "secret"), answer -> answer.encryptionType() == EncryptionType.KMS);
        kinesis.stopStreamEncryption(
                r -> r.streamName(name).encryptionType(EncryptionType.KMS).keyId(key));
        assertEquals(EncryptionType.NONE, account.untilActive(name).encryptionType());
        String id = account.id(name);
        account.missing(
                id,
                () -> kinesis.startStreamEncryption(
                        r -> r.streamName(NOWHERE).encryptionType(EncryptionType.KMS).keyId(key)));
        account.missing(
                id,
                () -> kinesis.stopStreamEncryption(
                        r -> r.streamName(NOWHERE).encryptionType(EncryptionType.KMS).keyId(key)));
    }

    @Test
    void metricsOfShardsAreEnabledAndDisabled() {
        String name = account.stream(1);
        var metric = MetricsName.INCOMING_BYTES;
        var enabled = kinesis.enableEnhancedMonitoring(r -> r.streamName(name).shardLevelMetrics(metric));
        assertEquals(List.of(), enabled.currentShardLevelMetrics());
        assertEquals(List.of(metric), enabled.desiredShardLevelMetrics());
        account.untilActive(name);
        var disabled = kinesis.disableEnhancedMonitoring(r -> r.streamName(name).shardLevelMetrics(metric));
        assertEquals(List.of(metric), disabled.currentShardLevelMetrics());
        assertEquals(List.of(), disabled.desiredShardLevelMetrics());
        String id = account.id(name);
        account.missing(
                id, () -> kinesis.enableEnhancedMonitoring(r -> r.streamName(NOWHERE).shardLevelMetrics(metric)));
        account.missing(
                id, () -> kinesis.disableEnhancedMonitoring(r -> r.streamName(NOWHERE).shardLevelMetrics(metric)));
    }

    @Test
    void theCapacityModeChanges() {
        String name = account.stream(3);
        String arn = account.arn(name);
        kinesis.updateStreamMode(r -> r.streamARN(arn).streamModeDetails(m -> m.streamMode(StreamMode.ON_DEMAND)));
        var summary = account.untilActive(name);
        assertEquals(StreamMode.ON_DEMAND, summary.streamModeDetails().streamMode());
        assertEquals(3, summary.openShardCount());
        String elsewhere = account.nowhere(name);
        account.missing(
                account.id(name),
                () -> kinesis.updateStreamMode(
                        r -> r.streamARN(elsewhere).streamModeDetails(m -> m.streamMode(StreamMode.ON_DEMAND))));
    }

    @Test
    void largerRecordsAreTakenOnceTheStreamSaysSo() {
        String name = account.stream(1);
        String arn = account.arn(name);
        String large = "x".repeat(1_500_000);
        assertEquals(
                "1 validation error detected: Value at 'data' failed to satisfy constraint: "
                        + "Member must have length less than or equal to 1048576",
                refused("ValidationException", () -> account.put(name, large)));
        kinesis.updateMaxRecordSize(r -> r.streamARN(arn).maxRecordSizeInKiB(2048));
        assertEquals(2048, account.untilActive(name).maxRecordSizeInKiB());
        account.put(name, large);
        refused("ValidationException", () -> kinesis.updateMaxRecordSize(r -> r.streamARN(arn).maxRecordSizeInKiB(9)));
    }

    @Test
    void anOnDemandStreamMayDistributeRecordsItself() {
        String name = account.stream(Operations::onDemand);
        String arn = account.arn(name);
        var auto = RecordDistributionStrategy.AUTO;
        kinesis.updateStreamRecordDistributionStrategy(r -> r.streamARN(arn).recordDistributionStrategy(auto));
        assertEquals(auto, account.untilActive(name).recordDistributionStrategy());
        kinesis.putRecord(r -> r.streamName(name).data(SdkBytes.fromUtf8String("without a key")));
        String provisioned = account.arn(account.stream(1));
        refused(
                "InvalidArgumentException",
                () -> kinesis.updateStreamRecordDistributionStrategy(
                        r -> r.streamARN(provisioned).recordDistributionStrategy(auto)));
    }

    @Test
    void aCommittedAccountKeepsAnOnDemandStreamWarm() {
        try (Account own = newAccount()) {
            var before = own.kinesis.describeAccountSettings(r -> {}).minimumThroughputBillingCommitment();
            assertEquals(MinimumThroughputBillingCommitmentOutputStatus.DISABLED, before.status());
            var entered = own.kinesis
                    .updateAccountSettings(r -> r.minimumThroughputBillingCommitment(
                            c -> c.status(MinimumThroughputBillingCommitmentInputStatus.ENABLED)))
                    .minimumThroughputBillingCommitment();
            assertEquals(MinimumThroughputBillingCommitmentOutputStatus.ENABLED, entered.status());
            assertTrue(entered.startedAt().isBefore(entered.earliestAllowedEndAt()));
            refused(
                    "ValidationException",
                    () -> own.kinesis.updateAccountSettings(
                            r -> r.minimumThroughputBillingCommitment(c -> c.status("PERHAPS"))));
            String name = own.stream(Operations::onDemand);
            var warm = own.kinesis.updateStreamWarmThroughput(r -> r.streamName(name).warmThroughputMiBps(50));
            assertEquals(50, warm.warmThroughput().targetMiBps());
            own.missing(
                    own.id(name),
                    () -> own.kinesis.updateStreamWarmThroughput(r -> r.streamName(NOWHERE).warmThroughputMiBps(50)));
        }
    }

    @Test
    void limitsCountShardsAndStreams() {
        try (Account own = newAccount()) {
            own.stream(2);
            own.stream(Operations::onDemand);
            var limits = own.kinesis.describeLimits(r -> {});
            assertEquals(List.of(2, 1), List.of(limits.openShardCount(), limits.onDemandStreamCount()));
            assertTrue(limits.shardLimit() >= 2, limits.toString());
        }
    }

    @Test
    void nobodyAsksWithoutCredentials() {
        try (KinesisClient unsigned = client(AnonymousCredentialsProvider.create())) {
            String code = "MissingAuthenticationTokenException";
            assertEquals("Missing Authentication Token", refused(code, () -> unsigned.describeLimits(r -> {})));
            refused(code, () -> unsigned.describeAccountSettings(r -> {}));
        }
    }

    @Test
    void aResourcePolicyIsPutGotAndDeleted() {
        String name = account.stream(1);
        String arn = account.arn(name);
        assertEquals("{}", kinesis.getResourcePolicy(r -> r.resourceARN(arn)).policy());
        String policy =
                """
                {"Version":"2012-10-17","Statement":[{"Sid":"readers","Effect":"Allow",\
                "Principal":{"AWS":"arn:aws:iam::%s:root"},"Action":["kinesis:ListShards"],"Resource":"%s"}]}"""
                        .formatted(account.id(name), arn);
        kinesis.putResourcePolicy(r -> r.resourceARN(arn).policy(policy));
        assertEquals(policy, kinesis.getResourcePolicy(r -> r.resourceARN(arn)).policy());
        kinesis.deleteResourcePolicy(r -> r.resourceARN(arn));
        assertEquals("{}", kinesis.getResourcePolicy(r -> r.resourceARN(arn)).policy());
        String elsewhere = account.nowhere(name);
        String code = "ResourceNotFoundException";
        refused(code, () -> kinesis.putResourcePolicy(r -> r.resourceARN(elsewhere).policy(policy)));
        refused(code, () -> kinesis.getResourcePolicy(r -> r.resourceARN(elsewhere)));
        refused(code, () -> kinesis.deleteResourcePolicy(r -> r.resourceARN(elsewhere)));
    }
}
