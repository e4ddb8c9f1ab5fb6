//! `files = { folder = "out", ... }`.

use std::path::PathBuf;
use std::sync::Arc;

use millstream_connectors::format::{Format, Lines};
use millstream_connectors::sinks::files::Files;
use millstream_connectors::{Guarantee, Opener};

use super::{DeclaredSink, Flush, Kind, format, options};
use crate::clients::Clients;
use crate::file::reader::{Reader, Section};

pub(super) const KIND: Kind = Kind {
    word: "files",
    example: "files = { folder = \"out\" }",
    read,
};

#[derive(Debug)]
struct Declared {
    folder: PathBuf,
    format: Format,
    flush: Flush,
}

fn read(reader: &mut Reader<'_>, mut section: Section<'_>) -> Option<Arc<dyn DeclaredSink>> {
    let folder = section.required(reader, "folder", "\"out\"");
    let format = format::file(reader, &mut section);
    let flush = options::flush(reader, &mut section);
    section.finish(reader);
    Some(Arc::new(Declared {
        folder: folder?.0.into(),
        format: format?,
        flush,
    }))
}

impl DeclaredSink for Declared {
    fn opener(&self, _: &str, _: &Clients) -> Result<Arc<dyn Opener>, String> {
        Ok(Arc::new(Files {
            folder: self.folder.clone(),
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
        matches!(self.format, Format::Lines(Lines::Json, _))
    }

    fn describe(&self) -> String {
        format!("files in {}", self.folder.display())
    }
}
