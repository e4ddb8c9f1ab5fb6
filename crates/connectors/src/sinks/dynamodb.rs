//! `dynamodb`: each item becomes a row of a table, by the key that is declared. Idempotent: an item that comes again, or
//! late, never replaces a newer one.
//!
//! A row holds the members of the value, its key, and its order: a write is made only over a row that is older.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_dynamodb::types::AttributeValue;
use futures::{StreamExt, stream};
use serde_json::Value;
use tokio::time::{Instant, timeout};

use crate::{FieldPath, Guarantee, Identity, Item, Opener, Outcome, Sink, SinkError, SinkFuture};

/// The attribute that orders the writes of one row.
const ORDER: &str = "millstream_order";
/// Writes under way at a time.
const WRITES_MAX: usize = 16;
/// Once it has written for so long it begins no more writes and says what it knows: the caller's deadline is further away. A
/// table that takes five rows a second would else never be known to have taken half a thousand.
const WRITING_TIME: Duration = Duration::from_secs(15);
/// How long one write may take, with what the client does by itself about a table that throttles.
const WRITE_TIME: Duration = Duration::from_secs(30);

/// Opens sinks that write rows.
#[derive(Debug, Clone)]
pub struct DynamoDb {
    /// Where the table is.
    pub client: Client,
    /// The table, which must exist.
    pub table: String,
    /// The attributes of the key, and the fields that they come from: one or two.
    pub key: BTreeMap<String, FieldPath>,
}

impl Opener for DynamoDb {
    fn open(&self, _: &str) -> Box<dyn Sink> {
        Box::new(DynamoDbSink(self.clone()))
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::Idempotent
    }
}

#[derive(Debug)]
struct DynamoDbSink(DynamoDb);

type Row = HashMap<String, AttributeValue>;

impl DynamoDb {
    /// The item's key as text, and its row.
    fn row(&self, item: &Item) -> Result<(String, Row), String> {
        let Value::Object(members) = &*item.value else {
            return Err("only an object has the members of a row".to_owned());
        };
        let mut row: Row = members
            .iter()
            .map(|(name, value)| (name.clone(), attribute(value)))
            .collect();
        let mut key = String::new();
        for (name, field) in &self.key {
            let value = field.of(&item.value).filter(|value| !value.is_null());
            let value =
                value.ok_or_else(|| format!("the key {name} is missing: there is no {field}"))?;
            let value = match value {
                Value::String(_) | Value::Number(_) => attribute(value),
                // A key is text or a number.
                other => AttributeValue::S(other.to_string()),
            };
            key.push_str(&format!("{value:?}\n"));
            row.insert(name.clone(), value);
        }
        row.insert(ORDER.to_owned(), AttributeValue::S(order(item)));
        Ok((key, row))
    }

    async fn write(&self, row: Row) -> Outcome {
        let order = row
            .get(ORDER)
            .cloned()
            .unwrap_or_else(|| AttributeValue::S(String::new()));
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row))
            .condition_expression("attribute_not_exists(#o) OR #o < :o")
            .expression_attribute_names("#o", ORDER)
            .expression_attribute_values(":o", order);
        let Err(error) = put.send().await else {
            return Outcome::Delivered;
        };
        match error.code() {
            // The row is this one or a newer one.
            Some("ConditionalCheckFailedException") => Outcome::Delivered,
            Some("ValidationException" | "ItemCollectionSizeLimitExceededException") => {
                Outcome::Rejected(
                    error
                        .message()
                        .unwrap_or("the table refuses the row")
                        .to_owned(),
                )
            }
            _ => Outcome::Again(DisplayErrorContext(&error).to_string()),
        }
    }
}

