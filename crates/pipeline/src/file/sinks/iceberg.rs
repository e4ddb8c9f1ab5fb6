//! `iceberg = { url = "https://...", table = "NAMESPACE.NAME", ... }`.

mod way;

use std::sync::Arc;

use millstream_connectors::format::Schema;
use millstream_connectors::{Guarantee, Opener};
use millstream_connectors_iceberg::{Iceberg, Target};

use self::way::Way;
use super::bucket::Service;
use super::{DeclaredSink, Flush, Kind, format, options};
use crate::clients::Clients;
use crate::file::reader::{Reader, Section};

pub(super) const KIND: Kind = Kind {
    word: "iceberg",
    example: "iceberg = { url = \"https://...\", table = \"NAMESPACE.NAME\" }",
    read,
};

#[derive(Debug)]
struct Declared {
    way: Way,
    namespace: Vec<String>,
    table: String,
    schema: Option<Schema>,
    service: Service,
    flush: Flush,
}

fn read(reader: &mut Reader<'_>, mut section: Section<'_>) -> Option<Arc<dyn DeclaredSink>> {
    let way = Way::read(reader, &mut section);
    let table = table(reader, &mut section);
    let schema = format::schema(reader, &mut section);
    let service = Service::read(reader, &mut section);
    let flush = options::flush(reader, &mut section);
    section.finish(reader);
    let (namespace, table) = table?;
    Some(Arc::new(Declared {
        way: way?,
        namespace,
        table,
        schema: schema?,
        service,
        flush,
    }))
}

/// The levels of the namespace, and the table in it.
fn table(reader: &mut Reader<'_>, section: &mut Section<'_>) -> Option<(Vec<String>, String)> {
    let (text, at) = section.required(reader, "table", "\"NAMESPACE.NAME\"")?;
    let mut levels: Vec<String> = text.split('.').map(str::to_owned).collect();
    let is_name = |level: &String| {
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        !level.is_empty() && level.bytes().all(is_known)
    };
    if levels.len() < 2 || !levels.iter().all(is_name) {
        let path = section.path_of("table");
        reader.problem(
            at,
            format!("{path} {text:?} must be a namespace and a name, of letters, digits, _ and -: write \"NAMESPACE.NAME\""),
        );
        return None;
    }
    let name = levels.pop()?;
    Some((levels, name))
}

impl DeclaredSink for Declared {
    fn opener(&self, pipeline: &str, clients: &Clients) -> Result<Arc<dyn Opener>, String> {
        let target = Target {
            namespace: self.namespace.clone(),
            table: self.table.clone(),
            schema: self.schema.clone(),
            writer: pipeline.to_owned(),
        };
        Ok(Arc::new(Iceberg::new(
            self.way.open(clients, &self.service)?,
            // Of the bucket that the table is in.
            self.service.access("", clients),
            target,
        )))
    }

    fn flush(&self) -> Option<Flush> {
        Some(self.flush)
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::ExactlyOnce
    }

    fn describe(&self) -> String {
        format!(
            "Iceberg table {}.{} of {}",
            self.namespace.join("."),
            self.table,
            self.way
        )
    }
}
