//! The members of every request, as DynamoDB's API has them: which are kept, and which name something that is not here.
//! What is not in these tables is refused, so that nothing is answered with success and dropped.

use super::expression::ExpressionKind;
use crate::operation::TableOperation;

/// A member of a structure.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

/// What a member holds.
#[derive(Debug)]
pub(super) enum Kind {
    /// Whatever the embedded database reads here: text, numbers, attribute values.
    Kept,
    /// The name or the ARN of a table.
    Table,
    /// An index of the table.
    Index,
    /// An expression, which has bounds.
    Expression(ExpressionKind),
    /// A structure.
    Structure(&'static [Member]),
    /// A list of structures.
    List(&'static [Member]),
    /// Structures by name.
    Map(&'static [Member]),
    /// Structures by the table that each is about.
    TableMap(&'static [Member]),
    /// Lists of structures by the table that each is about.
    TableMapOfLists(&'static [Member]),
    /// Must be false: true asks for what is named here.
    OnlyFalse(&'static str),
    /// Asks for what is named here, and what there is none of.
    Absent(&'static str),
}

use Kind::{
    Absent, Expression, Index, Kept, List, Map, OnlyFalse, Structure, Table, TableMap,
    TableMapOfLists,
};

macro_rules! members {
    ($($name:literal => $kind:expr,)*) => {
        &[$(Member { name: $name, kind: $kind },)*]
    };
}

const CONDITION: Kind = Expression(ExpressionKind::Condition);
const FILTER: Kind = Expression(ExpressionKind::Filter);
const KEY_CONDITION: Kind = Expression(ExpressionKind::KeyCondition);
const PROJECTION: Kind = Expression(ExpressionKind::Projection);
const UPDATE: Kind = Expression(ExpressionKind::Update);

const ATTRIBUTE_UPDATES: &[Member] = members! {
    "Action" => Kept,
    "Value" => Kept,
};
const EXPECTED: &[Member] = members! {
    "AttributeValueList" => Kept,
    "ComparisonOperator" => Kept,
    "Exists" => Kept,
    "Value" => Kept,
};
const LEGACY_CONDITIONS: &[Member] = members! {
    "AttributeValueList" => Kept,
    "ComparisonOperator" => Kept,
};
const ATTRIBUTE_DEFINITIONS: &[Member] = members! {
    "AttributeName" => Kept,
    "AttributeType" => Kept,
};
const KEY_SCHEMA: &[Member] = members! {
    "AttributeName" => Kept,
    "KeyType" => Kept,
};
const INDEX_PROJECTION: &[Member] = members! {
    "NonKeyAttributes" => Kept,
    "ProjectionType" => Kept,
};
const PROVISIONED: &[Member] = members! {
    "ReadCapacityUnits" => Kept,
    "WriteCapacityUnits" => Kept,
};
const ON_DEMAND: &[Member] = members! {
    "MaxReadRequestUnits" => Kept,
    "MaxWriteRequestUnits" => Kept,
};
const GLOBAL_INDEX: &[Member] = members! {
    "IndexName" => Kept,
    "KeySchema" => List(KEY_SCHEMA),
    "OnDemandThroughput" => Absent("on-demand throughput of an index"),
    "Projection" => Structure(INDEX_PROJECTION),
    "ProvisionedThroughput" => Structure(PROVISIONED),
    "WarmThroughput" => Absent("warm throughput"),
};
const LOCAL_INDEX: &[Member] = members! {
    "IndexName" => Kept,
    "KeySchema" => List(KEY_SCHEMA),
    "Projection" => Structure(INDEX_PROJECTION),
};
const GLOBAL_INDEX_UPDATE: &[Member] = members! {
    "Create" => Structure(GLOBAL_INDEX),
    "Delete" => Structure(members! { "IndexName" => Kept, }),
    "Update" => Structure(members! {
        "IndexName" => Kept,
        "OnDemandThroughput" => Absent("on-demand throughput of an index"),
        "ProvisionedThroughput" => Structure(PROVISIONED),
        "WarmThroughput" => Absent("warm throughput"),
    }),
};
const TABLE_STREAM: &[Member] = members! {
    "StreamEnabled" => OnlyFalse("DynamoDB Streams"),
    "StreamViewType" => Kept,
};
const ENCRYPTION: &[Member] = members! {
    "Enabled" => Kept,
    "KMSMasterKeyId" => Kept,
    "SSEType" => Kept,
};
const TAGS: &[Member] = members! {
    "Key" => Kept,
    "Value" => Kept,
};
const KEYS_OF_TABLE: &[Member] = members! {
    "AttributesToGet" => Kept,
    "ConsistentRead" => Kept,
    "ExpressionAttributeNames" => Kept,
    "Keys" => Kept,
    "ProjectionExpression" => PROJECTION,
};
const WRITES_OF_TABLE: &[Member] = members! {
    "DeleteRequest" => Structure(members! { "Key" => Kept, }),
    "PutRequest" => Structure(members! { "Item" => Kept, }),
};
const GETS: &[Member] = members! {
    "Get" => Structure(members! {
        "ExpressionAttributeNames" => Kept,
        "Key" => Kept,
        "ProjectionExpression" => PROJECTION,
        "TableName" => Table,
    }),
};
const CONDITION_ON_KEY: &[Member] = members! {
    "ConditionExpression" => CONDITION,
    "ExpressionAttributeNames" => Kept,
    "ExpressionAttributeValues" => Kept,
    "Key" => Kept,
    "ReturnValuesOnConditionCheckFailure" => Kept,
    "TableName" => Table,
};
const WRITES: &[Member] = members! {
    "ConditionCheck" => Structure(CONDITION_ON_KEY),
    "Delete" => Structure(CONDITION_ON_KEY),
    "Put" => Structure(members! {
        "ConditionExpression" => CONDITION,
        "ExpressionAttributeNames" => Kept,
        "ExpressionAttributeValues" => Kept,
        "Item" => Kept,
        "ReturnValuesOnConditionCheckFailure" => Kept,
        "TableName" => Table,
    }),
    "Update" => Structure(members! {
        "ConditionExpression" => CONDITION,
        "ExpressionAttributeNames" => Kept,
        "ExpressionAttributeValues" => Kept,
        "Key" => Kept,
        "ReturnValuesOnConditionCheckFailure" => Kept,
        "TableName" => Table,
        "UpdateExpression" => UPDATE,
    }),
};
const STATEMENT: &[Member] = members! {
    "ConsistentRead" => Kept,
    "Parameters" => Kept,
    "ReturnValuesOnConditionCheckFailure" => Kept,
    "Statement" => Kept,
};
const TRANSACTION_STATEMENT: &[Member] = members! {
    "Parameters" => Kept,
    "ReturnValuesOnConditionCheckFailure" => Kept,
    "Statement" => Kept,
};

const OF_A_TABLE: &[Member] = members! { "TableName" => Table, };

const CREATE_TABLE: &[Member] = members! {
    "AttributeDefinitions" => List(ATTRIBUTE_DEFINITIONS),
    "BillingMode" => Kept,
    "DeletionProtectionEnabled" => Kept,
    "GlobalSecondaryIndexes" => List(GLOBAL_INDEX),
    "GlobalTableSettingsReplicationMode" => Absent("global tables"),
    "GlobalTableSourceArn" => Absent("global tables"),
    "KeySchema" => List(KEY_SCHEMA),
    "LocalSecondaryIndexes" => List(LOCAL_INDEX),
    "OnDemandThroughput" => Structure(ON_DEMAND),
    "ProvisionedThroughput" => Structure(PROVISIONED),
    "ResourcePolicy" => Absent("resource policies of tables"),
    "SSESpecification" => Structure(ENCRYPTION),
    "StreamSpecification" => Structure(TABLE_STREAM),
    "TableClass" => Kept,
    "TableName" => Table,
    "Tags" => List(TAGS),
    "VectorIndexes" => Absent("vector indexes"),
    "WarmThroughput" => Absent("warm throughput"),
};
const UPDATE_TABLE: &[Member] = members! {
    "AttributeDefinitions" => List(ATTRIBUTE_DEFINITIONS),
    "BillingMode" => Kept,
    "DeletionProtectionEnabled" => Kept,
    "GlobalSecondaryIndexUpdates" => List(GLOBAL_INDEX_UPDATE),
    "GlobalTableSettingsReplicationMode" => Absent("global tables"),
    "GlobalTableWitnessUpdates" => Absent("global tables"),
    "MultiRegionConsistency" => Absent("global tables"),
    "OnDemandThroughput" => Structure(ON_DEMAND),
    "ProvisionedThroughput" => Structure(PROVISIONED),
    "ReplicaUpdates" => Absent("global tables"),
    "SSESpecification" => Absent("changes of a table's encryption"),
    "StreamSpecification" => Structure(TABLE_STREAM),
    "TableClass" => Kept,
    "TableName" => Table,
    "VectorIndexUpdates" => Absent("vector indexes"),
    "WarmThroughput" => Absent("warm throughput"),
};
const PUT_ITEM: &[Member] = members! {
    "ConditionExpression" => CONDITION,
    "ConditionalOperator" => Kept,
    "Expected" => Map(EXPECTED),
    "ExpressionAttributeNames" => Kept,
    "ExpressionAttributeValues" => Kept,
    "Item" => Kept,
    "ReturnConsumedCapacity" => Kept,
    "ReturnItemCollectionMetrics" => Kept,
    "ReturnValues" => Kept,
    "ReturnValuesOnConditionCheckFailure" => Kept,
    "TableName" => Table,
};
const DELETE_ITEM: &[Member] = members! {
    "ConditionExpression" => CONDITION,
    "ConditionalOperator" => Kept,
    "Expected" => Map(EXPECTED),
    "ExpressionAttributeNames" => Kept,
    "ExpressionAttributeValues" => Kept,
    "Key" => Kept,
    "ReturnConsumedCapacity" => Kept,
    "ReturnItemCollectionMetrics" => Kept,
    "ReturnValues" => Kept,
    "ReturnValuesOnConditionCheckFailure" => Kept,
    "TableName" => Table,
};
const UPDATE_ITEM: &[Member] = members! {
    "AttributeUpdates" => Map(ATTRIBUTE_UPDATES),
    "ConditionExpression" => CONDITION,
    "ConditionalOperator" => Kept,
    "Expected" => Map(EXPECTED),
    "ExpressionAttributeNames" => Kept,
    "ExpressionAttributeValues" => Kept,
    "Key" => Kept,
    "ReturnConsumedCapacity" => Kept,
    "ReturnItemCollectionMetrics" => Kept,
    "ReturnValues" => Kept,
    "ReturnValuesOnConditionCheckFailure" => Kept,
    "TableName" => Table,
    "UpdateExpression" => UPDATE,
};
const GET_ITEM: &[Member] = members! {
    "AttributesToGet" => Kept,
    "ConsistentRead" => Kept,
    "ExpressionAttributeNames" => Kept,
    "Key" => Kept,
    "ProjectionExpression" => PROJECTION,
    "ReturnConsumedCapacity" => Kept,
    "TableName" => Table,
};
const QUERY: &[Member] = members! {
    "AttributesToGet" => Kept,
    "ConditionalOperator" => Kept,
    "ConsistentRead" => Kept,
    "ExclusiveStartKey" => Kept,
    "ExpressionAttributeNames" => Kept,
    "ExpressionAttributeValues" => Kept,
    "FilterExpression" => FILTER,
    "IndexName" => Index,
    "KeyConditionExpression" => KEY_CONDITION,
    "KeyConditions" => Map(LEGACY_CONDITIONS),
    "Limit" => Kept,
    "ProjectionExpression" => PROJECTION,
    "QueryFilter" => Map(LEGACY_CONDITIONS),
    "ReturnConsumedCapacity" => Kept,
    "ScanIndexForward" => Kept,
    "Select" => Kept,
    "TableName" => Table,
};
const SCAN: &[Member] = members! {
    "AttributesToGet" => Kept,
    "ConditionalOperator" => Kept,
    "ConsistentRead" => Kept,
    "ExclusiveStartKey" => Kept,
    "ExpressionAttributeNames" => Kept,
    "ExpressionAttributeValues" => Kept,
    "FilterExpression" => FILTER,
    "IndexName" => Index,
    "Limit" => Kept,
    "ProjectionExpression" => PROJECTION,
    "ReturnConsumedCapacity" => Kept,
    "ScanFilter" => Map(LEGACY_CONDITIONS),
    "Segment" => Kept,
    "Select" => Kept,
    "TableName" => Table,
    "TotalSegments" => Kept,
};
const UPDATE_CONTINUOUS_BACKUPS: &[Member] = members! {
    "PointInTimeRecoverySpecification" => Structure(members! {
        "PointInTimeRecoveryEnabled" => Kept,
        "RecoveryPeriodInDays" => Kept,
    }),
    "TableName" => Table,
};
const UPDATE_TIME_TO_LIVE: &[Member] = members! {
    "TableName" => Table,
    "TimeToLiveSpecification" => Structure(members! {
        "AttributeName" => Kept,
        "Enabled" => Kept,
    }),
};

/// The members of an operation's request.
pub(super) fn members(operation: TableOperation) -> &'static [Member] {
    use TableOperation as Op;
    match operation {
        Op::BatchExecuteStatement => members! {
            "ReturnConsumedCapacity" => Kept,
            "Statements" => List(STATEMENT),
        },
        Op::BatchGetItem => members! {
            "RequestItems" => TableMap(KEYS_OF_TABLE),
            "ReturnConsumedCapacity" => Kept,
        },
        Op::BatchWriteItem => members! {
            "RequestItems" => TableMapOfLists(WRITES_OF_TABLE),
            "ReturnConsumedCapacity" => Kept,
            "ReturnItemCollectionMetrics" => Kept,
        },
        Op::CreateTable => CREATE_TABLE,
        Op::DeleteItem => DELETE_ITEM,
        Op::DeleteTable
        | Op::DescribeContinuousBackups
        | Op::DescribeTable
        | Op::DescribeTimeToLive => OF_A_TABLE,
        Op::ExecuteStatement => members! {
            "ConsistentRead" => Kept,
            "Limit" => Kept,
            "NextToken" => Kept,
            "Parameters" => Kept,
            "ReturnConsumedCapacity" => Kept,
            "ReturnValuesOnConditionCheckFailure" => Kept,
            "Statement" => Kept,
        },
        Op::ExecuteTransaction => members! {
            "ClientRequestToken" => Kept,
            "ReturnConsumedCapacity" => Kept,
            "TransactStatements" => List(TRANSACTION_STATEMENT),
        },
        Op::GetItem => GET_ITEM,
        Op::DescribeEndpoints => members! {},
        Op::ListTables => members! {
            "ExclusiveStartTableName" => Kept,
            "Limit" => Kept,
        },
        Op::ListTagsOfResource => members! {
            "NextToken" => Absent("a second page of tags"),
            "ResourceArn" => Table,
        },
        Op::PutItem => PUT_ITEM,
        Op::Query => QUERY,
        Op::Scan => SCAN,
        Op::TagResource => members! {
            "ResourceArn" => Table,
            "Tags" => List(TAGS),
        },
        Op::TransactGetItems => members! {
            "ReturnConsumedCapacity" => Kept,
            "TransactItems" => List(GETS),
        },
        Op::TransactWriteItems => members! {
            "ClientRequestToken" => Kept,
            "ReturnConsumedCapacity" => Kept,
            "ReturnItemCollectionMetrics" => Kept,
            "TransactItems" => List(WRITES),
        },
        Op::UntagResource => members! {
            "ResourceArn" => Table,
            "TagKeys" => Kept,
        },
        Op::UpdateContinuousBackups => UPDATE_CONTINUOUS_BACKUPS,
        Op::UpdateItem => UPDATE_ITEM,
        Op::UpdateTable => UPDATE_TABLE,
        Op::UpdateTimeToLive => UPDATE_TIME_TO_LIVE,
    }
}
