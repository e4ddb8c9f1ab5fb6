//! `[source]`.

use super::reader::{Reader, Section};
use crate::decode::Encoding;
use crate::moment;

/// Where records come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its name. The account and region are those of the client.
    pub stream: String,
    /// Where to begin on shards that the pipeline has never seen.
    pub start: Start,
}

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the oldest record.
    TrimHorizon,
    /// After the newest.
    Latest,
    /// At the first that arrived at or after this moment, in milliseconds since 1970.
    At(i64),
}

pub(super) fn read(
    reader: &mut Reader<'_>,
    mut section: Section<'_>,
) -> Option<(Source, Encoding)> {
    let stream = section.required_name(reader, "stream");
    let start = match section.text(reader, "start") {
        None => Some(Start::TrimHorizon),
        Some((text, at)) => {
            let start = match text.as_str() {
                "trim-horizon" => Some(Start::TrimHorizon),
                "latest" => Some(Start::Latest),
                time => moment::of_text(time).map(Start::At),
            };
            if start.is_none() {
                let right =
                    "\"trim-horizon\", \"latest\" or a time such as \"2026-11-02T12:00:00Z\"";
                reader.problem(
                    at,
                    format!("source.start {text:?} is no place to begin: write {right}"),
                );
            }
            start
        }
    };
    let columns = section.texts(reader, "columns");
    let encoding = match section.text(reader, "decode") {
        None => Some(Encoding::Json),
        Some((text, at)) => match text.as_str() {
            "json" => Some(Encoding::Json),
            "csv" => Some(Encoding::Csv {
                columns: columns.clone(),
            }),
            "text" => Some(Encoding::Text),
            "raw" => Some(Encoding::Raw),
            _ => {
                reader.problem(
                    at,
                    format!("source.decode {text:?} is not known: write json, csv, text or raw"),
                );
                None
            }
        },
    };
    if !columns.is_empty() && !matches!(encoding, Some(Encoding::Csv { .. }) | None) {
        reader.problem(
            section.at(),
            "source.columns are those of CSV: write decode = \"csv\" too, or leave them out"
                .to_owned(),
        );
    }
    section.finish(reader);
    Some((
        Source {
            stream: stream?,
            start: start?,
        },
        encoding?,
    ))
}
