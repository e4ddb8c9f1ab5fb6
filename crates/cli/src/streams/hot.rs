//! `millstream streams hot`.

mod told;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::{Record, ShardIteratorType};
use millstream_scaling::{Middle, middle_of};
use millstream_types::{
    HashKey, HeavyKey, HotKeys, KeyWeight, ShardHeat, SystemClock, TimestampMs, WallClock,
};
use millstream_wire::hot_keys;
use serde_json::{Value, json};

use self::told::Told;
use super::shards::{hash_keys, is_open, list_shards};
use crate::failure::Failure;
use crate::output::{self, Format};

/// Keys of which none is missed that takes more than one part in so many of what is read.
const PARTS: usize = 2_000;
/// Records of a shard of which the middle is found.
const SAMPLE_MAX: usize = 20_000;
/// Records of a first answer that the server may tell more with.
const FIRST_RECORDS: i32 = 1_000;
/// What is read where the server does not count.
const OVER: Duration = Duration::from_secs(60);

/// Arguments of `millstream streams hot`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Name of the stream
    stream: String,
    /// Reads so much of the past, whether or not the server counts keys (`millstream serve --hot-keys on`); where it does not, a
    /// minute is read without this
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    over: Option<Duration>,
    /// Keys that are shown
    #[arg(long, value_name = "N", default_value_t = 10)]
    top: usize,
    /// Records that are read of one shard at most
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    records_max: u64,
}

/// What is known of a shard.
struct Shard {
    id: String,
    total: KeyWeight,
    /// Whether all that came in the time was read, or counted.
    is_all: bool,
    /// Where the server counts.
    counted_since: Option<TimestampMs>,
    is_sampled: bool,
    middle: Middle,
}

/// What is known of all.
struct Heat {
    /// Of the shards of which the server told nothing.
    read: HotKeys,
    /// The heaviest, of what was told and of what was read.
    keys: BTreeMap<Box<str>, HeavyKey>,
    shards: Vec<Shard>,
}

/// Of the two that a key weighs.
type Weighed = fn(KeyWeight) -> u64;

pub(super) async fn run(
    client: &Client,
    format: Format,
    arguments: &Arguments,
) -> Result<(), Failure> {
    let mut heat = Heat {
        read: HotKeys::new(PARTS),
        keys: BTreeMap::new(),
        shards: Vec::new(),
    };
    let over_ms = arguments.over.unwrap_or(OVER).as_millis();
    let over_ms = u64::try_from(over_ms).unwrap_or(u64::MAX);
    let since = i64::try_from(SystemClock.now().0.saturating_sub(over_ms)).unwrap_or(i64::MAX);
    for shard in list_shards(client, &arguments.stream, None).await? {
        if is_open(&shard) {
            heat.look(client, arguments, &shard, DateTime::from_millis(since))
                .await?;
        }
    }
    heat.merge(HotKeys::heaviest(&[&heat.read], arguments.top));
    if format.json {
        return output::print_json(&heat.as_json(arguments));
    }
    output::print_all(&heat.text(arguments))
}

