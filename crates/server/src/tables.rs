//! Tables behind the same port. What a table is, `millstream-tables` knows; here are its content types, request ids and
//! checksums, gzip, and what the audit log is told.

mod edge;
mod gzip;

pub(crate) use edge::TablesEdge;
