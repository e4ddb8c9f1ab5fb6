//! What the operations that add and remove tags have in common.

use std::collections::BTreeMap;

use millstream_wire::{ApiError, ErrorCode};

use super::change_resource::ChangeResourceError;
use super::change_stream::ChangeStreamError;
use super::find_resource::FoundResource;
use super::tags::{InvalidTags, check_keys, check_tags};
use crate::StreamService;
use millstream_catalog::{Rejected, TagCommand};

/// How a change of tags fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeTagsError {
    /// Nothing can have these tags.
    #[error(transparent)]
    InvalidTags(#[from] InvalidTags),
    /// As any change of a stream or consumer.
    #[error(transparent)]
    Change(#[from] ChangeResourceError),
}

impl From<ChangeStreamError> for ChangeTagsError {
    fn from(error: ChangeStreamError) -> Self {
        ChangeResourceError::from(error).into()
    }
}

impl From<ChangeTagsError> for ApiError {
    fn from(error: ChangeTagsError) -> Self {
        match error {
            ChangeTagsError::Change(error) => error.into(),
            ChangeTagsError::InvalidTags(_) => {
                Self::new(ErrorCode::InvalidArgument, error.to_string())
            }
        }
    }
}

impl StreamService {
    /// Adds tags, and gives new values to those that are there.
    pub(super) async fn add_tags(
        &self,
        resource: &FoundResource,
        tags: BTreeMap<String, String>,
    ) -> Result<(), ChangeTagsError> {
        let stream = resource.stream();
        let (name, account) = (&stream.key.name, &stream.key.account);
        check_tags(&tags, name, account)?;
        let command = TagCommand::AddTags {
            resource: resource.tagged(),
            tags,
        };
        self.change_stream(stream, command, |reason| match reason {
            Rejected::TooManyTags => Some(InvalidTags::too_many(name, account).into()),
            reason => resource.rejected(reason).map(ChangeTagsError::from),
        })
        .await?;
        Ok(())
    }

    /// Takes tags away. Keys that are not there are passed over.
    pub(super) async fn remove_tags(
        &self,
        resource: &FoundResource,
        keys: Vec<String>,
    ) -> Result<(), ChangeTagsError> {
        let key = &resource.stream().key;
        check_keys(&keys, &key.name, &key.account)?;
        let command = TagCommand::RemoveTags {
            resource: resource.tagged(),
            keys: keys.into_iter().collect(),
        };
        let own = |reason| resource.rejected(reason).map(ChangeTagsError::from);
        self.change_stream(resource.stream(), command, own).await?;
        Ok(())
    }
}
