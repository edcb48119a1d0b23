#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What an operator meets who makes a mistake or has bad luck. usage: mishaps.py"""
import json
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fakelib import Fake, make_table, run_tests, wait_active, wait_for
from taplib import FAKE, Tap, configuration, good_environment, line_count


def settings_outlive_credentials(folder):
    """Region and CA file are still known after the credentials were read again."""
    with Fake(FAKE, "--make-cert", os.path.join(folder, "pki")) as fake:
        make_table(fake.client(), "here")
        fake.admin("set", clock_offset=20 * 60 * 1000)  # refused once, so read again
        config = configuration(fake.tls_url, ["missing"], {"s": os.path.join(folder, "out")})
        ca_file = os.path.join(folder, "pki", "ca.pem")
        with Tap(folder, config, env=good_environment(AWS_CA_BUNDLE=ca_file)) as tap:
            assert tap.wait() == 69, tap.said()
            assert "does not exist in region us-east-1;" in tap.said(), tap.said()


def a_file_that_went_away_takes_nothing_along(folder):
    """What is written after the file was deleted or cut is not acknowledged, and comes again."""
    path = os.path.join(folder, "away")
    with Fake(FAKE) as fake:
        db = fake.client()
        make_table(db, "things")
        config = configuration(fake.url, ["things"], {"s": path}, application="away")
        for i, away in enumerate((os.unlink, lambda name: os.truncate(name, 0))):
            with Tap(folder, config) as tap:
                before = line_count(path)
                db.put_item(TableName="things", Item={"pk": {"S": f"first{i}"}})
                wait_for(lambda: line_count(path) == before + 1)
                away(path)
                db.put_item(TableName="things", Item={"pk": {"S": f"second{i}"}})
                wait_for(lambda: "result=fatal" in tap.said())
                tap.kill()
            with Tap(folder, config, "--until-caught-up") as tap:
                assert tap.wait() == 0, tap.said()
            with open(path, encoding="utf-8") as file:
                assert f'"key":{{"pk":"second{i}"}}' in file.read(), i
            os.unlink(path)


def a_file_that_was_moved_is_written_on(folder):
    """As every daemon does until it gets SIGHUP; nothing is lost when it is killed before that."""
    path = os.path.join(folder, "moved")
    with Fake(FAKE) as fake:
        db = fake.client()
        make_table(db, "things")
        config = configuration(fake.url, ["things"], {"s": path}, application="moved")
        with Tap(folder, config) as tap:
            db.put_item(TableName="things", Item={"pk": {"S": "first"}})
            wait_for(lambda: line_count(path) == 1)
            os.rename(path, path + ".1")
            db.put_item(TableName="things", Item={"pk": {"S": "second"}})
            wait_for(lambda: line_count(path + ".1") == 2)
            tap.kill()
        db.put_item(TableName="things", Item={"pk": {"S": "third"}})
        with Tap(folder, config, "--until-caught-up") as tap:
            assert tap.wait() == 0, tap.said()
        with open(path, encoding="utf-8") as file:
            text = file.read()
        assert '"pk":"third"' in text and '"pk":"first"' not in text, text


def a_table_that_is_gone_is_read_to_its_end(folder):
    """After a restart, too, and with keys as before: their names come from the stream."""
    path = os.path.join(folder, "gone")
    with Fake(FAKE) as fake:
        db = fake.client()
        make_table(db, "others")
        db.create_table(TableName="things", BillingMode="PAY_PER_REQUEST",
                        KeySchema=[{"AttributeName": "zone", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
                        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("zone", "at")],
                        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
        wait_active(db, "things")
        sinks = {"s": {"type": "file", "path": path, "format": "cloudevents"}}
        config = configuration(fake.url, ["things", "others"], sinks, application="gone")
        db.put_item(TableName="things", Item={"zone": {"S": "z"}, "at": {"S": "1"}})
        with Tap(folder, config, "--until-caught-up") as tap:
            assert tap.wait() == 0, tap.said()
        db.put_item(TableName="things", Item={"zone": {"S": "z"}, "at": {"S": "2"}})
        db.delete_table(TableName="things")
        with Tap(folder, config) as tap:
            db.put_item(TableName="others", Item={"pk": {"S": "well"}})
            wait_for(lambda: line_count(path) == 3)
            wait_for(lambda: "event=table.blocked table=things" in tap.said())
            assert tap.process.poll() is None
        with open(path, encoding="utf-8") as file:
            keys = [json.loads(line)["partitionkey"] for line in file]
        assert sorted(keys) == ["well", "z", "z"], keys
        with Tap(folder, config, "--until-caught-up") as tap:  # which would never end
            assert tap.wait() == 69, tap.said()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="ddbtap-mishaps-") as where:
        sys.exit(run_tests([settings_outlive_credentials,
                            a_file_that_went_away_takes_nothing_along,
                            a_file_that_was_moved_is_written_on,
                            a_table_that_is_gone_is_read_to_its_end], where))
