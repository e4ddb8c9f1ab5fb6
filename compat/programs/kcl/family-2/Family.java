import software.amazon.kinesis.coordinator.CoordinatorConfig;

/** What version 2 has to be told and version 3 has not: nothing. */
final class Family {
    private Family() {}

    static CoordinatorConfig of(CoordinatorConfig config) {
        return config;
    }
}
