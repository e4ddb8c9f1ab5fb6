//! The millstream binary.
