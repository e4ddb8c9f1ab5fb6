//! The ways to handle records that are not a [`RecordProcessor`](crate::RecordProcessor) of the application's own.

mod batches;
mod for_each;

pub use batches::{Batch, Batches};

#[cfg(test)]
mod tests;
