# SPDX-License-Identifier: Apache-2.0
"""Other people's readers of CloudEvents 1.0: do they find in a message what is in it?

Both libraries are lenient: they invent an id or a time that is missing, take objects as attributes, and npm's
takes any version and replaces a time that it cannot read. So the message is read here by hand, too, strictly
(github.com/cloudevents/spec), and what the libraries found must be that.
"""
import base64
import datetime
import json
import re
import urllib.parse

from peerlib import Refused, judge

LANGUAGES = "npm", "py"
# By form: the binding, and the type of its content (None: the data's own).
FORMS = {"structured": ("http", "application/cloudevents+json"),
         "batch": ("http", "application/cloudevents-batch+json"),
         "binary": ("http", None),
         "kafka-structured": ("kafka", "application/cloudevents+json"),
         "kafka-binary": ("kafka", None)}
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def check_cloudevents(form, headers, body, key=None, languages=LANGUAGES):
    """The events of a message, each {"attributes": by name, "data": JSON's value, text, bytes or None}, on
    which all agree; raises Refused otherwise. `form` is one of FORMS; `headers` are by name, or pairs as the
    readers of Kafka return them; `body` and `key` are bytes or None."""
    binding, content_type = FORMS[form]
    headers = _headers(headers)
    said = headers.get("content-type", "")
    if content_type and not said.startswith(content_type):
        raise Refused(f"the message's type is {said!r}, not {content_type}")
    if content_type is None and said.startswith("application/cloudevents"):
        raise Refused(f"the message's type is {said!r}, which is not the data's")
    events = _read_structured(form, body) if content_type else [_read_binary(binding, headers, body)]
    for event in events:
        _check_attributes(event["attributes"])
    if body is None:  # npm's refuses events without data on Kafka, which the specification allows
        languages = [language for language in languages if language != "npm"]
    for language in languages:
        compare_cloudevents(language, form, events, headers, body, key)
    return events


def _headers(headers):
    found = {}
    for name, value in headers.items() if isinstance(headers, dict) else headers:
        if name.lower() in found:
            raise Refused(f"the header {name} is there twice")
        found[name.lower()] = value.decode() if isinstance(value, bytes) else value
    return found


def _read_structured(form, body):
    try:
        found = json.loads(body)
    except (TypeError, ValueError) as why:
        raise Refused(f"the message is not JSON: {why}") from why
    if not isinstance(found, list if form == "batch" else dict):
        raise Refused(f"the message is a {type(found).__name__}")
    events = []
    for event in found if form == "batch" else [found]:
        attributes = dict(event)
        data = attributes.pop("data", None)
        if "data_base64" in attributes:
            if data is not None:
                raise Refused("there are both data and data_base64")
            data = base64.b64decode(attributes.pop("data_base64"), validate=True)
        events.append({"attributes": attributes, "data": data})
    return events


def _read_binary(binding, headers, body):
    prefix = "ce-" if binding == "http" else "ce_"
    attributes = {}
    for name, value in headers.items():
        if name.startswith(prefix):
            if binding == "http":
                if not re.fullmatch(r"[!#-~]+", value):  # printable ASCII but space and "
                    raise Refused(f"the header {name} is not percent-encoded: {value!r}")
                value = urllib.parse.unquote(value, errors="strict")
            attributes[name[len(prefix):]] = value
    if "content-type" in headers:
        attributes["datacontenttype"] = headers["content-type"]
    if not body:
        return {"attributes": attributes, "data": None}
    if re.search(r"\bjson\b", attributes.get("datacontenttype", "")):
        try:
            return {"attributes": attributes, "data": json.loads(body)}
        except ValueError as why:
            raise Refused(f"the data is not JSON: {why}") from why
    return {"attributes": attributes, "data": body}


def _check_attributes(attributes):
    for name in "id", "source", "type", "specversion":
        if not isinstance(attributes.get(name), str) or not attributes[name]:
            raise Refused(f"there is no {name}")
    if attributes["specversion"] != "1.0":
        raise Refused(f"specversion is {attributes['specversion']!r}")
    for name, value in attributes.items():
        if not re.fullmatch("[a-z0-9]+", name):
            raise Refused(f"{name!r} cannot be an attribute's name")
        if not isinstance(value, (str, bool, int)):
            raise Refused(f"the attribute {name} cannot be {value!r}")
    if "time" in attributes and not RFC3339.fullmatch(attributes["time"]):
        raise Refused(f"time is {attributes['time']!r}")


def compare_cloudevents(language, form, events, headers, body, key):
    """Raises Refused unless a language's library finds these events in the message."""
    suffix = "mjs" if language == "npm" else language
    found = judge("cloudevents_judge." + suffix).ask({
        "binding": FORMS[form][0], "headers": headers,
        "body": None if body is None else base64.b64encode(body).decode(),
        "key": None if key is None else base64.b64encode(key).decode()})
    if len(found) != len(events):
        raise Refused(f"{language} finds {len(found)} events, not {len(events)}")
    for ours, theirs in zip(events, found):
        wanted = _as_seen_by(language, form, ours, headers, key)
        got = _as_told(language, ours, theirs)
        if got != wanted:
            raise Refused(f"{language} finds {got}, not {wanted}")


def _as_seen_by(language, form, event, headers, key):
    """What a library finds when it reads well: each has its habits."""
    attributes = dict(event["attributes"])
    if "time" in attributes:
        attributes["time"] = _milliseconds(attributes["time"])
    if key is not None and form.startswith("kafka"):
        attributes["partitionkey"] = key.decode()
    if language == "npm" and form == "binary":  # it does not undo the percent-encoding
        attributes = {name: value if name == "time" else headers.get("ce-" + name, value)
                      for name, value in attributes.items()}
    return {"attributes": attributes, "data": _rounded(event["data"]) if language == "npm" else event["data"]}


def _as_told(language, ours, theirs):
    attributes = dict(theirs["attributes"])
    if "time" not in ours["attributes"]:
        attributes.pop("time", None)  # invented
    if "time" in attributes:
        attributes["time"] = _milliseconds(attributes["time"])
    data = base64.b64decode(theirs["base64"]) if "base64" in theirs else theirs["data"]
    if isinstance(ours["data"], bytes) and isinstance(data, str):
        data = data.encode()
    return {"attributes": attributes, "data": _rounded(data) if language == "npm" else data}


def _milliseconds(time):
    """npm's keeps no more than milliseconds of a time."""
    parsed = datetime.datetime.fromisoformat(time.replace("Z", "+00:00"))
    return int(parsed.timestamp() * 1000)


def _rounded(data):
    """JSON's value as JavaScript has it, where all numbers are floating point."""
    if isinstance(data, dict):
        return {name: _rounded(value) for name, value in data.items()}
    if isinstance(data, list):
        return list(map(_rounded, data))
    return float(data) if isinstance(data, int) and not isinstance(data, bool) else data
