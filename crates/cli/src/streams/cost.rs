//! What a stream, or an application with it, would cost on AWS.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use millstream_consumer::{DynamoDbLeaseTable, Lease, LeaseTable};
use millstream_scaling::lag::{
    arrived_since, by_stream, lease_tables, stream_and_leases, stream_of,
};
use millstream_scaling::{Bill, Mode, Prices, Usage};
use millstream_types::{SystemClock, TimestampMs, WallClock};
use serde_json::json;

use crate::failure::Failure;
use crate::looks::{Clients, failure};
use crate::output::{self, Format};
use crate::streams::shards::{is_open, list_shards};
use crate::streams::wait::summary;

/// What was looked at is cut into so many parts; the busiest is the peak.
const PARTS: u64 = 12;
/// How long an application is looked at, to count what it writes to its lease table.
const TABLE_LOOK: Duration = Duration::from_secs(12);
/// A worker reads the whole table once in so many seconds, as the KCL does by default.
const TABLE_READ_S: f64 = 10.0;
/// A row of a lease table takes about so many bytes.
const ROW_BYTES: f64 = 400.0;

/// Options of both commands.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How much of the past is looked at, of what is still kept
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = humantime::parse_duration)]
    period: Duration,
    /// A table of prices instead of the built-in one
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    /// How often all of it is read by polling; without it, once by each application whose leases fit the stream, but at
    /// least once
    #[arg(long, value_name = "N")]
    readers: Option<u32>,
    /// Metrics with a price of their own, of shards and applications
    #[arg(long, value_name = "N", default_value_t = 0)]
    metrics: u32,
    /// Records a second, instead of looking: where the service does not count, as on AWS
    #[arg(long, value_name = "N", requires = "record_bytes")]
    records_per_s: Option<f64>,
    /// Bytes of a record, data and partition key
    #[arg(long, value_name = "BYTES", requires = "records_per_s")]
    record_bytes: Option<f64>,
    /// The busiest second, as so many times the mean; with --records-per-s
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    peak: f64,
}

/// `millstream streams cost`.
pub(crate) async fn of_stream(
    clients: &Clients,
    format: Format,
    stream: &str,
    options: &Options,
) -> Result<(), Failure> {
    let prices = prices(options)?;
    let usage = usage(clients, stream, options).await?;
    print(stream, &usage, &prices, format)
}

/// `millstream apps cost`: the stream, and the lease table.
pub(crate) async fn of_application(
    clients: &Clients,
    format: Format,
    application: &str,
    stream: Option<String>,
    options: &Options,
) -> Result<(), Failure> {
    let prices = prices(options)?;
    let table = DynamoDbLeaseTable::new(clients.dynamodb.clone(), application);
    let list = || async { table.list().await.map_err(|error| failure(error.into())) };
    let before = list().await?;
    let named = stream.as_deref();
    let read = stream_and_leases(&clients.kinesis, application, named, before.clone()).await;
    let (stream, _) = read.map_err(failure)?;
    output::say(&format!(
        "counting what {application} writes for {}",
        humantime::format_duration(TABLE_LOOK)
    ));
    tokio::time::sleep(TABLE_LOOK).await;
    let after = list().await?;
    let mut usage = usage(clients, &stream, options).await?;
    // Counted and taken to be so all the time.
    let seconds = usage.hours * 3600.0;
    usage.table_writes = writes(&before, &after) as f64 / TABLE_LOOK.as_secs_f64() * seconds;
    usage.table_bytes = after.len() as f64 * ROW_BYTES;
    let units = (usage.table_bytes / 4096.0).ceil() / 2.0;
    usage.table_reads = workers(&after) as f64 * seconds / TABLE_READ_S * units;
    print(
        &format!("{application} and {stream}"),
        &usage,
        &prices,
        format,
    )
}

/// Renewals and checkpoints: each raises a lease's counter by one.
fn writes(before: &[Lease], after: &[Lease]) -> u64 {
    let risen = after.iter().map(|lease| {
        let known = before
            .iter()
            .find(|known| known.lease_key == lease.lease_key);
        lease
            .lease_counter
            .saturating_sub(known.map_or(0, |known| known.lease_counter))
    });
    risen.sum()
}

fn workers(leases: &[Lease]) -> usize {
    let mut owners: Vec<&str> = leases
        .iter()
        .filter_map(|lease| lease.lease_owner.as_deref())
        .collect();
    owners.sort_unstable();
    owners.dedup();
    owners.len()
}

fn prices(options: &Options) -> Result<Prices, Failure> {
    let Some(path) = &options.prices else {
        return Ok(Prices::of_repository());
    };
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::local(path.display().to_string(), error))?;
    Prices::parse(&text).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))
}

