"""Puts RECORDS records of KEYS keys with aiokpl, RATE a second, and ends."""

import asyncio
import os
import time

import ledger_lines
from aiokpl import Config, Producer


async def main():
    records, keys, rate = (int(os.environ[name]) for name in ("RECORDS", "KEYS", "RATE"))
    config = Config(region=os.environ["AWS_REGION"], endpoint_url=os.environ["AWS_ENDPOINT_URL"], verify_ssl=False)
    started, telling = time.monotonic(), []
    async with Producer(config) as producer:
        for number in range(records):
            key = f"key-{number % keys}"
            text = f"{key}:{number // keys}"
            while (time.monotonic() - started) * rate < number:
                await asyncio.sleep(0.001)
            put = await producer.put_record(stream=os.environ["STREAM"], partition_key=key, data=text.encode())
            telling.append(asyncio.create_task(tell(text, put)))
        await producer.flush()
        await asyncio.gather(*telling)


async def tell(text, put):
    result = await put.wait()
    assert result.success, result
    ledger_lines.put(result.shard_id, text, result.sequence_number, len(result.attempts))


asyncio.run(main())
