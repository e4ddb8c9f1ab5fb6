//! What a client gets.

use bytes::Bytes;
use millstream_wire::cut_message;

/// The answer of an operation on tables: its body is JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableAnswer {
    /// An HTTP status that exists.
    pub status: u16,
    /// What the client gets.
    pub body: Bytes,
}

impl TableAnswer {
    /// An error of the table service itself, such as `ResourceNotFoundException`.
    pub fn error(status: u16, name: &str, message: &str) -> Self {
        Self::typed_error(
            status,
            &format!("com.amazonaws.dynamodb.v20120810#{name}"),
            message,
        )
    }

    /// The one address to send requests to: that of the service itself. How long it may be remembered is AWS's.
    pub(crate) fn endpoint(address: &str) -> Self {
        let body = serde_json::json!({
            "Endpoints": [{"Address": address, "CachePeriodInMinutes": 1440}],
        });
        Self {
            status: 200,
            body: body.to_string().into(),
        }
    }

    /// The request failed inside; the outcome of a write is unknown.
    pub fn internal_error() -> Self {
        Self::error(500, "InternalServerError", "Internal server error")
    }

    /// An error of the framework below the table service, such as `SerializationException`; without a message if
    /// that is empty.
    pub fn framework_error(status: u16, name: &str, message: &str) -> Self {
        Self::typed_error(status, &format!("com.amazon.coral.service#{name}"), message)
    }

    /// A `ValidationException`.
    pub fn validation(message: &str) -> Self {
        Self::typed_error(
            400,
            "com.amazon.coral.validate#ValidationException",
            message,
        )
    }

    /// A `SerializationException`, in which the message has a capital; without a message if that is empty.
    pub fn serialization(message: &str) -> Self {
        let mut answer = Self::framework_error(400, "SerializationException", "");
        if !message.is_empty() {
            let body = serde_json::json!({
                "__type": "com.amazon.coral.service#SerializationException",
                "Message": message,
            });
            answer.body = body.to_string().into();
        }
        answer
    }

    /// The name in an error's `__type`; empty if there is none.
    pub fn error_name(&self) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let name = body["__type"].as_str().unwrap_or_default();
        name.rsplit('#').next().unwrap_or_default().to_owned()
    }

    fn typed_error(status: u16, error_type: &str, message: &str) -> Self {
        let body = if message.is_empty() {
            serde_json::json!({ "__type": error_type })
        } else {
            serde_json::json!({ "__type": error_type, "message": cut_message(message.into()) })
        };
        Self {
            status,
            body: body.to_string().into(),
        }
    }
}
