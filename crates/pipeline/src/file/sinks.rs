//! `[[sink]]`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use millstream_connectors::FieldPath;
use millstream_connectors::format::{Compression, Format};

use super::reader::{Reader, Section};

/// A lane takes so much beside what waits for a flush.
const LANE_BYTES: usize = 8 * 1024 * 1024;
const FLUSH_BYTES: usize = 16 * 1024 * 1024;
const FLUSH_TIME: Duration = Duration::from_secs(60);
const KINDS: &str = "stdout = {}, files = { folder = \"out\" }, stream = { name = \"NAME\" } or dynamodb = { table = \"NAME\", key = { id = \".id\" } }";

/// One sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkSpec {
    /// For status, metrics and messages; unique in the pipeline.
    pub name: String,
    /// What and where.
    pub kind: SinkKind,
    /// Whether the pipeline goes on without it while it is down.
    pub is_optional: bool,
}

/// What a sink is and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkKind {
    /// Standard output.
    Stdout {
        /// How items are written.
        format: Format,
    },
    /// Files in a folder.
    Files {
        /// The folder.
        folder: PathBuf,
        /// How items are written.
        format: Format,
        /// Whether they are compressed.
        compression: Compression,
        /// When a file is finished.
        flush: Flush,
    },
    /// Another stream.
    Stream {
        /// Its name.
        stream: String,
        /// The field that becomes the partition key.
        key: Option<FieldPath>,
    },
    /// Rows of a table of the DynamoDB API.
    DynamoDb {
        /// The table.
        table: String,
        /// The attributes of its key, and the fields that they come from.
        key: BTreeMap<String, FieldPath>,
    },
}

/// When what was collected is delivered: as soon as one of the two is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flush {
    /// Bytes of items.
    pub bytes: usize,
    /// Time since the first item.
    pub time: Duration,
}

impl SinkKind {
    /// Whether only whole cuts are delivered.
    pub fn delivers_by_cuts(&self) -> bool {
        self.flush().is_some()
    }

    /// When it delivers, if it does by cuts.
    pub fn flush(&self) -> Option<Flush> {
        match self {
            Self::Files { flush, .. } => Some(*flush),
            Self::Stdout { .. } | Self::Stream { .. } | Self::DynamoDb { .. } => None,
        }
    }

    /// The word in the file.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Stdout { .. } => "stdout",
            Self::Files { .. } => "files",
            Self::Stream { .. } => "stream",
            Self::DynamoDb { .. } => "dynamodb",
        }
    }
}

impl SinkSpec {
    /// Most bytes of items of one shard on their way to it.
    pub fn lane_bytes(&self) -> usize {
        self.kind.flush().map_or(0, |flush| flush.bytes) + LANE_BYTES
    }
}

pub(super) fn read(reader: &mut Reader<'_>, sections: Vec<Section<'_>>) -> Option<Vec<SinkSpec>> {
    let mut sinks: Vec<Option<SinkSpec>> = Vec::new();
    for mut section in sections {
        let at = section.at();
        let name = section.text(reader, "name");
        let is_optional = section.flag(reader, "optional");
        let kinds = [
            section
                .section(reader, "stdout")
                .map(|section| stdout(reader, section)),
            section
                .section(reader, "files")
                .map(|section| files(reader, section)),
            section
                .section(reader, "stream")
                .map(|section| stream(reader, section)),
            section
                .section(reader, "dynamodb")
                .map(|section| dynamodb(reader, section)),
        ];
        let named = ["stdout", "files", "stream", "dynamodb"]
            .iter()
            .filter(|kind| section.has(kind))
            .count();
        if named != 1 && section.rest().is_empty() {
            let wrong = if named == 0 {
                "a sink says nothing of where to"
            } else {
                "a sink has one destination"
            };
            reader.problem(at, format!("{wrong}: write {KINDS}"));
        }
        section.finish(reader);
        let kind = kinds.into_iter().flatten().next().flatten();
        let spec = kind.map(|kind| {
            let own = name.map(|(name, _)| name);
            SinkSpec {
                name: own.unwrap_or_else(|| kind.word().to_owned()),
                kind,
                is_optional,
            }
        });
        if let Some(spec) = &spec {
            if sinks.iter().flatten().any(|other| other.name == spec.name) {
                reader.problem(
                    at,
                    format!(
                        "two sinks are called {:?}: give each a name = \"...\" of its own",
                        spec.name
                    ),
                );
            }
            if spec.is_optional && spec.kind.delivers_by_cuts() {
                reader.problem(
                    at,
                    "a sink that delivers whole cuts cannot be optional: it would miss whole cuts"
                        .to_owned(),
                );
            }
        }
        sinks.push(spec);
    }
    sinks.into_iter().collect()
}

