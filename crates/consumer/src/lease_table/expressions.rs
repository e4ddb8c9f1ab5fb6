//! The expressions of one write to the table.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::row::{self, number, text};
use crate::{Checkpoint, Lease};

/// What a write changes and on which condition, with a placeholder for every name: some of the names may be reserved words.
#[derive(Debug, Default)]
pub(super) struct Expressions {
    set: Vec<String>,
    remove: Vec<String>,
    add: Vec<String>,
    pub(super) names: HashMap<String, String>,
    pub(super) values: HashMap<String, AttributeValue>,
}

impl Expressions {
    fn name(&mut self, name: &str) -> String {
        let placeholder = format!("#{name}");
        self.names.insert(placeholder.clone(), name.to_owned());
        placeholder
    }

    fn value(&mut self, label: &str, value: AttributeValue) -> String {
        let placeholder = format!(":{label}");
        self.values.insert(placeholder.clone(), value);
        placeholder
    }

    pub(super) fn set(&mut self, name: &str, value: AttributeValue) {
        let clause = format!("{} = {}", self.name(name), self.value(name, value));
        self.set.push(clause);
    }

    pub(super) fn remove(&mut self, name: &str) {
        let clause = self.name(name);
        self.remove.push(clause);
    }

    pub(super) fn add(&mut self, name: &str, value: u64) {
        let clause = format!("{} {}", self.name(name), self.value(name, number(value)));
        self.add.push(clause);
    }

    /// The update that the clauses make.
    pub(super) fn update(&self) -> String {
        [
            ("SET", &self.set),
            ("REMOVE", &self.remove),
            ("ADD", &self.add),
        ]
        .into_iter()
        .filter(|(_, clauses)| !clauses.is_empty())
        .map(|(word, clauses)| format!("{word} {}", clauses.join(", ")))
        .collect::<Vec<_>>()
        .join(" ")
    }

    /// The condition that the row has the counter of `seen` and was made for the same shard.
    pub(super) fn is_as_seen(&mut self, seen: &Lease) -> String {
        let counter = self.name(row::LEASE_COUNTER);
        let seen_counter = self.value("seenCounter", number(seen.lease_counter));
        format!("{counter} = {seen_counter}{}", self.is_of_shard(seen))
    }

    /// The condition that the row was made for the same shard as `seen`, which is finished.
    pub(super) fn is_finished(&mut self, seen: &Lease) -> String {
        let checkpoint = self.name(row::CHECKPOINT);
        let end = self.value("end", text(Checkpoint::ShardEnd.text()));
        format!("{checkpoint} = {end}{}", self.is_of_shard(seen))
    }

    /// The rest of a condition: the row names the owners that `seen` names.
    pub(super) fn has_owners_of(&mut self, seen: &Lease) -> String {
        let owner = self.is_same(row::LEASE_OWNER, "seenOwner", seen.lease_owner.as_deref());
        let holder = seen.checkpoint_owner.as_deref();
        owner + &self.is_same(row::CHECKPOINT_OWNER, "seenHolder", holder)
    }

    fn is_of_shard(&mut self, seen: &Lease) -> String {
        let start = seen.starting_sequence_number.as_ref();
        let start = start.map(|start| start.sequence_number());
        self.is_same(row::STARTING_SEQUENCE_NUMBER, "seenStart", start)
    }

    fn is_same(&mut self, attribute: &str, label: &str, seen: Option<&str>) -> String {
        let name = self.name(attribute);
        match seen {
            Some(seen) => format!(" AND {name} = {}", self.value(label, text(seen))),
            None => format!(" AND attribute_not_exists({name})"),
        }
    }
}
