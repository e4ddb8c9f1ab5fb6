"""The DynamoDB calls that keep a consumer application's leases, through the same endpoint."""

import uuid

import pytest
from botocore.exceptions import ClientError

from conftest import poll

INDEX = "LeaseOwnerToLeaseKeyIndex"


@pytest.fixture
def table(dynamodb):
    name = f"compat-{uuid.uuid4().hex[:12]}"
    dynamodb.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "leaseKey", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "leaseKey", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    described = poll(
        lambda: dynamodb.describe_table(TableName=name)["Table"],
        lambda answer: answer["TableStatus"] == "ACTIVE",
        "a new table",
    )
    assert described["TableArn"].endswith(f":table/{name}")
    assert described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    yield name
    try:
        dynamodb.delete_table(TableName=name)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ResourceNotFoundException"


def lease(shard, counter=0, **more):
    return {
        "leaseKey": {"S": shard},
        "leaseCounter": {"N": str(counter)},
        "checkpoint": {"S": "TRIM_HORIZON"},
        "checkpointSubSequenceNumber": {"N": "0"},
        "ownerSwitchesSinceCheckpoint": {"N": "0"},
        **more,
    }


def create_lease(dynamodb, table, item):
    dynamodb.put_item(TableName=table, Item=item, Expected={"leaseKey": {"Exists": False}})


def renew(dynamodb, table, shard, seen, **arguments):
    dynamodb.update_item(
        TableName=table,
        Key={"leaseKey": {"S": shard}},
        AttributeUpdates={"leaseCounter": {"Action": "PUT", "Value": {"N": str(seen + 1)}}},
        Expected={"leaseCounter": {"Value": {"N": str(seen)}}},
        **arguments,
    )


def read(dynamodb, table, shard):
    return dynamodb.get_item(TableName=table, Key={"leaseKey": {"S": shard}}, ConsistentRead=True).get("Item")


def condition_failed(error):
    assert error.value.response["Error"]["Code"] == "ConditionalCheckFailedException"
    return error.value.response


