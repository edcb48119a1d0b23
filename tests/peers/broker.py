#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a Kafka broker until it is told to end: broker.py FOLDER. Prints "broker: listening on HOST:PORT"."""
import os
import signal
import sys

from kafkalib import KafkaBroker


def main():
    folder = sys.argv[1]
    os.makedirs(folder)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with KafkaBroker(folder) as broker:
        print("broker: listening on", broker.address(), flush=True)
        signal.pause()


if __name__ == "__main__":
    main()
