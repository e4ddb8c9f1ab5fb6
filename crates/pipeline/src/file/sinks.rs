//! `[[sink]]`. A kind of sink is one module here, and one line in [`KINDS`].

#[cfg(feature = "s3")]
mod bucket;
mod dynamodb;
mod files;
mod format;
mod http;
#[cfg(feature = "iceberg")]
mod iceberg;
mod kafka;
#[cfg(not(feature = "iceberg"))]
mod not_built;
mod opensearch;
mod options;
mod postgres;
#[cfg(feature = "redshift")]
mod redshift;
#[cfg(feature = "s3")]
mod s3;
mod stdout;
mod stream;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use millstream_connectors::{Guarantee, Opener};

use super::reader::{Reader, Section};
use crate::clients::Clients;

/// What a file may name.
const KINDS: &[Kind] = &[
    stdout::KIND,
    files::KIND,
    stream::KIND,
    dynamodb::KIND,
    #[cfg(feature = "s3")]
    s3::KIND,
    #[cfg(feature = "redshift")]
    redshift::KIND,
    #[cfg(feature = "iceberg")]
    iceberg::KIND,
    #[cfg(not(feature = "iceberg"))]
    not_built::ICEBERG,
    postgres::KIND,
    http::KIND,
    opensearch::KIND,
    kafka::KIND,
];

/// Most bytes of items that wait for a sink.
const LANE_BYTES: usize = 8 * 1024 * 1024;

/// A kind of sink in a file.
struct Kind {
    /// The member of `[[sink]]` that names it.
    word: &'static str,
    /// What would be right.
    example: &'static str,
    /// Reads that member; what is wrong with it is told to the reader.
    read: fn(&mut Reader<'_>, Section<'_>) -> Option<Arc<dyn DeclaredSink>>,
}

/// A sink as a file declares it, or a program in Rust.
pub trait DeclaredSink: Send + Sync + fmt::Debug {
    /// What opens it for each shard of the pipeline of this name. Nothing is sent yet.
    ///
    /// # Errors
    /// In words, what is missing for it.
    fn opener(&self, pipeline: &str, clients: &Clients) -> Result<Arc<dyn Opener>, String>;

    /// What it makes of items that come more than once. The same as its opener says.
    fn guarantee(&self) -> Guarantee;

    /// When it delivers, if it does so by whole cuts ([`Guarantee::ExactlyOnce`]).
    fn flush(&self) -> Option<Flush> {
        None
    }

    /// Whether it writes values as JSON and looks at nothing in them: if all sinks do, values are kept as text.
    fn writes_text(&self) -> bool {
        false
    }

    /// Where to, in a few words without secrets.
    fn describe(&self) -> String;
}

/// One sink.
#[derive(Debug, Clone)]
pub struct SinkSpec {
    /// For status, metrics and messages; unique in the pipeline.
    pub name: String,
    /// What and where.
    pub sink: Arc<dyn DeclaredSink>,
    /// Whether the pipeline goes on without it while it is down.
    pub is_optional: bool,
}

/// When what was collected is delivered: as soon as one of the two is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flush {
    /// Bytes, before they are compressed; what is on its way to the sink may be on top.
    pub bytes: usize,
    /// Time since the first item.
    pub time: Duration,
}

impl SinkSpec {
    /// Whether only whole cuts are delivered.
    pub fn delivers_by_cuts(&self) -> bool {
        self.sink.flush().is_some()
    }

    /// Most bytes of items of one shard that wait for it.
    pub fn lane_bytes(&self) -> usize {
        LANE_BYTES
    }

    /// Most bytes of one shard on their way to it: what waits for it, and what it has taken and not flushed.
    pub fn bytes_per_shard(&self) -> usize {
        self.sink.flush().map_or(0, |flush| flush.bytes) + self.lane_bytes()
    }
}

pub(super) fn read(reader: &mut Reader<'_>, sections: Vec<Section<'_>>) -> Option<Vec<SinkSpec>> {
    let mut sinks: Vec<Option<SinkSpec>> = Vec::new();
    for section in sections {
        let at = section.at();
        let spec = one(reader, section);
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
            if spec.is_optional && spec.delivers_by_cuts() {
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

fn one(reader: &mut Reader<'_>, mut section: Section<'_>) -> Option<SinkSpec> {
    let at = section.at();
    let name = section.text(reader, "name");
    let is_optional = section.flag(reader, "optional");
    let mut declared = Vec::new();
    for kind in KINDS {
        let has = section.has(kind.word);
        let sink = section
            .section(reader, kind.word)
            .and_then(|section| (kind.read)(reader, section));
        if has {
            declared.push((kind.word, sink));
        }
    }
    if declared.len() != 1 && section.rest().is_empty() {
        let wrong = if declared.is_empty() {
            "a sink says nothing of where to"
        } else {
            "a sink has one destination"
        };
        let examples: Vec<&str> = KINDS.iter().map(|kind| kind.example).collect();
        reader.problem(at, format!("{wrong}: write one of {}", examples.join(", ")));
    }
    section.finish(reader);
    let (word, sink) = declared.into_iter().next()?;
    Some(SinkSpec {
        name: name.map_or_else(|| word.to_owned(), |(name, _)| name),
        sink: sink?,
        is_optional,
    })
}
