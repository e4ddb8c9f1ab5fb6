//! Puts records and tells what became of each, in the order of the input.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_kinesis::Client;
use futures::FutureExt;
use millstream_producer::{
    Delivery, KinesisTransport, Outcome, Producer, PutError, PutErrorKind, Settings, UserRecord,
};
use millstream_types::limits::RECORD_DATA_BYTES_MAX;

use super::Arguments;
use super::first_calls::FirstCalls;
use super::printer::Printer;
use super::record::failed_line;
use crate::failure::Failure;

/// One call; longer than any healthy service takes.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Below the API's limit of today (10 MiB) and of older services (5 MiB).
const CALL_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Two of the largest records.
const BUFFERED_BYTES_MAX: usize = 24 * 1024 * 1024;
/// Records whose outcome is there or awaited, and which are not printed yet.
const WAITING_MAX: usize = 100_000;
/// Their bytes, where they are kept for the file of failures.
const WAITING_BYTES_MAX: usize = 32 * 1024 * 1024;
/// With company on the way, a record waits so long for more of it.
const AGGREGATION_TIME: Duration = Duration::from_millis(100);

/// A record that was accepted.
struct Waiting {
    number: u64,
    partition_key: String,
    /// What goes to the file of failures.
    record: Option<UserRecord>,
    bytes: usize,
    delivery: Delivery,
}

/// Records that were not stored.
#[derive(Default)]
struct Failures {
    count: u64,
    /// The first of those that were sent.
    first: Option<(u64, PutError)>,
}

/// The file of failures.
struct FailedFile {
    name: String,
    file: BufWriter<File>,
}

/// See the module.
pub(super) struct Sending<'a> {
    producer: Producer,
    arguments: &'a Arguments,
    pub(super) printer: Printer,
    failed_file: Option<FailedFile>,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    failures: Failures,
}

impl<'a> Sending<'a> {
    pub(super) fn new(
        client: &Client,
        arguments: &'a Arguments,
        printer: Printer,
    ) -> Result<Self, Failure> {
        let transport = KinesisTransport::new(client.clone(), &arguments.stream);
        let transport = FirstCalls::new(transport, arguments.aggregate);
        let company_time = if arguments.aggregate {
            AGGREGATION_TIME.min(arguments.deadline)
        } else {
            Duration::ZERO
        };
        let settings = Settings::default()
            .aggregation_enabled(arguments.aggregate)
            .record_max_buffered_time(company_time)
            .record_ttl(arguments.deadline)
            .request_timeout(REQUEST_TIMEOUT)
            .max_connections(arguments.connections)
            .keep_order_per_key(arguments.keep_order)
            .max_user_record_size_bytes(RECORD_DATA_BYTES_MAX)
            .collection_max_size_bytes(CALL_BYTES_MAX)
            .buffered_bytes_max(BUFFERED_BYTES_MAX);
        let producer = Producer::builder(&arguments.stream)
            .transport(Arc::new(transport))
            .settings(settings)
            .build()
            .map_err(|error| Failure::Usage(error.to_string()))?;
        let failed_file = match &arguments.failed_to {
            Some(path) => Some(FailedFile::create(path)?),
            None => None,
        };
        Ok(Self {
            producer,
            arguments,
            printer,
            failed_file,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            failures: Failures::default(),
        })
    }

    /// Whether there is no reason to read on: a record failed, and there is no file for it.
    pub(super) fn has_failed(&self) -> bool {
        self.failures.count > 0 && self.failed_file.is_none()
    }

    pub(super) fn failed(&self) -> u64 {
        self.failures.count
    }

    /// Takes a record, once there is room for it. Dropped, it takes none, or has taken it.
    pub(super) async fn put(&mut self, number: u64, record: UserRecord) -> Result<(), Failure> {
        while self.waiting.len() >= WAITING_MAX || self.waiting_bytes >= WAITING_BYTES_MAX {
            self.settle_first().await?;
        }
        let bytes = record.data.len() + record.partition_key.len();
        let kept = self.failed_file.is_some().then(|| record.clone());
        let partition_key = record.partition_key.clone();
        let delivery = match self.producer.put(record).await {
            Ok(delivery) => delivery,
            Err(refused) => {
                return self.refuse(number, kept, &format!("cannot be put: {refused}"));
            }
        };
        let bytes = if kept.is_some() { bytes } else { 0 };
        self.waiting_bytes += bytes;
        self.waiting.push_back(Waiting {
            number,
            partition_key,
            record: kept,
            bytes,
            delivery,
        });
        Ok(())
    }

