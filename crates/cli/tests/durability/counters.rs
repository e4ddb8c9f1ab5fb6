//! Tables under load: conditional updates, as leases are renewed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType,
};
use tokio::task::JoinSet;

const TABLE: &str = "counters";
const COUNTERS: usize = 8;

/// Rows that only ever count up, each by one writer, over all rounds.
pub(crate) struct Counters {
    acknowledged: [AtomicU64; COUNTERS],
    is_ending: AtomicBool,
}

impl Counters {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            acknowledged: Default::default(),
            is_ending: AtomicBool::new(false),
        })
    }

    /// Updates that were acknowledged since the beginning.
    pub(crate) fn total(&self) -> u64 {
        self.acknowledged().iter().sum()
    }

    /// The same, row by row.
    pub(crate) fn acknowledged(&self) -> Vec<u64> {
        let counts = self.acknowledged.iter();
        counts.map(|count| count.load(Ordering::SeqCst)).collect()
    }

    /// What the rows of a table stand at.
    pub(crate) async fn stored(client: &Client) -> Vec<u64> {
        let mut found = Vec::new();
        for index in 0..COUNTERS {
            found.push(stored(client, index).await);
        }
        found
    }

    pub(crate) fn expect_the_end(&self) {
        self.is_ending.store(true, Ordering::SeqCst);
    }

    /// Makes the table.
    pub(crate) async fn create(client: &Client) {
        client
            .create_table()
            .table_name(TABLE)
            .billing_mode(BillingMode::PayPerRequest)
            .attribute_definitions(
                AttributeDefinition::builder()
                    .attribute_name("id")
                    .attribute_type(ScalarAttributeType::S)
                    .build()
                    .expect("name and type are set"),
            )
            .key_schema(
                KeySchemaElement::builder()
                    .attribute_name("id")
                    .key_type(KeyType::Hash)
                    .build()
                    .expect("name and type are set"),
            )
            .send()
            .await
            .expect("CreateTable");
    }

    /// Counts on from what the table holds; one line for each row that lost an acknowledged update or has one too many.
    pub(crate) async fn check(&self, client: &Client) -> Vec<String> {
        let mut faults = Vec::new();
        for (index, acknowledged) in self.acknowledged.iter().enumerate() {
            let stored = stored(client, index).await;
            let counted = acknowledged.load(Ordering::SeqCst);
            // The one update that was under way at the end may be there or not.
            if stored != counted && stored != counted + 1 {
                faults.push(format!(
                    "counter {index} stands at {stored}, acknowledged were {counted}"
                ));
            }
            acknowledged.store(stored, Ordering::SeqCst);
        }
        faults
    }

    /// Waits until so many updates are acknowledged.
    pub(crate) async fn until(&self, total: u64) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.total() < total {
            assert!(Instant::now() < deadline, "the updates stand still");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Starts one writer for each row.
    pub(crate) fn start(self: &Arc<Self>, client: &Client) -> JoinSet<Option<String>> {
        self.is_ending.store(false, Ordering::SeqCst);
        let mut tasks = JoinSet::new();
        for index in 0..COUNTERS {
            let (counters, client) = (Arc::clone(self), client.clone());
            tasks.spawn(async move { counters.count_up(&client, index).await });
        }
        tasks
    }

    /// Ends with the server; a fault if an update was refused before.
    async fn count_up(&self, client: &Client, index: usize) -> Option<String> {
        loop {
            let before = self.acknowledged[index].load(Ordering::SeqCst);
            let update = client
                .update_item()
                .table_name(TABLE)
                .key("id", AttributeValue::S(index.to_string()))
                .update_expression("SET n = :next")
                .condition_expression("attribute_not_exists(n) OR n = :before")
                .expression_attribute_values(":next", AttributeValue::N((before + 1).to_string()))
                .expression_attribute_values(":before", AttributeValue::N(before.to_string()));
            match update.send().await {
                Ok(_) => self.acknowledged[index].store(before + 1, Ordering::SeqCst),
                Err(_) if self.is_ending.load(Ordering::SeqCst) => return None,
                Err(error) => {
                    return Some(format!("counter {index}: {:?}: {error:?}", error.code()));
                }
            }
        }
    }
}

async fn stored(client: &Client, index: usize) -> u64 {
    let get = client
        .get_item()
        .table_name(TABLE)
        .consistent_read(true)
        .key("id", AttributeValue::S(index.to_string()));
    let item = get.send().await.expect("GetItem").item;
    item.and_then(|item| item.get("n")?.as_n().ok()?.parse().ok())
        .unwrap_or(0)
}
