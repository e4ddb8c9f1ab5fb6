//! `s3 = { bucket = "NAME", ... }`.

use std::sync::Arc;

use millstream_connectors::format::{Compression, Format};
use millstream_connectors::sinks::s3::{Access, Prefix, S3};
use millstream_connectors::{FieldPath, Guarantee, Opener};

use super::{DeclaredSink, Flush, Kind, options};
use crate::clients::Clients;
use crate::file::reader::{Reader, Section};

/// Names the service where the file does not, as for every AWS SDK.
const ENDPOINT_VARIABLE: &str = "AWS_ENDPOINT_URL_S3";

pub(super) const KIND: Kind = Kind {
    word: "s3",
    example: "s3 = { bucket = \"NAME\", prefix = \"trades/{date}\" }",
    read,
};

#[derive(Debug)]
struct Declared {
    bucket: String,
    prefix: Prefix,
    time: Option<FieldPath>,
    region: Option<String>,
    endpoint: Option<String>,
    format: Format,
    compression: Compression,
    flush: Flush,
}

fn read(reader: &mut Reader<'_>, mut section: Section<'_>) -> Option<Arc<dyn DeclaredSink>> {
    let bucket = section.required_name(reader, "bucket");
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
    let region = section.text(reader, "region");
    let endpoint = section.text(reader, "endpoint");
    if let Some((url, at)) = &endpoint
        && !(url.starts_with("http://") || url.starts_with("https://"))
    {
        let path = section.path_of("endpoint");
        reader.problem(
            *at,
            format!(
                "{path} {url:?} is no URL: write \"http://HOST:PORT\" or \"https://HOST:PORT\""
            ),
        );
    }
    let format = options::format(reader, &mut section);
    let compression = options::compression(reader, &mut section);
    let flush = options::flush(reader, &mut section);
    section.finish(reader);
    Some(Arc::new(Declared {
        bucket: bucket?,
        prefix: prefix?,
        time: time?,
        region: region.map(|(region, _)| region),
        endpoint: endpoint.map(|(endpoint, _)| endpoint),
        format: format?,
        compression: compression?,
        flush,
    }))
}

impl DeclaredSink for Declared {
    fn opener(&self, clients: &Clients) -> Result<Arc<dyn Opener>, String> {
        let of_variable = || std::env::var(ENDPOINT_VARIABLE).ok();
        let access = Access {
            bucket: self.bucket.clone(),
            region: self
                .region
                .clone()
                .unwrap_or_else(|| clients.region.clone()),
            endpoint: self.endpoint.clone().or_else(of_variable),
            credentials: clients.credentials.clone(),
        };
        Ok(Arc::new(S3 {
            store: access.open().map_err(|error| error.to_string())?,
            prefix: self.prefix.clone(),
            time: self.time.clone(),
            format: self.format.clone(),
            compression: self.compression,
        }))
    }

    fn flush(&self) -> Option<Flush> {
        Some(self.flush)
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::ExactlyOnce
    }

    fn describe(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.prefix)
    }
}
