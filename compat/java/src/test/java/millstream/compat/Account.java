package millstream.compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.function.Supplier;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.ConsumerDescription;
import software.amazon.awssdk.services.kinesis.model.ConsumerStatus;
import software.amazon.awssdk.services.kinesis.model.CreateStreamRequest;
import software.amazon.awssdk.services.kinesis.model.GetRecordsResponse;
import software.amazon.awssdk.services.kinesis.model.KinesisException;
import software.amazon.awssdk.services.kinesis.model.PutRecordResponse;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.services.kinesis.model.ResourceNotFoundException;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.awssdk.services.kinesis.model.StreamDescriptionSummary;
import software.amazon.awssdk.services.kinesis.model.StreamStatus;

/** What a test does with the streams of one client's account; they are deleted in the end. */
final class Account implements AutoCloseable {
    static final Duration DEADLINE = Duration.ofSeconds(60);
    static final String FIRST = "shardId-000000000000";
    static final String SECOND = "shardId-000000000001";
    static final String THIRD = "shardId-000000000002";
    static final String HALF = BigInteger.TWO.pow(127).toString();
    static final String NOWHERE = "nowhere";

    final KinesisClient kinesis;
    private final List<String> streams = new ArrayList<>();

    Account(KinesisClient kinesis) {
        this.kinesis = kinesis;
    }

    String stream(int shards) {
        return stream(request -> request.shardCount(shards));
    }

    String stream(Consumer<CreateStreamRequest.Builder> settings) {
        String name = "compat-" + UUID.randomUUID().toString().substring(0, 13);
        streams.add(name);
        kinesis.createStream(request -> settings.accept(request.streamName(name)));
        untilActive(name);
        return name;
    }

    StreamDescriptionSummary untilActive(String name) {
        return poll(
                () -> kinesis.describeStreamSummary(r -> r.streamName(name)).streamDescriptionSummary(),
                summary -> summary.streamStatus() == StreamStatus.ACTIVE);
    }

    String arn(String name) {
        return untilActive(name).streamARN();
    }

    /** The ARN of a stream that does not exist, beside one that does. */
    String nowhere(String name) {
        return arn(name).replace(name, NOWHERE);
    }

    String id(String name) {
        return arn(name).split(":")[4];
    }

    ConsumerDescription consumer(String streamArn, String name) {
        String arn = kinesis.registerStreamConsumer(r -> r.streamARN(streamArn).consumerName(name))
                .consumer()
                .consumerARN();
        return poll(
                () -> kinesis.describeStreamConsumer(r -> r.consumerARN(arn)).consumerDescription(),
                description -> description.consumerStatus() == ConsumerStatus.ACTIVE);
    }

    PutRecordResponse put(String name, String data) {
        return kinesis.putRecord(r -> r.streamName(name).partitionKey("k").data(SdkBytes.fromUtf8String(data)));
    }

    String iterator(String name, String shard, ShardIteratorType type) {
        return kinesis.getShardIterator(r -> r.streamName(name).shardId(shard).shardIteratorType(type))
                .shardIterator();
    }

    List<Record> read(String iterator, int count) {
        Instant deadline = Instant.now().plus(DEADLINE);
        List<Record> records = new ArrayList<>();
        for (String next = iterator; ; ) {
            String at = next;
            GetRecordsResponse answer = kinesis.getRecords(r -> r.shardIterator(at));
            records.addAll(answer.records());
            if (records.size() >= count) {
                return records;
            }
            next = answer.nextShardIterator();
            assertTrue(next != null && Instant.now().isBefore(deadline), records.size() + " of " + count + " came");
        }
    }

    static <T> T poll(Supplier<T> look, Predicate<T> isDone) {
        Instant deadline = Instant.now().plus(DEADLINE);
        while (true) {
            T found = look.get();
            if (isDone.test(found)) {
                return found;
            }
            assertTrue(Instant.now().isBefore(deadline), "after a minute: " + found);
        }
    }

    /** The call must be refused with this code. Returns AWS's message. */
    static String refused(String code, Runnable call) {
        try {
            call.run();
        } catch (KinesisException refusal) {
            assertEquals(code, refusal.awsErrorDetails().errorCode(), refusal.getMessage());
            assertEquals(400, refusal.statusCode());
            return refusal.awsErrorDetails().errorMessage();
        }
        return fail(code + " was expected, but the call succeeded");
    }

    /** The call names a stream that does not exist. */
    void missing(String accountId, Runnable call) {
        assertEquals(
                "Stream " + NOWHERE + " under account " + accountId + " not found.",
                refused("ResourceNotFoundException", call));
    }

    @Override
    public void close() {
        for (String name : streams) {
            try {
                kinesis.deleteStream(r -> r.streamName(name).enforceConsumerDeletion(true));
            } catch (ResourceNotFoundException gone) {
                // The test deleted it itself.
            }
        }
        kinesis.close();
    }
}
