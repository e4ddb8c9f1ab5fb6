import software.amazon.kinesis.coordinator.CoordinatorConfig;
import software.amazon.kinesis.coordinator.CoordinatorConfig.ClientVersionConfig;

/** What version 3 has to be told where workers of version 2 are beside it. */
final class Family {
    private Family() {}

    static CoordinatorConfig of(CoordinatorConfig config) {
        String version = System.getenv("CLIENT_VERSION_CONFIG");
        return version == null ? config : config.clientVersionConfig(ClientVersionConfig.valueOf(version));
    }
}
