#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The readers of CloudEvents take good messages in all forms, and each planted fault is found."""
import json
import sys

from cloudeventlib import LANGUAGES, check_cloudevents, compare_cloudevents
from peerlib import run_tests, verdict

DATA = {"pk": {"S": "ключ"}, "n": 12345678901234567890, "f": 1.25, "none": None}
ATTRIBUTES = {"specversion": "1.0", "id": "0123456789abcdef", "source": "arn:aws:dynamodb:eu-west-1:1:table/t",
              "type": "com.example.changed", "time": "2026-01-02T03:04:05.678Z", "subject": "a b%é\"",
              "sequence": "0" * 30 + "1234567890", "datacontenttype": "application/json"}
EVENT = {**ATTRIBUTES, "data": DATA}
BINARY = {name: value for name, value in EVENT.items() if name not in ("data", "datacontenttype")}
BINARY["data_base64"] = "AAH/"
STRUCTURED = "application/cloudevents+json; charset=utf-8"
BATCH = "application/cloudevents-batch+json"


def encode(value):
    return json.dumps(value).encode()


def structured(event=None, content_type=STRUCTURED):
    return {"Content-Type": content_type}, encode(EVENT if event is None else event)


def percent(text):
    return "".join(c if 0x21 <= ord(c) <= 0x7e and c not in '"%' else
                   "".join(f"%{byte:02X}" for byte in c.encode()) for c in text)


def binary(attributes=None, data=None, encoding=percent):
    headers = {"ce-" + name: encoding(value) for name, value in (attributes or ATTRIBUTES).items()}
    headers["Content-Type"] = headers.pop("ce-datacontenttype")
    return headers, encode(DATA) if data is None else data


def kafka(attributes=None):
    return [("content-type" if name == "datacontenttype" else "ce_" + name, value.encode())
            for name, value in (attributes or ATTRIBUTES).items()]


def without(name, event=None):
    return {n: value for n, value in (event or EVENT).items() if n != name}


def good_ones():
    """All forms, and both kinds of data, in both languages."""
    whole = [{"attributes": ATTRIBUTES, "data": DATA}]
    raw = {"attributes": without("data_base64", BINARY), "data": b"\0\1\xff"}
    assert check_cloudevents("structured", *structured()) == whole
    assert check_cloudevents("structured", *structured(BINARY)) == [raw]
    assert check_cloudevents("batch", *structured([EVENT, BINARY], BATCH)) == [*whole, raw]
    assert check_cloudevents("binary", *binary()) == whole
    pictures = {**ATTRIBUTES, "datacontenttype": "application/octet-stream"}
    assert check_cloudevents("binary", *binary(pictures, b"\0\1\xff")) == [
        {"attributes": pictures, "data": b"\0\1\xff"}]
    for key in None, b"key", "ключ".encode():
        assert check_cloudevents("kafka-binary", kafka(), encode(DATA), key) == whole
        assert check_cloudevents("kafka-structured", *structured(), key) == whole
    assert check_cloudevents("kafka-binary", kafka(), None, b"key") == [
        {"attributes": ATTRIBUTES, "data": None}]
    timeless = check_cloudevents("structured", *structured(without("time")))
    assert "time" not in timeless[0]["attributes"]


def faults():
    """Each with a word of the complaint."""
    for name in "id", "source", "type", "specversion":
        yield f"no {name}", "structured", structured(without(name))
        yield f"no {name}", "structured", structured({**EVENT, name: ""})
        yield f"no {name}", "batch", structured([EVENT, without(name)], BATCH)
        yield f"no {name}", "binary", binary(without(name, ATTRIBUTES))
        yield f"no {name}", "kafka-binary", (kafka(without(name, ATTRIBUTES)), encode(DATA))
        yield f"no {name}", "kafka-structured", structured(without(name))
    yield "no id", "structured", structured({**EVENT, "id": 5})
    yield "specversion", "structured", structured({**EVENT, "specversion": "0.3"})
    yield "name", "structured", structured({**EVENT, "shard_id": "x"})
    yield "cannot be", "structured", structured({**EVENT, "keys": {"pk": "x"}})
    yield "time", "structured", structured({**EVENT, "time": "yesterday"})
    yield "time", "structured", structured({**EVENT, "time": "2026-01-02T03:04:05"})
    yield "both", "structured", structured({**EVENT, "data_base64": "AAH/"})
    yield "not JSON", "structured", (structured()[0], structured()[1][:-1])
    yield "type is", "structured", structured(content_type="application/json")
    yield "type is", "batch", structured([EVENT])
    yield "type is", "binary", structured()
    yield "percent", "binary", binary(encoding=str)
    yield "not JSON", "binary", binary(data=b"{")
    yield "message is a", "batch", structured(EVENT, BATCH)
    yield "message is a", "structured", structured([EVENT])
    yield "twice", "kafka-binary", (kafka() + kafka()[:1], encode(DATA))


def bad_ones():
    for word, form, (headers, body) in faults():
        said = verdict(check_cloudevents, form, headers, body)
        print(f"# {form}: {said}")
        assert said is not True and word in said, f"{form}, {word}: {said}"


def libraries_are_asked():
    """What only a library refuses, and what it finds to be otherwise than it is said to be."""
    # npm's compares the type's parameters as text; PyPI's has no empty subjects.
    asked = {"npm": (structured(content_type=STRUCTURED.replace("utf", "UTF")), "invalid content type"),
             "py": (structured({**EVENT, "subject": ""}), "must not be empty")}
    for language in LANGUAGES:
        (headers, body), words = asked[language]
        said = verdict(check_cloudevents, "structured", headers, body, None, [language])
        assert said is not True and words in said, said
        right = {"attributes": ATTRIBUTES, "data": DATA}
        for wrong in ([{**right, "attributes": {**ATTRIBUTES, "type": "other"}}],
                      [{**right, "data": {**DATA, "f": 1.5}}], [right, right], []):
            said = verdict(compare_cloudevents, language, "structured", wrong,
                           {"content-type": STRUCTURED}, encode(EVENT), None)
            assert said is not True and f"{language} finds" in said, said


if __name__ == "__main__":
    sys.exit(run_tests([good_ones, bad_ones, libraries_are_asked]))
