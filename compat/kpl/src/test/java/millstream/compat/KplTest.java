package millstream.compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.util.concurrent.ListenableFuture;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.http.SdkHttpConfigurationOption;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.awssdk.utils.AttributeMap;
import software.amazon.kinesis.producer.KinesisProducer;
import software.amazon.kinesis.producer.KinesisProducerConfiguration;
import software.amazon.kinesis.producer.UserRecordResult;
import software.amazon.kinesis.retrieval.AggregatorUtil;
import software.amazon.kinesis.retrieval.KinesisClientRecord;

/** One producer, whose every record has to be on the stream; it speaks TLS only. */
class KplTest {
    private static final int RECORDS = 5_000;
    private static final long DEADLINE_S = 60;

    private final URI endpoint = URI.create(Optional.ofNullable(System.getenv("MILLSTREAM_ENDPOINT"))
            .orElseThrow(() -> new IllegalStateException("say which server to test: MILLSTREAM_ENDPOINT")));
    private final String region =
            Optional.ofNullable(System.getenv("AWS_REGION")).orElse("us-east-1");
    private final StaticCredentialsProvider credentials = StaticCredentialsProvider.create(AwsBasicCredentials.create(
            Optional.ofNullable(System.getenv("AWS_ACCESS_KEY_ID")).orElse("compat"),
            Optional.ofNullable(System.getenv("AWS_SECRET_ACCESS_KEY")).orElse("compat")));
    private final String name = "compat-" + UUID.randomUUID().toString().substring(0, 13);

    @Test
    void everyRecordIsPutAndNothingIsWarnedOf() throws Exception {
        try (KinesisAsyncClient kinesis = client()) {
            kinesis.createStream(r -> r.streamName(name).shardCount(2)).join();
            kinesis.waiter().waitUntilStreamExists(r -> r.streamName(name)).join();
            Set<String> sent = put();
            assertEquals(sent, read(kinesis));
            kinesis.deleteStream(r -> r.streamName(name)).join();
        }
        List<String> warnings = Files.readAllLines(Path.of(System.getProperty("org.slf4j.simpleLogger.logFile")))
                .stream()
                .filter(line -> line.contains(" WARN ") || line.contains(" ERROR "))
                .filter(line -> line.contains("producer"))
                .toList();
        assertEquals(List.of(), warnings);
    }

    private KinesisAsyncClient client() {
        return KinesisAsyncClient.builder()
                .endpointOverride(endpoint)
                .region(Region.of(region))
                .credentialsProvider(credentials)
                .httpClient(NettyNioAsyncHttpClient.builder()
                        .buildWithDefaults(AttributeMap.builder()
                                .put(SdkHttpConfigurationOption.TRUST_ALL_CERTIFICATES, true)
                                .build()))
                .build();
    }

    private Set<String> put() throws Exception {
        var configuration = new KinesisProducerConfiguration()
                .setRegion(region)
                .setCredentialsProvider(credentials)
                .setKinesisEndpoint(endpoint.getHost())
                .setKinesisPort(endpoint.getPort())
                .setStsEndpoint(endpoint.getHost())
                .setStsPort(endpoint.getPort())
                .setCloudwatchEndpoint(endpoint.getHost())
                .setCloudwatchPort(endpoint.getPort())
                .setMetricsLevel("none")
                .setVerifyCertificate(false);
        var producer = new KinesisProducer(configuration);
        Set<String> sent = new TreeSet<>();
        try {
            List<ListenableFuture<UserRecordResult>> results = new ArrayList<>();
            for (int number = 0; number < RECORDS; number++) {
                String text = "record " + number;
                sent.add(text);
                results.add(producer.addUserRecord(
                        name, "key-" + number % 97, ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8))));
            }
            producer.flush();
            for (var result : results) {
                assertTrue(result.get(DEADLINE_S, TimeUnit.SECONDS).isSuccessful());
            }
        } finally {
            producer.destroy();
        }
        return sent;
    }

    /** Everything on the stream, taken apart. No record may be there twice. */
    private Set<String> read(KinesisAsyncClient kinesis) {
        List<String> read = new ArrayList<>();
        for (var shard : kinesis.listShards(r -> r.streamName(name)).join().shards()) {
            String iterator = kinesis.getShardIterator(r -> r.streamName(name)
                            .shardId(shard.shardId())
                            .shardIteratorType(ShardIteratorType.TRIM_HORIZON))
                    .join()
                    .shardIterator();
            while (true) {
                String from = iterator;
                var page = kinesis.getRecords(r -> r.shardIterator(from)).join();
                if (page.records().isEmpty()) {
                    break;
                }
                var packed = page.records().stream().map(KinesisClientRecord::fromRecord).toList();
                for (var record : new AggregatorUtil().deaggregate(packed)) {
                    read.add(StandardCharsets.UTF_8.decode(record.data()).toString());
                }
                iterator = page.nextShardIterator();
            }
        }
        Set<String> once = new TreeSet<>(read);
        assertEquals(once.size(), read.size(), "no record comes twice");
        return once;
    }
}
