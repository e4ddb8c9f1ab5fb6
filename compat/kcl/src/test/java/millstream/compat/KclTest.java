package millstream.compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.awscore.client.builder.AwsClientBuilder;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.dynamodb.model.AttributeValue;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;
import software.amazon.awssdk.services.kinesis.model.StreamStatus;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.common.KinesisClientUtil;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.metrics.MetricsLevel;
import software.amazon.kinesis.retrieval.RetrievalSpecificConfig;
import software.amazon.kinesis.retrieval.fanout.FanOutConfig;
import software.amazon.kinesis.retrieval.polling.PollingConfig;

/** One worker of the KCL on a stream of four shards, one of which is split while it works. */
class KclTest {
    private static final Duration DEADLINE = Duration.ofSeconds(90);
    private static final int KEYS = 40;
    private static final String FIRST = "shardId-000000000000";
    private static final String EIGHTH_OF_ALL_KEYS = "42535295865117307932921825928971026432";

    private final String name = "compat-" + UUID.randomUUID().toString().substring(0, 13);
    private final KinesisAsyncClient kinesis =
            KinesisClientUtil.createKinesisAsyncClient(at(KinesisAsyncClient.builder()));
    private final DynamoDbAsyncClient dynamoDb = at(DynamoDbAsyncClient.builder()).build();
    // Nothing listens there: metrics are off.
    private final CloudWatchAsyncClient cloudWatch = at(CloudWatchAsyncClient.builder()).build();
    private final Ledger ledger = new Ledger();

    private static <B extends AwsClientBuilder<B, ?>> B at(B builder) {
        String endpoint = Optional.ofNullable(System.getenv("MILLSTREAM_ENDPOINT"))
                .orElseThrow(() -> new IllegalStateException("say which server to test: MILLSTREAM_ENDPOINT"));
        var credentials = AwsBasicCredentials.create(
                Optional.ofNullable(System.getenv("AWS_ACCESS_KEY_ID")).orElse("compat"),
                Optional.ofNullable(System.getenv("AWS_SECRET_ACCESS_KEY")).orElse("compat"));
        return builder.endpointOverride(URI.create(endpoint))
                .region(Region.of(Optional.ofNullable(System.getenv("AWS_REGION")).orElse("us-east-1")))
                .credentialsProvider(StaticCredentialsProvider.create(credentials));
    }

    @Test
    void polling() throws Exception {
        run(new PollingConfig(name, kinesis).idleTimeBetweenReadsInMillis(200));
    }

    @Test
    void fanOut() throws Exception {
        run(new FanOutConfig(kinesis).streamName(name).applicationName(name));
    }

    private void run(RetrievalSpecificConfig retrieval) throws Exception {
        kinesis.createStream(r -> r.streamName(name).shardCount(4)).join();
        untilActive();
        put(0);
        Scheduler scheduler = scheduler(retrieval);
        Thread worker = new Thread(scheduler, "worker");
        worker.start();
        try {
            await("the records from before the split", () -> ledger.holds(1, KEYS));
            kinesis.splitShard(r -> r.streamName(name).shardToSplit(FIRST).newStartingHashKey(EIGHTH_OF_ALL_KEYS))
                    .join();
            untilActive();
            put(1);
            put(2);
            await("the records from after the split", () -> ledger.holds(3, KEYS));
            await("the end of the shard that was split", () -> ledger.ended().contains(FIRST));
            assertTrue(scheduler.startGracefulShutdown().get(DEADLINE.toSeconds(), TimeUnit.SECONDS));
        } finally {
            scheduler.shutdown();
            worker.join(DEADLINE.toMillis());
        }
        ledger.checkEveryKeyCameInOrder(3);
        Map<String, String> checkpoints = checkpoints();
        assertEquals("SHARD_END", checkpoints.get(FIRST), checkpoints.toString());
        assertEquals(
                IntStream.rangeClosed(0, 5).mapToObj("shardId-%012d"::formatted).collect(Collectors.toSet()),
                checkpoints.keySet());
        for (String child : List.of("shardId-000000000004", "shardId-000000000005")) {
            assertTrue(ledger.startedAfterEndOf(FIRST, child), child + " began before its parent ended");
        }
    }

    private Scheduler scheduler(RetrievalSpecificConfig retrieval) {
        var configs = new ConfigsBuilder(
                name, name, kinesis, dynamoDb, cloudWatch, "worker-1", () -> new Processor(ledger));
        var leases = configs.leaseManagementConfig()
                .failoverTimeMillis(3_000)
                .shardSyncIntervalMillis(1_000)
                .leasesRecoveryAuditorExecutionFrequencyMillis(1_000);
        leases.workerUtilizationAwareAssignmentConfig().disableWorkerMetrics(true);
        return new Scheduler(
                configs.checkpointConfig(),
                configs.coordinatorConfig().parentShardPollIntervalMillis(500).shardConsumerDispatchPollIntervalMillis(200),
                leases,
                configs.lifecycleConfig(),
                configs.metricsConfig().metricsLevel(MetricsLevel.NONE),
                configs.processorConfig().callProcessRecordsEvenForEmptyRecordList(false),
                configs.retrievalConfig()
                        .initialPositionInStreamExtended(InitialPositionInStreamExtended.newInitialPosition(
                                InitialPositionInStream.TRIM_HORIZON))
                        .retrievalSpecificConfig(retrieval));
    }

    /** One record for each key. */
    private void put(int round) {
        var entries = new ArrayList<PutRecordsRequestEntry>();
        for (int key = 0; key < KEYS; key++) {
            String text = "key-" + key + " " + round;
            entries.add(PutRecordsRequestEntry.builder()
                    .partitionKey("key-" + key)
                    .data(SdkBytes.fromString(text, StandardCharsets.UTF_8))
                    .build());
        }
        assertEquals(
                0,
                kinesis.putRecords(r -> r.streamName(name).records(entries)).join().failedRecordCount());
    }

    /** The lease table's checkpoints; a new application keeps rows of other kinds in it too. */
    private Map<String, String> checkpoints() {
        Map<String, String> found = new TreeMap<>();
        for (Map<String, AttributeValue> row : dynamoDb.scan(r -> r.tableName(name)).join().items()) {
            if (row.containsKey("checkpoint")) {
                found.put(row.get("leaseKey").s(), row.get("checkpoint").s());
            }
        }
        return found;
    }

    private void untilActive() throws InterruptedException {
        await("the stream to become ACTIVE", () -> kinesis.describeStreamSummary(r -> r.streamName(name))
                .join()
                .streamDescriptionSummary()
                .streamStatus() == StreamStatus.ACTIVE);
    }

    private void await(String what, BooleanSupplier isDone) throws InterruptedException {
        Instant deadline = Instant.now().plus(DEADLINE);
        while (!isDone.getAsBoolean()) {
            assertTrue(Instant.now().isBefore(deadline), "waited for " + what + ": " + ledger);
            Thread.sleep(50);
        }
    }

    @AfterEach
    void close() {
        kinesis.deleteStream(r -> r.streamName(name).enforceConsumerDeletion(true)).join();
        dynamoDb.deleteTable(r -> r.tableName(name)).join();
        kinesis.close();
        dynamoDb.close();
        cloudWatch.close();
    }
}
