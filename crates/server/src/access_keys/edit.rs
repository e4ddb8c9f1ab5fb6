//! Changing the file of access keys: the new file is written aside, synced and renamed, so that a server that reads
//! meanwhile sees the old one or the new one. Comments and the order of what stays are kept.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use millstream_types::{AccountId, NoRandomness, Randomness as _, SystemRandomness};
use rustix::fs::FlockOperation;
use rustix::io::Errno;

use super::file::{self, InvalidKeys};

/// What stands at the head of each key.
const KEY_HEADER: &str = "[[key]]";
/// Letters of ids, 32 of them.
const ID_LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Letters of secrets, 64 of them.
const SECRET_LETTERS: &[u8; 64] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Why the file was not changed. It is as it was.
#[derive(Debug, thiserror::Error)]
pub enum KeyEditError {
    /// The file is not valid, or would not be.
    #[error(transparent)]
    Invalid(#[from] InvalidKeys),
    /// The new key's name or one of its policies is not valid.
    #[error(transparent)]
    NewKey(InvalidKeys),
    /// No key has this id.
    #[error("there is no access key {0}")]
    NoSuchKey(String),
    /// The file is written in a way that this command does not change without breaking something.
    #[error(
        "the access key {0} does not stand under a [[key]] line of its own: change the file by hand"
    )]
    Layout(String),
    /// The new file cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Another command changes the file at this moment. Try again.
    #[error("another command is changing {0}: try again")]
    Busy(PathBuf),
    /// The system gives no randomness.
    #[error(transparent)]
    Random(#[from] NoRandomness),
}

impl KeyEditError {
    /// Whether a file could not be read or written, rather than its contents refused.
    pub fn is_of_files(&self) -> bool {
        matches!(
            self,
            Self::Invalid(InvalidKeys::Unreadable { .. }) | Self::Write { .. } | Self::Busy(_)
        )
    }
}

/// A key to make.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Its account.
    pub account: AccountId,
    /// The last part of its ARN; without it, the id.
    pub name: Option<String>,
    /// The texts of its policies; `*` allows everything. Without any it may do nothing, as in the file.
    pub policies: Vec<String>,
}

/// A key that was made. The secret is shown once: here.
pub struct CreatedKey {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// Its ARN.
    pub arn: String,
}

impl std::fmt::Debug for CreatedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreatedKey")
            .field("id", &self.id)
            .field("arn", &self.arn)
            .finish_non_exhaustive()
    }
}

/// A key without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedKey {
    /// Its id.
    pub id: String,
    /// Its account.
    pub account: AccountId,
    /// Its ARN.
    pub arn: String,
    /// Its policies as they stand in the file.
    pub policies: Vec<String>,
}

/// Makes a key and adds it to the file, which is made if it is not there.
///
/// # Errors
/// See [`KeyEditError`].
pub fn create_key(path: &Path, new: &NewKey) -> Result<CreatedKey, KeyEditError> {
    let _lock = lock(path)?;
    let mut text = match file::text(path) {
        Err(InvalidKeys::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            String::new()
        }
        text => text?,
    };
    let id = format!("AKIA{}", random(16, ID_LETTERS)?);
    let secret = random(40, SECRET_LETTERS)?;
    if !text.is_empty() {
        text += if text.ends_with('\n') { "\n" } else { "\n\n" };
    }
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let policies: Vec<String> = new.policies.iter().map(|policy| quoted(policy)).collect();
    let name = new.name.as_ref();
    let name = name.map_or(String::new(), |name| format!("name = {}\n", quoted(name)));
    let written = write!(
        text,
        "{KEY_HEADER}\nid = \"{id}\"\nsecret = \"{secret}\"\naccount = \"{}\"\n{name}policies = [{}]\n",
        new.account,
        policies.join(", ")
    );
    written.expect("a String takes any text");
    let keys = file::check(path, &file::parse(path, &text)?);
    let keys = keys.map_err(|error| match error.key_id() == Some(id.as_str()) {
        true => KeyEditError::NewKey(error),
        false => error.into(),
    })?;
    let arn = keys[&id].user.arn.clone();
    replace(path, &text)?;
    Ok(CreatedKey { id, secret, arn })
}

