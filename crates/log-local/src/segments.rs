//! Segments on their way to the disk: made ready, filled with frames, indexed.

pub(crate) mod frames;
pub(crate) mod index;
pub(crate) mod prepared;
