"""One consumer of async-kinesis, with its checkpoints and leases in a table."""

import asyncio
import os
import signal

import ledger_lines
from kinesis import Consumer, DynamoDBCheckPointer, StringProcessor


async def main():
    endpoint, region = os.environ["AWS_ENDPOINT_URL"], os.environ["AWS_REGION"]
    checkpointer = DynamoDBCheckPointer(
        os.environ["APPLICATION"], id=os.environ["WORKER"], session_timeout=20, heartbeat_frequency=2,
        endpoint_url=endpoint, region_name=region)
    consumer = Consumer(
        os.environ["STREAM"], endpoint_url=endpoint, region_name=region, checkpointer=checkpointer,
        processor=StringProcessor(), iterator_type="TRIM_HORIZON")
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with consumer:
        while not stopped.is_set():
            async for text in consumer:
                ledger_lines.records("-", [text])
                if stopped.is_set():
                    break


asyncio.run(main())
