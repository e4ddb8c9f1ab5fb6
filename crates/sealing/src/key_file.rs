//! The file of a data folder's keys, each wrapped with the master key.
//!
//! Text: a first line that names the format, `master ID`, `next ID` (ids are never used again, and the first one is random,
//! so that what was sealed with keys that are lost names none that came after), a line `key ID OWNER EPOCH WRAPPED` for each
//! key in order of id, and a last line with the CRC-32 of all before. OWNER is `own -` or `group NUMBER`; WRAPPED is base64
//! of nonce, sealed key and tag, sealed for `ID OWNER EPOCH`, so that no line can be put into another's place.
//!
//! Replaced as a whole: written aside, synced, renamed, and the folder synced. A crash leaves the file before or the one
//! after, whole, and beside it at most a part of the one after, which the next write removes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

use crate::data_key::DataKey;
use crate::master_key::MasterKey;

/// The file's name in the data folder.
pub(crate) const FILE: &str = "keys";
const FRESH: &str = "keys.new";
const FORMAT: &str = "millstream keys 1";

/// Whose bytes a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Owner {
    /// The service itself.
    Own,
    /// A stream, by the group of its logs.
    Group(u64),
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Own => f.write_str("own -"),
            Self::Group(number) => write!(f, "group {number}"),
        }
    }
}

/// A key, not wrapped.
#[derive(Clone)]
pub(crate) struct StoredKey {
    pub(crate) id: u32,
    pub(crate) owner: Owner,
    pub(crate) epoch: u32,
    pub(crate) bytes: Zeroizing<[u8; 32]>,
}

/// What a file holds.
#[derive(Clone)]
pub(crate) struct StoredKeys {
    /// The id of the next key.
    pub(crate) next: u32,
    /// In order of id.
    pub(crate) keys: Vec<StoredKey>,
}

/// Why a file is not read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It is not what was written.
    Damaged,
    /// It is under the master key with this id.
    OtherMaster(String),
}

impl StoredKey {
    fn about(&self) -> String {
        format!("{} {} {}", self.id, self.owner, self.epoch)
    }
}

/// The master key as one that keys are wrapped with.
fn wrapping(master: &MasterKey) -> io::Result<DataKey> {
    DataKey::new(0, master.bytes()).map_err(|_| io::Error::other("no random numbers"))
}

/// Replaces the file. It is durable when this returns.
pub(crate) fn write(folder: &Path, master: &MasterKey, stored: &StoredKeys) -> io::Result<()> {
    let text = encode(master, stored)?;
    let fresh = folder.join(FRESH);
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, folder.join(FILE))?;
    File::open(folder)?.sync_all()
}

fn encode(master: &MasterKey, stored: &StoredKeys) -> io::Result<String> {
    let wrapping = wrapping(master)?;
    let mut text = format!("{FORMAT}\nmaster {}\nnext {}\n", master.id(), stored.next);
    for key in &stored.keys {
        let about = key.about();
        let mut wrapped = key.bytes.to_vec();
        wrapping.seal(&mut wrapped, 0, about.as_bytes());
        text += &format!("key {about} {}\n", BASE64_STANDARD.encode(wrapped));
    }
    let sum = crc32fast::hash(text.as_bytes());
    Ok(text + &format!("crc32 {sum:08x}\n"))
}

/// The lines of a file between its first and its last, and the id of its master key.
fn lines(text: &str) -> Option<(&str, std::str::Lines<'_>)> {
    let end = text.rfind("crc32 ")?;
    let (body, sum) = text.split_at(end);
    if sum != format!("crc32 {:08x}\n", crc32fast::hash(body.as_bytes())) {
        return None;
    }
    let mut lines = body.lines();
    if lines.next() != Some(FORMAT) {
        return None;
    }
    Some((lines.next()?.strip_prefix("master ")?, lines))
}

/// The id of the master key that a file is under; `None` if it cannot be told.
pub(crate) fn master_id(text: &str) -> Option<String> {
    lines(text).map(|(id, _)| id.to_owned())
}