impl Heat {
    /// Asks for what the server has counted of a shard; where it has not, reads.
    async fn look(
        &mut self,
        client: &Client,
        arguments: &Arguments,
        shard: &aws_sdk_kinesis::types::Shard,
        since: DateTime,
    ) -> Result<(), Failure> {
        let mut seen = Shard {
            id: shard.shard_id.clone(),
            total: KeyWeight::default(),
            is_all: true,
            counted_since: None,
            is_sampled: false,
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
        let mut asks = arguments.over.is_none();
        while let Some(from) = iterator {
            let told = Told::default();
            let get = client.get_records().shard_iterator(from);
            let answer = match std::mem::take(&mut asks) {
                false => get.send().await,
                true => {
                    let count = arguments.top.to_string();
                    let asked = get.limit(FIRST_RECORDS).customize();
                    let asked = asked.mutate_request(move |request| {
                        request
                            .headers_mut()
                            .insert(hot_keys::HEADER, count.clone());
                    });
                    asked.interceptor(told.clone()).send().await
                }
            };
            let answer = answer.map_err(|error| Failure::of("GetRecords", error))?;
            sampled(&answer.records, &mut sample);
            if let Some(counted) = told.heat() {
                self.tell(counted, &mut seen);
                break;
            }
            for record in &answer.records {
                self.add(record, &mut seen);
            }
            let is_at_tip = answer.millis_behind_latest.unwrap_or(0) == 0;
            if !is_at_tip && seen.total.records >= arguments.records_max {
                seen.is_all = false;
                break;
            }
            iterator = answer.next_shard_iterator.filter(|_| !is_at_tip);
        }
        if let Some(range) = hash_keys(shard) {
            sample.retain(|(key, _)| range.contains(*key));
            seen.middle = middle_of(&mut sample, range);
        }
        self.shards.push(seen);
        Ok(())
    }

    fn tell(&mut self, counted: ShardHeat, shard: &mut Shard) {
        shard.total = counted.total;
        shard.counted_since = Some(counted.since);
        shard.is_sampled = counted.is_sampled;
        self.merge(counted.keys);
    }

    /// A key that comes in several shards, by explicit hash keys, has what it has in all of them.
    fn merge(&mut self, keys: Vec<HeavyKey>) {
        for one in keys {
            match self.keys.get_mut(&one.key) {
                None => {
                    self.keys.insert(one.key.clone(), one);
                }
                Some(known) => {
                    known.least += one.least;
                    known.most += one.most;
                }
            }
        }
    }

    fn add(&mut self, record: &Record, shard: &mut Shard) {
        let key = record.partition_key.as_deref().unwrap_or_default();
        let weight = KeyWeight {
            records: 1,
            bytes: size_bytes(record),
        };
        shard.total += weight;
        self.read.add(key, weight);
    }

    /// The heaviest keys by one of the two weights.
    fn top(&self, count: usize, of: Weighed) -> Vec<&HeavyKey> {
        let mut keys: Vec<&HeavyKey> = self.keys.values().collect();
        keys.sort_by(|one, other| {
            let heavier = of(other.least).cmp(&of(one.least));
            heavier.then_with(|| one.key.cmp(&other.key))
        });
        keys.truncate(count);
        keys
    }

    fn total(&self) -> KeyWeight {
        let mut total = KeyWeight::default();
        for shard in &self.shards {
            total += shard.total;
        }
        total
    }

    fn is_sampled(&self) -> bool {
        self.shards.iter().any(|shard| shard.is_sampled)
    }

    fn as_json(&self, arguments: &Arguments) -> Value {
        let keys = |of: Weighed| -> Vec<Value> {
            let top = self.top(arguments.top, of).into_iter();
            top.map(|HeavyKey { key, least, most }| json!({"PartitionKey": key, "AtLeast": of(*least), "AtMost": of(*most)}))
                .collect()
        };
        let shards = self.shards.iter().map(|shard| {
            json!({
                "ShardId": shard.id, "Records": shard.total.records, "Bytes": shard.total.bytes, "IsAll": shard.is_all,
                "CountedSince": shard.counted_since.map(|since| since.0), "IsSampled": shard.is_sampled,
                "Split": split(&shard.middle),
            })
        });
        let KeyWeight { records, bytes } = self.total();
        json!({
            "Records": records, "Bytes": bytes, "IsSampled": self.is_sampled(),
            "ByRecords": keys(|weight| weight.records), "ByBytes": keys(|weight| weight.bytes),
            "Shards": shards.collect::<Vec<_>>(),
        })
    }

    fn text(&self, arguments: &Arguments) -> String {
        let mut text = self.keys_text(arguments.top);
        let bytes = |shard: &Shard| shard.total.bytes;
        let most = self.shards.iter().map(bytes).max().unwrap_or(0);
        let mean = self.total().bytes as f64 / self.shards.len().max(1) as f64;
        if mean > 0.0 {
            let imbalance = most as f64 / mean;
            text.push_str(&format!(
                "The busiest shard takes {imbalance:.2} times the mean.\n\n"
            ));
        }
        let row = |shard: &Shard| {
            let sign = match (shard.is_all, shard.is_sampled) {
                (false, _) => ">",
                (true, true) => "~",
                (true, false) => "",
            };
            let since = shard.counted_since.map(|since| {
                let ago_ms = SystemClock.now().ms_since(since);
                format!("{} s ago", ago_ms / 1_000)
            });
            vec![
                shard.id.clone(),
                format!("{sign}{}", shard.total.records),
                format!("{sign}{}", shard.total.bytes),
                since.unwrap_or_else(|| "-".to_owned()),
                split(&shard.middle).unwrap_or_else(|| "-".to_owned()),
            ]
        };
        let rows: Vec<Vec<String>> = self.shards.iter().map(row).collect();
        text.push_str(&output::table(
            &["SHARD", "RECORDS", "BYTES", "COUNTED SINCE", "A SPLIT"],
            &rows,
        ));
        text
    }

    fn keys_text(&self, top: usize) -> String {
        let mut text = String::new();
        let sign = if self.is_sampled() { "~" } else { "" };
        let weights: [(_, Weighed); 2] = [
            ("RECORDS", |weight| weight.records),
            ("BYTES", |weight| weight.bytes),
        ];
        for (name, of) in weights {
            let total = of(self.total()).max(1);
            let row = |HeavyKey { key, least, most }: &HeavyKey| {
                let (least, most) = (of(*least), of(*most));
                let amount = match least == most {
                    true => format!("{sign}{least}"),
                    false => format!("{sign}{least} to {most}"),
                };
                let share = 100.0 * least as f64 / total as f64;
                vec![output::one_line(key), amount, format!("{share:.1} %")]
            };
            let rows: Vec<Vec<String>> = self.top(top, of).into_iter().map(row).collect();
            text.push_str(&output::table(&["KEY", name, "SHARE"], &rows));
            text.push('\n');
        }
        text
    }
}

fn size_bytes(record: &Record) -> u64 {
    let key = record.partition_key.as_ref().map_or(0, String::len);
    (record.data.as_ref().len() + key) as u64
}

/// Adds to the records of which the middle is found.
fn sampled(records: &[Record], sample: &mut Vec<(HashKey, u64)>) {
    let room = SAMPLE_MAX.saturating_sub(sample.len());
    sample.extend(records.iter().take(room).map(|record| {
        let key = record.partition_key.as_deref().unwrap_or_default();
        (HashKey::of_partition_key(key), size_bytes(record))
    }));
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