/// Writes rows, those of one key by [`last_of`] and the keys side by side.
async fn write_all<F: Future<Output = Outcome>>(
    rows: BTreeMap<String, Vec<(usize, Row)>>,
    write: impl Fn(Row) -> F,
) -> Vec<(usize, Outcome)> {
    let began = Instant::now();
    let in_time = |row: Row| {
        let writing = (began.elapsed() < WRITING_TIME).then(|| timeout(WRITE_TIME, write(row)));
        async move {
            let again = |cause: &str| Outcome::Again(cause.to_owned());
            match writing {
                None => again("the table takes rows slowly"),
                Some(writing) => writing.await.unwrap_or_else(|_| again("no answer in time")),
            }
        }
    };
    let writes = rows.into_values().map(|rows| last_of(rows, &in_time));
    let written: Vec<Vec<(usize, Outcome)>> = stream::iter(writes)
        .buffer_unordered(WRITES_MAX)
        .collect()
        .await;
    written.into_iter().flatten().collect()
}

/// Writes the last of the rows of one key. One that is refused replaces nothing, so the one before it is written; while
/// one is not known to be written, those before it are not done either.
async fn last_of<F: Future<Output = Outcome>>(
    mut rows: Vec<(usize, Row)>,
    write: impl Fn(Row) -> F,
) -> Vec<(usize, Outcome)> {
    let mut outcomes = Vec::with_capacity(rows.len());
    while let Some((index, row)) = rows.pop() {
        let outcome = write(row).await;
        let before = match &outcome {
            Outcome::Rejected(_) => None,
            other => Some(other.clone()),
        };
        outcomes.push((index, outcome));
        if let Some(before) = before {
            outcomes.extend(rows.drain(..).map(|(index, _)| (index, before.clone())));
        }
    }
    outcomes
}

/// Text that sorts as the writes of one row are to follow each other.
fn order(item: &Item) -> String {
    let origin = &item.origin;
    if item.revision > 0 {
        return format!("{:010}", item.revision);
    }
    let index = match &item.identity {
        Identity::OfRecord { index, .. } => *index,
        Identity::Given(_) => 0,
    };
    format!(
        "{:0>56}.{:010}.{index:0>6}",
        origin.sequence_number, origin.sub_sequence_number
    )
}

fn attribute(value: &Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(truth) => AttributeValue::Bool(*truth),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::String(text) => AttributeValue::S(text.clone()),
        Value::Array(items) => AttributeValue::L(items.iter().map(attribute).collect()),
        Value::Object(members) => AttributeValue::M(
            members
                .iter()
                .map(|(name, value)| (name.clone(), attribute(value)))
                .collect(),
        ),
    }
}

