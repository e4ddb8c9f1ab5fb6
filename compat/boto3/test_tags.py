"""Tags of streams by name, and of streams and consumers by ARN."""


def tags_of(kinesis, stream):
    return kinesis.list_tags_for_stream(StreamName=stream.name)["Tags"]


class TestTagsOfStreams:
    def test_added_listed_and_removed(self, kinesis, stream):
        kinesis.add_tags_to_stream(StreamName=stream.name, Tags={"team": "grid", "cost": "", "Zone": "ÿ 1"})
        kinesis.add_tags_to_stream(StreamARN=stream.arn, Tags={"team": "heat"})
        answer = kinesis.list_tags_for_stream(StreamName=stream.name)
        assert answer["Tags"] == [
            {"Key": "Zone", "Value": "ÿ 1"},
            {"Key": "cost", "Value": ""},
            {"Key": "team", "Value": "heat"},
        ]
        assert answer["HasMoreTags"] is False
        kinesis.remove_tags_from_stream(StreamName=stream.name, TagKeys=["cost", "never set"])
        assert [tag["Key"] for tag in tags_of(kinesis, stream)] == ["Zone", "team"]

    def test_pages(self, kinesis, stream):
        kinesis.add_tags_to_stream(StreamName=stream.name, Tags={key: key for key in "abc"})
        first = kinesis.list_tags_for_stream(StreamName=stream.name, Limit=2)
        assert ([tag["Key"] for tag in first["Tags"]], first["HasMoreTags"]) == (["a", "b"], True)
        second = kinesis.list_tags_for_stream(StreamName=stream.name, ExclusiveStartTagKey="b", Limit=2)
        assert ([tag["Key"] for tag in second["Tags"]], second["HasMoreTags"]) == (["c"], False)

    def test_given_at_creation(self, kinesis, make_stream):
        stream = make_stream(Tags={"born": "with it"})
        assert tags_of(kinesis, stream) == [{"Key": "born", "Value": "with it"}]

    def test_there_are_at_most_fifty(self, kinesis, stream, refused):
        kinesis.add_tags_to_stream(StreamName=stream.name, Tags={f"tag-{index}": "" for index in range(50)})
        with refused("InvalidArgumentException", contains="cannot have more than 50 tags associated with it"):
            kinesis.add_tags_to_stream(StreamName=stream.name, Tags={"one": "more"})
        kinesis.add_tags_to_stream(StreamName=stream.name, Tags={"tag-0": "a new value"})
        assert len(tags_of(kinesis, stream)) == 50

    def test_of_a_missing_stream(self, kinesis, account, refused):
        calls = [
            (kinesis.add_tags_to_stream, {"Tags": {"a": "b"}}),
            (kinesis.list_tags_for_stream, {}),
            (kinesis.remove_tags_from_stream, {"TagKeys": ["a"]}),
        ]
        for call, arguments in calls:
            with refused("ResourceNotFoundException", f"Stream nowhere under account {account} not found."):
                call(StreamName="nowhere", **arguments)

    def test_a_key_has_a_length(self, kinesis, stream, refused):
        with refused("ValidationException", contains="at 'tags' failed to satisfy constraint: Map keys must satisfy"):
            kinesis.add_tags_to_stream(StreamName=stream.name, Tags={"k" * 129: ""})


class TestTagsOfResources:
    def test_a_stream_has_one_set_of_tags(self, kinesis, stream):
        kinesis.tag_resource(ResourceARN=stream.arn, Tags={"team": "grid", "cost": "none"})
        expected = [{"Key": "cost", "Value": "none"}, {"Key": "team", "Value": "grid"}]
        answer = kinesis.list_tags_for_resource(ResourceARN=stream.arn)
        assert sorted(answer["Tags"], key=lambda tag: tag["Key"]) == expected == tags_of(kinesis, stream)
        kinesis.untag_resource(ResourceARN=stream.arn, TagKeys=["cost"])
        assert kinesis.list_tags_for_resource(ResourceARN=stream.arn)["Tags"] == expected[1:]

    def test_of_a_consumer(self, kinesis, stream):
        answer = kinesis.register_stream_consumer(StreamARN=stream.arn, ConsumerName="billing", Tags={"team": "grid"})
        arn = answer["Consumer"]["ConsumerARN"]
        assert kinesis.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "team", "Value": "grid"}]
        kinesis.untag_resource(ResourceARN=arn, TagKeys=["team"])
        assert kinesis.list_tags_for_resource(ResourceARN=arn)["Tags"] == []
        assert tags_of(kinesis, stream) == []

    def test_of_a_missing_stream(self, kinesis, stream, refused):
        nowhere = stream.arn.replace(stream.name, "nowhere")
        calls = [
            (kinesis.tag_resource, {"Tags": {"a": "b"}}),
            (kinesis.list_tags_for_resource, {}),
            (kinesis.untag_resource, {"TagKeys": ["a"]}),
        ]
        for call, arguments in calls:
            with refused("ResourceNotFoundException"):
                call(ResourceARN=nowhere, **arguments)
