//! Tests of the engine from outside.
#![allow(clippy::unwrap_used, reason = "in tests a panic is the report")]

mod contract;
