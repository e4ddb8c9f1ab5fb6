//! The bytes: magic, protocol buffer, digest. The messages are proto2, as the KPL's documentation of the format has them.

use bytes::Bytes;
use md5::{Digest, Md5};

/// What every aggregated record begins with.
pub(crate) const MAGIC: [u8; 4] = [0xF3, 0x89, 0x9A, 0xC2];
/// Bytes of the digest behind the protocol buffer.
pub(crate) const DIGEST_BYTES: usize = 16;

/// Fields of the outer message, as tag bytes: number and wire type 2 (a length and so many bytes).
pub(crate) const PARTITION_KEY: u8 = 1 << 3 | 2;
pub(crate) const EXPLICIT_HASH_KEY: u8 = 2 << 3 | 2;
pub(crate) const RECORD: u8 = 3 << 3 | 2;

/// The outer message. Texts and messages have the wire type of bytes, so nothing is copied out of a record before it is
/// asked for.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Outer {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub(crate) partition_keys: Vec<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub(crate) explicit_hash_keys: Vec<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "3")]
    pub(crate) records: Vec<Bytes>,
}

/// One user record. Index and data are required members: always written, and a message without them is none. The tags
/// of the format are never written and not read.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Inner {
    #[prost(uint64, optional, tag = "1")]
    pub(crate) partition_key_index: Option<u64>,
    #[prost(uint64, optional, tag = "2")]
    pub(crate) explicit_hash_key_index: Option<u64>,
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub(crate) data: Option<Bytes>,
}

pub(crate) fn digest(message: &[u8]) -> [u8; DIGEST_BYTES] {
    Md5::digest(message).into()
}
