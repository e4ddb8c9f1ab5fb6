//! Where the second stage keeps its state: in a DynamoDB table, in parts, each state under the place up to which it
//! holds and written once.
//!
//! A state counts from the checkpoint at its place on, which only the holder of the lease can take. So a worker that has
//! lost the lease writes states that nobody reads.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::io::{Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType, TableStatus,
};
use parking_lot::Mutex;
use tokio::time::sleep;

/// Bytes of one part: an item may have 400 KB.
const PART_BYTES: usize = 350 * 1024;
const TABLE_POLL: Duration = Duration::from_millis(200);
const TABLE_POLLS_MAX: u32 = 1500;
/// A state that is larger than this when it is read back was not written by us.
const STATE_BYTES_MAX: u64 = 2 << 30;

/// What the operations return. They borrow nothing.
pub type StateFuture<T> = Pin<Box<dyn Future<Output = Result<T, StateError>> + Send>>;

/// Why a state was not read or written.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// There is another state under this name.
    #[error("another state is kept under the name {0}")]
    Taken(String),
    /// The state, or a part of it, is not there.
    #[error(
        "the state {0} is not in the table of states: was the table deleted while the lease table was kept?"
    )]
    Missing(String),
    /// The table does not answer, or refuses.
    #[error("the table of states: {0}")]
    Table(String),
}

/// Keeps states, each under a name of its own.
pub trait StateStore: Send + Sync + fmt::Debug {
    /// Keeps a state. Again with the same state is no error.
    ///
    /// # Errors
    /// [`StateError::Taken`] if there is another one under this name.
    fn save(&self, name: &str, state: &[u8]) -> StateFuture<()>;

    /// Reads a state.
    ///
    /// # Errors
    /// [`StateError::Missing`] if it is not there, whole.
    fn load(&self, name: &str) -> StateFuture<Vec<u8>>;

    /// Forgets a state, if it is there.
    fn remove(&self, name: &str) -> StateFuture<()>;

    /// Forgets all states, and parts of states, whose names begin with `prefix` and come before `before` in the order of
    /// texts; how many rows that were.
    fn sweep(&self, prefix: &str, before: &str) -> StateFuture<usize>;
}

/// States in a table of the DynamoDB API.
#[derive(Debug, Clone)]
pub struct StateTable {
    client: Client,
    table: String,
}

