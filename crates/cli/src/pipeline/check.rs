//! `millstream pipeline check`.

use std::path::Path;

use serde_json::json;

use super::file;
use crate::failure::Failure;
use crate::output::{self, Format};

pub(super) fn run(path: &Path, format: Format) -> Result<(), Failure> {
    let pipeline = file::read(path)?;
    let bytes = pipeline.bytes_per_shard();
    if format.json {
        let state = pipeline.window.as_ref().map(|plan| plan.state_bytes_max);
        return output::print_json(&json!({
            "Name": pipeline.name,
            "BytesPerShardMax": bytes,
            "StateBytesMax": state,
        }));
    }
    let mut line = format!(
        "{}: no mistakes. A worker holds at most {} for each shard that it works on, beside what it reads ahead",
        path.display(),
        mib(bytes)
    );
    if let Some(plan) = &pipeline.window {
        line += &format!(
            "; the worker that merges windows at most {} more",
            mib(plan.state_bytes_max)
        );
    }
    output::print_line(&line)
}

fn mib(bytes: usize) -> String {
    format!("{:.1} MiB", bytes as f64 / (1024.0 * 1024.0))
}
