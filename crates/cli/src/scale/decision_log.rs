//! Decisions as JSON lines.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use millstream_scaling::{Decision, Reason};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output;

/// Where decisions are written. What repeats the line before in everything but its numbers is left out.
#[derive(Debug)]
pub(super) struct DecisionLog {
    file: Option<File>,
    last: Vec<std::mem::Discriminant<Reason>>,
}

impl DecisionLog {
    /// A file to append to; stdout without one.
    pub(super) fn new(path: Option<&Path>) -> Result<Self, Failure> {
        let open = |path: &Path| {
            let file = OpenOptions::new().create(true).append(true).open(path);
            file.map_err(|error| Failure::local(path.display().to_string(), error))
        };
        Ok(Self {
            file: path.map(open).transpose()?,
            last: Vec::new(),
        })
    }

    /// Writes a decision; what is done always, why nothing is done when that changes. The line, if there is one.
    pub(super) fn write(
        &mut self,
        decision: &Decision,
        is_done: bool,
    ) -> Result<Option<Value>, Failure> {
        let kinds: Vec<_> = decision.reasons().map(std::mem::discriminant).collect();
        if decision.is_nothing() && kinds == self.last {
            return Ok(None);
        }
        self.last = kinds;
        self.line(as_json(decision, is_done)).map(Some)
    }

    /// Writes what became of what was to be done.
    pub(super) fn failed(
        &mut self,
        decision: &Decision,
        failure: &Failure,
    ) -> Result<Value, Failure> {
        self.last.clear();
        self.line(json!({"at": decision.at, "failed": failure.to_string()}))
    }

    fn line(&mut self, value: Value) -> Result<Value, Failure> {
        match &mut self.file {
            None => output::print_json(&value)?,
            Some(file) => {
                let written = writeln!(file, "{value}").and_then(|()| file.flush());
                written.map_err(|error| Failure::local("the decision log", error))?;
            }
        }
        Ok(value)
    }
}

/// The decision, with its reasons in words.
pub(super) fn as_json(decision: &Decision, is_done: bool) -> Value {
    let mut value = json!(decision);
    let said: Vec<String> = decision.reasons().map(ToString::to_string).collect();
    value["because"] = json!(said);
    value["workers_after"] = json!(decision.workers_after());
    value["shards_after"] = json!(decision.shards_after());
    value["done"] = json!(is_done && !decision.is_nothing());
    value
}
