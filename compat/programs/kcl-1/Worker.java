import com.amazonaws.auth.DefaultAWSCredentialsProviderChain;
import com.amazonaws.client.builder.AwsClientBuilder.EndpointConfiguration;
import com.amazonaws.services.cloudwatch.AmazonCloudWatchClientBuilder;
import com.amazonaws.services.kinesis.clientlibrary.exceptions.InvalidStateException;
import com.amazonaws.services.kinesis.clientlibrary.exceptions.ShutdownException;
import com.amazonaws.services.kinesis.clientlibrary.interfaces.IRecordProcessorCheckpointer;
import com.amazonaws.services.kinesis.clientlibrary.interfaces.v2.IRecordProcessor;
import com.amazonaws.services.kinesis.clientlibrary.interfaces.v2.IShutdownNotificationAware;
import com.amazonaws.services.kinesis.clientlibrary.lib.worker.InitialPositionInStream;
import com.amazonaws.services.kinesis.clientlibrary.lib.worker.KinesisClientLibConfiguration;
import com.amazonaws.services.kinesis.clientlibrary.lib.worker.ShutdownReason;
import com.amazonaws.services.kinesis.clientlibrary.types.InitializationInput;
import com.amazonaws.services.kinesis.clientlibrary.types.ProcessRecordsInput;
import com.amazonaws.services.kinesis.clientlibrary.types.ShutdownInput;
import com.amazonaws.services.kinesis.model.Record;
import java.util.concurrent.TimeUnit;

/** One worker with the library's own settings, told of the endpoint of each service, as its SDK knows no variable. */
public final class Worker implements IRecordProcessor, IShutdownNotificationAware {
    private static final long STOP_DEADLINE_S = 60;
    private String shard;

    public static void main(String[] arguments) {
        String endpoint = System.getenv("AWS_ENDPOINT_URL");
        String region = System.getenv("AWS_REGION");
        var config = new KinesisClientLibConfiguration(System.getenv("APPLICATION"), System.getenv("STREAM"),
                        new DefaultAWSCredentialsProviderChain(), System.getenv("WORKER"))
                .withKinesisEndpoint(endpoint)
                .withDynamoDBEndpoint(System.getenv().getOrDefault("AWS_ENDPOINT_URL_DYNAMODB", endpoint))
                .withRegionName(region)
                .withInitialPositionInStream(InitialPositionInStream.TRIM_HORIZON);
        var worker = new com.amazonaws.services.kinesis.clientlibrary.lib.worker.Worker.Builder()
                .config(config)
                .recordProcessorFactory(Worker::new)
                .cloudWatchClient(AmazonCloudWatchClientBuilder.standard()
                        .withEndpointConfiguration(new EndpointConfiguration(endpoint, region))
                        .build())
                .build();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                worker.startGracefulShutdown().get(STOP_DEADLINE_S, TimeUnit.SECONDS);
            } catch (Exception error) {
                Runtime.getRuntime().halt(1);
            }
        }));
        worker.run();
    }

    @Override
    public void initialize(InitializationInput input) {
        shard = input.getShardId();
        Ledger.tell("start", shard);
    }

    @Override
    public void processRecords(ProcessRecordsInput input) {
        if (input.getRecords().isEmpty()) {
            return;
        }
        Ledger.records(shard, input.getRecords().stream().map(Record::getData).toList());
        checkpoint(input.getCheckpointer());
    }

    @Override
    public void shutdown(ShutdownInput input) {
        if (input.getShutdownReason() == ShutdownReason.TERMINATE) {
            checkpoint(input.getCheckpointer());
            Ledger.tell("end", shard);
        } else {
            Ledger.tell("lost", shard);
        }
    }

    @Override
    public void shutdownRequested(IRecordProcessorCheckpointer checkpointer) {
        Ledger.tell(checkpoint(checkpointer) ? "stop" : "lost", shard);
    }

    /** False if the lease is gone, of which the library tells next. */
    private boolean checkpoint(IRecordProcessorCheckpointer checkpointer) {
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
