"""Consumers of a stream: registered, described, listed and deregistered."""

from conftest import poll


def test_registered_and_described(kinesis, stream):
    answer = kinesis.register_stream_consumer(StreamARN=stream.arn, ConsumerName="billing")["Consumer"]
    created = int(answer["ConsumerCreationTimestamp"].timestamp())
    assert set(answer) == {"ConsumerName", "ConsumerARN", "ConsumerStatus", "ConsumerCreationTimestamp"}
    assert answer["ConsumerName"] == "billing"
    assert answer["ConsumerStatus"] in ("CREATING", "ACTIVE")
    assert answer["ConsumerARN"] == f"{stream.arn}/consumer/billing:{created}"
    expected = {**answer, "ConsumerStatus": "ACTIVE", "StreamARN": stream.arn}
    by_name = {"StreamARN": stream.arn, "ConsumerName": "billing"}
    for key in ({"ConsumerARN": answer["ConsumerARN"]}, by_name, {**by_name, "ConsumerARN": answer["ConsumerARN"]}):
        found = poll(
            lambda key=key: kinesis.describe_stream_consumer(**key)["ConsumerDescription"],
            lambda description: description["ConsumerStatus"] == "ACTIVE",
            "the consumer to become ACTIVE",
        )
        assert found == expected
    summary = kinesis.describe_stream_summary(StreamName=stream.name)["StreamDescriptionSummary"]
    assert summary["ConsumerCount"] == 1


def test_a_name_is_taken_once_per_stream(kinesis, make_stream, refused):
    one, other = make_stream(), make_stream()
    one.consumer("billing")
    with refused("ResourceInUseException"):
        kinesis.register_stream_consumer(StreamARN=one.arn, ConsumerName="billing")
    other.consumer("billing")


def test_a_missing_stream_has_no_consumers(kinesis, stream, refused):
    nowhere, expected = stream.arn.replace(stream.name, "nowhere"), f"Stream nowhere under account {stream.account} not found."
    with refused("ResourceNotFoundException", expected):
        kinesis.register_stream_consumer(StreamARN=nowhere, ConsumerName="billing")
    with refused("ResourceNotFoundException", expected):
        kinesis.list_stream_consumers(StreamARN=nowhere)


def test_listed_page_by_page(kinesis, stream, refused):
    assert kinesis.list_stream_consumers(StreamARN=stream.arn)["Consumers"] == []
    names = ["a", "b", "c"]
    registered = {name: stream.consumer(name)["ConsumerARN"] for name in names}
    found, more = {}, {}
    while True:
        page = kinesis.list_stream_consumers(StreamARN=stream.arn, MaxResults=2, **more)
        assert len(page["Consumers"]) <= 2
        for consumer in page["Consumers"]:
            assert set(consumer) == {"ConsumerName", "ConsumerARN", "ConsumerStatus", "ConsumerCreationTimestamp"}
            found[consumer["ConsumerName"]] = consumer["ConsumerARN"]
        if "NextToken" not in page:
            break
        more = {"NextToken": page["NextToken"]}
    assert found == registered
    with refused("InvalidArgumentException"):
        kinesis.list_stream_consumers(StreamARN=stream.arn, NextToken="AAAA")


def test_deregistered_it_is_gone_and_its_name_is_free(kinesis, stream, refused):
    arn = stream.consumer("billing")["ConsumerARN"]
    kinesis.deregister_stream_consumer(StreamARN=stream.arn, ConsumerName="billing")
    poll(
        lambda: kinesis.list_stream_consumers(StreamARN=stream.arn)["Consumers"],
        lambda consumers: consumers == [],
        "deregistering",
    )
    with refused("ResourceNotFoundException"):
        kinesis.describe_stream_consumer(ConsumerARN=arn)
    with refused("ResourceNotFoundException"):
        kinesis.deregister_stream_consumer(ConsumerARN=arn)
    assert stream.consumer("billing")["ConsumerARN"] != arn


def test_a_stream_with_consumers_is_deleted_only_when_that_is_meant(kinesis, stream, refused):
    stream.consumer("billing")
    with refused(
        "ResourceInUseException",
        f"DeleteStream can't delete {stream.account}:{stream.name} because there are consumers associated with this data "
        f"stream. To delete {stream.name} anyway, set the EnforceConsumerDeletion parameter to true to force the "
        "deletion of all the consumers that are associated with it.",
    ):
        kinesis.delete_stream(StreamName=stream.name)
    kinesis.delete_stream(StreamName=stream.name, EnforceConsumerDeletion=True)
