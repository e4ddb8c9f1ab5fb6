//! `millstream streams describe`.

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::{Consumer, Shard, StreamDescriptionSummary};
use serde_json::{Value, json};

use super::consumers::{consumer_as_json, consumer_row, list_consumers};
use super::shards::{is_open, list_shards};
use super::wait::summary;
use crate::failure::Failure;
use crate::moment;
use crate::output::{self, Format};

/// Arguments of `millstream streams describe`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Name of the stream
    stream: String,
}

pub(super) async fn run(
    client: &Client,
    format: Format,
    arguments: &Arguments,
) -> Result<(), Failure> {
    let stream = summary(client, &arguments.stream).await?;
    let shards = match list_shards(client, &arguments.stream, None).await {
        Ok(shards) => shards,
        // A stream that is being created or deleted has a description but no list of shards.
        Err(failure) if failure.is("ResourceInUseException") => Vec::new(),
        Err(failure) => return Err(failure),
    };
    // Most streams have none, and whoever may not list them may still describe such a stream.
    let consumers = match stream.consumer_count {
        None | Some(0) => Vec::new(),
        Some(_) => list_consumers(client, &stream.stream_arn).await?,
    };
    if format.json {
        output::print_json(&as_json(&stream, &shards, &consumers))
    } else {
        output::print_all(&as_text(&stream, &shards, &consumers))
    }
}

fn mode(stream: &StreamDescriptionSummary) -> Option<&str> {
    let details = stream.stream_mode_details.as_ref()?;
    Some(details.stream_mode.as_str())
}

fn as_json(stream: &StreamDescriptionSummary, shards: &[Shard], consumers: &[Consumer]) -> Value {
    json!({
        "StreamName": stream.stream_name,
        "StreamARN": stream.stream_arn,
        "StreamStatus": stream.stream_status.as_str(),
        "StreamMode": mode(stream),
        "StreamCreationTimestamp": moment::show(&stream.stream_creation_timestamp),
        "RetentionPeriodHours": stream.retention_period_hours,
        "EncryptionType": stream.encryption_type.as_ref().map(|kind| kind.as_str()),
        "MaxRecordSizeInKiB": stream.max_record_size_in_kib,
        "OpenShardCount": stream.open_shard_count,
        "ConsumerCount": stream.consumer_count,
        "Shards": shards.iter().map(shard_as_json).collect::<Vec<_>>(),
        "Consumers": consumers.iter().map(consumer_as_json).collect::<Vec<_>>(),
    })
}

fn shard_as_json(shard: &Shard) -> Value {
    let keys = shard.hash_key_range.as_ref();
    let numbers = shard.sequence_number_range.as_ref();
    json!({
        "ShardId": shard.shard_id,
        "IsOpen": is_open(shard),
        "ParentShardId": shard.parent_shard_id,
        "AdjacentParentShardId": shard.adjacent_parent_shard_id,
        "StartingHashKey": keys.map(|range| &range.starting_hash_key),
        "EndingHashKey": keys.map(|range| &range.ending_hash_key),
        "StartingSequenceNumber": numbers.map(|range| &range.starting_sequence_number),
        "EndingSequenceNumber": numbers.and_then(|range| range.ending_sequence_number.as_ref()),
    })
}

fn as_text(stream: &StreamDescriptionSummary, shards: &[Shard], consumers: &[Consumer]) -> String {
    let facts = [
        ("stream", stream.stream_name.clone()),
        ("ARN", stream.stream_arn.clone()),
        ("status", stream.stream_status.as_str().to_owned()),
        ("mode", mode(stream).unwrap_or("-").to_owned()),
        ("created", moment::show(&stream.stream_creation_timestamp)),
        (
            "retention",
            format!("{} hours", stream.retention_period_hours),
        ),
        ("open shards", stream.open_shard_count.to_string()),
        ("consumers", stream.consumer_count.unwrap_or(0).to_string()),
    ];
    let mut text = String::new();
    for (name, value) in facts {
        text.push_str(&format!("{name:<13}{value}\n"));
    }
    if !shards.is_empty() {
        let rows: Vec<Vec<String>> = shards.iter().map(shard_row).collect();
        text.push('\n');
        text.push_str(&output::table(
            &["SHARD", "STATE", "PARENTS", "HASH KEYS"],
            &rows,
        ));
    }
    if !consumers.is_empty() {
        let rows: Vec<Vec<String>> = consumers.iter().map(consumer_row).collect();
        text.push('\n');
        text.push_str(&output::table(&["CONSUMER", "STATUS", "CREATED"], &rows));
    }
    text
}

fn shard_row(shard: &Shard) -> Vec<String> {
    let parents: Vec<&str> = [&shard.parent_shard_id, &shard.adjacent_parent_shard_id]
        .into_iter()
        .filter_map(|parent| parent.as_deref())
        .collect();
    let keys = shard
        .hash_key_range
        .as_ref()
        .map_or("-".to_owned(), |range| {
            format!("{}..={}", range.starting_hash_key, range.ending_hash_key)
        });
    vec![
        shard.shard_id.clone(),
        if is_open(shard) { "open" } else { "closed" }.to_owned(),
        if parents.is_empty() {
            "-".to_owned()
        } else {
            parents.join(" ")
        },
        keys,
    ]
}
