//! Deliveries to a table of a catalog that loses answers.

use std::sync::Arc;

use futures::TryStreamExt;
use iceberg::spec::{NestedField, PrimitiveType, Transform, Type, UnboundPartitionSpec};
use millstream_connectors::format::{Kind, Schema};
use millstream_connectors::{Cut, Item, Opener, Origin, Outcome, Sink};
use serde_json::{Value, json};

use crate::Iceberg;
use crate::lake::{Lake, Mood};

pub(crate) fn schema() -> Schema {
    vec![("n".to_owned(), Kind::Long), ("k".to_owned(), Kind::String)]
}

fn item(shard_id: &str, n: u64, value: Value) -> Item {
    let origin = Origin {
        shard_id: shard_id.into(),
        sequence_number: n.to_string().into(),
        sub_sequence_number: 0,
        partition_key: "key".into(),
        arrived_ms: 0,
        data: Default::default(),
    };
    Item::of_record("orders", Arc::new(origin), 0, value, None, 10)
}

pub(crate) fn row(shard_id: &str, n: u64) -> Item {
    item(
        shard_id,
        n,
        json!({ "n": n, "k": format!("key-{}", n % 3) }),
    )
}

pub(crate) fn cut(shard_id: &str, first: u64) -> Cut {
    Cut {
        shard_id: shard_id.to_owned(),
        first: format!("{first:0>56}"),
    }
}

/// Takes the rows of a cut.
pub(crate) async fn taken(
    worker: &Iceberg,
    shard_id: &str,
    numbers: std::ops::Range<u64>,
) -> Box<dyn Sink> {
    let mut sink = worker.open(shard_id);
    let rows: Vec<Item> = numbers.map(|n| row(shard_id, n)).collect();
    let outcomes = sink.deliver(&rows).await.unwrap();
    assert_eq!(outcomes, vec![Outcome::Delivered; rows.len()]);
    sink
}

/// The numbers that the table has, in order.
pub(crate) async fn found(worker: &Iceberg) -> Vec<i64> {
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    let seen = worker.commits.fresh().await.unwrap();
    let scan = seen.table.scan().select(["n"]).build().unwrap();
    let batches: Vec<_> = scan.to_arrow().await.unwrap().try_collect().await.unwrap();
    let mut found: Vec<i64> = batches
        .iter()
        .flat_map(|batch| {
            batch
                .column(0)
                .as_primitive::<Int64Type>()
                .values()
                .to_vec()
        })
        .collect();
    found.sort_unstable();
    found
}

#[tokio::test]
async fn a_cut_that_comes_again_is_there_once() {
    let lake = Lake::start().await;
    for worker in [lake.worker(Some(&schema())), lake.worker(Some(&schema()))] {
        let mut sink = taken(&worker, "s0", 100..110).await;
        sink.flush(&cut("s0", 100)).await.unwrap();
        // With the rows of the next cut nothing of this one comes.
        assert_eq!(sink.unflushed_bytes(), 0);
    }
    assert_eq!(lake.counts(), (1, 0));
    assert_eq!(found(&lake.worker(None)).await, Vec::from_iter(100..110));
    let table = lake.table();
    let says = Some("100 109 10");
    let name = "millstream.trades.s0";
    assert_eq!(table.properties().get(name).map(String::as_str), says);
    let summary = table.current_snapshot().unwrap().summary();
    let said = summary.additional_properties.get(name);
    assert_eq!(said.map(String::as_str), says);
}