fn table_error(error: &(impl std::error::Error + 'static)) -> StateError {
    StateError::Table(DisplayErrorContext(error).to_string())
}

impl StateTable {
    /// The table of this name.
    pub fn new(client: Client, table: &str) -> Self {
        Self {
            client,
            table: table.to_owned(),
        }
    }

    /// Makes the table unless it is there, and waits until it can be used.
    ///
    /// # Errors
    /// If it cannot be made.
    pub async fn ensure_exists(&self) -> Result<(), StateError> {
        let key = KeySchemaElement::builder()
            .attribute_name("name")
            .key_type(KeyType::Hash)
            .build();
        let kind = AttributeDefinition::builder()
            .attribute_name("name")
            .attribute_type(ScalarAttributeType::S)
            .build();
        let created = self
            .client
            .create_table()
            .table_name(&self.table)
            .billing_mode(BillingMode::PayPerRequest)
            .key_schema(key.map_err(|error| table_error(&error))?)
            .attribute_definitions(kind.map_err(|error| table_error(&error))?)
            .send()
            .await;
        if let Err(error) = created
            && error.code() != Some("ResourceInUseException")
        {
            return Err(table_error(&error));
        }
        for _ in 0..TABLE_POLLS_MAX {
            let described = self
                .client
                .describe_table()
                .table_name(&self.table)
                .send()
                .await;
            let described = described.map_err(|error| table_error(&error))?;
            let status = described
                .table()
                .and_then(|table| table.table_status().cloned());
            if matches!(status, Some(TableStatus::Active | TableStatus::Updating)) {
                return Ok(());
            }
            sleep(TABLE_POLL).await;
        }
        Err(StateError::Table("it does not become ACTIVE".to_owned()))
    }

    /// One row, if it is there.
    async fn row(
        &self,
        name: &str,
    ) -> Result<Option<std::collections::HashMap<String, AttributeValue>>, StateError> {
        let asked = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("name", AttributeValue::S(name.to_owned()))
            .consistent_read(true)
            .send()
            .await;
        Ok(asked.map_err(|error| table_error(&error))?.item)
    }

    async fn put(
        &self,
        name: &str,
        parts: usize,
        writer: &str,
        data: &[u8],
        is_new: bool,
    ) -> Result<bool, StateError> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .item("name", AttributeValue::S(name.to_owned()))
            .item("parts", AttributeValue::N(parts.to_string()))
            .item("writer", AttributeValue::S(writer.to_owned()))
            .item("data", AttributeValue::B(Blob::new(data)));
        let put = if is_new {
            put.condition_expression("attribute_not_exists(#n)")
                .expression_attribute_names("#n", "name")
        } else {
            put
        };
        match put.send().await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(false),
            Err(error) => Err(table_error(&error)),
        }
    }

    async fn save_parts(&self, name: &str, state: &[u8]) -> Result<(), StateError> {
        let packed = pack(state)?;
        let parts: Vec<&[u8]> = packed.chunks(PART_BYTES).collect();
        // The parts of two writers must not mix: all but the first are under the writer's own name.
        let writer = format!("{:016x}", rand::random::<u64>());
        for (index, part) in parts.iter().enumerate().skip(1) {
            self.put(
                &part_name(name, &writer, index),
                parts.len(),
                &writer,
                part,
                false,
            )
            .await?;
        }
        if self.put(name, parts.len(), &writer, parts[0], true).await? {
            return Ok(());
        }
        // An answer that was lost, or somebody else.
        let kept = self.load_parts(name).await?;
        if kept == state {
            return Ok(());
        }
        Err(StateError::Taken(name.to_owned()))
    }

    async fn load_parts(&self, name: &str) -> Result<Vec<u8>, StateError> {
        let missing = || StateError::Missing(name.to_owned());
        let first = self.row(name).await?.ok_or_else(missing)?;
        let number = first
            .get("parts")
            .and_then(|value| value.as_n().ok())
            .ok_or_else(missing)?;
        let parts: usize = number.parse().map_err(|_| missing())?;
        let writer = first
            .get("writer")
            .and_then(|value| value.as_s().ok())
            .ok_or_else(missing)?
            .clone();
        let data = |row: &std::collections::HashMap<String, AttributeValue>| {
            let data = row.get("data").and_then(|value| value.as_b().ok());
            data.map(|data| data.as_ref().to_vec()).ok_or_else(missing)
        };
        let mut packed = data(&first)?;
        for index in 1..parts {
            let row = self
                .row(&part_name(name, &writer, index))
                .await?
                .ok_or_else(missing)?;
            packed.extend(data(&row)?);
        }
        let mut state = Vec::new();
        let unpacked = flate2::read::GzDecoder::new(&packed[..])
            .take(STATE_BYTES_MAX)
            .read_to_end(&mut state);
        unpacked.map_err(|error| table_error(&error))?;
        Ok(state)
    }

    async fn remove_parts(&self, name: &str) -> Result<(), StateError> {
        let Some(first) = self.row(name).await? else {
            return Ok(());
        };
        let parts = first
            .get("parts")
            .and_then(|value| value.as_n().ok())
            .and_then(|number| number.parse().ok());
        let writer = first
            .get("writer")
            .and_then(|value| value.as_s().ok())
            .cloned()
            .unwrap_or_default();
        let mut names = vec![name.to_owned()];
        names.extend((1..parts.unwrap_or(1)).map(|index| part_name(name, &writer, index)));
        for name in names {
            self.delete(name).await?;
        }
        Ok(())
    }

    async fn delete(&self, name: String) -> Result<(), StateError> {
        let removed = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key("name", AttributeValue::S(name))
            .send();
        removed.await.map_err(|error| table_error(&error))?;
        Ok(())
    }

    async fn sweep_rows(&self, prefix: &str, before: &str) -> Result<usize, StateError> {
        let (mut from, mut swept) = (None, 0);
        loop {
            let scan = self
                .client
                .scan()
                .table_name(&self.table)
                .consistent_read(true)
                .projection_expression("#n")
                .filter_expression("begins_with(#n, :prefix) AND #n < :before")
                .expression_attribute_names("#n", "name")
                .expression_attribute_values(":prefix", AttributeValue::S(prefix.to_owned()))
                .expression_attribute_values(":before", AttributeValue::S(before.to_owned()))
                .set_exclusive_start_key(from)
                .send();
            let page = scan.await.map_err(|error| table_error(&error))?;
            let names = page
                .items()
                .iter()
                .filter_map(|row| row.get("name")?.as_s().ok());
            for name in names {
                self.delete(name.clone()).await?;
                swept += 1;
            }
            from = page.last_evaluated_key().cloned();
            if from.is_none() {
                return Ok(swept);
            }
        }
    }
}

