import com.google.common.util.concurrent.FutureCallback;
import com.google.common.util.concurrent.Futures;
import com.google.common.util.concurrent.MoreExecutors;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import software.amazon.kinesis.producer.KinesisProducer;
import software.amazon.kinesis.producer.KinesisProducerConfiguration;
import software.amazon.kinesis.producer.UserRecordResult;

/** Puts RECORDS records of KEYS keys, RATE a second (as fast as it takes them if 0), and ends. It speaks TLS only. */
public final class Producer {
    private static final int OUTSTANDING_MAX = 20_000;

    public static void main(String[] arguments) throws Exception {
        URI endpoint = URI.create(System.getenv("AWS_ENDPOINT_URL"));
        int records = Integer.parseInt(System.getenv("RECORDS"));
        int keys = Integer.parseInt(System.getenv("KEYS"));
        int rate = Integer.parseInt(System.getenv("RATE"));
        String filler = ".".repeat(Integer.parseInt(System.getenv().getOrDefault("FILLER_BYTES", "0")));
        var producer = new KinesisProducer(new KinesisProducerConfiguration()
                .setRegion(System.getenv("AWS_REGION"))
                .setKinesisEndpoint(endpoint.getHost())
                .setKinesisPort(endpoint.getPort())
                .setStsEndpoint(endpoint.getHost())
                .setStsPort(endpoint.getPort())
                .setCloudwatchEndpoint(endpoint.getHost())
                .setCloudwatchPort(endpoint.getPort())
                .setMetricsUploadDelay(5_000)
                .setVerifyCertificate(false));
        long start = System.nanoTime();
        for (int number = 0; number < records; number++) {
            String key = "key-" + number % keys;
            String text = key + ":" + number / keys;
            while (producer.getOutstandingRecordsCount() > OUTSTANDING_MAX
                    || rate > 0 && (System.nanoTime() - start) * 1e-9 * rate < number) {
                Thread.sleep(1);
            }
            var put = producer.addUserRecord(System.getenv("STREAM"), key,
                    ByteBuffer.wrap((text + filler).getBytes(StandardCharsets.UTF_8)));
            Futures.addCallback(put, new FutureCallback<UserRecordResult>() {
                @Override
                public void onSuccess(UserRecordResult result) {
                    Ledger.put(result.getShardId(), text, result.getSequenceNumber(), result.getAttempts().size());
                }

                @Override
                public void onFailure(Throwable error) {
                    System.err.println("ERROR " + text + " was not put: " + error);
                }
            }, MoreExecutors.directExecutor());
        }
        producer.flushSync();
        producer.destroy();
    }
}
