//! `millstream pipeline status`: where the pipeline is, shard by shard, from its lease tables.

use std::path::Path;

use aws_sdk_kinesis::types::ShardIteratorType;
use millstream_consumer::{Checkpoint, DynamoDbLeaseTable, Lease, LeaseTable, LeaseTableError};
use millstream_pipeline::runner::Clients;
use serde_json::json;

use super::file;
use crate::connection::Connection;
use crate::failure::Failure;
use crate::output::{self, Format};

/// One shard of one stage.
struct Row {
    stage: &'static str,
    lease: Lease,
    behind: Option<i64>,
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
        "source",
        &pipeline.application(),
        &pipeline.source.stream,
    )
    .await?;
    if pipeline.window.is_some() {
        let stream = pipeline.intermediate_stream();
        rows.extend(stage(&clients, "windows", &pipeline.merge_application(), &stream).await?);
    }
    if format.json {
        for row in &rows {
            output::print_json(&json!({
                "Stage": row.stage,
                "ShardId": row.lease.lease_key,
                "Owner": row.lease.lease_owner,
                "Checkpoint": row.lease.checkpoint.to_string(),
                "MillisBehindLatest": row.behind,
            }))?;
        }
        return Ok(());
    }
    let lines: Vec<Vec<String>> = rows.iter().map(cells).collect();
    output::print_all(&output::table(
        &["STAGE", "SHARD", "OWNER", "BEHIND", "CHECKPOINT"],
        &lines,
    ))
}

fn cells(row: &Row) -> Vec<String> {
    let lease = &row.lease;
    let behind = match row.behind {
        _ if lease.is_finished() => "done".to_owned(),
        Some(ms) => humantime::format_duration(std::time::Duration::from_millis(ms.unsigned_abs()))
            .to_string(),
        None => "-".to_owned(),
    };
    vec![
        row.stage.to_owned(),
        lease.lease_key.clone(),
        lease.lease_owner.clone().unwrap_or_else(|| "-".to_owned()),
        behind,
        lease.checkpoint.to_string(),
    ]
}

async fn stage(
    clients: &Clients,
    stage: &'static str,
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