/// The keys in the file.
///
/// # Errors
/// If the file cannot be read or is not valid.
pub fn list_keys(path: &Path) -> Result<Vec<ListedKey>, KeyEditError> {
    let document = file::parse(path, &file::text(path)?)?;
    file::check(path, &document)?;
    let listed = document.key.into_iter().map(|entry| ListedKey {
        arn: entry.arn(),
        id: entry.id,
        account: entry.account,
        policies: entry.policies,
    });
    Ok(listed.collect())
}

/// Takes a key out of the file.
///
/// # Errors
/// See [`KeyEditError`].
pub fn revoke_key(path: &Path, id: &str) -> Result<(), KeyEditError> {
    let _lock = lock(path)?;
    let text = file::text(path)?;
    let before = file::check(path, &file::parse(path, &text)?)?;
    if !before.contains_key(id) {
        return Err(KeyEditError::NoSuchKey(id.to_owned()));
    }
    let layout = || KeyEditError::Layout(id.to_owned());
    let kept: String = blocks(&text)
        .into_iter()
        .filter(|block| !is_of(path, block, id))
        .collect();
    // Whatever the file looks like: the others are all there and this one is not, or nothing is changed.
    let after = file::parse(path, &kept).and_then(|document| file::check(path, &document));
    let after = after.map_err(|_| layout())?;
    let is_right = after.len() + 1 == before.len()
        && !after.contains_key(id)
        && after.keys().all(|kept| before.contains_key(kept));
    if !is_right {
        return Err(layout());
    }
    replace(path, &kept)
}

/// Keeps other commands from changing the file until it is dropped: the later one would undo the earlier one. It is the
/// folder that is locked, because the file is exchanged.
fn lock(path: &Path) -> Result<File, KeyEditError> {
    let failed = |source: io::Error| KeyEditError::Write {
        path: path.to_owned(),
        source,
    };
    let folder = File::open(folder(path)).map_err(failed)?;
    match rustix::fs::flock(&folder, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(folder),
        Err(Errno::WOULDBLOCK) => Err(KeyEditError::Busy(path.to_owned())),
        Err(error) => Err(failed(error.into())),
    }
}

fn folder(path: &Path) -> &Path {
    let folder = path.parent();
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// The file in pieces that begin with a key's header; what stands before the first is a piece too.
fn blocks(text: &str) -> Vec<String> {
    let mut blocks = vec![String::new()];
    for line in text.split_inclusive('\n') {
        if line.trim() == KEY_HEADER {
            blocks.push(String::new());
        }
        blocks.last_mut().expect("never empty").push_str(line);
    }
    blocks
}

fn is_of(path: &Path, block: &str, id: &str) -> bool {
    let parsed = file::parse(path, block);
    let is_of_one = block.trim_start().starts_with(KEY_HEADER);
    is_of_one && parsed.is_ok_and(|document| matches!(&document.key[..], [entry] if entry.id == id))
}

fn replace(path: &Path, text: &str) -> Result<(), KeyEditError> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".{}.new", std::process::id()));
    let aside = PathBuf::from(aside);
    let written = write_aside(path, &aside, text);
    written.map_err(|source| {
        // What is left of it holds secrets. If it cannot be removed, it was never made.
        std::fs::remove_file(&aside).ok();
        KeyEditError::Write {
            path: path.to_owned(),
            source,
        }
    })
}

fn write_aside(path: &Path, aside: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(aside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(aside, path)?;
    File::open(folder(path))?.sync_all()
}

/// Random letters; the number of letters to choose from is a power of two, so each is as likely as the others.
fn random(length: usize, letters: &[u8]) -> Result<String, KeyEditError> {
    let mut bytes = vec![0; length];
    SystemRandomness.fill(&mut bytes)?;
    let letter = |byte: &u8| char::from(letters[usize::from(*byte) % letters.len()]);
    Ok(bytes.iter().map(letter).collect())
}
