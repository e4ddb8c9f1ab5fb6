//! `iceberg = { url = "https://...", table = "NAMESPACE.NAME", ... }`.

use std::path::PathBuf;
use std::sync::Arc;

use http::Uri;
use millstream_connectors::format::Schema;
use millstream_connectors::{Guarantee, Opener};
use millstream_connectors_iceberg::{Catalog, Iceberg, Target, Who};
use millstream_types::SystemClock;

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
    url: Uri,
    warehouse: Option<String>,
    namespace: Vec<String>,
    table: String,
    schema: Option<Schema>,
    proof: Proof,
    authorities: Option<PathBuf>,
    service: Service,
    flush: Flush,
}

/// What the worker shows to the catalog.
#[derive(Debug)]
enum Proof {
    Nothing,
    /// A token in this environment variable.
    Token(String),
    /// A signature of AWS for the service of this name.
    Signature(String),
}

fn read(reader: &mut Reader<'_>, mut section: Section<'_>) -> Option<Arc<dyn DeclaredSink>> {
    let url = options::url(reader, &mut section, "\"https://HOST/iceberg\"");
    let url = url.and_then(|(url, at)| {
        if url.query().is_none() {
            return Some(url);
        }
        let path = section.path_of("url");
        reader.problem(at, format!("{path} has a query: write warehouse = \"...\""));
        None
    });
    let warehouse = section.text(reader, "warehouse");
    let table = table(reader, &mut section);
    let schema = format::schema(reader, &mut section);
    let proof = proof(reader, &mut section);
    let authorities = section.text(reader, "authorities");
    let service = Service::read(reader, &mut section);
    let flush = options::flush(reader, &mut section);
    section.finish(reader);
    let (namespace, table) = table?;
    Some(Arc::new(Declared {
        url: url?,
        warehouse: warehouse.map(|(warehouse, _)| warehouse),
        namespace,
        table,
        schema: schema?,
        proof: proof?,
        authorities: authorities.map(|(file, _)| file.into()),
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

fn proof(reader: &mut Reader<'_>, section: &mut Section<'_>) -> Option<Proof> {
    let token = section.text(reader, "token_env");
    let signature = section.text(reader, "sigv4");
    match (token, signature) {
        (None, None) => Some(Proof::Nothing),
        (Some((variable, _)), None) => Some(Proof::Token(variable)),
        (None, Some((service, _))) => Some(Proof::Signature(service)),
        (Some(_), Some((_, at))) => {
            let path = section.path_of("sigv4");
            reader.problem(at, format!("{path} and token_env do not go together"));
            None
        }
    }
}

impl Declared {
    fn who(&self, clients: &Clients) -> Result<Who, String> {
        Ok(match &self.proof {
            Proof::Nothing => Who::Nobody,
            Proof::Token(variable) => Who::Token(
                std::env::var(variable)
                    .map_err(|_| format!("the environment variable {variable} is not set"))?,
            ),
            Proof::Signature(service) => Who::Signed {
                service: service.clone(),
                region: self.service.region(clients).to_owned(),
                credentials: clients.credentials.clone(),
            },
        })
    }
}

impl DeclaredSink for Declared {
    fn opener(&self, pipeline: &str, clients: &Clients) -> Result<Arc<dyn Opener>, String> {
        let catalog = Catalog::new(
            &self.url,
            self.warehouse.clone(),
            self.who(clients)?,
            self.authorities.as_deref(),
            Arc::new(SystemClock),
        );
        let target = Target {
            namespace: self.namespace.clone(),
            table: self.table.clone(),
            schema: self.schema.clone(),
            writer: pipeline.to_owned(),
        };
        Ok(Arc::new(Iceberg::new(
            catalog.map_err(|error| error.to_string())?,
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
        let place = self.url.authority().map_or("", |place| place.as_str());
        format!(
            "Iceberg table {}.{} of {place}",
            self.namespace.join("."),
            self.table
        )
    }
}