fn format(reader: &mut Reader<'_>, section: &mut Section<'_>) -> Option<Format> {
    let columns = section.texts(reader, "columns");
    let Some((text, at)) = section.text(reader, "format") else {
        return Some(Format::Json);
    };
    match text.as_str() {
        "json" => Some(Format::Json),
        "csv" if columns.is_empty() => {
            let path = section.path_of("columns");
            reader.problem(at, format!("{path} is missing: CSV needs to know its fields: write columns = [\"ticker\", \"price\"]"));
            None
        }
        "csv" => Some(Format::Csv { columns }),
        "raw" => Some(Format::Raw),
        _ => {
            let path = section.path_of("format");
            reader.problem(
                at,
                format!("{path} {text:?} is not known: write json, csv or raw"),
            );
            None
        }
    }
}

fn compression(reader: &mut Reader<'_>, section: &mut Section<'_>) -> Option<Compression> {
    let Some((text, at)) = section.text(reader, "compression") else {
        return Some(Compression::None);
    };
    match text.as_str() {
        "none" => Some(Compression::None),
        "gzip" => Some(Compression::Gzip),
        "zstd" => Some(Compression::Zstd),
        _ => {
            let path = section.path_of("compression");
            reader.problem(
                at,
                format!("{path} {text:?} is not known: write none, gzip or zstd"),
            );
            None
        }
    }
}

fn flush(reader: &mut Reader<'_>, section: &mut Section<'_>) -> Flush {
    let mut flush = Flush {
        bytes: FLUSH_BYTES,
        time: FLUSH_TIME,
    };
    let Some(mut inner) = section.section(reader, "flush") else {
        return flush;
    };
    if let Some((bytes, at)) = inner.bytes(reader, "bytes") {
        flush.bytes = bytes;
        if !(1..=1 << 30).contains(&bytes) {
            let path = inner.path_of("bytes");
            reader.problem(
                at,
                format!("{path} must be 1 byte to 1 GiB, which each shard takes in memory"),
            );
        }
    }
    if let Some((time, at)) = inner.duration(reader, "time") {
        flush.time = time;
        if !(Duration::from_millis(100)..=Duration::from_secs(3600)).contains(&time) {
            let path = inner.path_of("time");
            reader.problem(at, format!("{path} must be 100 ms to 1 hour"));
        }
    }
    inner.finish(reader);
    flush
}

fn stdout(reader: &mut Reader<'_>, mut section: Section<'_>) -> Option<SinkKind> {
    let format = format(reader, &mut section);
    section.finish(reader);
    Some(SinkKind::Stdout { format: format? })
}

fn files(reader: &mut Reader<'_>, mut section: Section<'_>) -> Option<SinkKind> {
    let folder = section.required(reader, "folder", "\"out\"");
    let format = format(reader, &mut section);
    let compression = compression(reader, &mut section);
    let flush = flush(reader, &mut section);
    section.finish(reader);
    Some(SinkKind::Files {
        folder: folder?.0.into(),
        format: format?,
        compression: compression?,
        flush,
    })
}

fn stream(reader: &mut Reader<'_>, mut section: Section<'_>) -> Option<SinkKind> {
    let stream = section.required_name(reader, "name");
    let key = field(reader, &mut section, "key");
    section.finish(reader);
    Some(SinkKind::Stream {
        stream: stream?,
        key: key?,
    })
}

fn dynamodb(reader: &mut Reader<'_>, mut section: Section<'_>) -> Option<SinkKind> {
    let table = section.required_name(reader, "table");
    if !section.has("key") {
        let path = section.path_of("key");
        reader.problem(
            section.at(),
            format!("{path} is missing: write key = {{ ticker = \".by\", minute = \".window\" }}"),
        );
    }
    let key = section.section(reader, "key").and_then(|mut inner| {
        let names = inner.rest();
        if !(1..=2).contains(&names.len()) {
            let path = section.path_of("key");
            reader.problem(
                inner.at(),
                format!("{path}: a table's key has one or two attributes"),
            );
        }
        let fields = names.into_iter().map(|(name, _)| {
            let path = field(reader, &mut inner, &name).flatten();
            path.map(|path| (name, path))
        });
        fields
            .collect::<Vec<_>>()
            .into_iter()
            .collect::<Option<BTreeMap<_, _>>>()
    });
    section.finish(reader);
    Some(SinkKind::DynamoDb {
        table: table?,
        key: key?,
    })
}

/// A path to a field that may be left out.
fn field(
    reader: &mut Reader<'_>,
    section: &mut Section<'_>,
    name: &str,
) -> Option<Option<FieldPath>> {
    let Some((text, at)) = section.text(reader, name) else {
        return Some(None);
    };
    match text.parse() {
        Ok(path) => Some(Some(path)),
        Err(error) => {
            let path = section.path_of(name);
            reader.problem(at, format!("{path}: {error}"));
            None
        }
    }
}
