//! `millstream pipeline check`.

use std::path::Path;

use serde_json::json;

use super::file;
use crate::failure::Failure;
use crate::output::{self, Format};

pub(super) fn run(path: &Path, format: Format) -> Result<(), Failure> {
    let pipeline = file::read(path)?;
    let memory = pipeline.memory();
    if format.json {
        return output::print_json(&json!({
            "Name": pipeline.name,
            "BytesPerShardMax": memory.per_shard,
            "LargeValuesBytesPerShardMax": memory.large_values_per_shard,
            "ReadAheadBytesMax": memory.read_ahead,
            "BytesPerThreadMax": memory.per_thread,
            "StateBytesMax": memory.states,
        }));
    }
    let mut line = format!(
        "{}: no mistakes. A worker holds at most {} for each shard that it works on, and {} more while records become values \
         as large as they may; {} that it has read ahead; and {} for each thread of its steps",
        path.display(),
        mib(memory.per_shard),
        mib(memory.large_values_per_shard),
        mib(memory.read_ahead),
        mib(memory.per_thread),
    );
    if let Some(bytes) = memory.states {
        line += &format!(
            "; the worker that merges windows at most {} more",
            mib(bytes)
        );
    }
    output::print_line(&line)
}

fn mib(bytes: usize) -> String {
    format!("{:.1} MiB", bytes as f64 / (1024.0 * 1024.0))
}
