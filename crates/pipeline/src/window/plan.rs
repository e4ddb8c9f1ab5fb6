//! What the windows of a pipeline are.

use serde_json::Value;

use super::function::Function;
use super::partial::Partial;
use crate::jq::Program;

/// One value of a window.
#[derive(Debug)]
pub struct Aggregate {
    /// Its name in the result.
    pub name: String,
    /// What is computed.
    pub function: Function,
    /// Of what; nothing for a plain count.
    pub of: Option<Program>,
}

/// `[window]`, checked.
#[derive(Debug)]
pub struct Plan {
    /// Length of a window, in milliseconds.
    pub every_ms: i64,
    /// The key; one group for all without it.
    pub by: Option<Program>,
    /// The time of a record; its arrival without it.
    pub time: Option<Program>,
    /// How much later than its time a record may arrive and still be in the window's first result.
    pub late_ms: i64,
    /// How much later still it may arrive and change a result that went out.
    pub revise_ms: i64,
    /// How long a window waits for shards that do not come, once one has passed its end.
    pub patience_ms: i64,
    /// What is computed.
    pub values: Vec<Aggregate>,
    /// Most bytes of open windows in the second stage.
    pub state_bytes_max: usize,
}

impl Plan {
    /// Start of the window that holds a moment.
    pub fn window_of(&self, moment_ms: i64) -> i64 {
        moment_ms.saturating_sub(moment_ms.rem_euclid(self.every_ms))
    }

    /// Whether it matters when and where a record was, beside its window.
    pub fn needs_moments(&self) -> bool {
        let mut functions = self.values.iter().map(|value| &value.function);
        functions.any(Function::needs_moments)
    }

    /// No record aggregated yet.
    pub fn start(&self) -> Vec<Partial> {
        self.values
            .iter()
            .map(|value| value.function.start())
            .collect()
    }

    /// When all records of a window have arrived, but for those that are later than allowed.
    pub fn due_ms(&self, window_ms: i64) -> i64 {
        window_ms
            .saturating_add(self.every_ms)
            .saturating_add(self.late_ms)
    }

    /// When nothing of a window is taken any more.
    pub fn gone_ms(&self, window_ms: i64) -> i64 {
        self.due_ms(window_ms).saturating_add(self.revise_ms)
    }

    /// The members of a result.
    pub fn results(&self, partials: &[Partial]) -> impl Iterator<Item = (String, Value)> {
        let values = self.values.iter().zip(partials);
        values.map(|(value, partial)| (value.name.clone(), value.function.result(partial)))
    }

    /// What tells the pieces of one definition from those of another: what is computed, and over what time.
    pub fn fingerprint(&self) -> String {
        let text =
            |program: &Option<Program>| program.as_ref().map_or("-", Program::text).to_owned();
        let value =
            |value: &Aggregate| format!("{}={:?} {}", value.name, value.function, text(&value.of));
        let values: Vec<String> = self.values.iter().map(value).collect();
        format!(
            "{} {} by {}: {}",
            self.every_ms,
            text(&self.time),
            text(&self.by),
            values.join(", ")
        )
    }
}
