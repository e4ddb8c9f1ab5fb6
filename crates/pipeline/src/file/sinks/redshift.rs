//! `redshift = { url = "postgresql://...", table = "NAME", bucket = "NAME", iam_role = "ARN", ... }`, or by the Data API with
//! `cluster` or `workgroup` and `database` instead of `url`.

mod way;

use std::sync::Arc;

use millstream_connectors::sinks::redshift::{InvalidLoad, Load};
use millstream_connectors::{Guarantee, Opener};

use self::way::Way;
use super::bucket::Bucket;
use super::{DeclaredSink, Flush, Kind, format, options};
use crate::clients::Clients;
use crate::file::reader::{Reader, Section};

pub(super) const KIND: Kind = Kind {
    word: "redshift",
    example: "redshift = { url = \"postgresql://...\", table = \"NAME\", bucket = \"NAME\", iam_role = \"default\" }",
    read,
};

#[derive(Debug)]
struct Declared {
    way: Way,
    bucket: Bucket,
    /// But for the region, which may be the worker's.
    load: Load,
    flush: Flush,
}

fn read(reader: &mut Reader<'_>, mut section: Section<'_>) -> Option<Arc<dyn DeclaredSink>> {
    let way = Way::read(reader, &mut section);
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
    let (way, bucket) = (way?, bucket?);
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
            InvalidLoad::Format | InvalidLoad::Certificates(_) | InvalidLoad::Service(_) => at,
        };
        reader.problem(at, error.to_string());
        return None;
    }
    Some(Arc::new(Declared {
        way,
        bucket,
        load,
        flush,
    }))
}

impl DeclaredSink for Declared {
    fn opener(&self, _: &str, clients: &Clients) -> Result<Arc<dyn Opener>, String> {
        let access = self.bucket.access(clients);
        let load = Load {
            region: access.region.clone(),
            ..self.load.clone()
        };
        Ok(Arc::new(self.way.open(clients, &access, load)?))
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
            self.load.table, self.way, self.bucket.name, self.load.prefix
        )
    }
}
