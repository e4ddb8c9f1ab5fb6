//! `kafka = { brokers = ["HOST:9092"], topic = "NAME", ... }`.

use std::sync::Arc;
use std::time::Duration;

use millstream_connectors::sinks::kafka::{
    Authorities, Kafka, Login, Mechanism, Settings, TIMEOUT_MAX,
};
use millstream_connectors::{FieldPath, Guarantee, Opener};

use super::{DeclaredSink, Kind, options};
use crate::clients::Clients;
use crate::file::reader::{Reader, Section};

pub(super) const KIND: Kind = Kind {
    word: "kafka",
    example: "kafka = { brokers = [\"HOST:9092\"], topic = \"NAME\" }",
    read,
};

const TIMEOUT: Duration = Duration::from_secs(30);
/// Longest name of a topic.
const TOPIC_BYTES_MAX: usize = 249;

#[derive(Debug)]
struct Declared {
    brokers: Vec<(String, u16)>,
    topic: String,
    key: Option<FieldPath>,
    tls: Option<Authorities>,
    login: Option<DeclaredLogin>,
    timeout: Duration,
}

#[derive(Debug)]
struct DeclaredLogin {
    mechanism: Mechanism,
    user: String,
    /// The environment variable with the password.
    password: String,
}

fn read(reader: &mut Reader<'_>, mut section: Section<'_>) -> Option<Arc<dyn DeclaredSink>> {
    let brokers = brokers(reader, &mut section);
    let topic = topic(reader, &mut section);
    let key = options::field(reader, &mut section, "key");
    let tls = tls(reader, &mut section);
    let login = login(reader, &mut section);
    let timeout = options::timeout(reader, &mut section, TIMEOUT, TIMEOUT_MAX);
    section.finish(reader);
    Some(Arc::new(Declared {
        brokers: brokers?,
        topic: topic?,
        key: key?,
        tls: tls?,
        login: login?,
        timeout,
    }))
}

fn brokers(reader: &mut Reader<'_>, section: &mut Section<'_>) -> Option<Vec<(String, u16)>> {
    let texts = section.texts(reader, "brokers");
    let place = |text: &String| {
        let (host, port) = text.rsplit_once(':')?;
        // An IPv6 address stands in brackets, and is connected to without them.
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = port.parse().ok().filter(|port| *port > 0)?;
        (!host.is_empty()).then(|| (host.to_owned(), port))
    };
    let places: Option<Vec<_>> = texts.iter().map(place).collect();
    let places = places.filter(|places| !places.is_empty());
    if places.is_none() {
        let path = section.path_of("brokers");
        reader.problem(
            section.at(),
            format!("{path} must be a list of hosts and ports: write brokers = [\"HOST:9092\"]"),
        );
    }
    places
}

fn topic(reader: &mut Reader<'_>, section: &mut Section<'_>) -> Option<String> {
    let (topic, at) = section.required(reader, "topic", "\"NAME\"")?;
    let is_letter = |one: char| one.is_ascii_alphanumeric() || "._-".contains(one);
    if (1..=TOPIC_BYTES_MAX).contains(&topic.len()) && topic.chars().all(is_letter) {
        return Some(topic);
    }
    let path = section.path_of("topic");
    reader.problem(
        at,
        format!("{path} {topic:?} must be 1 to {TOPIC_BYTES_MAX} letters, digits, . _ and -"),
    );
    None
}

/// Whether connections are encrypted, and by whose word.
fn tls(reader: &mut Reader<'_>, section: &mut Section<'_>) -> Option<Option<Authorities>> {
    let is_encrypted = section.flag(reader, "tls");
    match section.text(reader, "authorities") {
        None => Some(is_encrypted.then_some(Authorities::OfMachine)),
        Some((file, _)) if is_encrypted => Some(Some(Authorities::OfFile(file.into()))),
        Some((_, at)) => {
            let path = section.path_of("authorities");
            reader.problem(
                at,
                format!("{path} is for encrypted connections: write tls = true too"),
            );
            None
        }
    }
}

fn login(reader: &mut Reader<'_>, section: &mut Section<'_>) -> Option<Option<DeclaredLogin>> {
    let user = section.text(reader, "user");
    let password = section.text(reader, "password_env");
    let mechanism = match section.text(reader, "mechanism") {
        None => Mechanism::ScramSha256,
        Some((text, at)) => {
            match text.as_str() {
                "scram-sha-256" => Mechanism::ScramSha256,
                "scram-sha-512" => Mechanism::ScramSha512,
                "plain" => Mechanism::Plain,
                _ => {
                    let path = section.path_of("mechanism");
                    reader.problem(
                    at,
                    format!("{path} {text:?} is not known: write scram-sha-256, scram-sha-512 or plain"),
                );
                    return None;
                }
            }
        }
    };
    match (user, password) {
        (None, None) => Some(None),
        (Some((user, _)), Some((password, _))) => Some(Some(DeclaredLogin {
            mechanism,
            user,
            password,
        })),
        (Some((_, at)), None) | (None, Some((_, at))) => {
            let path = section.path_of("user");
            reader.problem(
                at,
                format!("{path} and password_env = \"VARIABLE\" go together"),
            );
            None
        }
    }
}

impl DeclaredSink for Declared {
    fn opener(&self, _: &str, _: &Clients) -> Result<Arc<dyn Opener>, String> {
        let login = match &self.login {
            None => None,
            Some(login) => {
                let variable = &login.password;
                let password = std::env::var(variable)
                    .map_err(|_| format!("the environment variable {variable} is not set"))?;
                Some(Login {
                    mechanism: login.mechanism,
                    user: login.user.clone(),
                    password,
                })
            }
        };
        let sink = Kafka::new(Settings {
            brokers: self.brokers.clone(),
            topic: self.topic.clone(),
            key: self.key.clone(),
            tls: self.tls.clone(),
            login,
            timeout: self.timeout,
        });
        Ok(Arc::new(sink.map_err(|error| error.to_string())?))
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::AtLeastOnce
    }

    fn describe(&self) -> String {
        let (host, port) = &self.brokers[0];
        format!("Kafka topic {} at {host}:{port}", self.topic)
    }
}
