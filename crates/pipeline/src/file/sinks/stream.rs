//! `stream = { name = "NAME", key = ".field" }`.

use std::sync::Arc;

use millstream_connectors::sinks::stream::Stream;
use millstream_connectors::{FieldPath, Guarantee, Opener};

use super::{DeclaredSink, Kind, options};
use crate::clients::Clients;
use crate::file::reader::{Reader, Section};

pub(super) const KIND: Kind = Kind {
    word: "stream",
    example: "stream = { name = \"NAME\" }",
    read,
};

#[derive(Debug)]
struct Declared {
    stream: String,
    key: Option<FieldPath>,
}

fn read(reader: &mut Reader<'_>, mut section: Section<'_>) -> Option<Arc<dyn DeclaredSink>> {
    let stream = section.required_name(reader, "name");
    let key = options::field(reader, &mut section, "key");
    section.finish(reader);
    Some(Arc::new(Declared {
        stream: stream?,
        key: key?,
    }))
}

impl DeclaredSink for Declared {
    fn opener(&self, _: &str, clients: &Clients) -> Result<Arc<dyn Opener>, String> {
        let stream = Stream::to(&self.stream, clients.kinesis.clone(), self.key.clone());
        Ok(Arc::new(stream.map_err(|error| error.to_string())?))
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::AtLeastOnce
    }

    fn describe(&self) -> String {
        format!("stream {}", self.stream)
    }
}
