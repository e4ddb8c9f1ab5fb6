//! Tables behind the same port. What a table is, `millstream-tables` knows; here are its content types, request ids and
//! checksums, and gzip.

mod edge;
mod gzip;

pub(crate) use edge::TablesEdge;
