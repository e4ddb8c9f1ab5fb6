"""A record processor of amazon_kclpy, which the MultiLangDaemon starts once for each shard."""

from amazon_kclpy import kcl
from amazon_kclpy.checkpoint_error import CheckpointError
from amazon_kclpy.v3.processor import RecordProcessorBase
from telling_processor import TellingProcessor


class Processor(TellingProcessor, RecordProcessorBase):
    checkpoint_error = CheckpointError


kcl.KCLProcess(Processor()).run()
