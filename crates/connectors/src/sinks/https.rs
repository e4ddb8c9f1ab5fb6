//! What a receiver over HTTPS does not answer, as the error of a sink.

use millstream_https::{InvalidAuthorities, NoAnswer};

use crate::SinkError;

impl From<InvalidAuthorities> for SinkError {
    fn from(error: InvalidAuthorities) -> Self {
        Self::new(error.to_string())
    }
}

impl From<NoAnswer> for SinkError {
    fn from(error: NoAnswer) -> Self {
        Self::of("the receiver", &error)
    }
}
