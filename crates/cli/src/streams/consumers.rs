//! The fan-out consumers of a stream.

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::Consumer;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::moment;

/// All consumers, page by page.
pub(crate) async fn list_consumers(
    client: &Client,
    stream_arn: &str,
) -> Result<Vec<Consumer>, Failure> {
    let mut consumers = Vec::new();
    let mut token = None;
    loop {
        let page = client
            .list_stream_consumers()
            .stream_arn(stream_arn)
            .set_next_token(token)
            .send()
            .await
            .map_err(|error| Failure::of("ListStreamConsumers", error))?;
        consumers.extend(page.consumers.unwrap_or_default());
        token = page.next_token;
        if token.is_none() {
            return Ok(consumers);
        }
    }
}

pub(super) fn consumer_as_json(consumer: &Consumer) -> Value {
    json!({
        "ConsumerName": consumer.consumer_name,
        "ConsumerARN": consumer.consumer_arn,
        "ConsumerStatus": consumer.consumer_status.as_str(),
        "ConsumerCreationTimestamp": moment::show(&consumer.consumer_creation_timestamp),
    })
}

pub(super) fn consumer_row(consumer: &Consumer) -> Vec<String> {
    vec![
        consumer.consumer_name.clone(),
        consumer.consumer_status.as_str().to_owned(),
        moment::show(&consumer.consumer_creation_timestamp),
    ]
}
