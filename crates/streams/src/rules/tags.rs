//! What may be a tag, wherever tags are given, and how tags change.

use std::collections::BTreeMap;

use millstream_catalog::{Rejected, TagCommand};
use millstream_types::limits::TAGS_PER_RESOURCE_MAX;
use millstream_types::{AccountId, StreamName};
use millstream_wire::shapes::Tag;

use crate::Failure;
use crate::call::{Call, FoundResource};
use crate::unverified_texts as texts;

/// What the keys of AWS's own tags begin with.
const RESERVED_PREFIX: &str = "aws:";

/// There would be more than 50.
fn too_many(name: &StreamName, account: &AccountId) -> Failure {
    Failure::invalid_argument(format!(
        "Failed to add tags to stream {name} under account {account} because a given stream cannot have more than \
         {TAGS_PER_RESOURCE_MAX} tags associated with it."
    ))
}

/// Refuses characters that tags never have, keys that are reserved, and more tags than any stream has. The texts, and
/// the name of the stream in them, are AWS's.
pub(crate) fn check_tags(
    tags: &BTreeMap<String, String>,
    name: &StreamName,
    account: &AccountId,
) -> Result<(), Failure> {
    let texts = tags.iter().flat_map(|(key, value)| [key, value]);
    check_characters(texts, "add tags to", name, account)?;
    if tags.keys().any(|key| is_reserved(key)) {
        return Err(Failure::invalid_argument(texts::reserved_tags(
            name, account,
        )));
    }
    match tags.len() <= TAGS_PER_RESOURCE_MAX {
        true => Ok(()),
        false => Err(too_many(name, account)),
    }
}

/// Whether a key is one that only AWS itself gives, in upper or lower case.
fn is_reserved(key: &str) -> bool {
    let start = key.get(..RESERVED_PREFIX.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(RESERVED_PREFIX))
}

fn check_characters<'a>(
    texts: impl Iterator<Item = &'a String> + Clone,
    what: &str,
    name: &StreamName,
    account: &AccountId,
) -> Result<(), Failure> {
    let mut characters = texts.clone().flat_map(|text| text.chars());
    if !characters.all(is_known) {
        return Err(Failure::invalid_argument(
            "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - \
             % @.",
        ));
    }
    let mut characters = texts.flat_map(|text| text.chars());
    if characters.any(|character| character == '%') {
        return Err(Failure::invalid_argument(format!(
            "Failed to {what} stream {name} under account {account} because some tags contained illegal characters. \
             The allowed characters are Unicode letters, white-spaces, '_',',','/','=','+','-','@'."
        )));
    }
    Ok(())
}

/// Whether the first of AWS's two checks lets a character through: of white space not the tab, nor the end of a line.
fn is_known(character: char) -> bool {
    let is_space = character.is_whitespace() && !character.is_control();
    character.is_alphanumeric() || is_space || "_.:/=+-%@".contains(character)
}

/// Tags as answers list them.
pub(crate) fn listed<'a>(tags: impl Iterator<Item = (&'a String, &'a String)>) -> Vec<Tag> {
    tags.map(|(key, value)| Tag {
        key: key.clone(),
        value: value.clone(),
    })
    .collect()
}

impl Call<'_> {
    /// Adds tags, and gives new values to those that are there.
    pub(crate) async fn add_tags(
        &self,
        resource: &FoundResource,
        tags: BTreeMap<String, String>,
    ) -> Result<(), Failure> {
        let stream = resource.stream();
        let (name, account) = (&stream.key.name, &stream.key.account);
        check_tags(&tags, name, account)?;
        let command = TagCommand::AddTags {
            resource: resource.tagged(),
            tags,
        };
        self.change(stream, command, |reason| match reason {
            Rejected::TooManyTags => Some(too_many(name, account)),
            reason => resource.rejected(reason),
        })
        .await?;
        Ok(())
    }

    /// Takes tags away. Keys that are not there are passed over.
    pub(crate) async fn remove_tags(
        &self,
        resource: &FoundResource,
        keys: Vec<String>,
    ) -> Result<(), Failure> {
        let key = &resource.stream().key;
        check_characters(keys.iter(), "remove tags from", &key.name, &key.account)?;
        let command = TagCommand::RemoveTags {
            resource: resource.tagged(),
            keys: keys.into_iter().collect(),
        };
        self.change(resource.stream(), command, |reason| {
            resource.rejected(reason)
        })
        .await?;
        Ok(())
    }
}
