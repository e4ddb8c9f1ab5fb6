//! A client of the AWS SDK for Rust that notes what it saw of each call.
//!
//! The suite itself is in `tests/suite`.

mod client;
mod recorder;

pub use client::{Access, client, refused};
