//! What may be a tag, wherever tags are given.

use std::collections::BTreeMap;

use millstream_types::limits::TAGS_PER_RESOURCE_MAX;
use millstream_types::{AccountId, StreamName};
use millstream_wire::shapes::Tag;

use super::unverified_texts as texts;

/// What the keys of AWS's own tags begin with.
const RESERVED_PREFIX: &str = "aws:";

/// Tags that a stream or consumer cannot have. The texts, and the name of the stream in them, are AWS's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTags {
    /// A key or value has a character that tags never have.
    #[error(
        "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - % @."
    )]
    InvalidCharacters,
    /// A key or value has a percent sign.
    #[error(
        "Failed to {} stream {name} under account {account} because some tags contained illegal characters. The allowed \
         characters are Unicode letters, white-spaces, '_',',','/','=','+','-','@'.",
        if *.is_removal { "remove tags from" } else { "add tags to" }
    )]
    IllegalCharacters {
        /// Whether the tags were to be taken away.
        is_removal: bool,
        /// The stream.
        name: StreamName,
        /// Its account.
        account: AccountId,
    },
    /// A key begins with `aws:`, which AWS keeps to itself.
    #[error("{}", texts::reserved_tags(.name, .account))]
    Reserved {
        /// The stream.
        name: StreamName,
        /// Its account.
        account: AccountId,
    },
    /// There would be more than 50.
    #[error(
        "Failed to add tags to stream {name} under account {account} because a given stream cannot have more than \
         {TAGS_PER_RESOURCE_MAX} tags associated with it."
    )]
    TooMany {
        /// The stream.
        name: StreamName,
        /// Its account.
        account: AccountId,
    },
}

impl InvalidTags {
    pub(super) fn too_many(name: &StreamName, account: &AccountId) -> Self {
        Self::TooMany {
            name: name.clone(),
            account: account.clone(),
        }
    }
}

/// Refuses characters that tags never have, keys that are reserved, and more tags than any stream has.
pub(super) fn check_tags(
    tags: &BTreeMap<String, String>,
    name: &StreamName,
    account: &AccountId,
) -> Result<(), InvalidTags> {
    let texts = tags.iter().flat_map(|(key, value)| [key, value]);
    check_characters(texts, false, name, account)?;
    if tags.keys().any(|key| is_reserved(key)) {
        return Err(InvalidTags::Reserved {
            name: name.clone(),
            account: account.clone(),
        });
    }
    match tags.len() <= TAGS_PER_RESOURCE_MAX {
        true => Ok(()),
        false => Err(InvalidTags::too_many(name, account)),
    }
}

/// Whether a key is one that only AWS itself gives, in upper or lower case.
fn is_reserved(key: &str) -> bool {
    let start = key.get(..RESERVED_PREFIX.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(RESERVED_PREFIX))
}

/// Refuses keys that no tag has.
pub(super) fn check_keys(
    keys: &[String],
    name: &StreamName,
    account: &AccountId,
) -> Result<(), InvalidTags> {
    check_characters(keys.iter(), true, name, account)
}

fn check_characters<'a>(
    texts: impl Iterator<Item = &'a String> + Clone,
    is_removal: bool,
    name: &StreamName,
    account: &AccountId,
) -> Result<(), InvalidTags> {
    let mut characters = texts.clone().flat_map(|text| text.chars());
    if !characters.all(is_known) {
        return Err(InvalidTags::InvalidCharacters);
    }
    let mut characters = texts.flat_map(|text| text.chars());
    if characters.any(|character| character == '%') {
        return Err(InvalidTags::IllegalCharacters {
            is_removal,
            name: name.clone(),
            account: account.clone(),
        });
    }
    Ok(())
}

/// Whether the first of AWS's two checks lets a character through: of white space not the tab, nor the end of a line.
fn is_known(character: char) -> bool {
    let is_space = character.is_whitespace() && !character.is_control();
    character.is_alphanumeric() || is_space || "_.:/=+-%@".contains(character)
}

/// Tags as answers list them.
pub(super) fn listed<'a>(tags: impl Iterator<Item = (&'a String, &'a String)>) -> Vec<Tag> {
    tags.map(|(key, value)| Tag {
        key: key.clone(),
        value: value.clone(),
    })
    .collect()
}
