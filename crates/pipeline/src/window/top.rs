//! The most frequent values: exact up to a number of different values, with a stated error beyond.
//!
//! Counters as in the summaries of Misra and Gries, which can be merged: where there are too many, the count of the
//! first that has no room is taken off all, and what is left of none goes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// So many different values are counted exactly.
pub(super) const VALUES_MAX: usize = 1000;

/// How often each value was there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Top {
    /// By the value's JSON.
    #[serde(rename = "c")]
    counts: BTreeMap<String, u64>,
    /// Every count may be so much too low.
    #[serde(rename = "e", default)]
    error: u64,
}

impl Top {
    /// Counts a value.
    pub fn add(&mut self, value: &Value) {
        *self.counts.entry(value.to_string()).or_default() += 1;
        self.shrink();
    }

    /// Counts all that the other has counted.
    pub fn merge(&mut self, other: &Self) {
        for (value, count) in &other.counts {
            *self.counts.entry(value.clone()).or_default() += count;
        }
        self.error += other.error;
        self.shrink();
    }

    fn shrink(&mut self) {
        if self.counts.len() <= VALUES_MAX {
            return;
        }
        let mut counts: Vec<u64> = self.counts.values().copied().collect();
        counts.sort_unstable_by(|one, other| other.cmp(one));
        let taken = counts[VALUES_MAX];
        self.error += taken;
        self.counts.retain(|_, count| {
            *count = count.saturating_sub(taken);
            *count > 0
        });
    }

    /// The `n` most frequent values, most frequent first, ties by the values' text: objects with `value`, `count`, and
    /// `error` if the counts may be too low.
    pub fn report(&self, n: usize) -> Value {
        let mut all: Vec<(&String, &u64)> = self.counts.iter().collect();
        all.sort_by(|(one, many), (other, more)| more.cmp(many).then_with(|| one.cmp(other)));
        let shown = all.into_iter().take(n).map(|(text, count)| {
            let value: Value = serde_json::from_str(text).unwrap_or(Value::Null);
            if self.error > 0 {
                json!({"value": value, "count": count, "error": self.error})
            } else {
                json!({"value": value, "count": count})
            }
        });
        Value::Array(shown.collect())
    }

    /// About how many bytes it takes.
    pub fn bytes(&self) -> usize {
        self.counts
            .keys()
            .map(|value| value.len() + 24)
            .sum::<usize>()
            + 32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequent_values_are_found_among_many() {
        let mut top = Top::default();
        for number in 0..20_000_u64 {
            let value = if number % 3 == 0 {
                json!("often")
            } else {
                json!(number)
            };
            top.add(&value);
        }
        assert!(top.counts.len() <= VALUES_MAX);
        let report = top.report(1);
        let (count, error) = (
            report[0]["count"].as_u64().unwrap(),
            report[0]["error"].as_u64().unwrap(),
        );
        assert_eq!(report[0]["value"], "often");
        assert!(count <= 6667 && count + error >= 6667, "{count} {error}");
    }

    #[test]
    fn few_values_are_exact() {
        let (mut one, mut other) = (Top::default(), Top::default());
        for value in ["a", "b", "a"] {
            one.add(&json!(value));
            other.add(&json!(value));
        }
        other.add(&json!("b"));
        one.merge(&other);
        assert_eq!(
            one.report(9).to_string(),
            r#"[{"value":"a","count":4},{"value":"b","count":3}]"#
        );
    }
}
