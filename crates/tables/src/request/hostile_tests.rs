//! Every operation with any of its members, and any kind, size and depth of value in them: all are answered.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::TableRequest;
use super::members::{Kind, Member, members};
use crate::answer::TableAnswer;
use crate::database::OwnerDatabase;
use crate::operation::TableOperation;
use crate::owner::TableOwner;

/// All but DescribeEndpoints, which no database answers.
const OPERATIONS: &[TableOperation] = {
    use TableOperation as Op;
    &[
        Op::BatchExecuteStatement,
        Op::BatchGetItem,
        Op::BatchWriteItem,
        Op::CreateTable,
        Op::DeleteItem,
        Op::DeleteTable,
        Op::DescribeContinuousBackups,
        Op::DescribeTable,
        Op::DescribeTimeToLive,
        Op::ExecuteStatement,
        Op::ExecuteTransaction,
        Op::GetItem,
        Op::ListTables,
        Op::ListTagsOfResource,
        Op::PutItem,
        Op::Query,
        Op::Scan,
        Op::TagResource,
        Op::TransactGetItems,
        Op::TransactWriteItems,
        Op::UntagResource,
        Op::UpdateContinuousBackups,
        Op::UpdateItem,
        Op::UpdateTable,
        Op::UpdateTimeToLive,
    ]
};

/// Texts that stand where text may stand.
const TEXTS: &[&str] = &[
    "",
    "leases",
    "k",
    "S",
    "HASH",
    "PAY_PER_REQUEST",
    "ALL_OLD",
    "ALL_NEW",
    "EQ",
    "k = :v",
    "SET a = :v",
    "#n.a[0]",
    "DELETE",
    "TOTAL",
    "\u{0}",
    "é\u{10ffff}",
    "arn:aws:dynamodb:eu-west-1:111111111111:table/leases",
    "SELECT * FROM leases",
    "DELETE FROM leases WHERE k = 'a'",
    "9999999999999999999999999999999999999999",
];
/// Pieces that are repeated to make long and deep texts.
const PIECES: &[&str] = &[
    "(",
    ")",
    "NOT ",
    "a.",
    "a[0]",
    "a<b AND (",
    "if_not_exists(a,",
    "size(",
    "[",
    "{'a':",
    "-",
    "x",
    "#",
];

/// Decisions, taken from a list of numbers; all are 0 when it has ended.
struct Choices<'a>(std::slice::Iter<'a, u16>);

impl Choices<'_> {
    fn below(&mut self, end: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or(0)) % end
    }

    fn structure(&mut self, members: &'static [Member], depth: usize) -> Value {
        let mut object = Map::new();
        for member in members {
            // Mostly what is right, so that much comes far.
            if self.below(3) > 0 {
                object.insert(member.name.to_owned(), self.member(member, depth));
            }
        }
        object.into()
    }

    fn member(&mut self, member: &'static Member, depth: usize) -> Value {
        if self.below(12) == 1 || depth > 6 {
            return self.hostile();
        }
        match &member.kind {
            Kind::Table => "leases".into(),
            Kind::Structure(members) => self.structure(members, depth + 1),
            Kind::List(members) => {
                let count = self.below(3);
                (0..count)
                    .map(|_| self.structure(members, depth + 1))
                    .collect()
            }
            Kind::Map(members) => json!({"k": self.structure(members, depth + 1)}),
            Kind::TableMap(members) => json!({"leases": self.structure(members, depth + 1)}),
            Kind::TableMapOfLists(members) => {
                json!({"leases": [self.structure(members, depth + 1)]})
            }
            Kind::Expression(_) => self.text(),
            _ => match member.name {
                "Item" | "Key" | "ExclusiveStartKey" => {
                    json!({"k": self.attribute(), "a": self.attribute()})
                }
                "Keys" => json!([{"k": self.attribute()}]),
                "ExpressionAttributeValues" => json!({":v": self.attribute()}),
                "ExpressionAttributeNames" => json!({"#n": self.text()}),
                "Parameters" | "AttributeValueList" => json!([self.attribute()]),
                "Value" => self.attribute(),
                _ => self.hostile(),
            },
        }
    }

    fn text(&mut self) -> Value {
        match self.below(3) {
            0 => {
                let piece = PIECES[self.below(PIECES.len())];
                let count = [1, 40, 299, 2_000, 50_000][self.below(5)];
                format!("{}a = b", piece.repeat(count)).into()
            }
            _ => TEXTS[self.below(TEXTS.len())].into(),
        }
    }

    fn attribute(&mut self) -> Value {
        let inner = match self.below(8) {
            0 => json!({"N": self.text()}),
            1 => json!({"SS": ["a", "a"]}),
            2 => json!({"B": "AA=="}),
            3 => self.hostile(),
            _ => json!({"S": "a"}),
        };
        let depth = [0, 1, 31, 32, 60, 64][self.below(6)];
        let is_list = self.below(2) == 0;
        (0..depth).fold(inner, |inner, _| match is_list {
            true => json!({"L": [inner]}),
            false => json!({"M": {"a": inner}}),
        })
    }

    fn hostile(&mut self) -> Value {
        match self.below(10) {
            0 => Value::Null,
            1 => json!(-1),
            2 => json!(u64::MAX),
            3 => json!(1e308),
            4 => json!(true),
            5 => json!({}),
            6 => {
                let depth = [1, 100, 126, 3_000][self.below(4)];
                (0..depth).fold(json!(1), |inner, _| json!([inner]))
            }
            7 => json!(vec![json!({"S": "a"}); 200]),
            _ => self.text(),
        }
    }
}

fn owner() -> TableOwner {
    TableOwner {
        account: "111111111111".parse().unwrap(),
        region: "eu-west-1".parse().unwrap(),
    }
}

fn answer(database: &mut OwnerDatabase, operation: TableOperation, body: &Value) -> TableAnswer {
    match TableRequest::read(&owner(), operation, &body.to_string().into()) {
        Err(refusal) => refusal,
        Ok(request) => match request.refusal() {
            Some(refusal) => refusal.clone(),
            None => database.call(request),
        },
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn every_request_is_answered_whatever_is_in_it(choices in proptest::collection::vec(any::<u16>(), 0..120)) {
        let mut database = OwnerDatabase::open(owner(), None).unwrap();
        let table = json!({
            "TableName": "leases",
            "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
        });
        prop_assert_eq!(answer(&mut database, TableOperation::CreateTable, &table).status, 200);
        let item = json!({"TableName": "leases", "Item": {"k": {"S": "a"}, "a": {"L": [{"N": "1"}]}}});
        prop_assert_eq!(answer(&mut database, TableOperation::PutItem, &item).status, 200);
        let mut choices = Choices(choices.iter());
        for operation in OPERATIONS {
            let body = choices.structure(members(*operation), 0);
            let answered = answer(&mut database, *operation, &body);
            prop_assert!(matches!(answered.status, 200 | 400), "{operation:?} {answered:?}");
        }
    }
}
