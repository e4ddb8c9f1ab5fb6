//! `opensearch = { url = "https://...", index = "NAME", ... }`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use millstream_connectors::sinks::opensearch::{
    Credentials, OpenSearch, Settings, TIMEOUT_MAX, is_index,
};
use millstream_connectors::{Guarantee, Opener};

use super::{DeclaredSink, Kind, options};
use crate::clients::Clients;
use crate::file::reader::{Reader, Section};

pub(super) const KIND: Kind = Kind {
    word: "opensearch",
    example: "opensearch = { url = \"https://...\", index = \"NAME\" }",
    read,
};

const BATCH: usize = 1000;
const BATCH_MAX: usize = 10_000;
const TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug)]
struct Declared {
    url: Uri,
    index: String,
    who: Who,
    authorities: Option<PathBuf>,
    batch_max: usize,
    timeout: Duration,
}

/// Who asks, and the environment variable that holds what proves it.
#[derive(Debug)]
enum Who {
    Nobody,
    User { name: String, password: String },
    ApiKey(String),
}

fn read(reader: &mut Reader<'_>, mut section: Section<'_>) -> Option<Arc<dyn DeclaredSink>> {
    let url = options::url(reader, &mut section, "\"https://HOST:9200\"");
    let url = url.and_then(|(url, at)| {
        if url.query().is_none() {
            return Some(url);
        }
        let path = section.path_of("url");
        reader.problem(
            at,
            format!("{path} has a query: write \"https://HOST:9200\""),
        );
        None
    });
    let index = index(reader, &mut section);
    let who = who(reader, &mut section);
    let authorities = section.text(reader, "authorities");
    let batch_max = section.number(reader, "batch", 1..=BATCH_MAX);
    let timeout = options::timeout(reader, &mut section, TIMEOUT, TIMEOUT_MAX);
    section.finish(reader);
    Some(Arc::new(Declared {
        url: url?,
        index: index?,
        who: who?,
        authorities: authorities.map(|(file, _)| file.into()),
        batch_max: batch_max?.unwrap_or(BATCH),
        timeout,
    }))
}

fn index(reader: &mut Reader<'_>, section: &mut Section<'_>) -> Option<String> {
    let (name, at) = section.required(reader, "index", "\"NAME\"")?;
    if is_index(&name) {
        return Some(name);
    }
    let path = section.path_of("index");
    reader.problem(
        at,
        format!("{path} {name:?} must be 1 to 255 small letters, digits, . _ and -, and begin with none of the last two"),
    );
    None
}

fn who(reader: &mut Reader<'_>, section: &mut Section<'_>) -> Option<Who> {
    let user = section.text(reader, "user");
    let password = section.text(reader, "password_env");
    let api_key = section.text(reader, "api_key_env");
    match (user, password, api_key) {
        (None, None, None) => Some(Who::Nobody),
        (None, None, Some((variable, _))) => Some(Who::ApiKey(variable)),
        (Some((name, at)), Some((password, _)), None) => {
            if name.contains(':') {
                let path = section.path_of("user");
                reader.problem(at, format!("{path} {name:?} must not have a colon"));
                return None;
            }
            Some(Who::User { name, password })
        }
        (user, password, api_key) => {
            let given = [user, password, api_key].into_iter().flatten();
            let at = given.map(|(_, at)| at).min().unwrap_or(section.at());
            let path = section.path_of("user");
            reader.problem(
                at,
                format!("{path} and password_env = \"VARIABLE\" go together, and without api_key_env = \"VARIABLE\""),
            );
            None
        }
    }
}

impl Declared {
    fn credentials(&self) -> Result<Option<Credentials>, String> {
        let value_of = |variable: &str| {
            std::env::var(variable)
                .map_err(|_| format!("the environment variable {variable} is not set"))
        };
        match &self.who {
            Who::Nobody => Ok(None),
            Who::User { name, password } => {
                Ok(Some(Credentials::password(name, &value_of(password)?)))
            }
            Who::ApiKey(variable) => {
                let credentials = Credentials::api_key(&value_of(variable)?);
                let wrong = || format!("the environment variable {variable} holds no API key");
                credentials.ok_or_else(wrong).map(Some)
            }
        }
    }
}

impl DeclaredSink for Declared {
    fn opener(&self, _: &str, _: &Clients) -> Result<Arc<dyn Opener>, String> {
        let settings = Settings {
            url: self.url.clone(),
            index: self.index.clone(),
            credentials: self.credentials()?,
            authorities: self.authorities.clone(),
            batch_max: self.batch_max,
            timeout: self.timeout,
        };
        let sink = OpenSearch::new(&settings);
        Ok(Arc::new(sink.map_err(|error| error.to_string())?))
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::Idempotent
    }

    fn describe(&self) -> String {
        let place = self.url.authority().map_or("", |place| place.as_str());
        format!("OpenSearch index {} at {place}", self.index)
    }
}
