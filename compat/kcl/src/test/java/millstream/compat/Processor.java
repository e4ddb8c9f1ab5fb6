package millstream.compat;

import java.nio.charset.StandardCharsets;
import software.amazon.kinesis.exceptions.InvalidStateException;
import software.amazon.kinesis.exceptions.ShutdownException;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ProcessRecordsInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.processor.RecordProcessorCheckpointer;
import software.amazon.kinesis.processor.ShardRecordProcessor;

/** Writes what it sees to the ledger, and checkpoints after each batch. */
final class Processor implements ShardRecordProcessor {
    private final Ledger ledger;
    private String shard;

    Processor(Ledger ledger) {
        this.ledger = ledger;
    }

    @Override
    public void initialize(InitializationInput input) {
        shard = input.shardId();
        ledger.started(shard);
    }

    @Override
    public void processRecords(ProcessRecordsInput input) {
        input.records().forEach(record -> ledger.came(
                record.partitionKey(), StandardCharsets.UTF_8.decode(record.data()).toString()));
        checkpoint(input.checkpointer());
    }

    @Override
    public void leaseLost(LeaseLostInput input) {}

    @Override
    public void shardEnded(ShardEndedInput input) {
        checkpoint(input.checkpointer());
        ledger.ended(shard);
    }

    @Override
    public void shutdownRequested(ShutdownRequestedInput input) {
        checkpoint(input.checkpointer());
    }

    private static void checkpoint(RecordProcessorCheckpointer checkpointer) {
        try {
            checkpointer.checkpoint();
        } catch (InvalidStateException | ShutdownException error) {
            throw new IllegalStateException(error);
        }
    }
}
