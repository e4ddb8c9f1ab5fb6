//! `millstream records put`.

mod batch;
mod input;
mod lines;

use std::collections::VecDeque;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use aws_sdk_kinesis::Client;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use millstream_types::HashKey;
use serde_json::json;

use self::batch::{Batch, Entry, Written};
use crate::failure::Failure;
use crate::output::{self, Format};

/// Arguments of `millstream records put`.
///
/// Records of one partition key keep their order, except that an entry which the service refused for the moment is
/// sent again after later ones of its batch.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Name of the stream
    stream: String,
    /// The record's data; without it and --file, every line of stdin is a record
    #[arg(conflicts_with = "file")]
    data: Option<String>,
    /// Read the data from a file, which is one record
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
    /// Every line of --file is a record. A line's end (LF or CR LF) does not belong to it
    #[arg(long, requires = "file")]
    lines: bool,
    /// The data is written in base64
    #[arg(long)]
    base64: bool,
    /// Partition key, which chooses the shard: the same key, the same shard. Without it every record gets a random one
    #[arg(long, value_name = "KEY")]
    partition_key: Option<String>,
    /// Hash key that chooses the shard instead of the partition key's MD5
    #[arg(long, value_name = "HASH-KEY")]
    explicit_hash_key: Option<HashKey>,
    /// How long to go on sending what the service refuses for the moment
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = humantime::parse_duration)]
    deadline: Duration,
}

pub(super) async fn run(
    client: &Client,
    format: Format,
    arguments: &Arguments,
) -> Result<(), Failure> {
    let mut printer = Printer::new(format);
    match (&arguments.data, &arguments.file) {
        (Some(data), _) => one(client, arguments, data.clone().into_bytes(), &mut printer).await,
        (None, Some(path)) if !arguments.lines => {
            let data = std::fs::read(path)
                .map_err(|error| Failure::local(path.display().to_string(), error))?;
            one(client, arguments, data, &mut printer).await
        }
        (None, Some(path)) => {
            let file = std::fs::File::open(path)
                .map_err(|error| Failure::local(path.display().to_string(), error))?;
            let lines = input::read(path.display().to_string(), file);
            many(client, arguments, lines, &mut printer).await
        }
        (None, None) => {
            if std::io::stdin().is_terminal() {
                output::say("every line is a record; end with Ctrl-D");
            }
            let lines = input::read("stdin".to_owned(), std::io::stdin());
            many(client, arguments, lines, &mut printer).await
        }
    }
}

async fn one(
    client: &Client,
    arguments: &Arguments,
    data: Vec<u8>,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let mut batch = Batch::default();
    batch.push(entry(arguments, data, 1)?);
    send(client, arguments, batch, printer).await
}

/// Sends lines as they come: when a batch is full, or when nothing more waits to be read.
async fn many(
    client: &Client,
    arguments: &Arguments,
    mut lines: input::Lines,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let mut waiting = VecDeque::new();
    let mut did_not_fit = None;
    let mut number = 0;
    loop {
        let mut batch = Batch::default();
        loop {
            let entry = if let Some(entry) = did_not_fit.take() {
                entry
            } else if let Some(line) = waiting.pop_front() {
                number += 1;
                entry(arguments, line, number)?
            } else {
                let more = if batch.is_empty() {
                    lines.next().await?
                } else {
                    lines.next_if_ready()?
                };
                match more {
                    Some(chunk) => waiting.extend(chunk),
                    None => break,
                }
                continue;
            };
            if !batch.has_room_for(&entry) {
                did_not_fit = Some(entry);
                break;
            }
            batch.push(entry);
        }
        if batch.is_empty() {
            output::say(&format!("{} records written", printer.written));
            return Ok(());
        }
        send(client, arguments, batch, printer).await?;
    }
}

async fn send(
    client: &Client,
    arguments: &Arguments,
    batch: Batch,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let (written, result) = batch
        .send(client, &arguments.stream, arguments.deadline)
        .await;
    printer.print(&written)?;
    match result {
        Err(failure) if printer.written > 0 => {
            output::say(&format!(
                "{} records were written before this:",
                printer.written
            ));
            Err(failure)
        }
        other => other,
    }
}

fn entry(arguments: &Arguments, data: Vec<u8>, number: u64) -> Result<Entry, Failure> {
    let data = if arguments.base64 {
        BASE64_STANDARD
            .decode(data.trim_ascii())
            .map_err(|error| Failure::Usage(format!("record {number} is not base64: {error}")))?
    } else {
        data
    };
    let partition_key = arguments
        .partition_key
        .clone()
        .unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    Ok(Entry {
        number,
        data,
        partition_key,
        explicit_hash_key: arguments.explicit_hash_key.map(|key| key.to_string()),
    })
}

/// Prints where records went, and counts them.
struct Printer {
    format: Format,
    written: u64,
}

impl Printer {
    fn new(format: Format) -> Self {
        Self { format, written: 0 }
    }

    fn print(&mut self, written: &[Written]) -> Result<(), Failure> {
        let mut text = String::new();
        for record in written {
            if self.format.json {
                let object = json!({
                    "ShardId": record.shard,
                    "SequenceNumber": record.sequence_number,
                    "PartitionKey": record.partition_key,
                });
                text.push_str(&object.to_string());
            } else {
                text.push_str(&format!("{}  {}", record.shard, record.sequence_number));
            }
            text.push('\n');
        }
        self.written += u64::try_from(written.len()).expect("a batch is small");
        output::print_all(&text)
    }
}
