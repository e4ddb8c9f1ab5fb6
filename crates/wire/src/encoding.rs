//! Values whose form differs between the encodings.

mod timestamp;

pub use timestamp::Timestamp;
