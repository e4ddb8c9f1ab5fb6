//! `millstream records put`.

mod first_calls;
mod input;
mod length_prefixed;
mod lines;
mod printer;
mod progress;
mod record;
mod sending;

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_sdk_kinesis::Client;
use bytes::Bytes;
use millstream_producer::{HashKey, UserRecord};
use millstream_types::limits::RECORD_DATA_BYTES_MAX;

use self::input::{Framing, Input};
use self::printer::Printer;
use self::progress::Progress;
use self::record::{Field, InputFormat, RecordMaker};
use self::sending::Sending;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::stop_signals::StopSignals;

/// How long what is under way may take after a signal.
const STOP_TIME: Duration = Duration::from_secs(10);

/// Arguments of `millstream records put`.
///
/// Records of one partition key keep their order, except that a record which the service refused for the moment is
/// sent again after later ones: --keep-order lets those wait.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Name of the stream
    stream: String,
    /// The record's data; without it and --file, or as `-`, the records are on stdin
    #[arg(conflicts_with = "file")]
    data: Option<String>,
    /// Read the data from a file, which is one record unless --lines or --input is given; `-` is stdin
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
    /// Every line of --file is a record: short for --input lines
    #[arg(long, requires = "file", conflicts_with = "input")]
    lines: bool,
    /// What is on stdin or in --file
    #[arg(long, value_name = "FORMAT")]
    input: Option<InputFormat>,
    /// The data is written in base64
    #[arg(long)]
    base64: bool,
    /// Partition key, which chooses the shard: the same key, the same shard. Without it and --key every record gets a
    /// random one
    #[arg(long, value_name = "KEY")]
    partition_key: Option<String>,
    /// Take the partition key from this member of each record, which must be JSON: .ticker, .trade.ticker
    #[arg(long, value_name = "FIELD", conflicts_with = "partition_key")]
    key: Option<Field>,
    /// Hash key that chooses the shard instead of the partition key's MD5
    #[arg(long, value_name = "HASH-KEY")]
    explicit_hash_key: Option<HashKey>,
    /// Send records of one shard together, as the KPL does. Readers must take them apart: the KCL does, the `aws`
    /// command does not
    #[arg(long)]
    aggregate: bool,
    /// PutRecords calls under way at once. With more than one, and without --keep-order, records of one partition key may
    /// change places
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = connections)]
    connections: usize,
    /// Keep the order of each partition key's records through failures too; slower
    #[arg(long)]
    keep_order: bool,
    /// How long to go on sending what the service refuses for the moment
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = humantime::parse_duration)]
    deadline: Duration,
    /// Go on after a record that cannot be written, and write it to this new file, which --input records reads
    #[arg(long, value_name = "PATH")]
    failed_to: Option<PathBuf>,
    /// Do not print where each record went
    #[arg(long)]
    quiet: bool,
}

fn connections(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 1..=100) => Ok(count),
        _ => Err("a number from 1 to 100".to_owned()),
    }
}

pub(super) async fn run(
    client: &Client,
    format: Format,
    arguments: &Arguments,
) -> Result<(), Failure> {
    let printer = Printer::new(format, arguments.quiet);
    let stdin_name = || "stdin".to_owned();
    match (arguments.data.as_deref(), &arguments.file) {
        (None | Some("-"), None) => {
            if std::io::stdin().is_terminal() {
                output::say("every line is a record; end with Ctrl-D");
            }
            let source = Source {
                name: stdin_name(),
                bytes: Box::new(std::io::stdin()),
                size_bytes: None,
            };
            many(client, arguments, source, printer).await
        }
        (Some(_), _) if arguments.input.is_some() => Err(Failure::Usage(
            "--input says what is on stdin or in --file, and the data is an argument".to_owned(),
        )),
        (Some(data), _) => {
            let data = Bytes::copy_from_slice(data.as_bytes());
            one(client, arguments, data, printer).await
        }
        (None, Some(path)) => {
            let source = open(path)?;
            if arguments.lines || arguments.input.is_some() {
                return many(client, arguments, source, printer).await;
            }
            let data = one_record(&source.name, source.bytes, arguments.base64)?;
            one(client, arguments, data.into(), printer).await
        }
    }
}

/// Where records come from, and what errors call it.
struct Source {
    name: String,
    bytes: Box<dyn Read + Send>,
    size_bytes: Option<u64>,
}

