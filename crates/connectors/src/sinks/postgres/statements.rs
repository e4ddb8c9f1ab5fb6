//! What is said to the server, and how an item is written for COPY.

use serde_json::{Map, Value};

use super::{ID, REVISION};
use crate::{FieldPath, Item};

/// A connection's own table, empty again after each transaction.
pub(super) const MAKE_STAGING: &str = "CREATE TEMP TABLE IF NOT EXISTS millstream_staging \
     (place bigint GENERATED ALWAYS AS IDENTITY, id text, revision bigint, value jsonb) ON COMMIT DELETE ROWS";
/// Takes [`line`]s.
pub(super) const COPY: &str = "COPY pg_temp.millstream_staging (id, revision, value) FROM STDIN";

/// The statements of one table.
#[derive(Debug, Clone)]
pub(super) struct Statements {
    /// From the connection's table into the one that is meant.
    pub(super) upsert: String,
}

impl Statements {
    /// None if that is no table's name.
    pub(super) fn of(table: &str, columns: &[&str]) -> Option<Self> {
        let parts: Vec<&str> = table.split('.').collect();
        if parts.len() > 2 || parts.iter().any(|part| part.is_empty()) {
            return None;
        }
        let table = joined(&parts, ".", quoted);
        let names = joined(columns, ", ", quoted);
        let given = joined(columns, ", ", |name| format!("given.{}", quoted(name)));
        let replaced = joined(columns, ", ", |name| {
            format!("{0} = excluded.{0}", quoted(name))
        });
        // Of several revisions in one batch only the last is written: a statement may change a row once.
        let upsert = format!(
            "INSERT INTO {table} AS present ({names}, {ID}, {REVISION}) \
             SELECT {given}, staged.id, staged.revision \
             FROM (SELECT DISTINCT ON (id) place, id, revision, value \
                   FROM pg_temp.millstream_staging ORDER BY id, revision DESC, place DESC) AS staged, \
                  LATERAL jsonb_populate_record(NULL::{table}, staged.value) AS given \
             ORDER BY staged.place \
             ON CONFLICT ({ID}) DO UPDATE SET {replaced}, {REVISION} = excluded.{REVISION} \
             WHERE present.{REVISION} < excluded.{REVISION}"
        );
        Some(Self { upsert })
    }
}

fn joined(names: &[&str], between: &str, each: impl Fn(&str) -> String) -> String {
    let each: Vec<String> = names.iter().map(|name| each(name)).collect();
    each.join(between)
}

/// A name as it is, whatever is in it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// An item in COPY's text form: its id, its revision, and the columns that have a field.
pub(super) fn line(item: &Item, columns: &[(String, FieldPath)]) -> String {
    let row: Map<String, Value> = columns
        .iter()
        .filter_map(|(name, field)| Some((name.clone(), field.of(&item.value)?.clone())))
        .collect();
    let value = Value::Object(row).to_string();
    format!(
        "{}\t{}\t{}\n",
        escaped(&item.id()),
        item.revision,
        escaped(&value)
    )
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for one in text.chars() {
        match one {
            '\\' => escaped.push_str("\\\\"),
            '\t' => escaped.push_str("\\t"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            other => escaped.push(other),
        }
    }
    escaped
}