pub(crate) fn decode(text: &str, master: &MasterKey) -> Result<StoredKeys, Unreadable> {
    let (id, mut lines) = lines(text).ok_or(Unreadable::Damaged)?;
    if id != master.id() {
        return Err(Unreadable::OtherMaster(id.to_owned()));
    }
    let wrapping = wrapping(master).map_err(|_| Unreadable::Damaged)?;
    let key = |line: &str| {
        let (about, wrapped) = line.strip_prefix("key ")?.rsplit_once(' ')?;
        let mut fields = about.split(' ');
        let id = fields.next()?.parse().ok().filter(|id| *id != 0)?;
        let owner = match (fields.next()?, fields.next()?) {
            ("own", "-") => Owner::Own,
            ("group", number) => Owner::Group(number.parse().ok()?),
            _ => return None,
        };
        let epoch = fields.next()?.parse().ok()?;
        let wrapped = BASE64_STANDARD.decode(wrapped).ok()?;
        let bytes = Zeroizing::new(wrapping.open(&wrapped, 0, about.as_bytes()).ok()?);
        let bytes = Zeroizing::new(bytes[..].try_into().ok()?);
        Some(StoredKey {
            id,
            owner,
            epoch,
            bytes,
        })
    };
    let next = lines.next().and_then(|line| line.strip_prefix("next "));
    let next = next.and_then(|next| next.parse().ok());
    let keys: Option<Vec<StoredKey>> = lines.map(key).collect();
    let stored = next.zip(keys).map(|(next, keys)| StoredKeys { next, keys });
    stored.ok_or(Unreadable::Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn master(byte: u8) -> MasterKey {
        MasterKey::from_base64(&BASE64_STANDARD.encode([byte; 32])).unwrap()
    }

    fn keys() -> StoredKeys {
        let key = |id, owner, epoch| StoredKey {
            id,
            owner,
            epoch,
            bytes: Zeroizing::new([id as u8; 32]),
        };
        let own = key(1, Owner::Own, 1);
        StoredKeys {
            next: 9,
            keys: vec![
                own,
                key(2, Owner::Group(17), 1),
                key(7, Owner::Group(17), 2),
            ],
        }
    }

    /// All of it, for a comparison.
    fn shown(stored: &StoredKeys) -> String {
        let show = |key: &StoredKey| format!("{} {:?};", key.about(), key.bytes);
        let keys: String = stored.keys.iter().map(show).collect();
        format!("{} {keys}", stored.next)
    }

    #[test]
    fn keys_are_read_as_they_were_written_and_stand_in_no_file() {
        let text = encode(&master(1), &keys()).unwrap();
        let read = decode(&text, &master(1)).unwrap();
        assert_eq!(shown(&read), shown(&keys()));
        for key in keys().keys {
            assert!(!text.contains(&BASE64_STANDARD.encode(*key.bytes)));
        }
        let other = decode(&text, &master(2)).err();
        assert_eq!(other, Some(Unreadable::OtherMaster(master(1).id())));
    }

    /// What is on disks is read by every later version. As another implementation made it.
    #[test]
    fn the_form_is_frozen() {
        let text = "\
millstream keys 1
master d131d7517d06496e
next 9
key 1 own - 1 AAAAAAAAAAAAAAAAvjSZ3XQ6Ar6SeJNEcCXAQLTHnrGEnjX7zSUP1A/XbxourCIo/Uy+bKhsBXJ4793x
key 2 group 17 1 AQEBAQEBAQEBAQEBsHu4mGv1B/Hopw2frD5Mqx82bAZT/Vlgjw+OfKrwpy7SIdCfgBcKUzMXSl6ZtBJG
key 7 group 17 2 AgICAgICAgICAgICANHOTk1QxvrUy7vPW6DFtaWy1ujstop22oDn/H/8c3jLEpvfGqgGCanqSjqYYC93
crc32 4fbadf8f
";
        let read = decode(text, &master(1)).unwrap();
        assert_eq!(shown(&read), shown(&keys()));
    }

    /// Also where its sum was made anew.
    #[test]
    fn a_line_in_the_place_of_another_is_refused() {
        let text = encode(&master(1), &keys()).unwrap();
        let swapped = text.replace("key 2 group 17", "key 2 group 18");
        assert!(decode(&swapped, &master(1)).is_err());
        let end = swapped.rfind("crc32").unwrap();
        let body = &swapped[..end];
        let summed = format!("{body}crc32 {:08x}\n", crc32fast::hash(body.as_bytes()));
        assert_eq!(decode(&summed, &master(1)).err(), Some(Unreadable::Damaged));
    }

    #[test]
    fn a_file_with_any_flipped_bit_or_cut_off_anywhere_is_damaged() {
        let whole = encode(&master(1), &keys()).unwrap();
        for at in 0..whole.len() {
            assert!(decode(&whole[..at], &master(1)).is_err(), "{at}");
            let mut bytes = whole.clone().into_bytes();
            bytes[at] ^= 1;
            let flipped = String::from_utf8(bytes).unwrap();
            assert!(decode(&flipped, &master(1)).is_err(), "{at}");
        }
    }
}
