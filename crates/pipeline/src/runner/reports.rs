//! What workers say of themselves, for whoever asks how the pipeline is doing: one row for each worker in the table of
//! states, written again and again while it lives.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

use super::state_table::StateError;
use super::{ReadySink, ShardProgress, StageProgress};

/// How often a worker says how it is doing.
pub const REPORT_INTERVAL: Duration = Duration::from_secs(5);
/// A report that is older than this is of a worker that does not live any more.
pub const REPORT_AGE_MAX: Duration = Duration::from_secs(30);
/// Rows older than this are removed by whoever starts.
const KEPT_MS: i64 = 24 * 3600 * 1000;
/// Shards that a report names; a row may have 400 KB.
const SHARDS_MAX: usize = 1000;
const ERROR_BYTES_MAX: usize = 200;
const PREFIX: &str = "report/";

/// How one worker is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerReport {
    /// Which worker.
    pub worker_id: String,
    /// When it said so, in milliseconds since 1970.
    pub at_ms: i64,
    /// Its shards; at most 1,000 of them.
    pub shards: Vec<ShardProgress>,
    /// Its sinks.
    pub sinks: Vec<SinkReport>,
}

/// How a sink is doing on one worker, counted since the worker started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinkReport {
    /// Its name in the file.
    pub name: String,
    /// Items that arrived.
    pub delivered: u64,
    /// Their bytes, about.
    pub delivered_bytes: u64,
    /// Items that it will never take.
    pub rejected: u64,
    /// Tries after the first.
    pub retried: u64,
    /// Items that it has missed, being optional.
    pub skipped: u64,
    /// How long flushes took, in milliseconds, all together.
    pub flush_ms: u64,
    /// How many.
    pub flushes: u64,
    /// Why the last try failed, until one succeeds.
    pub last_error: Option<String>,
}

impl WorkerReport {
    pub(super) fn of(
        worker_id: &str,
        at_ms: i64,
        progress: &StageProgress,
        sinks: &[ReadySink],
    ) -> Self {
        let mut shards = progress.shards();
        shards.truncate(SHARDS_MAX);
        for shard in &mut shards {
            shorten(&mut shard.last_error);
        }
        let sink = |sink: &ReadySink| {
            let mut report = SinkReport::of(sink);
            shorten(&mut report.last_error);
            report
        };
        Self {
            worker_id: worker_id.to_owned(),
            at_ms,
            shards,
            sinks: sinks.iter().map(sink).collect(),
        }
    }
}

impl SinkReport {
    /// The numbers now.
    pub fn of(sink: &ReadySink) -> Self {
        let counts = sink.status.counts();
        Self {
            name: sink.spec.name.clone(),
            delivered: counts.delivered,
            delivered_bytes: counts.delivered_bytes,
            rejected: counts.rejected,
            retried: counts.retried,
            skipped: counts.skipped,
            flush_ms: counts.flush_ms,
            flushes: counts.flushes,
            last_error: counts.last_error,
        }
    }
}

fn shorten(error: &mut Option<String>) {
    if let Some(error) = error {
        error.truncate(error.floor_char_boundary(ERROR_BYTES_MAX));
    }
}

/// The reports of a pipeline's workers.
#[derive(Debug, Clone)]
pub struct Reports {
    client: Client,
    table: String,
}

impl Reports {
    /// Those in the table of states of this name, which must exist to be written to.
    pub fn new(client: Client, table: &str) -> Self {
        Self {
            client,
            table: table.to_owned(),
        }
    }

    /// All of them, old ones too; none if there is no such table.
    ///
    /// # Errors
    /// If the table does not answer.
    pub async fn all(&self) -> Result<Vec<WorkerReport>, StateError> {
        let rows = self.rows().await?;
        let report = |row: &HashMap<String, AttributeValue>| {
            serde_json::from_str(row.get("report")?.as_s().ok()?).ok()
        };
        Ok(rows.iter().filter_map(report).collect())
    }

    async fn rows(&self) -> Result<Vec<HashMap<String, AttributeValue>>, StateError> {
        let (mut rows, mut from) = (Vec::new(), None);
        loop {
            let scan = self
                .client
                .scan()
                .table_name(&self.table)
                .consistent_read(true)
                .projection_expression("#n, report")
                .filter_expression("begins_with(#n, :prefix)")
                .expression_attribute_names("#n", "name")
                .expression_attribute_values(":prefix", AttributeValue::S(PREFIX.to_owned()))
                .set_exclusive_start_key(from)
                .send();
            let page = match scan.await {
                Ok(page) => page,
                Err(error) if is_absent(&error) => return Ok(rows),
                Err(error) => return Err(failed(&error)),
            };
            from = page.last_evaluated_key().cloned();
            rows.extend(page.items.unwrap_or_default());
            if from.is_none() {
                return Ok(rows);
            }
        }
    }

    pub(super) async fn write(&self, report: &WorkerReport) -> Result<(), StateError> {
        let text =
            serde_json::to_string(report).map_err(|error| StateError::Table(error.to_string()))?;
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .item("name", AttributeValue::S(name(&report.worker_id)))
            .item("report", AttributeValue::S(text))
            .send();
        put.await.map(drop).map_err(|error| failed(&error))
    }

    pub(super) async fn remove(&self, worker_id: &str) -> Result<(), StateError> {
        let removed = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key("name", AttributeValue::S(name(worker_id)))
            .send();
        removed.await.map(drop).map_err(|error| failed(&error))
    }

    /// Removes the reports of workers that died long ago.
    pub(super) async fn sweep(&self, now_ms: i64) -> Result<(), StateError> {
        for report in self.all().await? {
            if now_ms.saturating_sub(report.at_ms) > KEPT_MS {
                self.remove(&report.worker_id).await?;
            }
        }
        Ok(())
    }
}

fn name(worker_id: &str) -> String {
    format!("{PREFIX}{worker_id}")
}

fn failed(error: &(impl std::error::Error + 'static)) -> StateError {
    StateError::Table(DisplayErrorContext(error).to_string())
}

fn is_absent<R>(
    error: &aws_sdk_dynamodb::error::SdkError<aws_sdk_dynamodb::operation::scan::ScanError, R>,
) -> bool {
    error
        .as_service_error()
        .is_some_and(aws_sdk_dynamodb::operation::scan::ScanError::is_resource_not_found_exception)
}
