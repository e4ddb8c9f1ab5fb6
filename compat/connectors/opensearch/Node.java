import org.codelibs.opensearch.runner.OpenSearchRunner;

/** One node of OpenSearch, with its data in FOLDER, that speaks HTTP at PORT. */
public final class Node {
    public static void main(String[] arguments) throws InterruptedException {
        var runner = new OpenSearchRunner();
        runner.onBuild((number, settings) -> {
            settings.put("http.host", "127.0.0.1");
            settings.put("http.port", System.getenv("PORT"));
            settings.put("transport.port", System.getenv("TRANSPORT_PORT"));
            settings.put("discovery.type", "single-node");
            settings.put("cluster.routing.allocation.disk.threshold_enabled", "false");
        });
        runner.build(OpenSearchRunner.newConfigs().clusterName("connectors").numOfNode(1).basePath(System.getenv("FOLDER")));
        // Its own threads do not keep the process.
        Thread.currentThread().join();
    }
}
