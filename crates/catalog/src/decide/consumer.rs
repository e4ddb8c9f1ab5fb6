//! Consumers that come and go, and their policies.

use std::collections::BTreeMap;

use millstream_types::limits::{CONSUMERS_CREATING_MAX, CONSUMERS_PER_STREAM_MAX};
use millstream_types::{ConsumerName, ConsumerStatus, TimestampMs};

use super::check_second;
use crate::catalog::Catalog;
use crate::command::ConsumerCommand;
use crate::consumer::{Consumer, ConsumerKey};
use crate::decision::Decision;
use crate::rejected::Rejected;
use crate::resource_policy::ResourcePolicy;
use crate::stream::{Stream, StreamId};

impl Catalog {
    pub(super) fn decide_consumer(
        &self,
        now: TimestampMs,
        command: &ConsumerCommand,
    ) -> Result<Decision, Rejected> {
        match command {
            ConsumerCommand::BeginRegisterConsumer { id, name, tags } => {
                self.begin_register_consumer(now, *id, name, tags)
            }
            ConsumerCommand::FinishRegisterConsumer { id, consumer } => {
                self.finish_register_consumer(*id, consumer)
            }
            ConsumerCommand::BeginDeregisterConsumer { id, consumer } => {
                self.begin_deregister_consumer(*id, consumer)
            }
            ConsumerCommand::FinishDeregisterConsumer { id, consumer } => {
                self.finish_deregister_consumer(*id, consumer)
            }
            ConsumerCommand::PutConsumerPolicy {
                id,
                consumer,
                policy,
            } => self.put_consumer_policy(*id, consumer, policy),
            ConsumerCommand::DeleteConsumerPolicy { id, consumer } => {
                self.delete_consumer_policy(*id, consumer)
            }
        }
    }

    fn begin_register_consumer(
        &self,
        now: TimestampMs,
        id: StreamId,
        name: &ConsumerName,
        tags: &BTreeMap<String, String>,
    ) -> Result<Decision, Rejected> {
        let stream = self.stream(id)?;
        if !stream.is_usable() {
            return Err(Rejected::NotActive(stream.status));
        }
        let by_name = |consumer: &Consumer| consumer.key.name.cmp(name);
        let Err(position) = stream.consumers.binary_search_by(by_name) else {
            return Err(Rejected::ConsumerExists);
        };
        if stream.consumers.len() >= CONSUMERS_PER_STREAM_MAX {
            return Err(Rejected::TooManyConsumers(stream.consumers.len()));
        }
        let is_creating = |one: &&Consumer| one.status == ConsumerStatus::Creating;
        if stream.consumers.iter().filter(is_creating).count() >= CONSUMERS_CREATING_MAX {
            return Err(Rejected::TooManyConsumersCreating);
        }
        // Above those that were removed, and above those of an earlier stream of this name.
        let above_s = stream.consumers_floor_s.saturating_add(1);
        let created_s = now.as_secs().max(above_s).max(stream.last_created_s);
        let consumer = Consumer {
            key: ConsumerKey {
                name: name.clone(),
                created_s: check_second(created_s)?,
            },
            status: ConsumerStatus::Creating,
            tags: tags.clone(),
            policy: None,
        };
        let mut changed = Stream::clone(stream);
        changed.consumers.insert(position, consumer);
        Ok(Decision::store(changed))
    }

    fn finish_register_consumer(
        &self,
        id: StreamId,
        key: &ConsumerKey,
    ) -> Result<Decision, Rejected> {
        self.with_status(id, key, ConsumerStatus::Active, |status| match status {
            ConsumerStatus::Creating => Ok(()),
            ConsumerStatus::Active | ConsumerStatus::Deleting => Err(Rejected::NotBegun),
        })
    }

    fn begin_deregister_consumer(
        &self,
        id: StreamId,
        key: &ConsumerKey,
    ) -> Result<Decision, Rejected> {
        self.with_status(id, key, ConsumerStatus::Deleting, |status| match status {
            ConsumerStatus::Creating | ConsumerStatus::Active => Ok(()),
            ConsumerStatus::Deleting => Err(Rejected::ConsumerNotActive),
        })
    }

    fn finish_deregister_consumer(
        &self,
        id: StreamId,
        key: &ConsumerKey,
    ) -> Result<Decision, Rejected> {
        let (mut stream, position) = self.stream_and_consumer(id, key)?;
        if stream.consumers[position].status != ConsumerStatus::Deleting {
            return Err(Rejected::NotBegun);
        }
        stream.consumers.remove(position);
        stream.consumers_floor_s = stream.consumers_floor_s.max(key.created_s);
        Ok(Decision::store(stream))
    }

    fn put_consumer_policy(
        &self,
        id: StreamId,
        key: &ConsumerKey,
        policy: &ResourcePolicy,
    ) -> Result<Decision, Rejected> {
        let (mut stream, position) = self.stream_and_consumer(id, key)?;
        let consumer = &mut stream.consumers[position];
        if consumer.status != ConsumerStatus::Active {
            return Err(Rejected::ConsumerNotActive);
        }
        consumer.policy = Some(policy.clone());
        Ok(Decision::store(stream))
    }

    fn delete_consumer_policy(
        &self,
        id: StreamId,
        key: &ConsumerKey,
    ) -> Result<Decision, Rejected> {
        let (mut stream, position) = self.stream_and_consumer(id, key)?;
        let consumer = &mut stream.consumers[position];
        if consumer.status != ConsumerStatus::Active {
            return Err(Rejected::ConsumerNotActive);
        }
        match consumer.policy.take() {
            Some(_) => Ok(Decision::store(stream)),
            None => Err(Rejected::NoResourcePolicy),
        }
    }

    fn with_status(
        &self,
        id: StreamId,
        key: &ConsumerKey,
        status: ConsumerStatus,
        check: impl FnOnce(ConsumerStatus) -> Result<(), Rejected>,
    ) -> Result<Decision, Rejected> {
        let (mut stream, position) = self.stream_and_consumer(id, key)?;
        let consumer = &mut stream.consumers[position];
        check(consumer.status)?;
        consumer.status = status;
        Ok(Decision::store(stream))
    }

    /// A copy of the stream to change, and the consumer's place in it.
    pub(super) fn stream_and_consumer(
        &self,
        id: StreamId,
        key: &ConsumerKey,
    ) -> Result<(Stream, usize), Rejected> {
        let stream = self.stream(id)?;
        let position = stream.consumers.iter().position(|one| one.key == *key);
        let position = position.ok_or(Rejected::NoSuchConsumer)?;
        Ok((Stream::clone(stream), position))
    }
}
