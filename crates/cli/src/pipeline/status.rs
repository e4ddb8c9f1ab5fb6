//! `millstream pipeline status`: where the pipeline is, shard by shard, from its lease tables, and what its workers count.

use std::path::Path;

use aws_sdk_kinesis::types::ShardIteratorType;
use millstream_consumer::{Checkpoint, DynamoDbLeaseTable, Lease, LeaseTable, LeaseTableError};
use millstream_pipeline::runner::{
    Clients, REPORT_AGE_MAX, Reports, ShardProgress, SinkReport, Stage, WorkerReport,
};
use millstream_types::{SystemClock, WallClock};
use serde_json::{Value, json};

use super::file;
use crate::connection::Connection;
use crate::failure::Failure;
use crate::output::{self, Format};

/// One shard of one stage.
struct Row {
    stage: Stage,
    lease: Lease,
    behind: Option<i64>,
    /// What its owner says of it.
    progress: Option<ShardProgress>,
}

pub(super) async fn run(
    connection: &Connection,
    format: Format,
    path: &Path,
) -> Result<(), Failure> {
    let pipeline = file::read(path)?;
    let clients = super::clients(connection).await?;
    let mut rows = stage(
        &clients,
        Stage::Source,
        &pipeline.application(),
        &pipeline.source.stream,
    )
    .await?;
    if pipeline.window.is_some() {
        let stream = pipeline.intermediate_stream();
        rows.extend(
            stage(
                &clients,
                Stage::Windows,
                &pipeline.merge_application(),
                &stream,
            )
            .await?,
        );
    }
    let workers = living(&clients, &pipeline.state_table()).await?;
    for row in &mut rows {
        let owner = workers
            .iter()
            .find(|worker| Some(&worker.worker_id) == row.lease.lease_owner.as_ref());
        let shards = owner.map_or(&[][..], |owner| &owner.shards);
        let own = shards
            .iter()
            .find(|shard| shard.stage == row.stage && shard.shard_id == row.lease.lease_key);
        row.progress = own.cloned();
    }
    let sinks = all_sinks(&workers);
    if format.json {
        rows.iter()
            .try_for_each(|row| output::print_json(&row_json(row)))?;
        return sinks
            .iter()
            .try_for_each(|sink| output::print_json(&sink_json(sink)));
    }
    let lines: Vec<Vec<String>> = rows.iter().map(cells).collect();
    let header = [
        "STAGE",
        "SHARD",
        "OWNER",
        "BEHIND",
        "IN",
        "OUT",
        "REJECTED",
        "CHECKPOINT",
        "ERROR",
    ];
    output::print_all(&output::table(&header, &lines))?;
    if sinks.is_empty() {
        return Ok(());
    }
    let lines: Vec<Vec<String>> = sinks.iter().map(sink_cells).collect();
    let header = [
        "SINK",
        "DELIVERED",
        "REJECTED",
        "RETRIED",
        "SKIPPED",
        "FLUSH",
        "ERROR",
    ];
    output::print_all(&format!("\n{}", output::table(&header, &lines)))
}

/// What the workers say that live.
async fn living(clients: &Clients, table: &str) -> Result<Vec<WorkerReport>, Failure> {
    let reports = Reports::new(clients.dynamodb.clone(), table).all().await;
    let mut reports = reports.map_err(|error| Failure::Setup(error.to_string()))?;
    let now_ms = i64::try_from(SystemClock.now().0).unwrap_or(i64::MAX);
    let age_max_ms = i64::try_from(REPORT_AGE_MAX.as_millis()).unwrap_or(i64::MAX);
    reports.retain(|report| now_ms.saturating_sub(report.at_ms) <= age_max_ms);
    Ok(reports)
}

/// The sinks of all workers together.
fn all_sinks(workers: &[WorkerReport]) -> Vec<SinkReport> {
    let mut sinks: Vec<SinkReport> = Vec::new();
    for sink in workers.iter().flat_map(|worker| &worker.sinks) {
        match sinks.iter_mut().find(|other| other.name == sink.name) {
            Some(all) => {
                all.delivered += sink.delivered;
                all.delivered_bytes += sink.delivered_bytes;
                all.rejected += sink.rejected;
                all.retried += sink.retried;
                all.skipped += sink.skipped;
                all.flush_ms += sink.flush_ms;
                all.flushes += sink.flushes;
                all.last_error = all.last_error.take().or_else(|| sink.last_error.clone());
            }
            None => sinks.push(sink.clone()),
        }
    }
    sinks
}

