//! `millstream records get`.

use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::operation::get_records::GetRecordsOutput;
use clap::ValueEnum;
use millstream_types::ShardId;
use tokio::time::{Instant, sleep};

use super::position::Position;
use super::show;
use crate::failure::Failure;
use crate::moment::Moment;
use crate::output::{self, Format};

/// Most records that one call asks for.
const PAGE_RECORDS_MAX: u32 = 1_000;
/// Between two looks for new records: a shard of AWS answers five times a second.
const PAUSE: Duration = Duration::from_millis(250);

/// Arguments of `millstream records get`.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(crate) struct Arguments {
    /// Name of the stream
    stream: String,
    /// The shard: `3`, `shardId-3` and `shardId-000000000003` are the same
    #[arg(long)]
    shard: ShardId,
    #[command(flatten)]
    start: Start,
    /// Stop after this many records
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// At the newest record, wait so long for more
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = humantime::parse_duration)]
    wait: Duration,
}

/// Where to start; from the oldest record if nothing is said.
#[derive(Debug, Clone, clap::Args)]
#[group(multiple = false)]
struct Start {
    /// Start at one of the shard's ends [default: trim-horizon]
    #[arg(long, value_enum, value_name = "END")]
    at: Option<End>,
    /// Start at the record of this sequence number
    #[arg(long, value_name = "NUMBER")]
    at_sequence_number: Option<String>,
    /// Start after the record of this sequence number
    #[arg(long, value_name = "NUMBER")]
    after_sequence_number: Option<String>,
    /// Start at the first record that arrived at this time or later: 2026-11-02T12:00:37Z, 1793620837.5, or
    /// how long ago (15m)
    #[arg(long, value_name = "TIME")]
    at_timestamp: Option<Moment>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum End {
    /// The oldest record that is kept
    TrimHorizon,
    /// After the newest record: shows what arrives while --wait lasts
    Latest,
}

impl Start {
    fn position(&self) -> Position {
        if let Some(number) = &self.at_sequence_number {
            Position::At(number.clone())
        } else if let Some(number) = &self.after_sequence_number {
            Position::After(number.clone())
        } else if let Some(Moment(time)) = self.at_timestamp {
            Position::Since(time)
        } else {
            match self.at {
                None | Some(End::TrimHorizon) => Position::TrimHorizon,
                Some(End::Latest) => Position::Latest,
            }
        }
    }
}

pub(super) async fn run(
    client: &Client,
    format: Format,
    arguments: &Arguments,
) -> Result<(), Failure> {
    let shard = arguments.shard.to_string();
    let mut iterator = arguments
        .start
        .position()
        .iterator(client, &arguments.stream, &shard)
        .await?;
    let mut left = arguments.limit;
    let mut last = None;
    let deadline = Instant::now() + arguments.wait;
    loop {
        let page = client
            .get_records()
            .shard_iterator(&iterator)
            .limit(i32::try_from(left.min(PAGE_RECORDS_MAX)).expect("at most a page"))
            .send()
            .await
            .map_err(|error| Failure::of("GetRecords", error))?;
        print(&shard, &page, format)?;
        left = left.saturating_sub(u32::try_from(page.records.len()).unwrap_or(u32::MAX));
        if let Some(record) = page.records.last() {
            last = Some(record.sequence_number.clone());
        }
        // A closed shard tells its end only in the answer after its last record.
        let is_at_tip = page.records.is_empty() && page.millis_behind_latest.unwrap_or(0) == 0;
        let Some(next) = page.next_shard_iterator else {
            say_end(
                &shard,
                page.child_shards
                    .unwrap_or_default()
                    .iter()
                    .map(|child| child.shard_id.as_str()),
            );
            return Ok(());
        };
        if left == 0 {
            say_limit(arguments.limit, last.as_deref());
            return Ok(());
        }
        if is_at_tip {
            if Instant::now() + PAUSE > deadline {
                say_tip(last.is_none(), &arguments.stream);
                return Ok(());
            }
            sleep(PAUSE).await;
        }
        iterator = next;
    }
}

fn print(shard: &str, page: &GetRecordsOutput, format: Format) -> Result<(), Failure> {
    let mut text = String::new();
    for record in &page.records {
        if format.json {
            text.push_str(&show::as_json(shard, record, None).to_string());
        } else {
            text.push_str(&show::as_row(&record.sequence_number, record));
        }
        text.push('\n');
    }
    output::print_all(&text)
}

fn say_end<'a>(shard: &str, children: impl Iterator<Item = &'a str>) {
    let children: Vec<&str> = children.collect();
    output::say(&format!(
        "end of {shard}, which was split or merged; the stream goes on in {}",
        children.join(" and ")
    ));
}

fn say_limit(limit: u32, last: Option<&str>) {
    if let Some(number) = last {
        output::say(&format!(
            "stopped after --limit {limit}; go on with --after-sequence-number {number}"
        ));
    }
}

fn say_tip(is_nothing_read: bool, stream: &str) {
    if is_nothing_read {
        output::say(&format!(
            "no records there; `millstream records tail {stream}` waits for new ones"
        ));
    }
}