fn open(path: &Path) -> Result<Source, Failure> {
    if path == Path::new("-") {
        return Ok(Source {
            name: "stdin".to_owned(),
            bytes: Box::new(std::io::stdin()),
            size_bytes: None,
        });
    }
    let name = path.display().to_string();
    match std::fs::File::open(path) {
        Ok(file) => Ok(Source {
            name,
            size_bytes: file.metadata().ok().map(|metadata| metadata.len()),
            bytes: Box::new(file),
        }),
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

fn maker(arguments: &Arguments) -> RecordMaker {
    RecordMaker {
        format: arguments.input.unwrap_or(InputFormat::Lines),
        is_base64: arguments.base64,
        partition_key: arguments.partition_key.clone(),
        key: arguments.key.clone(),
        explicit_hash_key: arguments.explicit_hash_key,
    }
}

async fn one(
    client: &Client,
    arguments: &Arguments,
    data: Bytes,
    printer: Printer,
) -> Result<(), Failure> {
    let record = maker(arguments)
        .record(data)
        .map_err(|why| Failure::Usage(format!("record 1 {why}")))?;
    let mut stop = StopSignals::new()?;
    let mut sending = Sending::new(client, arguments, printer)?;
    sending.put(1, record).await?;
    let within = sending.close_time();
    let is_stopped = tokio::select! {
        biased;
        () = stop.received() => true,
        closed = sending.close(within) => { closed?; false }
    };
    if is_stopped {
        sending.close(Duration::ZERO).await?;
    }
    sending.failure().map_or(Ok(()), Err)
}

/// How the reading of an input ended.
enum End {
    /// All of it was taken.
    Whole,
    /// A record failed, and there is no file for it.
    Failed,
    /// By a signal.
    Stopped,
}

/// Sends records as they come.
async fn many(
    client: &Client,
    arguments: &Arguments,
    source: Source,
    printer: Printer,
) -> Result<(), Failure> {
    let mut stop = StopSignals::new()?;
    let mut sending = Sending::new(client, arguments, printer)?;
    let framing = match arguments.input {
        Some(InputFormat::LengthPrefixed) => Framing::LengthPrefixed,
        _ => Framing::Lines,
    };
    let mut progress = Progress::new(source.size_bytes, arguments.quiet);
    let mut input = input::read(source.name, source.bytes, framing);
    let maker = maker(arguments);
    let mut taken = 0;
    let end = tokio::select! {
        biased;
        () = stop.received() => Ok(End::Stopped),
        end = take_all(&mut input, &maker, &mut sending, &mut progress, &mut taken) => end,
    };
    // What was accepted is sent, whatever ended the reading.
    let within = match end {
        Ok(End::Stopped) => STOP_TIME.min(sending.close_time()),
        _ => sending.close_time(),
    };
    let is_stopped = tokio::select! {
        biased;
        () = stop.received() => true,
        closed = sending.close(within) => { closed?; false }
    };
    if is_stopped {
        sending.close(Duration::ZERO).await?;
    }
    progress.clear();
    let written = sending.printer.written;
    let failure = match end {
        Err(failure) => Some(failure),
        Ok(End::Stopped) => Some(stopped(taken, written, sending.failed())),
        Ok(_) if is_stopped => Some(stopped(taken, written, sending.failed())),
        Ok(End::Whole | End::Failed) => sending.failure(),
    };
    match failure {
        None => {
            output::say(&format!("{written} records written"));
            Ok(())
        }
        Some(failure) => {
            if written > 0 {
                output::say(&format!("{written} records were written before this:"));
            }
            Err(failure)
        }
    }
}

fn stopped(taken: u64, written: u64, failed: u64) -> Failure {
    Failure::Stopped(format!(
        "stopped: the first {taken} records of the input were taken, {written} of them written, {failed} not"
    ))
}

async fn take_all(
    input: &mut Input,
    maker: &RecordMaker,
    sending: &mut Sending<'_>,
    progress: &mut Progress,
    taken: &mut u64,
) -> Result<End, Failure> {
    loop {
        let chunk = tokio::select! {
            chunk = input.next() => chunk?,
            settled = sending.settle_first(), if sending.is_waiting() => {
                settled?;
                progress.update(input.read_bytes(), sending.printer.written, sending.failed());
                if sending.has_failed() {
                    return Ok(End::Failed);
                }
                continue;
            }
        };
        let Some(chunk) = chunk else {
            return Ok(End::Whole);
        };
        for text in chunk {
            let text = Bytes::from(text);
            match maker.record(text.clone()) {
                Ok(record) => sending.put(*taken + 1, record).await?,
                Err(why) => {
                    let line = UserRecord::new("", text);
                    sending.refuse(*taken + 1, Some(line), &why)?;
                }
            }
            *taken += 1;
            progress.update(
                input.read_bytes(),
                sending.printer.written,
                sending.failed(),
            );
            if sending.has_failed() {
                return Ok(End::Failed);
            }
        }
    }
}
