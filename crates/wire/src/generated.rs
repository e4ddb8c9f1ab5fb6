//! What `model/generate.py` writes.

pub(crate) mod operations;
pub(crate) mod shapes;
