//! Records as lines of output.

use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::Record;
use serde_json::{Map, Value};

use crate::moment;
use crate::output::{data_member, one_line, show_data};

/// The record as one JSON object; `index` says which of several that were joined to one it is.
pub(super) fn as_json(shard: &str, record: &Record, index: Option<u64>) -> Value {
    let (name, data) = data_member(record.data.as_ref());
    let mut members = Map::new();
    members.insert("ShardId".to_owned(), shard.into());
    members.insert(
        "SequenceNumber".to_owned(),
        record.sequence_number.as_str().into(),
    );
    if let Some(index) = index {
        members.insert("SubSequenceNumber".to_owned(), index.into());
    }
    members.insert(
        "ApproximateArrivalTimestamp".to_owned(),
        arrival(record).into(),
    );
    members.insert("PartitionKey".to_owned(), partition_key(record).into());
    members.insert(name.to_owned(), data);
    Value::Object(members)
}

/// The record as a row: time, `place` (a shard or a sequence number), partition key, data.
pub(super) fn as_row(place: &str, record: &Record) -> String {
    format!(
        "{}  {place}  {:<16}  {}",
        arrival(record),
        one_line(partition_key(record)),
        show_data(record.data.as_ref()),
    )
}

fn arrival(record: &Record) -> String {
    record
        .approximate_arrival_timestamp
        .as_ref()
        .map_or_else(|| moment::show(&DateTime::from_secs(0)), moment::show)
}

/// Absent only where the service chooses the shard without a key.
fn partition_key(record: &Record) -> &str {
    record.partition_key.as_deref().unwrap_or_default()
}
