//! What is written to.

use millstream_connectors::format::Schema;

/// Which table, and what it has to be.
#[derive(Debug, Clone)]
pub struct Target {
    /// The namespace, outermost level first; at least one.
    pub namespace: Vec<String>,
    /// The table in it.
    pub table: String,
    /// The columns that are written. With them, a table that is not there is made; without them, those that it has.
    pub schema: Option<Schema>,
    /// Who writes: the name under which the table remembers what it has of each shard. Another for each pipeline.
    pub writer: String,
}
