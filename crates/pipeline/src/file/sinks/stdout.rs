//! `stdout = { format = "json" }`.

use std::sync::Arc;

use millstream_connectors::format::Lines;
use millstream_connectors::sinks::stdout::Stdout;
use millstream_connectors::{Guarantee, Opener};

use super::{DeclaredSink, Kind, format};
use crate::clients::Clients;
use crate::file::reader::{Reader, Section};

pub(super) const KIND: Kind = Kind {
    word: "stdout",
    example: "stdout = {}",
    read,
};

#[derive(Debug)]
struct Declared {
    format: Lines,
}

fn read(reader: &mut Reader<'_>, mut section: Section<'_>) -> Option<Arc<dyn DeclaredSink>> {
    let format = format::lines(reader, &mut section);
    section.finish(reader);
    Some(Arc::new(Declared { format: format? }))
}

impl DeclaredSink for Declared {
    fn opener(&self, _: &str, _: &Clients) -> Result<Arc<dyn Opener>, String> {
        let format = self.format.clone();
        Ok(Arc::new(Stdout { format }))
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::AtLeastOnce
    }

    fn writes_text(&self) -> bool {
        matches!(self.format, Lines::Json)
    }

    fn describe(&self) -> String {
        "stdout".to_owned()
    }
}
