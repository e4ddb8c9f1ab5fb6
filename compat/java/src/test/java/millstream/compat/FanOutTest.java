package millstream.compat;

import static millstream.compat.Account.DEADLINE;
import static millstream.compat.Account.FIRST;
import static millstream.compat.Account.HALF;
import static millstream.compat.Account.SECOND;
import static millstream.compat.Account.THIRD;
import static millstream.compat.Account.refused;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.ChildShard;
import software.amazon.awssdk.services.kinesis.model.KinesisException;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardEvent;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardResponseHandler;

/** SubscribeToShard, as the KCL calls it: events are pushed over HTTP/2. */
class FanOutTest {
    private KinesisAsyncClient async;
    private Account account;

    /** A subscription and what came of it. */
    private final class Subscription {
        final BlockingQueue<SubscribeToShardEvent> events = new LinkedBlockingQueue<>();
        final CompletableFuture<Void> end;

        Subscription(String consumerArn, String shard, ShardIteratorType type) {
            var handler = SubscribeToShardResponseHandler.builder()
                    .subscriber(event -> {
                        if (event instanceof SubscribeToShardEvent records) {
                            events.add(records);
                        }
                    })
                    .build();
            end = async.subscribeToShard(
                    r -> r.consumerARN(consumerArn).shardId(shard).startingPosition(p -> p.type(type)), handler);
        }

        /** Waits for the end; a refusal is thrown as it came. */
        void join() {
            try {
                end.join();
            } catch (CompletionException failure) {
                throw failure.getCause() instanceof KinesisException refusal ? refusal : failure;
            }
        }

        List<String> take(int count) throws InterruptedException {
            List<String> data = new ArrayList<>();
            while (data.size() < count) {
                if (end.isCompletedExceptionally()) {
                    join();
                }
                SubscribeToShardEvent event = events.poll(DEADLINE.toSeconds(), TimeUnit.SECONDS);
                assertNotNull(event, data.size() + " of " + count + " records came");
                assertNotNull(event.continuationSequenceNumber());
                event.records().forEach(record -> data.add(record.data().asUtf8String()));
            }
            return data;
        }
    }

    @BeforeEach
    void open() {
        async = Clients.async(Clients.credentials());
        account = new Account(Clients.waiting(async));
    }

    @AfterEach
    void close() {
        account.close();
    }

    @Test
    void recordsArePushedAsTheyArePut() throws InterruptedException {
        String name = account.stream(1);
        var consumer = account.consumer(account.arn(name), "billing");
        account.put(name, "before");
        var subscription = new Subscription(consumer.consumerARN(), FIRST, ShardIteratorType.TRIM_HORIZON);
        assertEquals(List.of("before"), subscription.take(1));
        for (String data : List.of("one", "two", "three")) {
            account.put(name, data);
            assertEquals(List.of(data), subscription.take(1));
        }
        subscription.end.cancel(true);
    }

    @Test
    void theEndOfAShardNamesItsChildren() throws InterruptedException {
        String name = account.stream(1);
        var consumer = account.consumer(account.arn(name), "billing");
        account.put(name, "only");
        account.kinesis.splitShard(r -> r.streamName(name).shardToSplit(FIRST).newStartingHashKey(HALF));
        account.untilActive(name);
        var subscription = new Subscription(consumer.consumerARN(), FIRST, ShardIteratorType.TRIM_HORIZON);
        subscription.join();
        List<SubscribeToShardEvent> events = List.copyOf(subscription.events);
        assertEquals(1, events.stream().mapToInt(event -> event.records().size()).sum());
        SubscribeToShardEvent last = events.get(events.size() - 1);
        assertNull(last.continuationSequenceNumber());
        assertEquals(
                List.of(SECOND, THIRD),
                last.childShards().stream().map(ChildShard::shardId).toList());
        for (ChildShard child : last.childShards()) {
            assertEquals(List.of(FIRST), child.parentShards());
        }
        assertTrue(
                Recorder.sees(seen -> seen.operation().equals("SubscribeToShard")
                        && seen.outcome().equals("success")
                        && seen.http().equals("2")),
                "the SDK saw a subscription over HTTP/2: " + Recorder.SEEN);
    }

    @Test
    void onlyShardsAndConsumersThatExistHaveSubscriptions() {
        String name = account.stream(1);
        var consumer = account.consumer(account.arn(name), "billing");
        String shard = "shardId-000000000009";
        assertEquals(
                "Shard " + shard + " in stream " + name + " under account " + account.id(name) + " does not exist",
                refused(
                        "ResourceNotFoundException",
                        () -> new Subscription(consumer.consumerARN(), shard, ShardIteratorType.LATEST).join()));
        String nobody = consumer.consumerARN().replace("/consumer/billing:", "/consumer/nobody:");
        refused(
                "ResourceNotFoundException",
                () -> new Subscription(nobody, FIRST, ShardIteratorType.LATEST).join());
    }
}
