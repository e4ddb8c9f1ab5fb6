//! Tables behind the same port. What a table is, `millstream-tables` knows; here are its content types, request ids and
//! checksums.

mod edge;

pub(crate) use edge::TablesEdge;
