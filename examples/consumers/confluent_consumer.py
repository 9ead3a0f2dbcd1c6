"""Reads notifications with confluent-kafka (librdkafka), which reads committed messages by default.

    pip install confluent-kafka
    python confluent_consumer.py localhost:9092
"""

import json
import sys

from confluent_kafka import Consumer, KafkaException


def handle(notification):
    """Called again with the same notification after a crash: make it idempotent by processing_id."""
    processing_id = notification["response"]["processing_id"]
    if notification["success"]:
        print(processing_id, "scored", notification["response"]["score"], flush=True)
    elif notification["wait_seconds"] is not None:
        print(processing_id, "refused, try again in", notification["wait_seconds"], flush=True)
    else:
        print(processing_id, "failed:", notification["message_error"], flush=True)


def main(brokers, topic="notifications", group="example.confluent"):
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
        }
    )
    consumer.subscribe([topic])
    try:
        while True:
            message = consumer.poll(1.0)
            if message is None:
                continue
            if message.error():
                raise KafkaException(message.error())
            if message.key() == b"new_notifications":
                handle(json.loads(message.value()))
            consumer.commit(message, asynchronous=False)
    finally:
        consumer.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
