//! What readers find in memory: recent entries, footers, open files, buffers.

pub(crate) mod buffers;
pub(crate) mod files;
pub(crate) mod footers;
pub(crate) mod tail;
