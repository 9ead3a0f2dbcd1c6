"""Reads processing records with aiokafka, which must be told to read committed messages only.

    pip install aiokafka
    python aiokafka_consumer.py localhost:9092
"""

import asyncio
import json
import sys

from aiokafka import AIOKafkaConsumer


async def handle(record):
    """Called again with the same record after a crash: insert with ON CONFLICT DO NOTHING."""
    print(record["processing_id"], "score", record["score"], record["verdict"], flush=True)


async def main(brokers, topic="uploading_data", group="example.aiokafka"):
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=brokers,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        isolation_level="read_committed",
    )
    await consumer.start()
    try:
        async for message in consumer:
            # The topic carries other producers' keys too.
            if message.key == b"new_processing":
                await handle(json.loads(message.value))
            await consumer.commit()
    finally:
        await consumer.stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