    /// A record of the input is none of a stream. Without a file for it, that ends the command.
    pub(super) fn refuse(
        &mut self,
        number: u64,
        record: Option<UserRecord>,
        why: &str,
    ) -> Result<(), Failure> {
        let why = format!("record {number} {why}");
        let (Some(file), Some(record)) = (&mut self.failed_file, record) else {
            return Err(Failure::Usage(why));
        };
        self.failures.count += 1;
        file.write(&failed_line(&record, "NotSent", &why))
    }

    /// Whether outcomes are awaited.
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Waits for the outcome of the first record that has none yet, and takes those behind it that are there. Dropped, it
    /// loses none.
    pub(super) async fn settle_first(&mut self) -> Result<(), Failure> {
        if let Some(first) = self.waiting.front_mut() {
            let result = (&mut first.delivery).await;
            self.settle(result)?;
        }
        while let Some(first) = self.waiting.front_mut() {
            let Some(result) = (&mut first.delivery).now_or_never() else {
                break;
            };
            self.settle(result)?;
        }
        self.printer.flush()
    }

    fn settle(&mut self, result: Result<Outcome, PutError>) -> Result<(), Failure> {
        let Some(first) = self.waiting.pop_front() else {
            return Ok(());
        };
        self.waiting_bytes -= first.bytes;
        match result {
            Ok(outcome) => self.printer.push(&first.partition_key, &outcome),
            Err(error) => {
                self.failures.count += 1;
                let written = match (&mut self.failed_file, &first.record) {
                    (Some(file), Some(record)) => {
                        let last = error.last_error();
                        let code = last.map_or("Expired", |last| &*last.code);
                        file.write(&failed_line(record, code, &error.to_string()))
                    }
                    _ => Ok(()),
                };
                self.failures.first.get_or_insert((first.number, error));
                written
            }
        }
    }

    /// Sends what was accepted and waits for it, at most `within`; prints what became of it.
    pub(super) async fn close(&mut self, within: Duration) -> Result<(), Failure> {
        // What does not end in time fails, and is counted below.
        drop(self.producer.clone().close(within).await);
        while self.is_waiting() {
            self.settle_first().await?;
        }
        match &mut self.failed_file {
            Some(file) => file.flush(),
            None => Ok(()),
        }
    }

    /// How long `close` takes at most, if all goes its way.
    pub(super) fn close_time(&self) -> Duration {
        self.arguments.deadline + REQUEST_TIMEOUT + Duration::from_secs(1)
    }

    /// What the failures make of the command.
    pub(super) fn failure(&self) -> Option<Failure> {
        if let Some(file) = &self.failed_file {
            let count = self.failures.count;
            return (count > 0).then(|| {
                Failure::Late(format!(
                    "{count} records were not written. {} holds them: put them again with --file {} --input records",
                    file.name, file.name
                ))
            });
        }
        let (number, error) = self.failures.first.as_ref()?;
        let (code, message) = error.last_error().map_or(("", String::new()), |last| {
            (&*last.code, last.message.to_string())
        });
        let is_unanswered = matches!(code, "Exception" | "Timeout");
        Some(match error.kind() {
            PutErrorKind::Refused if is_unanswered => Failure::Unreachable {
                operation: "PutRecords",
                cause: message,
            },
            PutErrorKind::Refused => Failure::Refused {
                operation: "PutRecords",
                code: code.to_owned(),
                message,
            },
            _ => Failure::Late(self.late(*number, &format!("{message} ({code})"))),
        })
    }

    fn late(&self, number: u64, cause: &str) -> String {
        format!(
            "{} records were not accepted within {}, record {number} the first of them: {cause}. \
             Split the stream's shards, send more slowly, or raise --deadline",
            self.failures.count,
            humantime::format_duration(self.arguments.deadline),
        )
    }
}

impl FailedFile {
    /// A new file: one that is there may be the input, or the failures of the run before.
    fn create(path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        match File::create_new(path) {
            Ok(file) => Ok(Self {
                name,
                file: BufWriter::new(file),
            }),
            Err(error) => Err(Failure::local(name, error)),
        }
    }

    fn write(&mut self, line: &str) -> Result<(), Failure> {
        writeln!(self.file, "{line}").map_err(|error| Failure::local(&self.name, error))
    }

    fn flush(&mut self) -> Result<(), Failure> {
        let flushed = self.file.flush();
        flushed.map_err(|error| Failure::local(&self.name, error))
    }
}
