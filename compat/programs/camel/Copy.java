import org.apache.camel.builder.RouteBuilder;
import org.apache.camel.main.Main;

/** A route from one stream to another: the partition key goes with the message as a header. */
public final class Copy {
    public static void main(String[] arguments) throws Exception {
        String common = "?useDefaultCredentialsProvider=true&region=" + System.getenv("AWS_REGION")
                + "&overrideEndpoint=true&uriEndpointOverride=" + System.getenv("AWS_ENDPOINT_URL");
        var camel = new Main();
        camel.configure().addRoutesBuilder(new RouteBuilder() {
            @Override
            public void configure() {
                from("aws2-kinesis:" + System.getenv("STREAM") + common
                                + "&iteratorType=TRIM_HORIZON&maxResultsPerRequest=1000&shardClosed=silent")
                        .to("aws2-kinesis:" + System.getenv("COPY") + common);
            }
        });
        camel.run();
    }
}
