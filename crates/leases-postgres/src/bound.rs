//! Statements with their parameters.

use std::collections::BTreeSet;

use millstream_consumer::Lease;
use tokio_postgres::types::{ToSql, Type};

/// A value, and its type in the table.
pub(crate) type Parameter = (Box<dyn ToSql + Sync + Send>, Type);

pub(crate) fn text(value: &str) -> Parameter {
    (Box::new(value.to_owned()), Type::TEXT)
}

pub(crate) fn maybe_text(value: Option<&str>) -> Parameter {
    (Box::new(value.map(str::to_owned)), Type::TEXT)
}

/// The table's numbers have a sign; none of ours comes near the end of the positive ones.
pub(crate) fn number(value: u64) -> Parameter {
    maybe_number(Some(value))
}

pub(crate) fn maybe_number(value: Option<u64>) -> Parameter {
    let number = value.map(|value| i64::try_from(value).unwrap_or(i64::MAX));
    (Box::new(number), Type::INT8)
}

pub(crate) fn maybe_bytes(value: Option<&[u8]>) -> Parameter {
    (Box::new(value.map(<[u8]>::to_vec)), Type::BYTEA)
}

pub(crate) fn texts(values: &BTreeSet<String>) -> Parameter {
    let values: Vec<String> = values.iter().cloned().collect();
    (Box::new(values), Type::TEXT_ARRAY)
}

/// A statement that grows.
#[derive(Default)]
pub(crate) struct Bound {
    statement: String,
    parameters: Vec<Parameter>,
}

impl Bound {
    /// The parameter's name in the statement.
    pub(crate) fn bind(&mut self, parameter: Parameter) -> String {
        self.parameters.push(parameter);
        format!("${}", self.parameters.len())
    }

    /// `column = $1, …`
    pub(crate) fn assignments(&mut self, columns: Vec<(&str, Parameter)>) -> String {
        let columns = columns.into_iter();
        let assigned = columns.map(|(name, value)| format!("{name} = {}", self.bind(value)));
        assigned.collect::<Vec<_>>().join(", ")
    }

    /// The condition that the row is that of `seen`, and of the same shard.
    pub(crate) fn of_shard(&mut self, application: &str, seen: &Lease) -> String {
        let start = seen.starting_sequence_number.as_ref();
        format!(
            "application = {} and lease_key = {} and starting_sequence_number is not distinct from {}",
            self.bind(text(application)),
            self.bind(text(&seen.lease_key)),
            self.bind(maybe_text(start.map(|start| start.sequence_number()))),
        )
    }

    /// The condition that nobody has written the row since it was seen.
    pub(crate) fn as_seen(&mut self, application: &str, seen: &Lease) -> String {
        let of_shard = self.of_shard(application, seen);
        let counter = self.bind(number(seen.lease_counter));
        format!("{of_shard} and lease_counter = {counter}")
    }

    /// The condition that its owners are those that were seen.
    pub(crate) fn owned_as_seen(&mut self, application: &str, seen: &Lease) -> String {
        format!(
            "{} and lease_owner is not distinct from {} and checkpoint_owner is not distinct from {}",
            self.as_seen(application, seen),
            self.bind(maybe_text(seen.lease_owner.as_deref())),
            self.bind(maybe_text(seen.checkpoint_owner.as_deref())),
        )
    }

    /// The whole statement.
    pub(crate) fn say(mut self, statement: String) -> Self {
        self.statement = statement;
        self
    }

    pub(crate) fn into_parts(self) -> (String, Vec<Parameter>) {
        (self.statement, self.parameters)
    }
}
