//! What was submitted and waits for the committing thread.

pub(crate) mod gathering;
pub(crate) mod group;
