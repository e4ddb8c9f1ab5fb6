//! Leases of [`millstream_consumer`] in PostgreSQL, for who has one and no DynamoDB API, or wants the leases beside the results.
//!
//! ```no_run
//! use millstream_consumer::Consumer;
//! use millstream_leases_postgres::{PostgresLeaseTable, tokio_postgres::NoTls};
//!
//! # async fn example(kinesis: aws_sdk_kinesis::Client) -> Result<(), Box<dyn std::error::Error>> {
//! let leases = PostgresLeaseTable::new("postgresql://app@db.example/orders".parse()?, NoTls, "printer");
//! let consumer = Consumer::builder("printer", "orders").kinesis(kinesis).lease_table(leases).build()?;
//! # drop(consumer);
//! # Ok(()) }
//! ```
//!
//! All applications share one table, `kinesis_leases`, in the first schema of the connection's `search_path`; its rows are
//! by application and shard, and say what those of the DynamoDB table say. Every change is one statement with a condition,
//! so nothing is locked for longer than it takes. The table is made by the first worker, which needs the right to; where
//! nobody may, make it as [`SCHEMA`] says.
//!
//! Deliberately absent: Java workers (the KCL knows DynamoDB alone), and TLS of its own: the application hands over what
//! makes its connections. Start with `table.rs`.

mod bound;
mod connection;
mod row;
mod table;

pub use table::{PostgresLeaseTable, SCHEMA};
pub use tokio_postgres;
