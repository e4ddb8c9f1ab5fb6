//! Consumers of a stream.

use std::time::Instant;

use crate::{DEADLINE, Stream, refused};

#[tokio::test]
async fn registered_described_listed_and_deregistered() {
    let stream = Stream::new(1).await;
    let client = &stream.client;
    let billing = stream.consumer("billing").await;
    let created = billing.consumer_creation_timestamp.secs();
    assert_eq!(
        billing.consumer_arn,
        format!("{}/consumer/billing:{created}", stream.arn)
    );
    assert_eq!(billing.stream_arn, stream.arn);
    let list = |arn: &str| client.list_stream_consumers().stream_arn(arn).send();
    let listed = list(&stream.arn).await.unwrap();
    assert_eq!(listed.consumers().len(), 1);
    assert_eq!(listed.consumers()[0].consumer_arn, billing.consumer_arn);
    let again = client.register_stream_consumer().stream_arn(&stream.arn);
    let (code, _) = refused(again.consumer_name("billing").send().await);
    assert_eq!(code, "ResourceInUseException");
    let deregister = || {
        let call = client.deregister_stream_consumer();
        call.consumer_arn(&billing.consumer_arn).send()
    };
    deregister().await.unwrap();
    let deadline = Instant::now() + DEADLINE;
    while !list(&stream.arn).await.unwrap().consumers().is_empty() {
        assert!(Instant::now() < deadline);
    }
    let describe = client.describe_stream_consumer();
    let gone = describe.consumer_arn(&billing.consumer_arn).send().await;
    assert_eq!(refused(gone).0, "ResourceNotFoundException");
    assert_eq!(refused(deregister().await).0, "ResourceNotFoundException");
    assert_eq!(
        refused(list(&stream.nowhere()).await),
        stream.not_found("nowhere")
    );
    stream.delete().await;
}
