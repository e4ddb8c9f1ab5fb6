"""Resource policies of streams and consumers."""

import json


def policy_for(stream, resource):
    statement = {
        "Sid": "readers",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{stream.account}:root"},
        "Action": ["kinesis:DescribeStreamSummary", "kinesis:ListShards"],
        "Resource": resource,
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def get(kinesis, arn):
    return json.loads(kinesis.get_resource_policy(ResourceARN=arn)["Policy"])


def test_put_got_replaced_and_deleted(kinesis, stream, refused):
    assert get(kinesis, stream.arn) == {}
    policy = policy_for(stream, stream.arn)
    kinesis.put_resource_policy(ResourceARN=stream.arn, Policy=json.dumps(policy))
    assert get(kinesis, stream.arn) == policy
    policy["Statement"][0]["Sid"] = "others"
    kinesis.put_resource_policy(ResourceARN=stream.arn, Policy=json.dumps(policy))
    assert get(kinesis, stream.arn) == policy
    kinesis.delete_resource_policy(ResourceARN=stream.arn)
    assert get(kinesis, stream.arn) == {}
    with refused("ResourceNotFoundException"):
        kinesis.delete_resource_policy(ResourceARN=stream.arn)


def test_a_consumer_has_one_of_its_own(kinesis, stream):
    arn = stream.consumer()["ConsumerARN"]
    policy = policy_for(stream, arn)
    policy["Statement"][0]["Action"] = ["kinesis:DescribeStreamConsumer", "kinesis:SubscribeToShard"]
    kinesis.put_resource_policy(ResourceARN=arn, Policy=json.dumps(policy))
    assert get(kinesis, arn) == policy
    assert get(kinesis, stream.arn) == {}


def test_a_missing_stream_has_none(kinesis, stream, refused):
    nowhere = stream.arn.replace(stream.name, "nowhere")
    policy = json.dumps(policy_for(stream, nowhere))
    for call, arguments in (
        (kinesis.put_resource_policy, {"Policy": policy}),
        (kinesis.get_resource_policy, {}),
        (kinesis.delete_resource_policy, {}),
    ):
        with refused("ResourceNotFoundException"):
            call(ResourceARN=nowhere, **arguments)


def test_a_policy_is_needed(kinesis, stream, refused):
    with refused("ValidationException", contains="Value null at 'policy' failed to satisfy constraint"):
        kinesis.put_resource_policy(ResourceARN=stream.arn)
