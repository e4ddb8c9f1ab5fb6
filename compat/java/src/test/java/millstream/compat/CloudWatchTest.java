package millstream.compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.cloudwatch.model.Datapoint;
import software.amazon.awssdk.services.cloudwatch.model.Dimension;
import software.amazon.awssdk.services.cloudwatch.model.InvalidParameterValueException;
import software.amazon.awssdk.services.cloudwatch.model.Metric;
import software.amazon.awssdk.services.cloudwatch.model.ScanBy;
import software.amazon.awssdk.services.cloudwatch.model.StandardUnit;
import software.amazon.awssdk.services.cloudwatch.model.Statistic;

/** CloudWatch by the SDK for Java, which sends CBOR over HTTP/2 or 1.1 as it likes. */
class CloudWatchTest {
    private static final CloudWatchAsyncClient CLOUD_WATCH = Clients.cloudWatch();

    private final Instant now = Instant.now().truncatedTo(ChronoUnit.MINUTES);
    private final Dimension stream = Dimension.builder().name("Stream").value("s").build();

    @AfterAll
    static void close() {
        CLOUD_WATCH.close();
    }

    private Instant ago(int minutes) {
        return now.minus(Duration.ofMinutes(minutes));
    }

    @Test
    void samplesComeBackAsStatisticsAndData() {
        String namespace = "compat/" + UUID.randomUUID();
        CLOUD_WATCH
                .putMetricData(put -> put.namespace(namespace)
                        .metricData(
                                datum -> datum.metricName("m")
                                        .dimensions(stream)
                                        .timestamp(ago(3))
                                        .unit(StandardUnit.COUNT)
                                        .values(1.5, 2.0)
                                        .counts(2.0, 1.0),
                                datum -> datum.metricName("m")
                                        .dimensions(stream)
                                        .timestamp(ago(2))
                                        .unit(StandardUnit.COUNT)
                                        .statisticValues(set ->
                                                set.sampleCount(4.0).sum(20.0).minimum(1.0).maximum(9.0))))
                .join();
        List<Datapoint> points = CLOUD_WATCH
                .getMetricStatistics(get -> get.namespace(namespace)
                        .metricName("m")
                        .dimensions(stream)
                        .startTime(ago(5))
                        .endTime(now)
                        .period(600)
                        .statistics(Statistic.SUM, Statistic.AVERAGE, Statistic.MAXIMUM))
                .join()
                .datapoints();
        assertEquals(1, points.size());
        assertEquals(25.0, points.get(0).sum());
        assertEquals(9.0, points.get(0).maximum());
        assertEquals(StandardUnit.COUNT, points.get(0).unit());
        assertEquals(ago(5), points.get(0).timestamp());
        Metric metric = Metric.builder()
                .namespace(namespace)
                .metricName("m")
                .dimensions(stream)
                .build();
        var results = CLOUD_WATCH
                .getMetricData(get -> get.startTime(ago(5))
                        .endTime(now)
                        .scanBy(ScanBy.TIMESTAMP_ASCENDING)
                        .metricDataQueries(
                                query -> query.id("m1")
                                        .returnData(false)
                                        .metricStat(stat -> stat.metric(metric).period(60).stat("Sum")),
                                query -> query.id("e1").expression("m1 * 2")))
                .join()
                .metricDataResults();
        assertEquals(List.of(10.0, 40.0), results.get(0).values());
        assertEquals(List.of(ago(3), ago(2)), results.get(0).timestamps());
        assertEquals(
                List.of(metric),
                CLOUD_WATCH.listMetrics(list -> list.namespace(namespace)).join().metrics());
    }

    @Test
    void errorsAreTheSdksOwnClasses() {
        var failed = assertThrows(CompletionException.class, () -> CLOUD_WATCH
                .putMetricData(put -> put.namespace("AWS/Kinesis")
                        .metricData(datum -> datum.metricName("m").value(1.0)))
                .join());
        var refused = assertInstanceOf(InvalidParameterValueException.class, failed.getCause());
        assertEquals("InvalidParameterValue", refused.awsErrorDetails().errorCode());
        assertEquals(
                "The value AWS/Kinesis for parameter Namespace is invalid.",
                refused.awsErrorDetails().errorMessage());
    }
}
