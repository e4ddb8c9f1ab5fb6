package millstream.compat;

import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.services.kinesis.KinesisClient;

/** The client on Netty: HTTP/2, on cleartext without asking first. */
class AsyncClientTest extends Operations {
    @Override
    KinesisClient client(AwsCredentialsProvider credentials) {
        return Clients.waiting(Clients.async(credentials));
    }

    @Override
    String sdk() {
        return "Java async";
    }

    @Override
    String httpVersion() {
        return "2";
    }
}
