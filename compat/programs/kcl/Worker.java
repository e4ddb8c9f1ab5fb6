import java.net.URI;
import java.util.concurrent.TimeUnit;
import software.amazon.awssdk.awscore.client.builder.AwsClientBuilder;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.common.KinesisClientUtil;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.exceptions.InvalidStateException;
import software.amazon.kinesis.exceptions.ShutdownException;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ProcessRecordsInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.processor.RecordProcessorCheckpointer;
import software.amazon.kinesis.processor.ShardRecordProcessor;
import software.amazon.kinesis.retrieval.KinesisClientRecord;
import software.amazon.kinesis.retrieval.fanout.FanOutConfig;
import software.amazon.kinesis.retrieval.polling.PollingConfig;

/** One worker with the library's own settings, told of the endpoint, as the SDK of 3.0 does not know the variable. */
public final class Worker implements ShardRecordProcessor {
    private static final long STOP_DEADLINE_S = 60;
    private String shard;

    public static void main(String[] arguments) {
        String stream = System.getenv("STREAM");
        String application = System.getenv("APPLICATION");
        String endpoint = System.getenv("AWS_ENDPOINT_URL");
        String tables = System.getenv().getOrDefault("AWS_ENDPOINT_URL_DYNAMODB", endpoint);
        KinesisAsyncClient kinesis = KinesisClientUtil.createKinesisAsyncClient(at(endpoint, KinesisAsyncClient.builder()));
        var configs = new ConfigsBuilder(stream, application, kinesis, at(tables, DynamoDbAsyncClient.builder()).build(),
                at(endpoint, CloudWatchAsyncClient.builder()).build(), System.getenv("WORKER"), Worker::new);
        var from = InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.TRIM_HORIZON);
        var scheduler = new Scheduler(configs.checkpointConfig(), Family.of(configs.coordinatorConfig()),
                configs.leaseManagementConfig(), configs.lifecycleConfig(), configs.metricsConfig(),
                configs.processorConfig(), configs.retrievalConfig()
                        .initialPositionInStreamExtended(from)
                        .retrievalSpecificConfig("polling".equals(System.getenv("RETRIEVAL"))
                                ? new PollingConfig(stream, kinesis)
                                : new FanOutConfig(kinesis).streamName(stream).applicationName(application)));
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                scheduler.startGracefulShutdown().get(STOP_DEADLINE_S, TimeUnit.SECONDS);
            } catch (Exception error) {
                Runtime.getRuntime().halt(1);
            }
        }));
        scheduler.run();
    }

    private static <B extends AwsClientBuilder<B, ?>> B at(String endpoint, B builder) {
        return builder.endpointOverride(URI.create(endpoint));
    }

    @Override
    public void initialize(InitializationInput input) {
        shard = input.shardId();
        Ledger.tell("start", shard);
    }

    @Override
    public void processRecords(ProcessRecordsInput input) {
        Ledger.records(shard, input.records().stream().map(KinesisClientRecord::data).toList());
        checkpoint(input.checkpointer());
    }

    @Override
    public void leaseLost(LeaseLostInput input) {
        Ledger.tell("lost", shard);
    }

    @Override
    public void shardEnded(ShardEndedInput input) {
        checkpoint(input.checkpointer());
        Ledger.tell("end", shard);
    }

    @Override
    public void shutdownRequested(ShutdownRequestedInput input) {
        Ledger.tell(checkpoint(input.checkpointer()) ? "stop" : "lost", shard);
    }

    /** False if the lease is gone, of which the library tells next. */
    private boolean checkpoint(RecordProcessorCheckpointer checkpointer) {
        try {
            checkpointer.checkpoint();
            Ledger.tell("checkpoint", shard);
            return true;
        } catch (ShutdownException error) {
            return false;
        } catch (InvalidStateException error) {
            throw new IllegalStateException(error);
        }
    }
}
