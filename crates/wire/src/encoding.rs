//! The two encodings of bodies, and values whose form differs between them.

mod timestamp;

pub(crate) use timestamp::TIMESTAMP_NAME;
pub use timestamp::Timestamp;

/// How a body is written. An answer is written as its request was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// AWS JSON 1.1.
    Json,
    /// AWS CBOR 1.1.
    Cbor,
}

impl Encoding {
    /// The encoding that a `Content-Type` header names; case, parameters and blanks around it do not matter.
    pub fn from_content_type(header: &str) -> Option<Self> {
        let media_type = header.split(';').next()?.trim();
        [Self::Json, Self::Cbor]
            .into_iter()
            .find(|encoding| encoding.content_type().eq_ignore_ascii_case(media_type))
    }

    /// The `Content-Type` of bodies in this encoding.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/x-amz-json-1.1",
            Self::Cbor => "application/x-amz-cbor-1.1",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_name_encodings() {
        let of = Encoding::from_content_type;
        assert_eq!(of("application/x-amz-json-1.1"), Some(Encoding::Json));
        assert_eq!(
            of(" application/x-amz-cbor-1.1 ; charset=utf-8"),
            Some(Encoding::Cbor)
        );
        assert_eq!(of("Application/X-Amz-Json-1.1"), Some(Encoding::Json));
        assert_eq!(of("application/json"), None);
        assert_eq!(of(""), None);
    }
}
