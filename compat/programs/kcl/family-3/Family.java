import software.amazon.kinesis.coordinator.CoordinatorConfig;
import software.amazon.kinesis.coordinator.CoordinatorConfig.ClientVersionConfig;

/** What version 3 has to be told where workers of version 2 are beside it. */
final class Family {
    private Family() {}

    static CoordinatorConfig of(CoordinatorConfig config) {
        return System.getenv("BESIDE_VERSION_2") == null
                ? config
                : config.clientVersionConfig(ClientVersionConfig.CLIENT_VERSION_CONFIG_COMPATIBLE_WITH_2X);
    }
}