/// Sorts behind the state, and before those of later places.
fn part_name(name: &str, writer: &str, index: usize) -> String {
    format!("{name}/{writer}/{index}")
}

fn pack(state: &[u8]) -> Result<Vec<u8>, StateError> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let packed = encoder.write_all(state).and_then(|()| encoder.finish());
    packed.map_err(|error| table_error(&error))
}

impl StateStore for StateTable {
    fn save(&self, name: &str, state: &[u8]) -> StateFuture<()> {
        let (table, name, state) = (self.clone(), name.to_owned(), state.to_vec());
        Box::pin(async move { table.save_parts(&name, &state).await })
    }

    fn load(&self, name: &str) -> StateFuture<Vec<u8>> {
        let (table, name) = (self.clone(), name.to_owned());
        Box::pin(async move { table.load_parts(&name).await })
    }

    fn remove(&self, name: &str) -> StateFuture<()> {
        let (table, name) = (self.clone(), name.to_owned());
        Box::pin(async move { table.remove_parts(&name).await })
    }

    fn sweep(&self, prefix: &str, before: &str) -> StateFuture<usize> {
        let (table, prefix, before) = (self.clone(), prefix.to_owned(), before.to_owned());
        Box::pin(async move { table.sweep_rows(&prefix, &before).await })
    }
}

/// States in memory, for tests. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct MemoryStates(Arc<Mutex<BTreeMap<String, Vec<u8>>>>);

impl StateStore for MemoryStates {
    fn save(&self, name: &str, state: &[u8]) -> StateFuture<()> {
        let mut states = self.0.lock();
        let kept = states
            .entry(name.to_owned())
            .or_insert_with(|| state.to_vec());
        let saved = if kept == state {
            Ok(())
        } else {
            Err(StateError::Taken(name.to_owned()))
        };
        Box::pin(std::future::ready(saved))
    }

    fn load(&self, name: &str) -> StateFuture<Vec<u8>> {
        let state = self.0.lock().get(name).cloned();
        Box::pin(std::future::ready(
            state.ok_or_else(|| StateError::Missing(name.to_owned())),
        ))
    }

    fn remove(&self, name: &str) -> StateFuture<()> {
        self.0.lock().remove(name);
        Box::pin(std::future::ready(Ok(())))
    }

    fn sweep(&self, prefix: &str, before: &str) -> StateFuture<usize> {
        let mut states = self.0.lock();
        let all = states.len();
        states.retain(|name, _| !name.starts_with(prefix) || &**name >= before);
        Box::pin(std::future::ready(Ok(all - states.len())))
    }
}
