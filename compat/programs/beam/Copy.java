import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.io.aws2.kinesis.KinesisIO;
import org.apache.beam.sdk.io.aws2.kinesis.KinesisRecord;
import org.apache.beam.sdk.io.aws2.options.AwsOptions;
import org.apache.beam.sdk.options.PipelineOptionsFactory;
import software.amazon.kinesis.common.InitialPositionInStream;

/** A pipeline from one stream to another, told of the endpoint in its options. */
public final class Copy {
    public static void main(String[] arguments) {
        var pipeline = Pipeline.create(PipelineOptionsFactory.fromArgs(arguments).as(AwsOptions.class));
        pipeline.apply(KinesisIO.read()
                        .withStreamName(System.getenv("STREAM"))
                        .withInitialPositionInStream(InitialPositionInStream.TRIM_HORIZON))
                .apply(KinesisIO.<KinesisRecord>write()
                        .withStreamName(System.getenv("COPY"))
                        .withPartitioner(KinesisRecord::getPartitionKey)
                        .withSerializer(KinesisRecord::getDataAsBytes));
        pipeline.run().waitUntilFinish();
    }
}
