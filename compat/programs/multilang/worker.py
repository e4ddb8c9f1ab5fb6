"""A record processor of amazon_kclpy, which the MultiLangDaemon starts once for each shard."""

import ledger_lines
from amazon_kclpy import kcl
from amazon_kclpy.checkpoint_error import CheckpointError
from amazon_kclpy.v3 import processor


class Processor(processor.RecordProcessorBase):
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
        """False if the lease is gone, of which the daemon tells next."""
        try:
            checkpointer.checkpoint()
        except CheckpointError as error:
            if error.value != "ShutdownException":
                raise
            return False
        ledger_lines.tell("checkpoint", self.shard)
        return True


kcl.KCLProcess(Processor()).run()
