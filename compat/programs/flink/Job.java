import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.streaming.api.environment.CheckpointConfig.ExternalizedCheckpointCleanup;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.connectors.kinesis.FlinkKinesisConsumer;
import org.apache.flink.streaming.connectors.kinesis.serialization.KinesisDeserializationSchema;

/** A job on a cluster within this process that goes on from its last checkpoint, and stops with a savepoint. */
public final class Job {
    private static final Path STATE = Path.of(System.getenv("FOLDER"), "state");

    public static void main(String[] arguments) throws Exception {
        var settings = new Configuration();
        settings.setString("state.checkpoints.dir", STATE.toUri().toString());
        newest().ifPresent(from -> settings.setString("execution.savepoint.path", from.toUri().toString()));
        var environment = StreamExecutionEnvironment.createLocalEnvironment(1, settings);
        environment.enableCheckpointing(1_000);
        environment.getCheckpointConfig()
                .setExternalizedCheckpointCleanup(ExternalizedCheckpointCleanup.RETAIN_ON_CANCELLATION);
        var source = new Properties();
        source.setProperty("aws.endpoint", System.getenv("AWS_ENDPOINT_URL"));
        source.setProperty("aws.region", System.getenv("AWS_REGION"));
        source.setProperty("flink.stream.initpos", "TRIM_HORIZON");
        source.setProperty("flink.shard.discovery.intervalmillis", "1000");
        if ("fan-out".equals(System.getenv("RETRIEVAL"))) {
            source.setProperty("flink.stream.recordpublisher", "EFO");
            source.setProperty("flink.stream.efo.consumername", System.getenv("APPLICATION"));
            // Otherwise a stop takes the consumer away first, and its shards count as read to their ends in the savepoint.
            source.setProperty("flink.stream.efo.registration", "EAGER");
        }
        Sinks.addTo(environment.addSource(new FlinkKinesisConsumer<>(System.getenv("STREAM"), new Telling(), source))
                .uid("source"));
        var job = environment.executeAsync();
        Runtime.getRuntime().addShutdownHook(new Thread(
                () -> job.stopWithSavepoint(false, STATE.toUri().toString(), SavepointFormatType.CANONICAL).join()));
        job.getJobExecutionResult().join();
    }

    /** The folder of the last complete checkpoint or savepoint. */
    private static Optional<Path> newest() throws IOException {
        Files.createDirectories(STATE);
        try (var paths = Files.walk(STATE)) {
            return paths.filter(path -> path.endsWith("_metadata"))
                    .max(Comparator.comparing(path -> path.toFile().lastModified()))
                    .map(Path::getParent);
        }
    }

    /** Tells of each record, as the source hands it on. */
    private static final class Telling implements KinesisDeserializationSchema<String> {
        @Override
        public String deserialize(byte[] data, String key, String number, long arrivedMs, String stream, String shard) {
            Ledger.records(shard, List.of(java.nio.ByteBuffer.wrap(data)));
            return new String(data, StandardCharsets.UTF_8);
        }

        @Override
        public TypeInformation<String> getProducedType() {
            return Types.STRING;
        }
    }
}
