//! Steps: what happens to a value between the source and the sinks.

use std::fmt;

use jaq_json::Val;

use crate::jq::{Limits, Program, RunError};

/// What happens to a value. In a file it is `filter` or `map`, in jq; in Rust whatever implements this.
///
/// A step must depend on nothing but the value: after a crash records come again, and what was delivered of them before
/// is recognised only if it comes out alike.
pub trait Step: Send + Sync + fmt::Debug {
    /// What becomes of the value: nothing, one value or several.
    ///
    /// # Errors
    /// Why nothing can become of it: the record is rejected with this cause.
    fn apply(&self, value: Val, limits: &Limits) -> Result<Vec<Val>, StepError>;

    /// The step in a few words, for people.
    fn describe(&self) -> String;
}

/// Why a step rejects a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// The program of a declared step fails.
    #[error(transparent)]
    Program(#[from] RunError),
    /// A filter has several results, so it says neither yes nor no.
    #[error("a filter must have at most one result, and it has {0}")]
    FilterResults(usize),
    /// A step in Rust says so.
    #[error("{0}")]
    Custom(String),
}

/// Lets values pass for which the program says anything but `false`, `null` and nothing.
#[derive(Debug)]
pub struct Filter(pub Program);

impl Step for Filter {
    fn apply(&self, value: Val, limits: &Limits) -> Result<Vec<Val>, StepError> {
        let results = self.0.run(value.clone(), limits)?;
        match results.as_slice() {
            [] | [Val::Null | Val::Bool(false)] => Ok(Vec::new()),
            [_] => Ok(vec![value]),
            other => Err(StepError::FilterResults(other.len())),
        }
    }

    fn describe(&self) -> String {
        format!("filter {}", self.0.text())
    }
}

/// Replaces a value by the program's results.
#[derive(Debug)]
pub struct Map(pub Program);

impl Step for Map {
    fn apply(&self, value: Val, limits: &Limits) -> Result<Vec<Val>, StepError> {
        Ok(self.0.run(value, limits)?)
    }

    fn describe(&self) -> String {
        format!("map {}", self.0.text())
    }
}
