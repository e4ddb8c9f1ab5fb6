//! Prints where records went, and counts them.

use millstream_producer::Outcome;
use serde_json::json;

use crate::failure::Failure;
use crate::output::{self, Format};

/// Text per write to stdout.
const OUTPUT_BYTES: usize = 64 * 1024;

pub(super) struct Printer {
    format: Format,
    is_quiet: bool,
    text: String,
    /// Records that are stored.
    pub(super) written: u64,
}

impl Printer {
    pub(super) fn new(format: Format, is_quiet: bool) -> Self {
        Self {
            format,
            is_quiet,
            text: String::new(),
            written: 0,
        }
    }

    /// Takes a record that is stored.
    pub(super) fn push(&mut self, partition_key: &str, outcome: &Outcome) -> Result<(), Failure> {
        self.written += 1;
        if self.is_quiet {
            return Ok(());
        }
        if self.format.json {
            let object = json!({
                "ShardId": outcome.shard_id(),
                "SequenceNumber": outcome.sequence_number(),
                "PartitionKey": partition_key,
            });
            self.text.push_str(&object.to_string());
        } else {
            self.text.push_str(outcome.shard_id());
            self.text.push_str("  ");
            self.text.push_str(outcome.sequence_number());
        }
        self.text.push('\n');
        if self.text.len() >= OUTPUT_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Prints what was taken.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        if self.text.is_empty() {
            return Ok(());
        }
        let printed = output::print_all(&self.text);
        self.text.clear();
        printed
    }
}
