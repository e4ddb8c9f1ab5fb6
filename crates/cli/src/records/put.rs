//! `millstream records put`.

mod batch;
mod input;
mod lines;

use std::collections::VecDeque;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_sdk_kinesis::Client;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use millstream_types::HashKey;
use millstream_types::limits::RECORD_DATA_BYTES_MAX;
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
    /// The record's data; without it and --file, or as `-`, every line of stdin is a record
    #[arg(conflicts_with = "file")]
    data: Option<String>,
    /// Read the data from a file, which is one record; `-` is stdin
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
    match (arguments.data.as_deref(), &arguments.file) {
        (None | Some("-"), None) => {
            if std::io::stdin().is_terminal() {
                output::say("every line is a record; end with Ctrl-D");
            }
            let lines = input::read("stdin".to_owned(), std::io::stdin());
            many(client, arguments, lines, &mut printer).await
        }
        (Some(data), _) => one(client, arguments, data.as_bytes().to_vec(), &mut printer).await,
        (None, Some(path)) if arguments.lines => {
            let (name, source) = open(path)?;
            many(client, arguments, input::read(name, source), &mut printer).await
        }
        (None, Some(path)) => {
            let (name, source) = open(path)?;
            let data = one_record(&name, source, arguments.base64)?;
            one(client, arguments, data, &mut printer).await
        }
    }
}

/// A file by its path, and what errors call it.
fn open(path: &Path) -> Result<(String, Box<dyn Read + Send>), Failure> {
    if path == Path::new("-") {
        return Ok(("stdin".to_owned(), Box::new(std::io::stdin())));
    }
    let name = path.display().to_string();
    match std::fs::File::open(path) {
        Ok(file) => Ok((name, Box::new(file))),
        Err(error) => Err(Failure::local(name, error)),
    }
}

/// The whole of `source`, of which no more is read than the largest record takes.
fn one_record(name: &str, source: impl Read, is_base64: bool) -> Result<Vec<u8>, Failure> {
    // Base64 may be cut into lines.
    let bytes_max = match is_base64 {
        true => 2 * RECORD_DATA_BYTES_MAX,
        false => RECORD_DATA_BYTES_MAX,
    };
    let mut data = Vec::new();
    source
        .take(bytes_max as u64 + 1)
        .read_to_end(&mut data)
        .map_err(|error| Failure::local(name, error))?;
    if data.len() > bytes_max {
        return Err(Failure::Usage(format!(
            "{name} is larger than a record may be ({} MiB); with --lines each of its lines is a record",
            RECORD_DATA_BYTES_MAX >> 20
        )));
    }
    Ok(data)
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