/// A kill -9, or a connection that is cut, between a commit and its answer.
#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_recognised() {
    let lake = Lake::start().await;
    let worker = lake.worker(Some(&schema()));
    let mut sink = taken(&worker, "s0", 1..5).await;
    sink.flush(&cut("s0", 1)).await.unwrap();
    sink.deliver(&[row("s0", 5), row("s0", 6)]).await.unwrap();
    lake.expect(Mood::LoseAnswer);
    sink.flush(&cut("s0", 5)).await.unwrap_err();
    assert_eq!(lake.counts(), (2, 0));
    sink.flush(&cut("s0", 5)).await.unwrap();
    // The successor of who was killed then.
    let successor = lake.worker(Some(&schema()));
    let mut sink = taken(&successor, "s0", 5..7).await;
    sink.flush(&cut("s0", 5)).await.unwrap();
    assert_eq!(lake.counts(), (2, 0));
    assert_eq!(found(&worker).await, [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn a_commit_that_was_not_done_is_done_again() {
    let lake = Lake::start().await;
    let worker = lake.worker(Some(&schema()));
    let mut sink = taken(&worker, "s0", 1..5).await;
    lake.expect(Mood::Refuse);
    let error = sink.flush(&cut("s0", 1)).await.unwrap_err().to_string();
    assert!(
        error.contains("503") && error.contains("not now"),
        "{error}"
    );
    sink.flush(&cut("s0", 1)).await.unwrap();
    assert_eq!(found(&worker).await, [1, 2, 3, 4]);
}

/// Two workers that saw the same table, and one that does not know yet that it lost its shard.
#[tokio::test]
async fn who_comes_second_looks_again() {
    let lake = Lake::start().await;
    let (one, other) = (lake.worker(Some(&schema())), lake.worker(Some(&schema())));
    for (worker, shard_id) in [(&one, "s0"), (&other, "s1")] {
        let mut sink = taken(worker, shard_id, 1..3).await;
        sink.flush(&cut(shard_id, 1)).await.unwrap();
    }
    // `one` has not seen what `other` added.
    let mut sink = taken(&one, "s0", 3..5).await;
    let mut late = taken(&other, "s0", 3..5).await;
    other.commits.fresh().await.unwrap();
    sink.flush(&cut("s0", 3)).await.unwrap();
    late.flush(&cut("s0", 3)).await.unwrap();
    assert_eq!(lake.counts().0, 3);
    assert_eq!(found(&one).await, [1, 1, 2, 2, 3, 4]);
}

#[tokio::test]
async fn a_commit_that_is_overtaken_is_made_on_what_came_before_it() {
    let lake = Lake::start().await;
    let (one, other) = (lake.worker(Some(&schema())), lake.worker(Some(&schema())));
    let mut sink = taken(&one, "s0", 1..3).await;
    sink.flush(&cut("s0", 1)).await.unwrap();
    sink.deliver(&[row("s0", 3)]).await.unwrap();
    let mut faster = taken(&other, "s1", 1..3).await;
    faster.flush(&cut("s1", 1)).await.unwrap();
    sink.flush(&cut("s0", 3)).await.unwrap();
    assert_eq!(lake.counts(), (3, 1));
    assert_eq!(found(&one).await, [1, 1, 2, 2, 3]);
    let properties = lake.table().properties().clone();
    assert_eq!(properties["millstream.trades.s0"], "3 3 1");
    assert_eq!(properties["millstream.trades.s1"], "1 2 2");
}

#[tokio::test]
async fn what_overlaps_is_an_error_and_changes_nothing() {
    let lake = Lake::start().await;
    let worker = lake.worker(Some(&schema()));
    let mut sink = taken(&worker, "s0", 10..20).await;
    sink.flush(&cut("s0", 10)).await.unwrap();
    let mut sink = taken(&worker, "s0", 10..25).await;
    let error = sink.flush(&cut("s0", 10)).await.unwrap_err().to_string();
    assert!(error.contains("millstream.trades.s0 = 10 19 10"), "{error}");
    assert_eq!(lake.counts(), (1, 0));
}

#[tokio::test]
async fn shards_of_a_worker_share_commits() {
    let lake = Lake::start().await;
    let worker = lake.worker(Some(&schema()));
    let shards: Vec<String> = (0..8).map(|shard| format!("s{shard}")).collect();
    let flushes = shards.iter().map(|shard_id| async {
        let mut sink = taken(&worker, shard_id, 1..4).await;
        sink.flush(&cut(shard_id, 1)).await.unwrap();
    });
    futures::future::join_all(flushes).await;
    let (commits, conflicts) = lake.counts();
    assert!(commits <= 8 && conflicts == 0, "{commits} {conflicts}");
    assert_eq!(found(&worker).await.len(), 24);
    assert_eq!(lake.table().properties().len(), 8);
}

#[tokio::test]
async fn what_is_no_row_is_rejected_and_a_cut_of_nothing_is_no_commit() {
    let lake = Lake::start().await;
    let worker = lake.worker(Some(&schema()));
    let mut sink = worker.open("s0");
    let values = [json!({"n": "x"}), json!(7), json!({"n": 1, "more": 2})];
    let items: Vec<Item> = values.map(|value| item("s0", 1, value)).to_vec();
    let outcomes = sink.deliver(&items[..2]).await.unwrap();
    assert!(
        matches!(&outcomes[..], [Outcome::Rejected(kind), Outcome::Rejected(_)] if kind == "n is no long"),
        "{outcomes:?}"
    );
    sink.flush(&cut("s0", 1)).await.unwrap();
    assert_eq!(lake.counts(), (0, 0));
    assert_eq!(
        sink.deliver(&items[2..]).await.unwrap(),
        [Outcome::Delivered]
    );
    sink.flush(&cut("s0", 1)).await.unwrap();
    assert_eq!(found(&worker).await, [1]);
}

#[tokio::test]
async fn a_table_that_is_partitioned_has_a_file_for_each_partition() {
    let lake = Lake::start().await;
    let fields = [
        NestedField::required(1, "n", Type::Primitive(PrimitiveType::Long)),
        NestedField::optional(2, "k", Type::Primitive(PrimitiveType::String)),
    ];
    let made = iceberg::spec::Schema::builder().with_fields(fields.map(Arc::new));
    let by_key = UnboundPartitionSpec::builder()
        .add_partition_field(2, "k".to_owned(), Transform::Identity)
        .unwrap();
    lake.make(made.build().unwrap(), by_key.build());
    let worker = lake.worker(None);
    let mut sink = taken(&worker, "s0", 1..10).await;
    sink.flush(&cut("s0", 1)).await.unwrap();
    assert_eq!(found(&worker).await, Vec::from_iter(1..10));
    let table = lake.table();
    let summary = table.current_snapshot().unwrap().summary();
    assert_eq!(summary.additional_properties["added-data-files"], "3");
}

#[tokio::test]
async fn a_table_that_is_not_there_is_made_only_of_what_is_declared() {
    let lake = Lake::start().await;
    let mut sink = lake.worker(None).open("s0");
    let error = sink.deliver(&[row("s0", 1)]).await.unwrap_err().to_string();
    assert!(error.contains("there is no table market.trades"), "{error}");
}