impl Sink for DynamoDbSink {
    fn deliver<'a>(
        &'a mut self,
        items: &'a [Item],
    ) -> SinkFuture<'a, Result<Vec<Outcome>, SinkError>> {
        Box::pin(async move {
            let mut outcomes = vec![Outcome::Delivered; items.len()];
            // The last write of a row wins; the ones before it need not be made.
            let mut rows: BTreeMap<String, Vec<(usize, Row)>> = BTreeMap::new();
            for (index, item) in items.iter().enumerate() {
                match self.0.row(item) {
                    Ok((key, row)) => rows.entry(key).or_default().push((index, row)),
                    Err(cause) => outcomes[index] = Outcome::Rejected(cause),
                }
            }
            let table = &self.0;
            for (index, outcome) in write_all(rows, |row| table.write(row)).await {
                outcomes[index] = outcome;
            }
            Ok(outcomes)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::Origin;

    fn item(sequence: &str, index: usize, value: Value) -> Item {
        let origin = Origin {
            shard_id: "s".into(),
            sequence_number: sequence.into(),
            sub_sequence_number: 0,
            partition_key: "k".into(),
            arrived_ms: 0,
            data: Default::default(),
        };
        Item::of_record("t", Arc::new(origin), index, value, None, 0)
    }

    #[test]
    fn later_records_and_revisions_come_later_in_the_order() {
        let orders = [
            item("9", 0, json!(1)),
            item("10", 0, json!(1)),
            item("10", 2, json!(1)),
            item("10", 10, json!(1)),
        ];
        let orders: Vec<String> = orders.iter().map(order).collect();
        assert!(
            orders.is_sorted() && orders[0] < orders[1] && orders[2] < orders[3],
            "{orders:?}"
        );
        let revision = |revision| Item {
            revision,
            ..item("1", 0, json!(1))
        };
        assert!(order(&revision(9)) < order(&revision(10)));
    }

    #[tokio::test]
    async fn a_row_that_is_refused_replaces_nothing_and_one_that_waits_keeps_those_before_it() {
        let rows = || {
            let row = |n: usize| {
                let n = AttributeValue::N(n.to_string());
                Row::from([("n".to_owned(), n)])
            };
            (0..3).map(|n| (n, row(n))).collect::<Vec<_>>()
        };
        let refused = || Outcome::Rejected("too large".to_owned());
        let busy = || Outcome::Again("busy".to_owned());
        for (of_last, of_second, expected) in [
            (
                Outcome::Delivered,
                refused(),
                [Outcome::Delivered, Outcome::Delivered, Outcome::Delivered],
            ),
            (
                refused(),
                Outcome::Delivered,
                [Outcome::Delivered, Outcome::Delivered, refused()],
            ),
            (refused(), busy(), [busy(), busy(), refused()]),
            (busy(), refused(), [busy(), busy(), busy()]),
        ] {
            let write = |row: Row| {
                std::future::ready(match row["n"].as_n().unwrap().as_str() {
                    "2" => of_last.clone(),
                    "1" => of_second.clone(),
                    _ => Outcome::Delivered,
                })
            };
            let mut outcomes = last_of(rows(), write).await;
            outcomes.sort_by_key(|(index, _)| *index);
            let outcomes: Vec<Outcome> = outcomes.into_iter().map(|(_, outcome)| outcome).collect();
            assert_eq!(outcomes, expected);
        }
    }

    /// Half a thousand rows took such a table longer than a try may: nothing was known to be written, and all of them came
    /// again, for ever.
    #[tokio::test(start_paused = true)]
    async fn a_table_that_is_slow_says_in_time_what_it_has() {
        let rows = (0..512).map(|n| (n.to_string(), vec![(n, Row::new())]));
        let began = Instant::now();
        let write = |_| async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            Outcome::Delivered
        };
        let outcomes = write_all(rows.collect(), write).await;
        assert!(began.elapsed() < Duration::from_secs(50));
        assert_eq!(outcomes.len(), 512);
        let delivered = outcomes
            .iter()
            .filter(|(_, outcome)| *outcome == Outcome::Delivered);
        assert_eq!(delivered.count(), 5 * WRITES_MAX);
        // Nor is one waited for that is never answered.
        let rows = BTreeMap::from([("k".to_owned(), vec![(0, Row::new())])]);
        let unanswered = write_all(rows, |_| std::future::pending()).await;
        assert!(matches!(&unanswered[..], [(0, Outcome::Again(_))]));
    }

    #[test]
    fn a_row_has_its_key_and_all_members() {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest());
        let key = BTreeMap::from([("pk".to_owned(), ".by.ticker".parse().unwrap())]);
        let table = DynamoDb {
            client: Client::from_conf(config.build()),
            table: "t".into(),
            key,
        };
        let (_, row) = table
            .row(&item("1", 0, json!({"by": {"ticker": "A"}, "n": 1.5})))
            .unwrap();
        assert_eq!(row["pk"], AttributeValue::S("A".into()));
        assert_eq!(row["n"], AttributeValue::N("1.5".into()));
        assert!(
            table
                .row(&item("1", 0, json!({"n": 1})))
                .unwrap_err()
                .contains(".by.ticker")
        );
        assert!(table.row(&item("1", 0, json!(1))).is_err());
    }
}
