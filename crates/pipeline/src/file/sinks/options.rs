//! Options that several sinks have.

use std::time::Duration;

use http::Uri;
use millstream_connectors::FieldPath;

use super::Flush;
use crate::file::reader::{Reader, Section};

const FLUSH_BYTES: usize = 16 * 1024 * 1024;
const FLUSH_TIME: Duration = Duration::from_secs(60);

pub(super) fn flush(reader: &mut Reader<'_>, section: &mut Section<'_>) -> Flush {
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

/// A URL of a receiver that must be there; `example` is what would be right.
pub(super) fn url(
    reader: &mut Reader<'_>,
    section: &mut Section<'_>,
    example: &str,
) -> Option<(Uri, usize)> {
    let (text, at) = section.required(reader, "url", example)?;
    let url = text.parse::<Uri>().ok().filter(|url| {
        matches!(url.scheme_str(), Some("http" | "https"))
            && url
                .authority()
                .is_some_and(|place| !place.as_str().contains('@'))
    });
    if url.is_none() {
        let path = section.path_of("url");
        reader.problem(
            at,
            format!("{path} is no http:// or https:// URL without a password: write {example}"),
        );
    }
    url.map(|url| (url, at))
}

/// How long a request may take: 100 ms to `longest`.
pub(super) fn timeout(
    reader: &mut Reader<'_>,
    section: &mut Section<'_>,
    default: Duration,
    longest: Duration,
) -> Duration {
    let Some((time, at)) = section.duration(reader, "timeout") else {
        return default;
    };
    if !(Duration::from_millis(100)..=longest).contains(&time) {
        let path = section.path_of("timeout");
        let longest = humantime::format_duration(longest);
        reader.problem(at, format!("{path} must be 100 ms to {longest}"));
    }
    time
}

/// A path to a field that may be left out.
pub(super) fn field(
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
