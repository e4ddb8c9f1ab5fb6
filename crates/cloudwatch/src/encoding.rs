//! How requests and answers are spelled.

/// An encoding of CloudWatch's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// A form that names its `Action`, answered in XML: older SDKs.
    Query,
    /// `X-Amz-Target: GraniteServiceVersion20100801.…` and JSON.
    Json,
    /// `POST …/service/GraniteServiceVersion20100801/operation/…` and CBOR, which is Smithy's RPC v2.
    Cbor,
}

impl Encoding {
    /// What CloudWatch is called in targets and paths.
    pub const SERVICE: &str = "GraniteServiceVersion20100801";

    /// The media type of answers.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Query => "text/xml",
            Self::Json => "application/x-amz-json-1.0",
            Self::Cbor => "application/cbor",
        }
    }
}
