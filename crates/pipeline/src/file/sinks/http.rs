//! `http = { url = "https://...", shape = "records", ... }`.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use millstream_connectors::sinks::http::{Http, Lambda, Secret, Settings, Shape, TIMEOUT_MAX};
use millstream_connectors::{Guarantee, Opener};
use millstream_types::SystemClock;

use super::{DeclaredSink, Kind, options};
use crate::clients::Clients;
use crate::file::reader::{Reader, Section};

pub(super) const KIND: Kind = Kind {
    word: "http",
    example: "http = { url = \"https://...\" }",
    read,
};

const BATCH: usize = 100;
const BATCH_MAX: usize = 10_000;
const TIMEOUT: Duration = Duration::from_secs(30);
const ATTEMPTS: usize = 10;
const ATTEMPTS_MAX: usize = 1000;

#[derive(Debug)]
struct Declared {
    url: Uri,
    /// The ARN that a function is told; without it, the body is not in a function's shape.
    lambda: Option<String>,
    headers: HeaderMap,
    /// The environment variable with the secret.
    secret: Option<String>,
    batch_max: usize,
    timeout: Duration,
    attempts_max: u32,
}

fn read(reader: &mut Reader<'_>, mut section: Section<'_>) -> Option<Arc<dyn DeclaredSink>> {
    let url = options::url(reader, &mut section, "\"https://HOST/PATH\"");
    let lambda = lambda(reader, &mut section);
    let headers = headers(reader, &mut section);
    let secret = section.text(reader, "secret_env").map(|(name, _)| name);
    let batch_max = section.number(reader, "batch", 1..=BATCH_MAX);
    let attempts_max = section.number(reader, "attempts", 1..=ATTEMPTS_MAX);
    let timeout = options::timeout(reader, &mut section, TIMEOUT, TIMEOUT_MAX);
    section.finish(reader);
    Some(Arc::new(Declared {
        url: url?.0,
        lambda: lambda?,
        headers: headers?,
        secret,
        batch_max: batch_max?.unwrap_or(BATCH),
        timeout,
        attempts_max: u32::try_from(attempts_max?.unwrap_or(ATTEMPTS)).unwrap_or(u32::MAX),
    }))
}

/// The shape; for a function's, the ARN of the stream.
fn lambda(reader: &mut Reader<'_>, section: &mut Section<'_>) -> Option<Option<String>> {
    let arn = section.text(reader, "source_arn");
    let Some((shape, at)) = section.text(reader, "shape") else {
        return Some(None);
    };
    match (shape.as_str(), arn) {
        ("records", _) => Some(None),
        ("lambda", Some((arn, _))) => Some(Some(arn)),
        ("lambda", None) => {
            let path = section.path_of("source_arn");
            reader.problem(
                at,
                format!("{path} is missing: write source_arn = \"arn:aws:kinesis:REGION:ACCOUNT:stream/NAME\""),
            );
            None
        }
        _ => {
            let path = section.path_of("shape");
            reader.problem(
                at,
                format!("{path} {shape:?} is not known: write records or lambda"),
            );
            None
        }
    }
}

fn headers(reader: &mut Reader<'_>, section: &mut Section<'_>) -> Option<HeaderMap> {
    let Some(mut inner) = section.section(reader, "headers") else {
        return Some(HeaderMap::new());
    };
    let mut headers = HeaderMap::new();
    let mut is_right = true;
    for (name, at) in inner.rest() {
        let text = inner.text(reader, &name);
        let value = text.and_then(|(text, _)| HeaderValue::from_str(&text).ok());
        match (HeaderName::from_bytes(name.as_bytes()), value) {
            (Ok(name), Some(value)) => {
                headers.insert(name, value);
            }
            _ => {
                let path = inner.path_of(&name);
                reader.problem(
                    at,
                    format!("{path} is no header: write {{ x-name = \"value\" }}"),
                );
                is_right = false;
            }
        }
    }
    is_right.then_some(headers)
}

impl DeclaredSink for Declared {
    fn opener(&self, _: &str, _: &Clients) -> Result<Arc<dyn Opener>, String> {
        let secret = match &self.secret {
            None => None,
            Some(name) => {
                let text = std::env::var(name)
                    .map_err(|_| format!("the environment variable {name} is not set"))?;
                let secret: Result<Secret, _> = text.parse();
                Some(secret.map_err(|error| format!("the environment variable {name}: {error}"))?)
            }
        };
        let shape = match &self.lambda {
            None => Shape::Records,
            Some(arn) => Shape::Lambda(Lambda {
                // arn:aws:kinesis:REGION:ACCOUNT:stream/NAME
                region: arn.split(':').nth(3).unwrap_or_default().to_owned(),
                source_arn: arn.clone(),
            }),
        };
        let settings = Settings {
            url: self.url.clone(),
            shape,
            headers: self.headers.clone(),
            secret,
            batch_max: self.batch_max,
            timeout: self.timeout,
            attempts_max: self.attempts_max,
        };
        let http = Http::new(settings, Arc::new(SystemClock));
        Ok(Arc::new(http.map_err(|error| error.to_string())?))
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::AtLeastOnce
    }

    fn describe(&self) -> String {
        let place = self.url.authority().map_or("", |place| place.as_str());
        format!("requests to {place}{}", self.url.path())
    }
}
