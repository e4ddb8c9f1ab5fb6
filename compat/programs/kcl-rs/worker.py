"""One worker of kcl-rs, a KCL in Rust with bindings for Python."""

import os
import signal

from kcl_rs import CheckpointError, RecordProcessorBase, Scheduler
from telling_processor import TellingProcessor


class Processor(TellingProcessor, RecordProcessorBase):
    checkpoint_error = CheckpointError


scheduler = Scheduler(
    stream_name=os.environ["STREAM"], application_name=os.environ["APPLICATION"],
    worker_identifier=os.environ["WORKER"],
    record_processor_factory=Processor, region=os.environ["AWS_REGION"], endpoint_url=os.environ["AWS_ENDPOINT_URL"],
    initial_position="TRIM_HORIZON", retrieval_mode="POLLING")
signal.signal(signal.SIGTERM, lambda *_: scheduler.shutdown())
scheduler.run()
