//! What the operations that add and remove tags have in common.

use std::collections::BTreeMap;

use millstream_wire::{ApiError, ErrorCode};

use super::change_stream::ChangeStreamError;
use super::find_consumer::ConsumerNotFound;
use super::find_resource::FoundResource;
use super::subscribe_to_shard::ConsumerNotActive;
use super::tags::{InvalidTags, check_keys, check_tags};
use crate::StreamService;
use crate::catalog::{Command, Rejected};

/// How a change of tags fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeTagsError {
    /// Nothing can have these tags.
    #[error(transparent)]
    InvalidTags(#[from] InvalidTags),
    /// They are a consumer's, and it is being created or deleted. Try again when it is ACTIVE.
    #[error(transparent)]
    ConsumerNotActive(#[from] ConsumerNotActive),
    /// They are a consumer's, and it is gone since the call began.
    #[error(transparent)]
    ConsumerNotFound(#[from] ConsumerNotFound),
    /// As any change of a stream.
    #[error(transparent)]
    Change(#[from] ChangeStreamError),
}

impl From<ChangeTagsError> for ApiError {
    fn from(error: ChangeTagsError) -> Self {
        let code = match error {
            ChangeTagsError::Change(error) => return error.into(),
            ChangeTagsError::InvalidTags(_) => ErrorCode::InvalidArgument,
            ChangeTagsError::ConsumerNotActive(_) => ErrorCode::ResourceInUse,
            ChangeTagsError::ConsumerNotFound(_) => ErrorCode::ResourceNotFound,
        };
        Self::new(code, error.to_string())
    }
}

impl StreamService {
    /// Adds tags, and gives new values to those that are there.
    pub(super) async fn add_tags(
        &self,
        resource: &FoundResource,
        tags: BTreeMap<String, String>,
    ) -> Result<(), ChangeTagsError> {
        let key = &resource.stream().key;
        check_tags(&tags, &key.name, &key.account)?;
        let command = Command::AddTags {
            resource: resource.tagged(),
            tags,
        };
        self.change_tags(resource, command).await
    }

    /// Takes tags away. Keys that are not there are passed over.
    pub(super) async fn remove_tags(
        &self,
        resource: &FoundResource,
        keys: Vec<String>,
    ) -> Result<(), ChangeTagsError> {
        let key = &resource.stream().key;
        check_keys(&keys, &key.name, &key.account)?;
        let command = Command::RemoveTags {
            resource: resource.tagged(),
            keys: keys.into_iter().collect(),
        };
        self.change_tags(resource, command).await
    }

    async fn change_tags(
        &self,
        resource: &FoundResource,
        command: Command,
    ) -> Result<(), ChangeTagsError> {
        let stream = resource.stream();
        let own = |reason| rejected(reason, resource);
        self.change_stream(stream, command, own).await?;
        Ok(())
    }
}

fn rejected(reason: Rejected, resource: &FoundResource) -> Option<ChangeTagsError> {
    let key = &resource.stream().key;
    match (reason, resource) {
        (Rejected::TooManyTags, _) => Some(InvalidTags::too_many(&key.name, &key.account).into()),
        (Rejected::ConsumerNotActive, FoundResource::Consumer(found)) => {
            Some(ConsumerNotActive::of(found).into())
        }
        (Rejected::NoSuchConsumer, FoundResource::Consumer(found)) => {
            let not_found = ConsumerNotFound {
                consumer: found.arn().to_string(),
                account: key.account.clone(),
            };
            Some(not_found.into())
        }
        _ => None,
    }
}
