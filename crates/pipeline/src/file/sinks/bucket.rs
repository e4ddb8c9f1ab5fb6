//! Where objects go: a bucket, and the service that has it.

use millstream_connectors::sinks::s3::Access;

use crate::clients::Clients;
use crate::file::reader::{Reader, Section};

/// Names the service where the file does not, as for every AWS SDK.
const ENDPOINT_VARIABLE: &str = "AWS_ENDPOINT_URL_S3";

#[derive(Debug)]
pub(super) struct Bucket {
    pub(super) name: String,
    service: Service,
}

/// The service that has buckets.
#[derive(Debug)]
pub(super) struct Service {
    region: Option<String>,
    endpoint: Option<String>,
}

impl Bucket {
    /// `bucket`, `region` and `endpoint`.
    pub(super) fn read(reader: &mut Reader<'_>, section: &mut Section<'_>) -> Option<Self> {
        let name = section.required_name(reader, "bucket");
        let service = Service::read(reader, section);
        Some(Self {
            name: name?,
            service,
        })
    }

    /// How it is reached, as the worker.
    pub(super) fn access(&self, clients: &Clients) -> Access {
        self.service.access(&self.name, clients)
    }
}

impl Service {
    /// `region` and `endpoint`.
    pub(super) fn read(reader: &mut Reader<'_>, section: &mut Section<'_>) -> Self {
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
        Self {
            region: region.map(|(region, _)| region),
            endpoint: endpoint.map(|(endpoint, _)| endpoint),
        }
    }

    /// The region, which is the worker's if the file says none.
    pub(super) fn region<'a>(&'a self, clients: &'a Clients) -> &'a str {
        self.region.as_ref().unwrap_or(&clients.region)
    }

    /// How a bucket of it is reached, as the worker.
    pub(super) fn access(&self, bucket: &str, clients: &Clients) -> Access {
        let of_variable = || std::env::var(ENDPOINT_VARIABLE).ok();
        Access {
            bucket: bucket.to_owned(),
            region: self.region(clients).to_owned(),
            endpoint: self.endpoint.clone().or_else(of_variable),
            credentials: clients.credentials.clone(),
        }
    }
}
