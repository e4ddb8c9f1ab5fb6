//! Steps: what happens to a value between the source and the sinks.

pub mod exec;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use jaq_json::Val;

use crate::jq::{Limits, Program, RunError};

/// What happens to a value. In a file it is `filter` or `map`, in jq, or a program (`exec`); in Rust whatever implements
/// this.
///
/// A step must depend on nothing but the value: after a crash records come again, and what was delivered of them before
/// is recognised only if it comes out alike. It runs on a thread for that, and may take its time.
pub trait Step: Send + Sync + fmt::Debug {
    /// What becomes of the value: nothing, one value or several.
    ///
    /// # Errors
    /// Why nothing can become of it: the record is rejected with this cause.
    fn apply(&self, value: Val, limits: &Limits) -> Result<Vec<Val>, StepError>;

    /// What it looks at, of an object of JSON: what no step looks at need not be kept of a record.
    fn looks_at(&self) -> LooksAt {
        LooksAt::Everything
    }

    /// Whether the step gains by having many values at a time: then it is given them by [`apply_all`](Self::apply_all).
    fn gains_by_many(&self) -> bool {
        false
    }

    /// What becomes of several values, each for itself: one answer for each, in their order.
    ///
    /// # Errors
    /// [`Broken`] if the step does not work, whatever the value: the pipeline stops.
    fn apply_all(
        &self,
        values: Vec<Val>,
        limits: &Limits,
    ) -> Result<Vec<Result<Vec<Val>, StepError>>, Broken> {
        let each = values.into_iter();
        Ok(each.map(|value| caught(self, value, limits)).collect())
    }

    /// The step in a few words, for people.
    fn describe(&self) -> String;
}

/// What a step looks at, of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LooksAt {
    /// What it does may depend on anything.
    Everything,
    /// It comes to the same if the object has no other members.
    Members {
        /// Their names.
        of: Vec<String>,
        /// Whether the value itself goes on.
        passes_on: bool,
    },
}

impl LooksAt {
    fn of(program: &Program, passes_on: bool) -> Self {
        match program.members() {
            None => Self::Everything,
            Some(of) => Self::Members { of, passes_on },
        }
    }
}

/// What becomes of the value; a panic is the value's fault.
pub(crate) fn caught<S: Step + ?Sized>(
    step: &S,
    value: Val,
    limits: &Limits,
) -> Result<Vec<Val>, StepError> {
    let caught = catch_unwind(AssertUnwindSafe(|| step.apply(value, limits)));
    caught.unwrap_or(Err(StepError::Panicked))
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
    /// The step panics.
    #[error("the step panics")]
    Panicked,
    /// A step in Rust says so, or a program.
    #[error("{0}")]
    Custom(String),
}

/// A step does not work, whatever the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Broken(pub String);

/// Lets values pass for which the program says anything but `false`, `null` and nothing.
#[derive(Debug)]
pub struct Filter(pub Program);

impl Step for Filter {
    fn apply(&self, value: Val, limits: &Limits) -> Result<Vec<Val>, StepError> {
        let mut results = self.0.run(value.clone(), limits)?;
        match results.as_mut_slice() {
            [] | [Val::Null | Val::Bool(false)] => Ok(Vec::new()),
            [result] => {
                *result = value;
                Ok(results)
            }
            other => Err(StepError::FilterResults(other.len())),
        }
    }

    fn looks_at(&self) -> LooksAt {
        LooksAt::of(&self.0, true)
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

    fn looks_at(&self) -> LooksAt {
        LooksAt::of(&self.0, false)
    }

    fn describe(&self) -> String {
        format!("map {}", self.0.text())
    }
}
