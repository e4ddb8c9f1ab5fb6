//! Answers in the encodings of their requests.

mod cbor;
mod json;
mod xml;

use crate::{CloudWatchError, Encoding, Operation, Output};

/// An answer that is ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Status of HTTP.
    pub status: u16,
    /// Headers beside those that all answers have; the content type is the encoding's.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Spells an answer to an operation; `request_id` is repeated in XML. An operation that is not known has only errors.
pub fn encode(
    encoding: Encoding,
    operation: Option<Operation>,
    answer: &Result<Output, CloudWatchError>,
    request_id: &str,
) -> Encoded {
    let mut headers = Vec::new();
    if encoding == Encoding::Cbor {
        headers.push(("smithy-protocol", "rpc-v2-cbor".to_owned()));
    }
    let error = match answer {
        Ok(output) => {
            let body = match encoding {
                Encoding::Query => {
                    let name = operation.map_or("", Operation::name);
                    xml::answer(name, output, request_id)
                }
                Encoding::Json => json::body(output),
                Encoding::Cbor => cbor::body(output),
            };
            return Encoded {
                status: 200,
                headers,
                body,
            };
        }
        Err(error) => error,
    };
    let named = || {
        Output::Structure(vec![
            (
                "__type",
                Output::text(format!("com.amazonaws.cloudwatch#{}", error.code.shape())),
            ),
            ("message", Output::text(error.message.clone())),
        ])
    };
    if encoding != Encoding::Query {
        // What the error is called in forms: programs that were written for those look for it.
        let old = format!("{};{}", error.code.query_code(), error.code.side());
        headers.push(("x-amzn-query-error", old));
    }
    Encoded {
        status: error.code.http_status(),
        headers,
        body: match encoding {
            Encoding::Query => xml::error(error, request_id),
            Encoding::Json => json::body(&named()),
            Encoding::Cbor => cbor::body(&named()),
        },
    }
}

#[cfg(test)]
mod tests;