fn row_json(row: &Row) -> Value {
    let of = |number: fn(&ShardProgress) -> u64| row.progress.as_ref().map(number);
    let error = row.progress.as_ref().and_then(|own| own.last_error.clone());
    json!({
        "Stage": row.stage.to_string(),
        "ShardId": row.lease.lease_key,
        "Owner": row.lease.lease_owner,
        "Checkpoint": row.lease.checkpoint.to_string(),
        "MillisBehindLatest": row.behind,
        "RecordsIn": of(|own| own.records_in),
        "BytesIn": of(|own| own.bytes_in),
        "ValuesOut": of(|own| own.values_out),
        "Rejected": of(|own| own.rejected),
        "LastError": error,
    })
}

fn sink_json(sink: &SinkReport) -> Value {
    json!({
        "Sink": sink.name,
        "Delivered": sink.delivered,
        "DeliveredBytes": sink.delivered_bytes,
        "Rejected": sink.rejected,
        "Retried": sink.retried,
        "Skipped": sink.skipped,
        "Flushes": sink.flushes,
        "FlushMillis": sink.flush_ms,
        "LastError": sink.last_error,
    })
}

fn sink_cells(sink: &SinkReport) -> Vec<String> {
    let flush = sink.flush_ms.checked_div(sink.flushes);
    vec![
        sink.name.clone(),
        sink.delivered.to_string(),
        sink.rejected.to_string(),
        sink.retried.to_string(),
        sink.skipped.to_string(),
        flush.map_or_else(|| "-".to_owned(), |ms| format!("{ms}ms")),
        sink.last_error
            .as_deref()
            .map_or_else(|| "-".to_owned(), output::one_line),
    ]
}

fn cells(row: &Row) -> Vec<String> {
    let lease = &row.lease;
    let behind = match row.behind {
        _ if lease.is_finished() => "done".to_owned(),
        Some(ms) => humantime::format_duration(std::time::Duration::from_millis(ms.unsigned_abs()))
            .to_string(),
        None => "-".to_owned(),
    };
    let of = |number: fn(&ShardProgress) -> u64| {
        let own = row.progress.as_ref().map(number);
        own.map_or_else(|| "-".to_owned(), |number| number.to_string())
    };
    let error = row
        .progress
        .as_ref()
        .and_then(|own| own.last_error.as_deref());
    vec![
        row.stage.to_string(),
        lease.lease_key.clone(),
        lease.lease_owner.clone().unwrap_or_else(|| "-".to_owned()),
        behind,
        of(|own| own.records_in),
        of(|own| own.values_out),
        of(|own| own.rejected),
        lease.checkpoint.to_string(),
        error.map_or_else(|| "-".to_owned(), output::one_line),
    ]
}

async fn stage(
    clients: &Clients,
    stage: Stage,
    table: &str,
    stream: &str,
) -> Result<Vec<Row>, Failure> {
    let leases = match DynamoDbLeaseTable::new(clients.dynamodb.clone(), table)
        .list()
        .await
    {
        Ok(leases) => leases,
        Err(LeaseTableError::Missing(_)) => Vec::new(),
        Err(error) => return Err(Failure::Setup(format!("lease table {table}: {error}"))),
    };
    let mut rows = Vec::new();
    for lease in leases {
        let behind = behind(clients, stream, &lease).await;
        rows.push(Row {
            stage,
            lease,
            behind,
            progress: None,
        });
    }
    Ok(rows)
}

/// How far the shard's checkpoint is behind its tip, in milliseconds; nothing if it cannot be told.
async fn behind(clients: &Clients, stream: &str, lease: &Lease) -> Option<i64> {
    let request = clients
        .kinesis
        .get_shard_iterator()
        .stream_name(stream)
        .shard_id(&lease.lease_key);
    let request = match &lease.checkpoint {
        Checkpoint::At(place) => request
            .shard_iterator_type(ShardIteratorType::AfterSequenceNumber)
            .starting_sequence_number(place.sequence_number()),
        Checkpoint::TrimHorizon => request.shard_iterator_type(ShardIteratorType::TrimHorizon),
        Checkpoint::Latest | Checkpoint::AtTimestamp | Checkpoint::ShardEnd => return None,
    };
    let iterator = request.send().await.ok()?.shard_iterator;
    let read = clients
        .kinesis
        .get_records()
        .set_shard_iterator(iterator)
        .limit(1)
        .send()
        .await
        .ok()?;
    // One record was read: what is behind it is what is left.
    let first = read
        .records()
        .first()
        .and_then(|record| record.approximate_arrival_timestamp().cloned());
    let behind = read.millis_behind_latest().unwrap_or(0);
    Some(if first.is_some() {
        behind.max(1)
    } else {
        behind
    })
}
