//! Doubles for tests of applications: a stream, a lease table and dead letters in memory; and the contract of lease tables.
//! No network, no waiting with tokio's paused time.
//!
//! ```
//! # use std::sync::Arc;
//! # use millstream_consumer::*;
//! use millstream_consumer::testing::{MemoryLeaseTable, MemoryStream};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let stream = MemoryStream::new(4);
//! stream.put("key", "an order");
//! let consumer = Consumer::builder("application", "orders")
//!     .source(stream)
//!     .lease_table(MemoryLeaseTable::default())
//!     .build()?;
//! # drop(consumer);
//! # Ok(()) }
//! ```

pub use crate::dead_letters::memory::MemoryDeadLetters;
pub use crate::lease_table::contract::check_lease_table;
pub use crate::lease_table::memory::MemoryLeaseTable;
pub use crate::source::memory::{MemoryFanOut, MemoryStream};
