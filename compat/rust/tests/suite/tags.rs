//! Tags by name and by ARN.

use std::collections::HashMap;

use aws_sdk_kinesis::types::Tag;

use crate::{Stream, refused};

fn pairs(tags: &[Tag]) -> Vec<(&str, &str)> {
    tags.iter()
        .map(|tag| (tag.key(), tag.value().unwrap_or_default()))
        .collect()
}

#[tokio::test]
async fn by_name() {
    let stream = Stream::new(1).await;
    let add = |name: &str| {
        let call = stream.client.add_tags_to_stream().stream_name(name);
        call.tags("team", "grid").tags("Zone", "ÿ").send()
    };
    let list = |name: &str| {
        let call = stream.client.list_tags_for_stream();
        call.stream_name(name).send()
    };
    let remove = |name: &str| {
        let call = stream.client.remove_tags_from_stream().stream_name(name);
        call.tag_keys("Zone").send()
    };
    add(&stream.name).await.unwrap();
    let answer = list(&stream.name).await.unwrap();
    assert_eq!(pairs(&answer.tags), [("Zone", "ÿ"), ("team", "grid")]);
    assert!(!answer.has_more_tags);
    remove(&stream.name).await.unwrap();
    let answer = list(&stream.name).await.unwrap();
    assert_eq!(pairs(&answer.tags), [("team", "grid")]);
    let missing = stream.not_found("nowhere");
    assert_eq!(refused(add("nowhere").await), missing);
    assert_eq!(refused(list("nowhere").await), missing);
    assert_eq!(refused(remove("nowhere").await), missing);
    stream.delete().await;
}

#[tokio::test]
async fn by_arn() {
    let stream = Stream::new(1).await;
    let tag = |arn: &str| {
        let call = stream.client.tag_resource().resource_arn(arn);
        call.set_tags(Some(HashMap::from([("team".into(), "grid".into())])))
            .send()
    };
    let list = |arn: &str| {
        stream
            .client
            .list_tags_for_resource()
            .resource_arn(arn)
            .send()
    };
    let untag = |arn: &str| {
        let call = stream.client.untag_resource().resource_arn(arn);
        call.tag_keys("team").send()
    };
    tag(&stream.arn).await.unwrap();
    let answer = list(&stream.arn).await.unwrap();
    assert_eq!(pairs(answer.tags()), [("team", "grid")]);
    untag(&stream.arn).await.unwrap();
    assert_eq!(pairs(list(&stream.arn).await.unwrap().tags()), []);
    let nowhere = stream.nowhere();
    let code = "ResourceNotFoundException";
    assert_eq!(refused(tag(&nowhere).await).0, code);
    assert_eq!(refused(list(&nowhere).await).0, code);
    assert_eq!(refused(untag(&nowhere).await).0, code);
    stream.delete().await;
}
