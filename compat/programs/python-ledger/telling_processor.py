"""A record processor with the methods that the KCL's bindings for Python call; each binding brings its own base and error."""

import ledger_lines


class TellingProcessor:
    """Tells of everything, and checkpoints after each batch. `checkpoint_error` is the binding's error."""

    checkpoint_error = None

    def initialize(self, initialize_input):
        self.shard = initialize_input.shard_id
        ledger_lines.tell("start", self.shard)

    def process_records(self, process_records_input):
        ledger_lines.records(self.shard, [record.binary_data.decode() for record in process_records_input.records])
        self.checkpoint(process_records_input.checkpointer)

    def lease_lost(self, lease_lost_input):
        ledger_lines.tell("lost", self.shard)

    def shard_ended(self, shard_ended_input):
        self.checkpoint(shard_ended_input.checkpointer)
        ledger_lines.tell("end", self.shard)

    def shutdown_requested(self, shutdown_requested_input):
        is_kept = self.checkpoint(shutdown_requested_input.checkpointer)
        ledger_lines.tell("stop" if is_kept else "lost", self.shard)

    def checkpoint(self, checkpointer):
        """False if the lease is gone, of which the library tells next."""
        try:
            checkpointer.checkpoint()
        except self.checkpoint_error as error:
            if error.value != "ShutdownException":
                raise
            return False
        ledger_lines.tell("checkpoint", self.shard)
        return True
