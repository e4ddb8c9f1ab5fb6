//! One function per parser that faces the network or the disk. Each takes any bytes, and panics if a promise breaks.

mod access;
mod recovery;
mod tables;
mod tokens;
mod wire_bodies;

pub use access::{credentials, event_frames, policy};
pub use recovery::recovery;
pub use tables::table_request;
pub use tokens::tokens;
pub use wire_bodies::{cbor_body, json_body, json_put_records, sequence_number};

/// A target: takes any bytes.
pub type Target = fn(&[u8]);

/// All targets by name; libFuzzer's binaries carry the same names.
pub const TARGETS: &[(&str, Target)] = &[
    ("json_body", json_body),
    ("cbor_body", cbor_body),
    ("json_put_records", json_put_records),
    ("sequence_number", sequence_number),
    ("credentials", credentials),
    ("policy", policy),
    ("event_frames", event_frames),
    ("tokens", tokens),
    ("recovery", recovery),
    ("table_request", table_request),
];
