//! The list of a backup's files, which makes a folder a backup: `backup`, written last.
//!
//! Text: a first line that names the format, `made MILLISECONDS` since the epoch, a line `file BYTES CRC32 PATH` for each
//! file, sorted by path, and a last line with the CRC-32 of all before it. Beside it stands `backup.unfinished` until the
//! backup is whole.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Component, Path};

use millstream_types::TimestampMs;

use super::BackupError;
use super::copying::{self, FileSum, Watch};

/// The list's name.
pub(crate) const LIST: &str = "backup";
/// Beside a list that is being made, or instead of it.
pub(super) const UNFINISHED: &str = "backup.unfinished";
/// In a data folder that is being made of a backup.
pub(crate) const UNFINISHED_RESTORE: &str = "restore.unfinished";

const FORMAT: &str = "millstream backup 1";

/// What a backup consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BackupList {
    /// When it was begun: what was acknowledged before is in it.
    pub(crate) made: TimestampMs,
    /// By path, relative to the folder.
    pub(crate) files: BTreeMap<String, FileSum>,
}

impl BackupList {
    /// Reads the list of a backup that is whole.
    ///
    /// # Errors
    /// If the folder is none, or an unfinished one, or the list is damaged.
    pub(crate) fn read(folder: &Path) -> Result<Self, BackupError> {
        if is_there(folder, UNFINISHED)? {
            return Err(BackupError::Unfinished(folder.to_owned()));
        }
        let path = folder.join(LIST);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(BackupError::NoBackup(folder.to_owned()));
            }
            read => read.map_err(BackupError::reading(&path))?,
        };
        let list = String::from_utf8(bytes).ok();
        let list = list.and_then(|text| Self::decode(&text));
        list.ok_or_else(|| BackupError::Damaged {
            folder: folder.to_owned(),
            findings: vec![format!("{LIST}: its checksum or its form is wrong")],
        })
    }

    /// What is wrong with the files, each with its name; reads all of them.
    pub(crate) fn findings(
        &self,
        folder: &Path,
        watch: &mut dyn Watch,
    ) -> Result<Vec<String>, BackupError> {
        let mut findings = Vec::new();
        for (path, listed) in &self.files {
            let what = match copying::sum(&folder.join(path), watch) {
                Ok(found) if found == *listed => continue,
                Ok(_) => "it is not as it was when the backup was made".to_owned(),
                Err(BackupError::File { source, .. })
                    if source.kind() == io::ErrorKind::NotFound =>
                {
                    "the file is missing".to_owned()
                }
                Err(BackupError::File { source, .. }) => format!("it cannot be read: {source}"),
                Err(error) => return Err(error),
            };
            findings.push(format!("{path}: {what}"));
        }
        Ok(findings)
    }

    /// Bytes of all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.values().map(|file| file.bytes).sum()
    }

    pub(super) fn encode(&self) -> String {
        let mut text = format!("{FORMAT}\nmade {}\n", self.made.0);
        for (path, FileSum { bytes, crc32 }) in &self.files {
            text += &format!("file {bytes} {crc32:08x} {path}\n");
        }
        let sum = crc32fast::hash(text.as_bytes());
        text + &format!("crc32 {sum:08x}\n")
    }

    /// `None`: it is not what was written.
    fn decode(text: &str) -> Option<Self> {
        let end = text.rfind("crc32 ")?;
        let (body, sum) = text.split_at(end);
        if sum != format!("crc32 {:08x}\n", crc32fast::hash(body.as_bytes())) {
            return None;
        }
        let mut lines = body.lines();
        if lines.next() != Some(FORMAT) {
            return None;
        }
        let made = lines.next()?.strip_prefix("made ")?.parse().ok()?;
        let file = |line: &str| {
            let mut fields = line.strip_prefix("file ")?.splitn(3, ' ');
            let bytes = fields.next()?.parse().ok()?;
            let crc32 = u32::from_str_radix(fields.next()?, 16).ok()?;
            let path = fields.next().filter(|path| is_inside(path))?;
            Some((path.to_owned(), FileSum { bytes, crc32 }))
        };
        Some(Self {
            made: TimestampMs(made),
            files: lines.map(file).collect::<Option<_>>()?,
        })
    }
}

/// Whether a path leads nowhere but into its folder.
fn is_inside(path: &str) -> bool {
    let mut parts = Path::new(path).components();
    !path.is_empty() && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// Refuses a folder that is a backup, or not whole, for a server.
pub(crate) fn refuse_marked(folder: &Path) -> Result<(), BackupError> {
    refuse_unfinished(folder)?;
    match is_there(folder, LIST)? {
        true => Err(BackupError::IsBackup(folder.to_owned())),
        false => Ok(()),
    }
}

/// Refuses a folder that is not whole.
pub(crate) fn refuse_unfinished(folder: &Path) -> Result<(), BackupError> {
    if is_there(folder, UNFINISHED)? {
        return Err(BackupError::Unfinished(folder.to_owned()));
    }
    if is_there(folder, UNFINISHED_RESTORE)? {
        return Err(BackupError::UnfinishedRestore(folder.to_owned()));
    }
    Ok(())
}

fn is_there(folder: &Path, name: &str) -> Result<bool, BackupError> {
    let path = folder.join(name);
    path.try_exists().map_err(BackupError::reading(&path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> BackupList {
        let file = |bytes, crc32| FileSum { bytes, crc32 };
        BackupList {
            made: TimestampMs(1_700_000_000_000),
            files: BTreeMap::from([
                ("manifest".to_owned(), file(7, 0x1a)),
                ("tables/1/a b.sqlite".to_owned(), file(8, u32::MAX)),
            ]),
        }
    }

    #[test]
    fn the_form_is_frozen() {
        let text = "millstream backup 1\nmade 1700000000000\nfile 7 0000001a manifest\n\
                    file 8 ffffffff tables/1/a b.sqlite\n";
        let text = format!("{text}crc32 {:08x}\n", crc32fast::hash(text.as_bytes()));
        assert_eq!(list().encode(), text);
        assert_eq!(BackupList::decode(&text), Some(list()));
    }

    #[test]
    fn a_list_with_any_flipped_bit_or_cut_off_anywhere_is_refused() {
        let whole = list().encode();
        for at in 0..whole.len() {
            assert_eq!(BackupList::decode(&whole[..at]), None, "{at}");
            for bit in 0..7 {
                let mut bytes = whole.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let flipped = String::from_utf8(bytes).unwrap();
                assert_eq!(BackupList::decode(&flipped), None, "{at} {bit}");
            }
        }
    }

    #[test]
    fn no_path_leads_out_of_the_folder() {
        for path in ["../x", "/x", "a/../../x", "", "."] {
            let mut list = list();
            let file = FileSum { bytes: 1, crc32: 1 };
            list.files.insert(path.to_owned(), file);
            assert_eq!(BackupList::decode(&list.encode()), None, "{path}");
        }
    }
}
