//! A pipeline's stages as a drawing in text.

use millstream_connectors::Guarantee;

use crate::decode::Encoding;
use crate::file::{Pipeline, Start};
use crate::window::Plan;

/// Draws the stages from top to bottom.
pub fn draw(pipeline: &Pipeline) -> String {
    let mut text = String::new();
    let mut line = |indent: &str, what: &str| text.extend([indent, what, "\n"]);
    let source = &pipeline.source;
    let start = match source.start {
        Start::TrimHorizon => "from the oldest record".to_owned(),
        Start::Latest => "from the newest record on".to_owned(),
        Start::At(ms) => format!("from {}", rfc3339(ms)),
    };
    let decode = match &pipeline.transform.encoding {
        Encoding::Json => "json".to_owned(),
        Encoding::Csv { columns } => format!("csv {}", columns.join(", ")),
        Encoding::Text => "text".to_owned(),
        Encoding::Raw => "raw".to_owned(),
    };
    line("", &format!("stream {}   {start}", source.stream));
    line(
        "  │  ",
        &format!("each shard: lease table {}", pipeline.application()),
    );
    line("  ├─ ", &format!("decode {decode}"));
    for step in pipeline.transform.steps.iter() {
        line("  ├─ ", &step.describe());
    }
    match &pipeline.dead_letter_stream {
        Some(stream) => line("  ├─ ", &format!("rejected ──▶ stream {stream}")),
        None => line("  ├─ ", "rejected: the pipeline stops"),
    }
    if let Some(plan) = &pipeline.window {
        line("  ├─ ", &window(plan));
        line("  ▼  ", "partial results per shard");
        line(
            "",
            &format!("stream {}   one shard", pipeline.intermediate_stream()),
        );
        line(
            "  │  ",
            &format!("all shards: lease table {}", pipeline.merge_application()),
        );
        line("  ├─ ", "merge, each record counted once");
    }
    line("  ▼", "");
    for (index, sink) in pipeline.sinks.iter().enumerate() {
        let corner = if index + 1 == pipeline.sinks.len() {
            "  └─▶ "
        } else {
            "  ├─▶ "
        };
        let guarantee = match sink.sink.guarantee() {
            Guarantee::AtLeastOnce => "at least once",
            Guarantee::Idempotent => "each once",
            Guarantee::ExactlyOnce => "exactly once",
        };
        let what = format!("{}   {guarantee}", sink.sink.describe());
        let optional = if sink.is_optional { ", optional" } else { "" };
        line(corner, &format!("{}: {what}{optional}", sink.name));
    }
    text
}

fn window(plan: &Plan) -> String {
    let by = plan
        .by
        .as_ref()
        .map_or(String::new(), |by| format!(" by {}", by.text()));
    let time = plan.time.as_ref().map_or("arrival", |time| time.text());
    let names: Vec<&str> = plan
        .values
        .iter()
        .map(|value| value.name.as_str())
        .collect();
    let every =
        humantime::format_duration(std::time::Duration::from_millis(plan.every_ms.max(0) as u64));
    format!("window of {every}{by}, time {time}: {}", names.join(", "))
}

fn rfc3339(ms: i64) -> String {
    let at = std::time::UNIX_EPOCH + std::time::Duration::from_millis(ms.max(0) as u64);
    humantime::format_rfc3339_millis(at).to_string()
}
