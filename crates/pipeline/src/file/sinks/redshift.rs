//! `redshift = { url = "postgresql://...", table = "NAME", bucket = "NAME", iam_role = "ARN", ... }`.

use std::sync::Arc;

use millstream_connectors::sinks::postgres::Address;
use millstream_connectors::sinks::redshift::{InvalidLoad, Load, Redshift};
use millstream_connectors::{Guarantee, Opener};

use super::bucket::Bucket;
use super::{DeclaredSink, Flush, Kind, format, options};
use crate::clients::Clients;
use crate::file::reader::{Reader, Section};

pub(super) const KIND: Kind = Kind {
    word: "redshift",
    example: "redshift = { url = \"postgresql://...\", table = \"NAME\", bucket = \"NAME\", iam_role = \"default\" }",
    read,
};

/// Where a password comes from that is not in the file.
const PASSWORD: &str = "PGPASSWORD";

#[derive(Debug)]
struct Declared {
    address: Address,
    bucket: Bucket,
    /// But for the region, which may be the worker's.
    load: Load,
    flush: Flush,
}

fn read(reader: &mut Reader<'_>, mut section: Section<'_>) -> Option<Arc<dyn DeclaredSink>> {
    let url = section.required(
        reader,
        "url",
        "\"postgresql://USER@HOST:5439/DATABASE?sslmode=verify-full\"",
    );
    let address = url.and_then(|(url, at)| match url.parse::<Address>() {
        Ok(address) => Some(address),
        Err(error) => {
            let path = section.path_of("url");
            reader.problem(at, format!("{path}: {error}"));
            None
        }
    });
    let table = section.required(reader, "table", "\"NAME\"");
    let loads = section.text(reader, "loads");
    let iam_role = section.required(reader, "iam_role", "\"arn:aws:iam::ACCOUNT:role/NAME\"");
    let bucket = Bucket::read(reader, &mut section);
    let prefix = section.text(reader, "prefix");
    let format = format::lines(reader, &mut section);
    let compression = format::compression(reader, &mut section);
    let flush = options::flush(reader, &mut section);
    let at = section.at();
    section.finish(reader);
    let (address, bucket) = (address?, bucket?);
    let ((table, table_at), (iam_role, role_at)) = (table?, iam_role?);
    let prefix_at = prefix.as_ref().map_or(at, |(_, at)| *at);
    let load = Load {
        table,
        loads: loads.as_ref().map(|(loads, _)| loads.clone()),
        iam_role,
        bucket: bucket.name.clone(),
        region: String::new(),
        prefix: prefix.map_or_else(String::new, |(prefix, _)| prefix),
        format: format?,
        compression: compression?,
    };
    if let Err(error) = load.check() {
        let at = match &error {
            InvalidLoad::Table(name) if *name != load.table => loads.map_or(table_at, |(_, at)| at),
            InvalidLoad::Table(_) => table_at,
            InvalidLoad::Role(_) => role_at,
            InvalidLoad::Prefix(_) => prefix_at,
            InvalidLoad::Format | InvalidLoad::Certificates(_) => at,
        };
        reader.problem(at, error.to_string());
        return None;
    }
    Some(Arc::new(Declared {
        address,
        bucket,
        load,
        flush,
    }))
}

impl DeclaredSink for Declared {
    fn opener(&self, _: &str, clients: &Clients) -> Result<Arc<dyn Opener>, String> {
        let access = self.bucket.access(clients);
        let address = match std::env::var(PASSWORD) {
            Ok(password) => self.address.clone().or_password(&password),
            Err(_) => self.address.clone(),
        };
        let load = Load {
            region: access.region.clone(),
            ..self.load.clone()
        };
        let store = access.open().map_err(|error| error.to_string())?;
        let sink = Redshift::new(&address, store, load);
        Ok(Arc::new(sink.map_err(|error| error.to_string())?))
    }

    fn flush(&self) -> Option<Flush> {
        Some(self.flush)
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::ExactlyOnce
    }

    fn describe(&self) -> String {
        format!(
            "Redshift table {} at {} by s3://{}/{}",
            self.load.table, self.address, self.bucket.name, self.load.prefix
        )
    }
}
