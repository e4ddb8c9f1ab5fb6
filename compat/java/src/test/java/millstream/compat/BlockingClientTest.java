package millstream.compat;

import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.services.kinesis.KinesisClient;

/** The blocking client, on the JDK's own HTTP client. */
class BlockingClientTest extends Operations {
    @Override
    KinesisClient client(AwsCredentialsProvider credentials) {
        return Clients.blocking(credentials);
    }

    @Override
    String sdk() {
        return "Java";
    }

    @Override
    String httpVersion() {
        return "1.1";
    }
}
