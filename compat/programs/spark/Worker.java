import java.nio.ByteBuffer;
import java.util.List;
import org.apache.spark.SparkConf;
import org.apache.spark.storage.StorageLevel;
import org.apache.spark.streaming.Duration;
import org.apache.spark.streaming.api.java.JavaDStream;
import org.apache.spark.streaming.api.java.JavaStreamingContext;
import org.apache.spark.streaming.kinesis.KinesisInitialPositions;
import org.apache.spark.streaming.kinesis.KinesisInputDStream;
import scala.reflect.ClassTag$;

/** A job within this process that goes on from its checkpoints. Its SDK finds the services in a list of regions alone. */
public final class Worker {
    private static final String STATE = System.getenv("FOLDER") + "/state";

    public static void main(String[] arguments) throws Exception {
        System.setProperty("com.amazonaws.regions.RegionUtils.fileOverride", System.getenv("CONFIG"));
        JavaStreamingContext.getOrCreate(STATE, Worker::job).start();
        Thread.currentThread().join();
    }

    private static JavaStreamingContext job() {
        var settings = new SparkConf().setMaster("local[3]").setAppName("programs")
                .set("spark.ui.enabled", "false")
                .set("spark.streaming.stopGracefullyOnShutdown", "true");
        var context = new JavaStreamingContext(settings, new Duration(1_000));
        context.checkpoint(STATE);
        var source = KinesisInputDStream.builder()
                .streamingContext(context)
                .streamName(System.getenv("STREAM"))
                .endpointUrl(System.getenv("AWS_ENDPOINT_URL"))
                .regionName(System.getenv("AWS_REGION"))
                .initialPosition(new KinesisInitialPositions.TrimHorizon())
                .checkpointAppName(System.getenv("APPLICATION"))
                .checkpointInterval(new Duration(1_000))
                .storageLevel(StorageLevel.MEMORY_ONLY())
                .build();
        JavaDStream.fromDStream(source, ClassTag$.MODULE$.<byte[]>apply(byte[].class))
                .foreachRDD(records -> Ledger.records("-", records.collect().stream().map(ByteBuffer::wrap).toList()));
        return context;
    }
}
