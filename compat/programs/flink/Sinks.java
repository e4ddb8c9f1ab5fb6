import java.net.URI;
import java.util.Properties;
import org.apache.flink.api.common.serialization.SimpleStringSchema;
import org.apache.flink.connector.kinesis.sink.KinesisStreamsSink;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.functions.sink.DiscardingSink;
import org.apache.flink.streaming.connectors.kinesis.FlinkKinesisProducer;
import org.apache.flink.streaming.connectors.kinesis.KinesisPartitioner;

/** Where the records go that a job has read: to the stream COPY, by the connector's own client or by the KPL, or nowhere. */
final class Sinks {
    private Sinks() {}

    static void addTo(DataStream<String> records) {
        switch (System.getenv().getOrDefault("SINK", "none")) {
            case "client" -> records.sinkTo(client());
            case "kpl" -> records.addSink(kpl());
            default -> records.addSink(new DiscardingSink<>());
        }
    }

    private static String key(String text) {
        return text.substring(0, text.lastIndexOf(':'));
    }

    private static KinesisStreamsSink<String> client() {
        var settings = new Properties();
        settings.setProperty("aws.endpoint", System.getenv("AWS_ENDPOINT_URL"));
        settings.setProperty("aws.region", System.getenv("AWS_REGION"));
        return KinesisStreamsSink.<String>builder()
                .setKinesisClientProperties(settings)
                .setSerializationSchema(new SimpleStringSchema())
                .setPartitionKeyGenerator(Sinks::key)
                .setStreamName(System.getenv("COPY"))
                .setFailOnError(true)
                .build();
    }

    private static FlinkKinesisProducer<String> kpl() {
        var endpoint = URI.create(System.getenv("AWS_ENDPOINT_URL"));
        var settings = new Properties();
        settings.setProperty("aws.region", System.getenv("AWS_REGION"));
        for (String service : new String[] {"Kinesis", "Cloudwatch"}) {
            settings.setProperty(service + "Endpoint", endpoint.getHost());
            settings.setProperty(service + "Port", "" + endpoint.getPort());
        }
        settings.setProperty("VerifyCertificate", "false");
        var producer = new FlinkKinesisProducer<>(new SimpleStringSchema(), settings);
        producer.setDefaultStream(System.getenv("COPY"));
        producer.setCustomPartitioner(new ByKey());
        producer.setFailOnError(true);
        return producer;
    }

    /** It is taken apart by its class, so it is no lambda. */
    private static final class ByKey extends KinesisPartitioner<String> {
        @Override
        public String getPartitionId(String text) {
            return key(text);
        }
    }
}
