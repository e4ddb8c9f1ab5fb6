package millstream.compat;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.net.URI;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.awscore.retry.AwsRetryStrategy;
import software.amazon.awssdk.core.client.config.ClientOverrideConfiguration;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.http.nio.netty.SdkEventLoopGroup;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.metrics.MetricCollection;
import software.amazon.awssdk.metrics.MetricPublisher;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisClient;

/** Clients of the endpoint under test, made as an application makes them: nothing is said of encoding or HTTP version. */
final class Clients {
    /** One for all clients: the end of one takes seconds, and this one ends with the process. */
    private static final SdkEventLoopGroup EVENT_LOOPS = SdkEventLoopGroup.builder().build();

    private Clients() {}

    static AwsCredentialsProvider credentials() {
        return credentials(
                Optional.ofNullable(System.getenv("AWS_ACCESS_KEY_ID")).orElse("compat"),
                Optional.ofNullable(System.getenv("AWS_SECRET_ACCESS_KEY")).orElse("compat"));
    }

    static AwsCredentialsProvider credentials(String id, String secret) {
        return StaticCredentialsProvider.create(AwsBasicCredentials.create(id, secret));
    }

    /** The blocking client. */
    static KinesisClient blocking(AwsCredentialsProvider credentials) {
        return KinesisClient.builder()
                .endpointOverride(endpoint())
                .region(region())
                .credentialsProvider(credentials)
                .httpClientBuilder(UrlConnectionHttpClient.builder())
                .overrideConfiguration(recordedAs("Java"))
                .build();
    }

    /** The client on Netty. */
    static KinesisAsyncClient async(AwsCredentialsProvider credentials) {
        return KinesisAsyncClient.builder()
                .endpointOverride(endpoint())
                .region(region())
                .credentialsProvider(credentials)
                .httpClientBuilder(NettyNioAsyncHttpClient.builder().eventLoopGroup(EVENT_LOOPS))
                .overrideConfiguration(recordedAs("Java async"))
                .build();
    }

    /** CloudWatch on Netty. */
    static CloudWatchAsyncClient cloudWatch() {
        return CloudWatchAsyncClient.builder()
                .endpointOverride(endpoint())
                .region(region())
                .credentialsProvider(credentials())
                .httpClientBuilder(NettyNioAsyncHttpClient.builder().eventLoopGroup(EVENT_LOOPS))
                .build();
    }

    /** The client on Netty behind the blocking client's interface: each call waits for its future. */
    static KinesisClient waiting(KinesisAsyncClient async) {
        return (KinesisClient) Proxy.newProxyInstance(
                KinesisClient.class.getClassLoader(), new Class<?>[] {KinesisClient.class}, (proxy, method, arguments) -> {
                    try {
                        Object answer = KinesisAsyncClient.class
                                .getMethod(method.getName(), method.getParameterTypes())
                                .invoke(async, arguments);
                        return answer instanceof CompletableFuture<?> future ? future.join() : answer;
                    } catch (CompletionException | InvocationTargetException failure) {
                        throw failure.getCause();
                    }
                });
    }

    /** Without metrics the SDK does not say which version of HTTP it spoke; without retries a refusal comes at once. */
    private static ClientOverrideConfiguration recordedAs(String sdk) {
        return ClientOverrideConfiguration.builder()
                .addExecutionInterceptor(new Recorder(sdk))
                .addMetricPublisher(new Unpublished())
                .retryStrategy(AwsRetryStrategy.doNotRetry())
                .build();
    }

    private static URI endpoint() {
        return URI.create(Optional.ofNullable(System.getenv("MILLSTREAM_ENDPOINT"))
                .orElseThrow(() -> new IllegalStateException("say which server to test: MILLSTREAM_ENDPOINT")));
    }

    private static Region region() {
        return Region.of(Optional.ofNullable(System.getenv("AWS_REGION")).orElse("us-east-1"));
    }

    /** The recorder reads the metrics; nobody else does. */
    private static final class Unpublished implements MetricPublisher {
        @Override
        public void publish(MetricCollection metrics) {}

        @Override
        public void close() {}
    }
}
