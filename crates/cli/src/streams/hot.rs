//! `millstream streams hot`.

use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::{Record, ShardIteratorType};
use millstream_scaling::{HotKeys, Middle, Weighed, middle_of};
use millstream_types::{HashKey, SystemClock, WallClock};
use serde_json::{Value, json};

use super::shards::{hash_keys, is_open, list_shards};
use crate::failure::Failure;
use crate::output::{self, Format};

/// Keys of which none is missed that takes more than one part in so many.
const KEYS_MAX: usize = 2_000;
/// Records of a shard of which the middle is found.
const SAMPLE_MAX: usize = 20_000;

/// Arguments of `millstream streams hot`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Name of the stream
    stream: String,
    /// How much of the past is read
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = humantime::parse_duration)]
    over: Duration,
    /// Keys that are shown
    #[arg(long, value_name = "N", default_value_t = 10)]
    top: usize,
    /// Records that are read of one shard at most
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    records_max: u64,
}

/// What was read of a shard.
struct Shard {
    id: String,
    records: u64,
    bytes: u64,
    is_all: bool,
    middle: Middle,
}

/// What was read of all.
struct Heat {
    by_records: HotKeys<String>,
    by_bytes: HotKeys<String>,
    shards: Vec<Shard>,
}

pub(super) async fn run(
    client: &Client,
    format: Format,
    arguments: &Arguments,
) -> Result<(), Failure> {
    let mut heat = Heat {
        by_records: HotKeys::new(KEYS_MAX),
        by_bytes: HotKeys::new(KEYS_MAX),
        shards: Vec::new(),
    };
    let over_ms = u64::try_from(arguments.over.as_millis()).unwrap_or(u64::MAX);
    let since = i64::try_from(SystemClock.now().0.saturating_sub(over_ms)).unwrap_or(i64::MAX);
    for shard in list_shards(client, &arguments.stream, None).await? {
        if is_open(&shard) {
            heat.read(client, arguments, &shard, DateTime::from_millis(since))
                .await?;
        }
    }
    if format.json {
        return output::print_json(&heat.as_json(arguments));
    }
    output::print_all(&heat.text(arguments))
}

impl Heat {
    async fn read(
        &mut self,
        client: &Client,
        arguments: &Arguments,
        shard: &aws_sdk_kinesis::types::Shard,
        since: DateTime,
    ) -> Result<(), Failure> {
        let mut read = Shard {
            id: shard.shard_id.clone(),
            records: 0,
            bytes: 0,
            is_all: true,
            middle: Middle::Unknown,
        };
        let mut sample: Vec<(HashKey, u64)> = Vec::new();
        let given = client
            .get_shard_iterator()
            .stream_name(&arguments.stream)
            .shard_id(&shard.shard_id)
            .shard_iterator_type(ShardIteratorType::AtTimestamp)
            .timestamp(since)
            .send()
            .await
            .map_err(|error| Failure::of("GetShardIterator", error))?;
        let mut iterator = given.shard_iterator;
        while let Some(from) = iterator {
            let answer = client.get_records().shard_iterator(from).send().await;
            let answer = answer.map_err(|error| Failure::of("GetRecords", error))?;
            for record in &answer.records {
                self.add(record, &mut read, &mut sample);
            }
            let is_at_tip = answer.millis_behind_latest.unwrap_or(0) == 0;
            if !is_at_tip && read.records >= arguments.records_max {
                read.is_all = false;
                break;
            }
            iterator = answer.next_shard_iterator.filter(|_| !is_at_tip);
        }
        if let Some(range) = hash_keys(shard) {
            sample.retain(|(key, _)| range.contains(*key));
            read.middle = middle_of(&mut sample, range);
        }
        self.shards.push(read);
        Ok(())
    }

    fn add(&mut self, record: &Record, shard: &mut Shard, sample: &mut Vec<(HashKey, u64)>) {
        let key = record.partition_key.clone().unwrap_or_default();
        let bytes = (record.data.as_ref().len() + key.len()) as u64;
        shard.records += 1;
        shard.bytes += bytes;
        if sample.len() < SAMPLE_MAX {
            sample.push((HashKey::of_partition_key(&key), bytes));
        }
        self.by_bytes.add(key.clone(), bytes);
        self.by_records.add(key, 1);
    }

    fn as_json(&self, arguments: &Arguments) -> Value {
        let keys = |sketch: &HotKeys<String>| -> Vec<Value> {
            let top = sketch.top(arguments.top).into_iter();
            top.map(|Weighed { key, least, most }| json!({"PartitionKey": key, "AtLeast": least, "AtMost": most}))
                .collect()
        };
        let shards = self.shards.iter().map(|shard| {
            json!({
                "ShardId": shard.id, "Records": shard.records, "Bytes": shard.bytes, "IsAll": shard.is_all,
                "Split": split(&shard.middle),
            })
        });
        json!({
            "Records": self.by_records.total(), "Bytes": self.by_bytes.total(),
            "ByRecords": keys(&self.by_records), "ByBytes": keys(&self.by_bytes), "Shards": shards.collect::<Vec<_>>(),
        })
    }

    fn text(&self, arguments: &Arguments) -> String {
        let mut text = String::new();
        for (name, sketch) in [("RECORDS", &self.by_records), ("BYTES", &self.by_bytes)] {
            let total = sketch.total().max(1);
            let rows: Vec<Vec<String>> = sketch
                .top(arguments.top)
                .into_iter()
                .map(|Weighed { key, least, most }| {
                    let amount = if least == most {
                        least.to_string()
                    } else {
                        format!("{least} to {most}")
                    };
                    let share = 100.0 * least as f64 / total as f64;
                    vec![output::one_line(&key), amount, format!("{share:.1} %")]
                })
                .collect();
            text.push_str(&output::table(&["KEY", name, "SHARE"], &rows));
            text.push('\n');
        }
        let most = self
            .shards
            .iter()
            .map(|shard| shard.bytes)
            .max()
            .unwrap_or(0);
        let mean = self.by_bytes.total() as f64 / self.shards.len().max(1) as f64;
        if mean > 0.0 {
            let imbalance = most as f64 / mean;
            text.push_str(&format!(
                "The busiest shard takes {imbalance:.2} times the mean.\n\n"
            ));
        }
        let rows: Vec<Vec<String>> = self
            .shards
            .iter()
            .map(|shard| {
                let sign = if shard.is_all { "" } else { ">" };
                vec![
                    shard.id.clone(),
                    format!("{sign}{}", shard.records),
                    format!("{sign}{}", shard.bytes),
                    split(&shard.middle).unwrap_or_else(|| "-".to_owned()),
                ]
            })
            .collect();
        text.push_str(&output::table(
            &["SHARD", "RECORDS", "BYTES", "A SPLIT"],
            &rows,
        ));
        text
    }
}

/// What a split would do.
fn split(middle: &Middle) -> Option<String> {
    match middle {
        Middle::Unknown => None,
        Middle::At(cut) => Some(format!("at {} leaves half on either side", cut.key)),
        Middle::OneKey(hot) => Some(format!(
            "does not help: one key has {:.0} %",
            100.0 * hot.share
        )),
    }
}
