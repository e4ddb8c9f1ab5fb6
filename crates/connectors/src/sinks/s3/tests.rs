use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use serde_json::{Value, json};

use super::*;
use crate::Origin;
use crate::format::{Compression, Lines};

fn item(sequence: u64, value: Value) -> Item {
    let origin = Origin {
        shard_id: "shard-0".into(),
        sequence_number: sequence.to_string().into(),
        sub_sequence_number: 0,
        partition_key: "k".into(),
        arrived_ms: 1_793_620_837_500 + sequence * 1000,
        data: Default::default(),
    };
    Item::of_record("t", Arc::new(origin), 0, value, None, 0)
}

fn bucket(prefix: &str) -> (S3, Arc<InMemory>) {
    let store = Arc::new(InMemory::new());
    let to = S3 {
        store: Arc::clone(&store) as _,
        prefix: prefix.parse().unwrap(),
        time: None,
        format: Format::Lines(Lines::Json, Compression::None),
    };
    (to, store)
}

/// All objects: their names and contents.
async fn objects(store: &InMemory) -> Vec<(String, String)> {
    let names: Vec<_> = store.list(None).collect().await;
    let mut found = Vec::new();
    for name in names {
        let name = name.unwrap().location;
        let contents = store.get(&name).await.unwrap().bytes().await.unwrap();
        found.push((
            name.to_string(),
            String::from_utf8(contents.to_vec()).unwrap(),
        ));
    }
    found.sort();
    found
}

fn cut(first: &str) -> Cut {
    Cut {
        shard_id: "shard-0".into(),
        first: first.into(),
    }
}

#[tokio::test]
async fn a_cut_is_one_object_for_each_prefix_and_comes_once() {
    let (to, store) = bucket("x/{.k}");
    let items = [
        item(1, json!({"k": "a", "n": 1})),
        item(2, json!({"k": "b", "n": 2})),
        item(3, json!({"k": "a", "n": 3})),
    ];
    let expected = vec![
        (
            "x/a/shard-0-1.jsonl".to_owned(),
            "{\"k\":\"a\",\"n\":1}\n{\"k\":\"a\",\"n\":3}\n".to_owned(),
        ),
        (
            "x/b/shard-0-1.jsonl".to_owned(),
            "{\"k\":\"b\",\"n\":2}\n".to_owned(),
        ),
    ];
    let mut first = to.open("shard-0");
    first.deliver(&items).await.unwrap();
    assert!(first.unflushed_bytes() > 40 && objects(&store).await.is_empty());
    first.flush(&cut("1")).await.unwrap();
    assert_eq!(
        (objects(&store).await, first.unflushed_bytes()),
        (expected.clone(), 0)
    );
    // A successor makes the very same cut: what is there stays as it is, what is missing comes.
    store
        .delete(&Path::from("x/b/shard-0-1.jsonl"))
        .await
        .unwrap();
    let mut second = to.open("shard-0");
    second.deliver(&items[..2]).await.unwrap();
    second.deliver(&items[2..]).await.unwrap();
    second.flush(&cut("1")).await.unwrap();
    assert_eq!(objects(&store).await, expected);
    second.flush(&cut("4")).await.unwrap();
    assert_eq!(objects(&store).await.len(), 2);
}

#[tokio::test]
async fn a_flush_that_is_dropped_loses_nothing() {
    let (to, store) = bucket("");
    let mut sink = to.open("shard-0");
    sink.deliver(&[item(1, json!(1))]).await.unwrap();
    let cut = cut("1");
    // Polled once, so that the packing has begun, and dropped.
    assert!(futures::FutureExt::now_or_never(sink.flush(&cut)).is_none());
    sink.flush(&cut).await.unwrap();
    assert_eq!(
        objects(&store).await,
        [("shard-0-1.jsonl".to_owned(), "1\n".to_owned())]
    );
}

#[tokio::test]
async fn an_item_without_the_time_that_names_go_by_is_rejected() {
    let (to, store) = bucket("{date}");
    let to = S3 {
        time: Some(".at".parse().unwrap()),
        ..to
    };
    let mut sink = to.open("shard-0");
    let items = [
        item(1, json!({"at": "2026-01-02T03:04:05Z"})),
        item(2, json!({"at": "noon"})),
    ];
    let outcomes = sink.deliver(&items).await.unwrap();
    assert_eq!(
        outcomes,
        [
            Outcome::Delivered,
            Outcome::Rejected(".at is no time".into())
        ]
    );
    sink.flush(&cut("1")).await.unwrap();
    assert_eq!(objects(&store).await[0].0, "2026-01-02/shard-0-1.jsonl");
}

#[tokio::test]
async fn an_object_of_somebody_else_is_neither_written_over_nor_taken_as_delivered() {
    let (to, store) = bucket("");
    let name = Path::from("shard-0-1.jsonl");
    store.put(&name, "2\n".into()).await.unwrap();
    let mut sink = to.open("shard-0");
    sink.deliver(&[item(1, json!(1))]).await.unwrap();
    for _ in 0..2 {
        let error = sink.flush(&cut("1")).await.unwrap_err();
        assert!(error.message.contains("other contents"), "{error}");
    }
    store.delete(&name).await.unwrap();
    sink.flush(&cut("1")).await.unwrap();
    assert_eq!(objects(&store).await[0].1, "1\n");
}

#[tokio::test]
async fn what_a_field_holds_is_one_part_of_a_name() {
    let (to, store) = bucket("x/{.k}");
    let mut sink = to.open("shard-0");
    let values = ["a/../b", "50%", "", "é", ".."];
    let items: Vec<Item> = (1..)
        .zip(values)
        .map(|(n, k)| item(n, json!({"k": k})))
        .collect();
    let outcomes = sink.deliver(&items).await.unwrap();
    assert_eq!(outcomes, vec![Outcome::Delivered; 5]);
    sink.flush(&cut("1")).await.unwrap();
    let names: Vec<String> = objects(&store)
        .await
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    let parts = ["50%25", "%C3%A9", "_", "_..", "a%2F..%2Fb"];
    let mut expected = parts.map(|part| format!("x/{part}/shard-0-1.jsonl"));
    expected.sort();
    assert_eq!(names, expected);
}
