//! A pipeline as a file declares it, checked: all mistakes at once, each with its place and what would be right.

mod memory;
mod reader;
mod sinks;
mod source;
mod steps;
mod window;

use std::sync::Arc;

use toml::de::DeTable;

pub use memory::Memory;
pub(crate) use memory::READ_AHEAD_BYTES_MAX;
pub use reader::Problem;
pub use sinks::{DeclaredSink, Flush, SinkSpec};
pub use source::{Source, Start};

use crate::jq::Limits;
use crate::names;
use crate::transform::Transform;
use crate::window::Plan;
use reader::{Reader, Section};

/// Most bytes of a file.
const FILE_BYTES_MAX: usize = 1024 * 1024;

/// A pipeline, ready to run.
#[derive(Debug, Clone)]
pub struct Pipeline {
    /// The application: its lease tables, its intermediate stream, its metrics.
    pub name: String,
    /// Where records come from.
    pub source: Source,
    /// What happens to each.
    pub transform: Transform,
    /// What is computed over many.
    pub window: Option<Arc<Plan>>,
    /// Where the results go.
    pub sinks: Vec<SinkSpec>,
    /// Where records go that cannot be processed; without it they stop the pipeline.
    pub dead_letter_stream: Option<String>,
    /// Whether workers put what they count into CloudWatch's API.
    pub has_metrics: bool,
}

/// A file that declares no pipeline: every mistake in it, in order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} mistakes", .0.len())]
pub struct InvalidFile(pub Vec<Problem>);

impl Pipeline {
    /// Reads and checks a file's text.
    ///
    /// # Errors
    /// All mistakes that can be told from the text alone. Nothing is asked of any service.
    pub fn parse(text: &str) -> Result<Self, InvalidFile> {
        let mut reader = Reader::new(text);
        if text.len() > FILE_BYTES_MAX {
            reader.problem(0, format!("the file is larger than {FILE_BYTES_MAX} bytes"));
            return Err(InvalidFile(reader.into_problems()));
        }
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let at = error.span().map_or(0, |span| span.start);
            reader.problem(at, error.message().to_owned());
        }
        let pipeline = whole(&mut reader, table.get_ref());
        match (pipeline, reader.into_problems()) {
            (Some(pipeline), problems) if problems.is_empty() => Ok(pipeline),
            (_, problems) => Err(InvalidFile(problems)),
        }
    }

    /// Name of the lease table of the first stage, which reads the source.
    pub fn application(&self) -> String {
        self.name.clone()
    }

    /// Name of the lease table of the second stage, which merges windows.
    pub fn merge_application(&self) -> String {
        names::merge_application(&self.name)
    }

    /// Name of the stream between the stages.
    pub fn intermediate_stream(&self) -> String {
        names::intermediate_stream(&self.name)
    }

    /// Name of the table of the states of windows, and of what workers say of themselves.
    pub fn state_table(&self) -> String {
        names::state_table(&self.name)
    }

    /// Whether some sink delivers by whole cuts.
    pub fn delivers_by_cuts(&self) -> bool {
        self.sinks.iter().any(SinkSpec::delivers_by_cuts)
    }

    /// What a worker's memory is bounded by.
    pub fn memory(&self) -> Memory {
        Memory::of(self)
    }
}

/// Letters, digits, `_`, `.` and `-`: what names of streams and tables share.
fn is_name(text: &str, characters: std::ops::RangeInclusive<usize>) -> bool {
    characters.contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

fn whole(reader: &mut Reader<'_>, table: &DeTable<'_>) -> Option<Pipeline> {
    let mut root = Section::new("", 0, table);
    let name = root.text(reader, "name");
    if let Some((name, at)) = &name
        && !is_name(name, 3..=100)
    {
        reader.problem(*at, format!("name {name:?} must be 3 to 100 letters, digits, _ . and -: tables and streams are named after it"));
    }
    if name.is_none() && !root.has("name") {
        reader.problem(
            0,
            "name is missing: write name = \"trades\", the application's name".to_owned(),
        );
    }
    let source = match root.section(reader, "source") {
        Some(section) => source::read(reader, section),
        None => {
            if !root.has("source") {
                reader.problem(
                    0,
                    "[source] is missing: write [source] and stream = \"NAME\" below it".to_owned(),
                );
            }
            None
        }
    };
    let declared = root.sections(reader, "step");
    let steps = steps::read(reader, declared);
    let window = root
        .section(reader, "window")
        .map(|section| window::read(reader, section));
    let declared = root.sections(reader, "sink");
    if declared.is_empty() && !root.has("sink") {
        reader.problem(
            0,
            "there is no [[sink]]: write [[sink]] and stdout = {} below it to see the results"
                .to_owned(),
        );
    }
    let sinks = sinks::read(reader, declared);
    let dead_letter_stream = root.section(reader, "dead_letter").and_then(|mut section| {
        let stream = section.required_name(reader, "stream");
        section.finish(reader);
        stream
    });
    let has_metrics = root.flag(reader, "metrics");
    // Read by whoever scales the pipeline.
    drop(root.section(reader, "scale"));
    root.finish(reader);
    let source_and_encoding = source?;
    Some(Pipeline {
        name: name?.0,
        source: source_and_encoding.0,
        transform: Transform {
            encoding: source_and_encoding.1,
            steps: steps?.into(),
            limits: Limits::default(),
        },
        window: match window {
            None => None,
            Some(plan) => Some(Arc::new(plan?)),
        },
        sinks: sinks?,
        dead_letter_stream,
        has_metrics,
    })
}

#[cfg(test)]
mod tests;
