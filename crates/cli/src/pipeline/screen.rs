//! What `pipeline run` shows on a terminal: a few lines that are written over again and again.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use millstream_pipeline::runner::{ShardProgress, SinkReport, Stage, StageCounts};
use parking_lot::Mutex;
use tracing_subscriber::fmt::MakeWriter;

use crate::output;

/// The lines at the end of the terminal. Clones write over the same ones.
#[derive(Debug, Clone, Default)]
pub(super) struct Screen {
    /// How many lines stand there.
    lines: Arc<Mutex<usize>>,
}

impl Screen {
    /// Shows these lines instead of those before. A terminal that is gone is no reason to fail.
    pub(super) fn show(&self, lines: &[String]) {
        let mut shown = self.lines.lock();
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let all = format!("{}{text}", erased(*shown));
        *shown = lines.len();
        io::stderr().lock().write_all(all.as_bytes()).ok();
    }
}

/// Moves the cursor up so many lines and erases from there.
fn erased(lines: usize) -> String {
    match lines {
        0 => String::new(),
        lines => format!("\x1b[{lines}F\x1b[J"),
    }
}

/// Log lines go above the screen, which comes again with its next turn.
impl<'w> MakeWriter<'w> for Screen {
    type Writer = Above;

    fn make_writer(&'w self) -> Above {
        Above(self.clone())
    }
}

/// Writes above the screen.
#[derive(Debug)]
pub(super) struct Above(Screen);

impl Write for Above {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut shown = self.0.lines.lock();
        let mut stderr = io::stderr().lock();
        stderr.write_all(erased(std::mem::take(&mut *shown)).as_bytes())?;
        stderr.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}

/// Makes the lines of what was counted, with rates since the last time.
#[derive(Debug)]
pub(super) struct View {
    title: String,
    began: Instant,
    last: Option<(Instant, StageCounts, Vec<SinkReport>)>,
}

impl View {
    pub(super) fn new(pipeline: &str, worker_id: &str) -> Self {
        Self {
            title: output::one_line(&format!("{pipeline}, worker {worker_id}")),
            began: Instant::now(),
            last: None,
        }
    }

    /// The lines now.
    pub(super) fn lines(
        &mut self,
        now: Instant,
        counts: StageCounts,
        shards: &[ShardProgress],
        sinks: Vec<SinkReport>,
    ) -> Vec<String> {
        let (since, before, sinks_before) = self
            .last
            .take()
            .unwrap_or_else(|| (self.began, StageCounts::default(), Vec::new()));
        let seconds = now.duration_since(since).as_secs_f64().max(0.001);
        let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds;
        let running = Duration::from_secs(now.duration_since(self.began).as_secs());
        let title = format!("{}, {}", self.title, humantime::format_duration(running));
        let mut rows = vec![vec![
            "in".to_owned(),
            counts.records_in.to_string(),
            per_second(rate(counts.records_in, before.records_in)),
            stage(Stage::Source, shards),
        ]];
        rows.push(vec![
            "out".to_owned(),
            counts.values_out.to_string(),
            per_second(rate(counts.values_out, before.values_out)),
            counts
                .last_rejection
                .as_ref()
                .map_or(String::new(), |cause| {
                    format!(
                        "{} rejected, the last: {}",
                        counts.rejected,
                        output::one_line(cause)
                    )
                }),
        ]);
        if counts.pieces_out + counts.pieces_merged > 0 {
            rows.push(vec![
                "windows".to_owned(),
                counts.results_out.to_string(),
                per_second(rate(counts.results_out, before.results_out)),
                format!(
                    "results; {} pieces out, {} merged{}",
                    counts.pieces_out,
                    counts.pieces_merged,
                    separated(&stage(Stage::Windows, shards))
                ),
            ]);
        }
        for sink in &sinks {
            let before = sinks_before.iter().find(|before| before.name == sink.name);
            let before = before.map_or(0, |before| before.delivered);
            rows.push(vec![
                sink.name.clone(),
                sink.delivered.to_string(),
                per_second(rate(sink.delivered, before)),
                told(sink),
            ]);
        }
        self.last = Some((now, counts, sinks));
        let table = output::table(&[&title, "", "", ""], &[]);
        let rows = output::table(&["", "all", "now", ""], &rows);
        let lines = table.lines().chain(rows.lines());
        lines.map(|line| line.trim_end().to_owned()).collect()
    }
}

fn per_second(rate: f64) -> String {
    format!("{rate:.0}/s")
}

fn separated(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(", {text}")
    }
}

/// How many shards, and how far the last of them is behind.
fn stage(stage: Stage, shards: &[ShardProgress]) -> String {
    let shards: Vec<&ShardProgress> = shards.iter().filter(|shard| shard.stage == stage).collect();
    if shards.is_empty() {
        return String::new();
    }
    let behind = shards.iter().filter_map(|shard| shard.behind_ms).max();
    let behind = behind.map_or(String::new(), |ms| {
        format!(
            ", {} behind",
            humantime::format_duration(Duration::from_millis(ms))
        )
    });
    let error = shards.iter().find_map(|shard| {
        let error = shard.last_error.as_ref()?;
        Some(format!(", {}: {}", shard.shard_id, output::one_line(error)))
    });
    format!(
        "{} shards{behind}{}",
        shards.len(),
        error.unwrap_or_default()
    )
}

/// What is to be known of a sink beside its numbers.
fn told(sink: &SinkReport) -> String {
    let mut told = Vec::new();
    if let Some(ms) = sink.flush_ms.checked_div(sink.flushes) {
        told.push(format!("{} flushes of {ms} ms", sink.flushes));
    }
    for (number, what) in [(sink.rejected, "rejected"), (sink.skipped, "skipped")] {
        if number > 0 {
            told.push(format!("{number} {what}"));
        }
    }
    if let Some(error) = &sink.last_error {
        told.push(format!("failing: {}", output::one_line(error)));
    }
    told.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_since_the_last_time_and_what_fails_is_told() {
        let mut view = View::new("trades", "w1");
        let shard = ShardProgress {
            stage: Stage::Source,
            shard_id: "shard-1".into(),
            records_in: 0,
            bytes_in: 0,
            values_out: 0,
            rejected: 0,
            behind_ms: Some(1500),
            last_error: None,
        };
        let sink = |delivered| SinkReport {
            name: "files".into(),
            delivered,
            delivered_bytes: 0,
            rejected: 1,
            retried: 0,
            skipped: 0,
            flush_ms: 300,
            flushes: 3,
            last_error: Some("no\nroom".into()),
        };
        let counts = |records_in| StageCounts {
            records_in,
            ..StageCounts::default()
        };
        let began = view.began;
        let shards = [shard];
        view.lines(
            began + Duration::from_secs(1),
            counts(100),
            &shards,
            vec![sink(10)],
        );
        let lines = view.lines(
            began + Duration::from_secs(3),
            counts(700),
            &shards,
            vec![sink(30)],
        );
        assert_eq!(lines[0], "trades, worker w1, 3s");
        assert!(
            lines[2].contains("700") && lines[2].contains("300/s"),
            "{lines:?}"
        );
        assert!(lines[2].ends_with("1 shards, 1s 500ms behind"), "{lines:?}");
        let expected = "10/s   3 flushes of 100 ms, 1 rejected, failing: no\\nroom";
        assert!(
            lines[4].starts_with("files") && lines[4].ends_with(expected),
            "{lines:?}"
        );
        assert!(lines.iter().all(|line| !line.contains('\n')));
    }
}
