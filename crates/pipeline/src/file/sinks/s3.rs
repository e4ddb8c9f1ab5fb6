//! `s3 = { bucket = "NAME", ... }`.

use std::sync::Arc;

use millstream_connectors::format::{Format, Lines};
use millstream_connectors::sinks::s3::{Prefix, S3};
use millstream_connectors::{FieldPath, Guarantee, Opener};

use super::bucket::Bucket;
use super::{DeclaredSink, Flush, Kind, format, options};
use crate::clients::Clients;
use crate::file::reader::{Reader, Section};

pub(super) const KIND: Kind = Kind {
    word: "s3",
    example: "s3 = { bucket = \"NAME\", prefix = \"trades/{date}\" }",
    read,
};

#[derive(Debug)]
struct Declared {
    bucket: Bucket,
    prefix: Prefix,
    time: Option<FieldPath>,
    format: Format,
    flush: Flush,
}

fn read(reader: &mut Reader<'_>, mut section: Section<'_>) -> Option<Arc<dyn DeclaredSink>> {
    let bucket = Bucket::read(reader, &mut section);
    let prefix = match section.text(reader, "prefix") {
        None => Some(Prefix::default()),
        Some((text, at)) => match text.parse() {
            Ok(prefix) => Some(prefix),
            Err(error) => {
                let path = section.path_of("prefix");
                reader.problem(at, format!("{path}: {error}"));
                None
            }
        },
    };
    let time = options::field(reader, &mut section, "time");
    let format = format::file(reader, &mut section);
    let flush = options::flush(reader, &mut section);
    section.finish(reader);
    Some(Arc::new(Declared {
        bucket: bucket?,
        prefix: prefix?,
        time: time?,
        format: format?,
        flush,
    }))
}

impl DeclaredSink for Declared {
    fn opener(&self, _: &str, clients: &Clients) -> Result<Arc<dyn Opener>, String> {
        let access = self.bucket.access(clients);
        Ok(Arc::new(S3 {
            store: access.open().map_err(|error| error.to_string())?,
            prefix: self.prefix.clone(),
            time: self.time.clone(),
            format: self.format.clone(),
        }))
    }

    fn flush(&self) -> Option<Flush> {
        Some(self.flush)
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::ExactlyOnce
    }

    fn writes_text(&self) -> bool {
        self.time.is_none()
            && !self.prefix.has_fields()
            && matches!(self.format, Format::Lines(Lines::Json, _))
    }

    fn describe(&self) -> String {
        format!("s3://{}/{}", self.bucket.name, self.prefix)
    }
}
