# SPDX-License-Identifier: Apache-2.0
"""AWS Powertools of PyPI: is this an event of DynamoDB Streams as Lambda functions get it, and which of its
records does the batch processor report as failed?"""
import base64
import json

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.parser.models import DynamoDBStreamModel
from judge import refusable, serve


def schema(event):
    with refusable():
        DynamoDBStreamModel.model_validate_json(event)
    return True


def batch(event, failing):
    def handle(record):
        if record.dynamodb.sequence_number in failing:
            raise ValueError("told to fail")
    processor = BatchProcessor(event_type=EventType.DynamoDBStreams, raise_on_entire_batch_failure=False)
    with refusable():
        return process_partial_response(event=json.loads(event), record_handler=handle,
                                        processor=processor, context=None)


def answer(event, failing=None):
    event = base64.b64decode(event)
    return schema(event) if failing is None else batch(event, failing)


serve(answer)
