//! `millstream pipeline try`: a sample through all steps, without a stream or a sink.

use std::io::BufRead;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use millstream_pipeline::evaluator::Evaluator;
use millstream_pipeline::trial::{Trial, Tried};
use millstream_types::{SystemClock, WallClock};
use serde_json::{Value, json};

use super::file;
use crate::failure::Failure;
use crate::output::{self, Format};

/// Most records of a sample.
const RECORDS_MAX: usize = 10_000;
/// Longest line of a sample.
const LINE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Arguments of `millstream pipeline try`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// File that declares the pipeline
    file: PathBuf,
    /// Sample records, one a line; `-` is stdin
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
}

pub(super) async fn run(format: Format, arguments: Arguments) -> Result<(), Failure> {
    let pipeline = file::read(&arguments.file)?;
    let lines = lines(&arguments.input)?;
    let now_ms = i64::try_from(SystemClock.now().0).unwrap_or(i64::MAX);
    let evaluator = Evaluator::start(1).map_err(|error| Failure::local("threads", error))?;
    let tried = evaluator.run(move || {
        let mut trial = Trial::new(&pipeline, now_ms);
        let tried: Vec<Tried> = lines.iter().map(|line| trial.record(line)).collect();
        let names: Vec<String> = pipeline
            .transform
            .steps
            .iter()
            .map(|step| step.describe())
            .collect();
        (names, tried, trial.results())
    });
    let (names, tried, results) = tried
        .await
        .map_err(|error| Failure::Usage(error.to_string()))?;
    for one in &tried {
        if format.json {
            output::print_json(&as_json(one))?;
        } else {
            output::print_all(&as_text(&names, one))?;
        }
    }
    for result in &results {
        if format.json {
            output::print_json(&json!({ "Result": result }))?;
        } else {
            output::print_line(&format!("window    {result}"))?;
        }
    }
    Ok(())
}

fn lines(path: &PathBuf) -> Result<Vec<Bytes>, Failure> {
    let name = path.display().to_string();
    let failed = |error| Failure::local(name.clone(), error);
    let mut reader: Box<dyn BufRead> = if name == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(std::io::BufReader::new(
            std::fs::File::open(path).map_err(failed)?,
        ))
    };
    let mut lines = Vec::new();
    loop {
        let mut line = Vec::new();
        let mut limited = std::io::Read::take(&mut reader, LINE_BYTES_MAX);
        if limited.read_until(b'\n', &mut line).map_err(failed)? == 0 {
            return Ok(lines);
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        } else if line.len() as u64 == LINE_BYTES_MAX {
            return Err(Failure::Usage(format!(
                "{name}: a line is longer than {LINE_BYTES_MAX} bytes"
            )));
        }
        if lines.len() == RECORDS_MAX {
            return Err(Failure::Usage(format!(
                "{name} has more than {RECORDS_MAX} records: try a smaller sample"
            )));
        }
        lines.push(line.into());
    }
}

fn window(ms: i64) -> String {
    let at = UNIX_EPOCH + Duration::from_millis(ms.max(0) as u64);
    humantime::format_rfc3339_millis(at).to_string()
}

fn as_json(tried: &Tried) -> Value {
    let windows = tried
        .windows
        .iter()
        .map(|(ms, by)| json!({ "Window": window(*ms), "By": by }));
    json!({
        "Record": tried.record,
        "Stages": tried.stages,
        "Windows": windows.collect::<Vec<_>>(),
        "Rejected": tried.rejected,
    })
}

fn as_text(names: &[String], tried: &Tried) -> String {
    let mut text = format!("record {}\n", tried.record);
    for (index, values) in tried.stages.iter().enumerate() {
        let stage = match index.checked_sub(1) {
            None => "decoded",
            Some(step) => &names[step],
        };
        let shown: Vec<String> = values.iter().map(ToString::to_string).collect();
        let shown = if shown.is_empty() {
            "(nothing)".to_owned()
        } else {
            shown.join("  ")
        };
        text += &format!("  {stage}\n    {shown}\n");
        if values.is_empty() {
            break;
        }
    }
    for (ms, by) in &tried.windows {
        text += &format!("  counted in the window of {}, key {by}\n", window(*ms));
    }
    if let Some(cause) = &tried.rejected {
        text += &format!("  REJECTED: {cause}\n");
    }
    text
}
