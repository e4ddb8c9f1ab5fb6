//! What a request's body looks like.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::Item;
use crate::format::bytes_of;

/// The shape of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// `{"records": [{"id", "revision", "value"}]}`.
    Records,
    /// The event that a Lambda function gets from a Kinesis stream; the answer may have `batchItemFailures`.
    Lambda(Lambda),
}

/// What a function is told of where its records come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lambda {
    /// `awsRegion`.
    pub region: String,
    /// `eventSourceARN`: the stream's.
    pub source_arn: String,
}

impl Shape {
    /// The body for these items.
    pub(super) fn body(&self, items: &[Item]) -> Vec<u8> {
        let body = match self {
            Self::Records => json!({"records": items.iter().map(record).collect::<Vec<_>>()}),
            Self::Lambda(lambda) => {
                let records: Vec<Value> = items.iter().map(|item| lambda.record(item)).collect();
                json!({"Records": records})
            }
        };
        body.to_string().into_bytes()
    }
}

fn record(item: &Item) -> Value {
    let value = match &item.raw {
        // No JSON: as the event of a function has it.
        Some(raw) => Value::String(STANDARD.encode(raw)),
        None => (*item.value).clone(),
    };
    json!({"id": &*item.id(), "revision": item.revision, "value": value})
}

impl Lambda {
    fn record(&self, item: &Item) -> Value {
        let origin = &item.origin;
        json!({
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": origin.partition_key,
                "sequenceNumber": origin.sequence_number,
                "data": STANDARD.encode(bytes_of(item)),
                "approximateArrivalTimestamp": origin.arrived_ms as f64 / 1000.0,
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": format!("{}:{}", origin.shard_id, origin.sequence_number),
            "eventName": "aws:kinesis:record",
            "awsRegion": self.region,
            "eventSourceARN": self.source_arn,
            // Not AWS's: several values of one record, and results of windows, have one sequence number.
            "idempotencyKey": &*item.id(),
            "revision": item.revision,
        })
    }
}
