//! How sinks write: `format`, and what belongs to it.

use millstream_connectors::format::{Compression, Format, Lines};
#[cfg(feature = "parquet")]
use millstream_connectors::format::{Kind, Schema};

use crate::file::reader::{Reader, Section};

const LINES: &str = "json, csv or raw";
#[cfg(feature = "parquet")]
const FILES: &str = "json, csv, raw or parquet";
#[cfg(not(feature = "parquet"))]
const FILES: &str = LINES;

/// Of values one after the other.
pub(super) fn lines(reader: &mut Reader<'_>, section: &mut Section<'_>) -> Option<Lines> {
    let columns = section.texts(reader, "columns");
    let format = section.text(reader, "format");
    lines_of(reader, section, format, columns, LINES)
}

/// Of a file as a whole, with its `compression`.
pub(super) fn file(reader: &mut Reader<'_>, section: &mut Section<'_>) -> Option<Format> {
    let columns = section.texts(reader, "columns");
    let format = section.text(reader, "format");
    #[cfg(feature = "parquet")]
    if matches!(&format, Some((text, _)) if text == "parquet") {
        return parquet(reader, section);
    }
    let lines = lines_of(reader, section, format, columns, FILES);
    let compression = compression(reader, section);
    Some(Format::Lines(lines?, compression?))
}

pub(super) fn compression(
    reader: &mut Reader<'_>,
    section: &mut Section<'_>,
) -> Option<Compression> {
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

fn lines_of(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    format: Option<(String, usize)>,
    columns: Vec<String>,
    known: &str,
) -> Option<Lines> {
    let Some((text, at)) = format else {
        return Some(Lines::Json);
    };
    match text.as_str() {
        "json" => Some(Lines::Json),
        "csv" if columns.is_empty() => {
            let path = section.path_of("columns");
            reader.problem(at, format!("{path} is missing: CSV needs to know its fields: write columns = [\"ticker\", \"price\"]"));
            None
        }
        "csv" => Some(Lines::Csv { columns }),
        "raw" => Some(Lines::Raw),
        _ => {
            let path = section.path_of("format");
            reader.problem(at, format!("{path} {text:?} is not known: write {known}"));
            None
        }
    }
}

/// Its `schema`, if there is one, and a `compression` of its own.
#[cfg(feature = "parquet")]
fn parquet(reader: &mut Reader<'_>, section: &mut Section<'_>) -> Option<Format> {
    let compression = section.text(reader, "compression");
    let is_compressed = match compression.as_ref().map(|(text, at)| (text.as_str(), *at)) {
        None | Some(("snappy", _)) => Some(true),
        Some(("none", _)) => Some(false),
        Some((text, at)) => {
            let path = section.path_of("compression");
            reader.problem(
                at,
                format!("{path} {text:?} is not known of Parquet: write none or snappy"),
            );
            None
        }
    };
    let schema = schema(reader, section);
    Some(Format::Parquet {
        schema: schema?,
        is_compressed: is_compressed?,
    })
}

/// The `schema`, if there is one.
#[cfg(feature = "parquet")]
pub(super) fn schema(reader: &mut Reader<'_>, section: &mut Section<'_>) -> Option<Option<Schema>> {
    match section.section(reader, "schema") {
        None if section.has("schema") => None,
        None => Some(None),
        Some(inner) => columns(reader, inner).map(Some),
    }
}

#[cfg(feature = "parquet")]
fn columns(reader: &mut Reader<'_>, mut section: Section<'_>) -> Option<Schema> {
    let names = section.rest();
    if names.is_empty() {
        reader.problem(
            section.at(),
            "a schema has columns: write schema = { ticker = \"string\", price = \"double\" }"
                .to_owned(),
        );
        return None;
    }
    // All of them are read before one that is wrong ends it.
    let columns: Vec<Option<(String, Kind)>> = names
        .into_iter()
        .map(|(name, _)| kind(reader, &mut section, &name).map(|kind| (name, kind)))
        .collect();
    columns.into_iter().collect()
}

#[cfg(feature = "parquet")]
fn kind(reader: &mut Reader<'_>, section: &mut Section<'_>, name: &str) -> Option<Kind> {
    let (text, at) = section.text(reader, name)?;
    match text.parse() {
        Ok(kind) => Some(kind),
        Err(error) => {
            let path = section.path_of(name);
            reader.problem(at, format!("{path}: {error}"));
            None
        }
    }
}