def test_a_missing_table_says_so(dynamodb):
    with pytest.raises(ClientError) as error:
        dynamodb.describe_table(TableName="compat-no-such-table")
    assert error.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_a_table_is_made_once(dynamodb, table):
    with pytest.raises(ClientError) as error:
        dynamodb.create_table(
            TableName=table,
            AttributeDefinitions=[{"AttributeName": "leaseKey", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "leaseKey", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
    assert error.value.response["Error"]["Code"] == "ResourceInUseException"


def test_a_lease_is_made_by_one_worker(dynamodb, table):
    item = lease("shardId-000000000002", parentShardId={"SS": ["shardId-000000000000", "shardId-000000000001"]})
    create_lease(dynamodb, table, item)
    found = read(dynamodb, table, "shardId-000000000002")
    found["parentShardId"]["SS"].sort()
    assert found == item
    with pytest.raises(ClientError) as error:
        create_lease(dynamodb, table, lease("shardId-000000000002"))
    condition_failed(error)


def test_a_lease_is_renewed_by_the_counter_seen_last(dynamodb, table):
    create_lease(dynamodb, table, lease("shardId-000000000000"))
    renew(dynamodb, table, "shardId-000000000000", 0)
    renew(dynamodb, table, "shardId-000000000000", 1)
    assert read(dynamodb, table, "shardId-000000000000")["leaseCounter"] == {"N": "2"}
    with pytest.raises(ClientError) as error:
        renew(dynamodb, table, "shardId-000000000000", 1, ReturnValuesOnConditionCheckFailure="ALL_OLD")
    assert condition_failed(error)["Item"]["leaseCounter"] == {"N": "2"}


def test_a_lease_changes_hands_and_is_given_up(dynamodb, table):
    key = {"leaseKey": {"S": "shardId-000000000000"}}
    create_lease(dynamodb, table, lease("shardId-000000000000", leaseOwner={"S": "one"}))
    answer = dynamodb.update_item(
        TableName=table,
        Key=key,
        AttributeUpdates={
            "leaseOwner": {"Action": "PUT", "Value": {"S": "two"}},
            "leaseCounter": {"Action": "ADD", "Value": {"N": "1"}},
            "ownerSwitchesSinceCheckpoint": {"Action": "ADD", "Value": {"N": "1"}},
            "checkpointOwner": {"Action": "DELETE"},
        },
        Expected={"leaseOwner": {"Value": {"S": "one"}}, "checkpointOwner": {"Exists": False}},
        ReturnValues="ALL_NEW",
    )
    taken = lease("shardId-000000000000", 1, leaseOwner={"S": "two"})
    taken["ownerSwitchesSinceCheckpoint"] = {"N": "1"}
    assert answer["Attributes"] == taken
    dynamodb.update_item(
        TableName=table,
        Key=key,
        AttributeUpdates={"leaseOwner": {"Action": "DELETE"}},
        Expected={"leaseOwner": {"Value": {"S": "two"}}},
    )
    assert "leaseOwner" not in read(dynamodb, table, "shardId-000000000000")


def test_checkpoints_with_expressions(dynamodb, table):
    create_lease(dynamodb, table, lease("shardId-000000000000"))
    number = "49679842606937403337125680789593519495905778520880578562"
    dynamodb.update_item(
        TableName=table,
        Key={"leaseKey": {"S": "shardId-000000000000"}},
        UpdateExpression="SET checkpoint = :number ADD leaseCounter :one",
        ConditionExpression="leaseCounter = :seen AND attribute_not_exists(leaseOwner)",
        ExpressionAttributeValues={":number": {"S": number}, ":one": {"N": "1"}, ":seen": {"N": "0"}},
    )
    found = read(dynamodb, table, "shardId-000000000000")
    assert (found["checkpoint"], found["leaseCounter"]) == ({"S": number}, {"N": "1"})


def test_all_leases_are_scanned_page_by_page(dynamodb, table):
    shards = [f"shardId-{index:012}" for index in range(25)]
    for shard in shards:
        create_lease(dynamodb, table, lease(shard))
    found, start = [], {}
    while True:
        page = dynamodb.scan(TableName=table, Limit=10, ConsistentRead=True, **start)
        assert len(page["Items"]) <= 10
        found += [item["leaseKey"]["S"] for item in page["Items"]]
        if "LastEvaluatedKey" not in page:
            break
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert sorted(found) == shards


def test_leases_are_deleted(dynamodb, table):
    create_lease(dynamodb, table, lease("shardId-000000000000"))
    for _ in range(2):
        dynamodb.delete_item(TableName=table, Key={"leaseKey": {"S": "shardId-000000000000"}})
    assert read(dynamodb, table, "shardId-000000000000") is None


def test_an_index_finds_the_leases_of_an_owner(dynamodb, table):
    create_lease(dynamodb, table, lease("shardId-000000000000", leaseOwner={"S": "one"}))
    create_lease(dynamodb, table, lease("shardId-000000000001"))
    dynamodb.update_table(
        TableName=table,
        AttributeDefinitions=[
            {"AttributeName": "leaseKey", "AttributeType": "S"},
            {"AttributeName": "leaseOwner", "AttributeType": "S"},
        ],
        GlobalSecondaryIndexUpdates=[
            {
                "Create": {
                    "IndexName": INDEX,
                    "KeySchema": [
                        {"AttributeName": "leaseOwner", "KeyType": "HASH"},
                        {"AttributeName": "leaseKey", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            }
        ],
    )
    poll(
        lambda: dynamodb.describe_table(TableName=table)["Table"]["GlobalSecondaryIndexes"],
        lambda indexes: [(index["IndexName"], index["IndexStatus"]) for index in indexes] == [(INDEX, "ACTIVE")],
        "a new index",
    )
    create_lease(dynamodb, table, lease("shardId-000000000002", leaseOwner={"S": "one"}))
    page = dynamodb.query(
        TableName=table,
        IndexName=INDEX,
        KeyConditionExpression="leaseOwner = :owner",
        ExpressionAttributeValues={":owner": {"S": "one"}},
    )
    assert [item["leaseKey"]["S"] for item in page["Items"]] == ["shardId-000000000000", "shardId-000000000002"]


def test_the_table_of_a_finished_application_is_deleted(dynamodb, table):
    dynamodb.delete_table(TableName=table)

    def exists():
        try:
            dynamodb.describe_table(TableName=table)
        except ClientError as error:
            return error.response["Error"]["Code"]
        return None

    poll(exists, lambda code: code == "ResourceNotFoundException", "deleting a table")
