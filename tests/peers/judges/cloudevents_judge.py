# SPDX-License-Identifier: Apache-2.0
"""The CloudEvents library of PyPI: parses one message and says which events it found, validated."""
import base64
import datetime
import json

from cloudevents.core.bindings.http import HTTPMessage, from_http_event, from_structured_event
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka_event
from judge import refusable, serve

BATCH = "application/cloudevents-batch+json"


def plain(event):
    """Data is JSON's value, text, or bytes; the latter travel as base64."""
    attributes = {name: value.isoformat() if isinstance(value, datetime.datetime) else value
                  for name, value in event.get_attributes().items()}
    data = event.get_data()
    if isinstance(data, bytes):
        return {"attributes": attributes, "base64": base64.b64encode(data).decode()}
    return {"attributes": attributes, "data": data}


def answer(binding, headers, body, key):
    body, key = (None if text is None else base64.b64decode(text) for text in (body, key))
    with refusable():
        if binding == "kafka":
            raw = {name: value.encode() for name, value in headers.items()}
            found = [from_kafka_event(KafkaMessage(raw, key, body))]
        elif headers.get("content-type", "").startswith(BATCH):
            # It does not know batches; each of a batch's events is a structured one.
            found = [from_structured_event(HTTPMessage({}, json.dumps(event).encode()))
                     for event in json.loads(body)]
        else:
            found = [from_http_event(HTTPMessage(headers, body))]
        return list(map(plain, found))


serve(answer)
