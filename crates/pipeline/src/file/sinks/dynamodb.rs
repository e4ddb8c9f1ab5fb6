//! `dynamodb = { table = "NAME", key = { attribute = ".field" } }`.

use std::collections::BTreeMap;
use std::sync::Arc;

use millstream_connectors::sinks::dynamodb::DynamoDb;
use millstream_connectors::{FieldPath, Guarantee, Opener};

use super::{DeclaredSink, Kind, options};
use crate::clients::Clients;
use crate::file::reader::{Reader, Section};

pub(super) const KIND: Kind = Kind {
    word: "dynamodb",
    example: "dynamodb = { table = \"NAME\", key = { id = \".id\" } }",
    read,
};

#[derive(Debug)]
struct Declared {
    table: String,
    /// The attributes of its key, and the fields that they come from.
    key: BTreeMap<String, FieldPath>,
}

fn read(reader: &mut Reader<'_>, mut section: Section<'_>) -> Option<Arc<dyn DeclaredSink>> {
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
            let path = options::field(reader, &mut inner, &name).flatten();
            path.map(|path| (name, path))
        });
        fields
            .collect::<Vec<_>>()
            .into_iter()
            .collect::<Option<BTreeMap<_, _>>>()
    });
    section.finish(reader);
    Some(Arc::new(Declared {
        table: table?,
        key: key?,
    }))
}

impl DeclaredSink for Declared {
    fn opener(&self, _: &str, clients: &Clients) -> Result<Arc<dyn Opener>, String> {
        Ok(Arc::new(DynamoDb {
            client: clients.dynamodb.clone(),
            table: self.table.clone(),
            key: self.key.clone(),
        }))
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::Idempotent
    }

    fn describe(&self) -> String {
        format!("DynamoDB table {}", self.table)
    }
}
