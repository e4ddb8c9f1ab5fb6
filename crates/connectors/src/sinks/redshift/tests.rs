use std::sync::atomic::{AtomicUsize, Ordering};

use object_store::memory::InMemory;
use object_store::{ObjectStoreExt, PutPayload};
use tokio::sync::Notify;

use super::loader::{Session, Sessions};
use super::*;
use crate::Origin;

/// A database that loads everything once, when it is let.
#[derive(Debug, Clone, Default)]
struct Slow {
    copies: Arc<AtomicUsize>,
    go: Arc<Notify>,
}

impl Sessions for Slow {
    fn open(&self) -> SinkFuture<'_, Result<Box<dyn Session>, SinkError>> {
        Box::pin(std::future::ready(Ok(Box::new(self.clone()) as _)))
    }
}

impl Session for Slow {
    fn run<'a>(&'a mut self, statement: &'a str) -> SinkFuture<'a, Result<usize, SinkError>> {
        Box::pin(async move {
            if statement.starts_with("COPY") {
                self.go.notified().await;
                self.copies.fetch_add(1, Ordering::Relaxed);
            }
            Ok(0)
        })
    }

    fn is_closed(&self) -> bool {
        false
    }
}

fn sink(database: &Slow, store: &Arc<InMemory>) -> Box<dyn Sink> {
    let load = Load {
        table: "t".into(),
        loads: None,
        iam_role: "default".into(),
        bucket: "results".into(),
        region: "r".into(),
        prefix: "staging/t".into(),
        format: Lines::Json,
        compression: Compression::None,
    };
    let statements = load.statements().unwrap();
    let objects = S3 {
        store: Arc::clone(store) as _,
        prefix: load.prefix.parse().unwrap(),
        time: None,
        format: Format::Lines(load.format, load.compression),
    };
    let redshift = Redshift {
        objects,
        bucket: load.bucket,
        prefix: load.prefix,
        loader: Arc::new(Loader::new(Box::new(database.clone()), statements)),
    };
    redshift.open("shard-0")
}

fn item(value: Value) -> Item {
    let bytes = value.to_string().len();
    let origin = Origin {
        shard_id: "shard-0".into(),
        sequence_number: "1".into(),
        sub_sequence_number: 0,
        partition_key: "k".into(),
        arrived_ms: 0,
        data: Default::default(),
    };
    Item::of_record("t", Arc::new(origin), 0, value, None, bytes)
}

fn cut(first: &str) -> Cut {
    Cut {
        shard_id: "shard-0".into(),
        first: first.into(),
    }
}

async fn text(store: &InMemory, name: &str) -> String {
    let found = store.get(&Path::from(name)).await.unwrap();
    String::from_utf8(found.bytes().await.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn a_load_that_takes_longer_than_a_flush_may_goes_on() {
    let (database, store) = (Slow::default(), Arc::new(InMemory::new()));
    let mut sink = sink(&database, &store);
    sink.deliver(&[item(json!({"n": 1}))]).await.unwrap();
    // Given up as the lane does, again and again, until the load has been begun.
    while store
        .get(&Path::from("staging/t/shard-0-1.jsonl.manifest"))
        .await
        .is_err()
    {
        assert!(futures::FutureExt::now_or_never(sink.flush(&cut("1"))).is_none());
        tokio::task::yield_now().await;
    }
    database.go.notify_one();
    sink.flush(&cut("1")).await.unwrap();
    assert_eq!(database.copies.load(Ordering::Relaxed), 1);
    assert_eq!(
        text(&store, "staging/t/shard-0-1.jsonl").await,
        "{\"n\":1}\n"
    );
    assert_eq!(
        text(&store, "staging/t/shard-0-1.jsonl.manifest").await,
        r#"{"entries":[{"url":"s3://results/staging/t/shard-0-1.jsonl","mandatory":true}]}"#
    );
    // Nothing is left of it in the next cut, and nothing is loaded of a cut without rows.
    sink.flush(&cut("2")).await.unwrap();
    assert_eq!(database.copies.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn an_item_that_copy_would_refuse_takes_no_other_along() {
    let (database, store) = (Slow::default(), Arc::new(InMemory::new()));
    database.go.notify_one();
    let mut sink = sink(&database, &store);
    let items = [
        item(json!({"n": 1})),
        item(json!([2])),
        item(json!({"long": "x".repeat(OBJECT_BYTES_MAX)})),
        item(json!({"n": 4})),
    ];
    let outcomes = sink.deliver(&items).await.unwrap();
    let is_rejected = |at: usize| matches!(outcomes[at], Outcome::Rejected(_));
    assert_eq!([0, 1, 2, 3].map(is_rejected), [false, true, true, false]);
    sink.flush(&cut("1")).await.unwrap();
    assert_eq!(
        text(&store, "staging/t/shard-0-1.jsonl").await,
        "{\"n\":1}\n{\"n\":4}\n"
    );
}

#[tokio::test]
async fn a_manifest_of_somebody_else_is_not_loaded() {
    let (database, store) = (Slow::default(), Arc::new(InMemory::new()));
    let name = Path::from("staging/t/shard-0-1.jsonl.manifest");
    store
        .put(&name, PutPayload::from_static(b"{}"))
        .await
        .unwrap();
    let mut sink = sink(&database, &store);
    sink.deliver(&[item(json!({"n": 1}))]).await.unwrap();
    for _ in 0..2 {
        let error = sink.flush(&cut("1")).await.unwrap_err();
        assert!(error.message.contains("other contents"), "{error}");
    }
    assert_eq!(database.copies.load(Ordering::Relaxed), 0);
}
