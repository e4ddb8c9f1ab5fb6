package millstream.compat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.core.interceptor.Context;
import software.amazon.awssdk.core.interceptor.ExecutionAttributes;
import software.amazon.awssdk.core.interceptor.ExecutionInterceptor;
import software.amazon.awssdk.core.interceptor.SdkExecutionAttribute;
import software.amazon.awssdk.core.interceptor.SdkInternalExecutionAttribute;
import software.amazon.awssdk.core.util.VersionInfo;
import software.amazon.awssdk.http.Http2Metric;
import software.amazon.awssdk.http.SdkHttpRequest;
import software.amazon.awssdk.metrics.MetricCollection;
import software.amazon.awssdk.metrics.SdkMetric;

/**
 * What the SDK itself saw of each call, for the table in docs/compatibility.md: a line of JSON for each new kind of
 * outcome goes to the file that MILLSTREAM_COMPAT_SEEN names, if it names one.
 */
final class Recorder implements ExecutionInterceptor {
    /** The kinds of outcome of all clients so far. */
    static final Set<Seen> SEEN = ConcurrentHashMap.newKeySet();

    private static final Optional<Path> FILE =
            Optional.ofNullable(System.getenv("MILLSTREAM_COMPAT_SEEN")).map(Path::of);

    private final String sdk;

    /** The content type that the SDK sends by itself: CBOR, but for the one operation that has an event stream. */
    static String encodingOf(String operation) {
        return "application/x-amz-" + (operation.equals("SubscribeToShard") ? "json" : "cbor") + "-1.1";
    }

    Recorder(String sdk) {
        this.sdk = sdk;
    }

    record Seen(String sdk, String operation, String outcome, String code, String encoding, String http) {
        String json() {
            return """
                    {"sdk":"%s","version":"%s","operation":"%s","outcome":"%s","code":%s,"encoding":"%s","http":"%s"}
                    """
                    .formatted(
                            sdk,
                            VersionInfo.SDK_VERSION,
                            operation,
                            outcome,
                            code == null ? null : '"' + code + '"',
                            encoding,
                            http);
        }
    }

    @Override
    public void afterExecution(Context.AfterExecution context, ExecutionAttributes attributes) {
        note(context.httpRequest(), "success", null, attributes);
    }

    @Override
    public void onExecutionFailure(Context.FailedExecution context, ExecutionAttributes attributes) {
        Throwable failure = context.exception();
        while (failure != null && !(failure instanceof AwsServiceException)) {
            failure = failure.getCause();
        }
        if (failure instanceof AwsServiceException refusal && context.httpRequest().isPresent()) {
            String code = refusal.awsErrorDetails().errorCode();
            note(context.httpRequest().get(), "error", code, attributes);
        }
    }

    private void note(SdkHttpRequest request, String outcome, String code, ExecutionAttributes attributes) {
        String operation = attributes.getAttribute(SdkExecutionAttribute.OPERATION_NAME);
        String encoding = request.firstMatchingHeader("Content-Type").orElse("none");
        MetricCollection metrics =
                attributes.getAttribute(SdkInternalExecutionAttribute.API_CALL_METRIC_COLLECTOR).collect();
        Seen seen = new Seen(sdk, operation, outcome, code, encoding, httpVersion(metrics));
        if (SEEN.add(seen) && FILE.isPresent()) {
            write(seen.json());
        }
        synchronized (SEEN) {
            SEEN.notifyAll();
        }
    }

    /** Whether there is such an outcome, or comes to be: an answer may be here before the SDK tells what it saw of its call. */
    static boolean sees(Predicate<Seen> wanted) throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        synchronized (SEEN) {
            while (SEEN.stream().noneMatch(wanted)) {
                long left = deadline - System.nanoTime();
                if (left <= 0) {
                    return false;
                }
                TimeUnit.NANOSECONDS.timedWait(SEEN, left);
            }
            return true;
        }
    }

    /** The SDK measures streams of HTTP/2, and only of HTTP/2; its clients know no other version but 1.1. */
    private static String httpVersion(MetricCollection metrics) {
        return all(metrics, Http2Metric.LOCAL_STREAM_WINDOW_SIZE_IN_BYTES).isEmpty() ? "1.1" : "2";
    }

    private static <T> List<T> all(MetricCollection metrics, SdkMetric<T> metric) {
        List<T> found = new ArrayList<>(metrics.metricValues(metric));
        metrics.children().forEach(child -> found.addAll(all(child, metric)));
        return found;
    }

    private static synchronized void write(String line) {
        try {
            Files.writeString(FILE.get(), line, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
