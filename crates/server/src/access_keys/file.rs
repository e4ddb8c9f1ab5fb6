//! The file of access keys: read whole and checked, or refused.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use millstream_policy::{InvalidPolicy, Kind, Permissions, Policy};
use millstream_streams::User;
use millstream_types::AccountId;
use millstream_wire::sigv4::SecretKey;
use serde::Deserialize;

use super::{AccessKey, AccessKeys};

/// Longest file of keys, and longest file of a policy beside it, in bytes.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Shortest secret, in characters.
const SECRET_LENGTH_MIN: usize = 16;
/// Longest id or name, in characters.
const WORD_LENGTH_MAX: usize = 128;
/// What stands for a policy that allows everything.
const EVERYTHING: &str = "*";

/// Why access keys cannot be used. No text shows a secret.
#[derive(Debug, thiserror::Error)]
pub enum InvalidKeys {
    /// The file, or a policy beside it, cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// Others than its owner can read or write the file.
    #[error(
        "the file of access keys {path} has mode {mode:04o}: others could read it. chmod 600 {path}"
    )]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Others than its owner can write a policy.
    #[error("the policy {path} has mode {mode:04o}: others could write it. chmod go-w {path}")]
    PolicyMode {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Longer than any such file should be.
    #[error("{0} has more than {FILE_BYTES_MAX} bytes")]
    TooLong(PathBuf),
    /// Not TOML, or a key that does not exist or has the wrong type.
    #[error("the file of access keys {path} is not valid at line {line}: {reason}")]
    Form {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// An id that cannot stand in a credential, or a name that cannot stand in an ARN.
    #[error(
        "access key {id:?}: its {what} is not 1 to 128 characters of a-z, A-Z, 0-9, '_', '.' and '-'"
    )]
    Word {
        /// The key.
        id: String,
        /// `id` or `name`.
        what: &'static str,
    },
    /// A secret that could be guessed.
    #[error("access key {0}: its secret has fewer than {SECRET_LENGTH_MIN} characters")]
    Secret(String),
    /// Two keys with one id.
    #[error("access key {0} is there twice")]
    Twice(String),
    /// A policy that is not understood.
    #[error("access key {id}, policy {policy}: {reason}")]
    Policy {
        /// The key.
        id: String,
        /// The file's name, or which of the key's policies it is.
        policy: String,
        /// What is wrong.
        reason: InvalidPolicy,
    },
}

impl InvalidKeys {
    /// The key that is not valid, if it is one key and not the file.
    pub(super) fn key_id(&self) -> Option<&str> {
        match self {
            Self::Word { id, .. }
            | Self::Secret(id)
            | Self::Twice(id)
            | Self::Policy { id, .. } => Some(id),
            Self::Unreadable { .. }
            | Self::Mode { .. }
            | Self::PolicyMode { .. }
            | Self::TooLong(_)
            | Self::Form { .. } => None,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    #[serde(default)]
    pub(super) key: Vec<Entry>,
}

/// Deliberately without `Debug`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) secret: String,
    pub(super) account: AccountId,
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) policies: Vec<String>,
}

impl Entry {
    pub(super) fn arn(&self) -> String {
        let name = self.name.as_ref().unwrap_or(&self.id);
        format!("arn:aws:iam::{}:user/{name}", self.account)
    }
}

/// Reads and checks the file.
pub(super) fn read(path: &Path) -> Result<AccessKeys, InvalidKeys> {
    check(path, &parse(path, &text(path)?)?)
}

/// The file's text, if its mode is right.
pub(super) fn text(path: &Path) -> Result<String, InvalidKeys> {
    let unreadable = |source| InvalidKeys::Unreadable {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(InvalidKeys::Mode {
            path: path.to_owned(),
            mode,
        });
    }
    bounded(path, file)
}

fn bounded(path: &Path, file: File) -> Result<String, InvalidKeys> {
    let mut text = String::new();
    let read = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
    read.map_err(|source| InvalidKeys::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(InvalidKeys::TooLong(path.to_owned()));
    }
    Ok(text)
}

pub(super) fn parse(path: &Path, text: &str) -> Result<Document, InvalidKeys> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        // The library's own text shows the line, and with it perhaps a secret; so may its message, if a secret is what
        // it is about.
        let start = error.span().map_or(0, |span| span.start).min(text.len());
        let before = &text.as_bytes()[..start];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let shown = text.lines().nth(line - 1).unwrap_or("");
        let reason = if shown.contains("secret") {
            "not a secret as it is expected: a text in quotes".to_owned()
        } else {
            error.message().to_owned()
        };
        InvalidKeys::Form {
            path: path.to_owned(),
            line,
            reason,
        }
    })
}

pub(super) fn check(path: &Path, document: &Document) -> Result<AccessKeys, InvalidKeys> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut keys = AccessKeys::with_capacity(document.key.len());
    for entry in &document.key {
        let id = entry.id.clone();
        let words = [("id", Some(&entry.id)), ("name", entry.name.as_ref())];
        for (what, word) in words {
            if word.is_some_and(|word| !is_word(word)) {
                return Err(InvalidKeys::Word { id, what });
            }
        }
        if entry.secret.chars().count() < SECRET_LENGTH_MIN {
            return Err(InvalidKeys::Secret(id));
        }
        let key = AccessKey {
            secret: SecretKey::new(entry.secret.as_str()),
            account: entry.account.clone(),
            user: Arc::new(User {
                arn: entry.arn(),
                permissions: permissions(folder, entry)?,
            }),
        };
        if keys.insert(id.clone(), Arc::new(key)).is_some() {
            return Err(InvalidKeys::Twice(id));
        }
    }
    Ok(keys)
}

fn permissions(folder: &Path, entry: &Entry) -> Result<Permissions, InvalidKeys> {
    let mut policies = Vec::with_capacity(entry.policies.len());
    for (at, policy) in entry.policies.iter().enumerate() {
        if policy == EVERYTHING {
            policies.push(allow_everything());
            continue;
        }
        let (name, text) = if policy.trim_start().starts_with('{') {
            (format!("{}", at + 1), policy.clone())
        } else {
            let path = folder.join(policy);
            (policy.clone(), policy_text(&path)?)
        };
        let parsed = Policy::parse(Kind::Identity, &text);
        policies.push(parsed.map_err(|reason| InvalidKeys::Policy {
            id: entry.id.clone(),
            policy: name,
            reason,
        })?);
    }
    Ok(Permissions::new(policies))
}

/// A policy's text, if nobody but its owner can change it: it says what keys may do, and is no secret.
fn policy_text(path: &Path) -> Result<String, InvalidKeys> {
    let unreadable = |source| InvalidKeys::Unreadable {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.mode() & 0o7777;
    if mode & 0o022 != 0 {
        return Err(InvalidKeys::PolicyMode {
            path: path.to_owned(),
            mode,
        });
    }
    bounded(path, file)
}

fn allow_everything() -> Policy {
    let text = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
    Policy::parse(Kind::Identity, text).expect("a policy that is understood")
}

fn is_word(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    (1..=WORD_LENGTH_MAX).contains(&text.len()) && text.bytes().all(is_allowed)
}
