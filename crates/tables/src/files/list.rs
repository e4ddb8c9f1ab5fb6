//! The list of files of tables that must be there: `tables.list` in the data folder, beside the folder of the files, so
//! that it is missed when that folder is gone.
//!
//! Text: a first line that names the format, a line `ACCOUNT REGION IDENTITY` for each file, sorted, and a last line with
//! the CRC-32 of all before it. It is replaced as a whole.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use super::identity::Identity;
use crate::owner::TableOwner;

pub(super) const LIST: &str = "tables.list";
const FRESH_LIST: &str = "tables.list.new";
const FORMAT: &str = "millstream tables 1";

/// Every file that was made, by whose tables it holds.
pub(super) type Entries = BTreeMap<TableOwner, Identity>;

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// No list.
    Nothing,
    /// The list.
    List(Entries),
    /// A list that cannot be believed, and why.
    Damaged(String),
}

/// Reads the list of a data folder.
pub(super) fn read(data_dir: &Path) -> Found {
    let text = match fs::read(data_dir.join(LIST)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Found::Nothing,
        Err(error) => return Found::Damaged(format!("it cannot be read: {error}")),
    };
    let Some(entries) = String::from_utf8(text).ok().and_then(|text| decode(&text)) else {
        return Found::Damaged("its checksum or its form is wrong".to_owned());
    };
    Found::List(entries)
}

/// Replaces the list. It is durable when this returns.
pub(super) fn write(data_dir: &Path, entries: &Entries) -> io::Result<()> {
    let fresh = data_dir.join(FRESH_LIST);
    let mut file = File::create(&fresh)?;
    file.write_all(encode(entries).as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, data_dir.join(LIST))?;
    File::open(data_dir)?.sync_all()
}

fn encode(entries: &Entries) -> String {
    let mut text = format!("{FORMAT}\n");
    for (TableOwner { account, region }, identity) in entries {
        text += &format!("{account} {region} {identity}\n");
    }
    let sum = crc32fast::hash(text.as_bytes());
    text + &format!("crc32 {sum:08x}\n")
}

/// `None`: it is not what was written.
fn decode(text: &str) -> Option<Entries> {
    let end = text.rfind("crc32 ")?;
    let (body, sum) = text.split_at(end);
    if sum != format!("crc32 {:08x}\n", crc32fast::hash(body.as_bytes())) {
        return None;
    }
    let mut lines = body.lines();
    if lines.next() != Some(FORMAT) {
        return None;
    }
    let entry = |line: &str| {
        let mut fields = line.split(' ');
        let owner = TableOwner {
            account: fields.next()?.parse().ok()?,
            region: fields.next()?.parse().ok()?,
        };
        let identity = fields.next()?.parse().ok()?;
        fields.next().is_none().then_some((owner, identity))
    };
    lines.map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Entries {
        let owner = |region: &str| TableOwner {
            account: "111111111111".parse().unwrap(),
            region: region.parse().unwrap(),
        };
        let identity = |text: &str| text.parse().unwrap();
        Entries::from([
            (
                owner("eu-west-1"),
                identity("00112233445566778899aabbccddeeff"),
            ),
            (
                owner("us-east-1"),
                identity("ffeeddccbbaa99887766554433221100"),
            ),
        ])
    }

    #[test]
    fn the_form_is_frozen() {
        let text = "millstream tables 1\n\
                    111111111111 eu-west-1 00112233445566778899aabbccddeeff\n\
                    111111111111 us-east-1 ffeeddccbbaa99887766554433221100\n";
        let text = format!("{text}crc32 {:08x}\n", crc32fast::hash(text.as_bytes()));
        assert_eq!(encode(&entries()), text);
        assert_eq!(decode(&text), Some(entries()));
    }

    #[test]
    fn a_list_with_any_flipped_bit_or_cut_off_anywhere_is_damaged() {
        let whole = encode(&entries()).into_bytes();
        let folder = tempfile::tempdir().unwrap();
        let read_of = |bytes: &[u8]| {
            fs::write(folder.path().join(LIST), bytes).unwrap();
            read(folder.path())
        };
        assert_eq!(read_of(&whole), Found::List(entries()));
        for at in 0..whole.len() {
            assert!(matches!(read_of(&whole[..at]), Found::Damaged(_)), "{at}");
            for bit in 0..8 {
                let mut flipped = whole.clone();
                flipped[at] ^= 1 << bit;
                let found = read_of(&flipped);
                assert!(matches!(found, Found::Damaged(_)), "{at} {bit}");
            }
        }
    }

    #[test]
    fn what_was_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()), Found::Nothing);
        write(folder.path(), &Entries::new()).unwrap();
        assert_eq!(read(folder.path()), Found::List(Entries::new()));
        write(folder.path(), &entries()).unwrap();
        assert_eq!(read(folder.path()), Found::List(entries()));
    }
}