/// What came in the period, as the log has it, or as the options say.
async fn usage(clients: &Clients, stream: &str, options: &Options) -> Result<Usage, Failure> {
    let about = summary(&clients.kinesis, stream).await?;
    let hours = options.period.as_secs_f64() / 3600.0;
    if hours <= 0.0 {
        return Err(Failure::Usage("--period is longer than nothing".to_owned()));
    }
    let mut usage = Usage {
        hours,
        shards: f64::from(about.open_shard_count),
        retention_hours: f64::from(about.retention_period_hours),
        fan_out_consumers: f64::from(about.consumer_count.unwrap_or(0)),
        metrics: f64::from(options.metrics),
        ..Usage::default()
    };
    match (options.records_per_s, options.record_bytes) {
        (Some(records_per_s), Some(record_bytes)) => {
            usage.records = records_per_s * hours * 3600.0;
            usage.bytes = usage.records * record_bytes;
            usage.peak_records_per_s = records_per_s * options.peak.max(1.0);
            usage.peak_bytes_per_s = usage.peak_records_per_s * record_bytes;
        }
        _ => count(clients, stream, options.period, &mut usage).await?,
    }
    let readers = match options.readers {
        Some(readers) => readers,
        None => applications(clients, stream)
            .await?
            .saturating_sub(about.consumer_count.unwrap_or(0).max(0) as u32)
            .max(
                // Somebody reads what is written.
                u32::from(about.consumer_count.unwrap_or(0) == 0),
            ),
    };
    usage.read_bytes = usage.bytes * f64::from(readers);
    usage.fan_out_bytes = usage.bytes * usage.fan_out_consumers;
    Ok(usage)
}

/// Counts what is in the log: all of the period, and its parts.
async fn count(
    clients: &Clients,
    stream: &str,
    period: Duration,
    usage: &mut Usage,
) -> Result<(), Failure> {
    let now = SystemClock.now();
    let period_ms = u64::try_from(period.as_millis()).unwrap_or(u64::MAX);
    let shards = list_shards(&clients.kinesis, stream, None).await?;
    // What lies behind the beginning of each part, the last first; so each part is a difference.
    let mut before = (0.0, 0.0);
    let part_s = period.as_secs_f64() / PARTS as f64;
    for part in (0..PARTS).rev() {
        let since = TimestampMs(now.0.saturating_sub(period_ms - period_ms / PARTS * part));
        let mut total = (0.0, 0.0);
        for shard in &shards {
            let counted = arrived_since(&clients.kinesis, stream, &shard.shard_id, since).await;
            let Some(counted) = counted.map_err(failure)? else {
                return Err(Failure::Usage(
                    "this service does not count what came: say --records-per-s and --record-bytes"
                        .to_owned(),
                ));
            };
            total.0 += counted.records as f64;
            total.1 += counted.bytes as f64;
        }
        usage.peak_records_per_s = usage.peak_records_per_s.max((total.0 - before.0) / part_s);
        usage.peak_bytes_per_s = usage.peak_bytes_per_s.max((total.1 - before.1) / part_s);
        before = total;
    }
    (usage.records, usage.bytes) = before;
    usage.shards = shards.iter().filter(|shard| is_open(shard)).count() as f64;
    Ok(())
}

/// Applications whose leases fit the stream.
async fn applications(clients: &Clients, stream: &str) -> Result<u32, Failure> {
    let mut count = 0;
    for application in lease_tables(&clients.dynamodb).await.map_err(failure)? {
        let table = DynamoDbLeaseTable::new(clients.dynamodb.clone(), &application);
        let Ok(leases) = table.list().await else {
            continue;
        };
        let streams = by_stream(leases);
        let reads = match streams.get("") {
            Some(leases) => {
                let read = stream_of(&clients.kinesis, &application, leases).await;
                read.is_ok_and(|read| read == stream)
            }
            None => streams.contains_key(stream),
        };
        count += u32::from(reads);
    }
    Ok(count)
}

fn print(what: &str, usage: &Usage, prices: &Prices, format: Format) -> Result<(), Failure> {
    let month = usage.for_a_month();
    let bills: Vec<Bill> = Mode::ALL
        .into_iter()
        .map(|mode| month.bill(mode, prices))
        .collect();
    let cheapest_from = month.cheapest_from(prices);
    if format.json {
        return output::print_json(&json!({
            "Of": what, "Usage": usage, "Region": prices.region, "PricesOf": prices.date, "Month": bills,
            "ShardsNeeded": month.shards_needed(), "Cheapest": month.cheapest(prices), "CheapestFrom": cheapest_from,
        }));
    }
    output::print_all(&text(what, usage, prices, &bills, &cheapest_from))
}

fn text(
    what: &str,
    usage: &Usage,
    prices: &Prices,
    bills: &[Bill],
    cheapest_from: &[(f64, Mode)],
) -> String {
    let seconds = usage.hours * 3600.0;
    let mut text = format!(
        "{what}: {:.1} records/s, {:.0} bytes/s, at most {:.1} and {:.0}; {} open shards, the peak needs {}\n\
         A month like this in {}, at prices of {}, in dollars:\n\n",
        usage.records / seconds,
        usage.bytes / seconds,
        usage.peak_records_per_s,
        usage.peak_bytes_per_s,
        usage.shards,
        usage.shards_needed(),
        prices.region,
        prices.date,
    );
    let mut rows = Vec::new();
    for bill in bills {
        for line in &bill.lines {
            rows.push(vec![
                bill.mode.to_string(),
                line.what.to_owned(),
                format!("{:.3} {}", line.quantity, line.unit),
                format!("{}", line.price),
                format!("{:.2}", line.dollars),
            ]);
        }
        let all = vec![
            bill.mode.to_string(),
            "all".to_owned(),
            String::new(),
            String::new(),
            format!("{:.2}", bill.dollars),
        ];
        rows.push(all);
    }
    text.push_str(&output::table(
        &["MODE", "WHAT", "HOW MUCH", "EACH", "DOLLARS"],
        &rows,
    ));
    text.push_str("\nCheapest, if there are as many shards as the peak needs:\n");
    for (factor, mode) in cheapest_from {
        text.push_str(&format!(
            "  from {factor:.3} times this traffic on: {mode}\n"
        ));
    }
    text
}
