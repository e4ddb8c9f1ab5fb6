//! Tags of streams, by name and by ARN.

use std::time::Duration;

use millstream_streams::StreamSettings;
use millstream_wire::shapes::{
    AddTagsToStreamRequest, CreateStreamRequest, ListTagsForResourceRequest,
    ListTagsForStreamRequest, RegisterStreamConsumerRequest, RemoveTagsFromStreamRequest, Tag,
    TagResourceRequest, UntagResourceRequest,
};
use millstream_wire::{ApiError, ErrorCode};

use crate::world::*;

const ARN: &str = "arn:aws:kinesis:eu-west-1:210987654321:stream/meters";

impl World {
    async fn add_tags(&self, tags: &[(&str, &str)]) -> Result<(), ApiError> {
        let request = AddTagsToStreamRequest {
            stream_name: Some("meters".parse().unwrap()),
            stream_arn: None,
            tags: owned(tags),
        };
        let added = self
            .service()
            .await
            .add_tags_to_stream(&self.caller, request);
        added.await.map_err(ApiError::from)
    }

    async fn remove_tags(&self, keys: &[&str]) -> Result<(), ApiError> {
        let request = RemoveTagsFromStreamRequest {
            stream_name: Some("meters".parse().unwrap()),
            stream_arn: None,
            tag_keys: keys.iter().map(ToString::to_string).collect(),
        };
        let removed = self
            .service()
            .await
            .remove_tags_from_stream(&self.caller, request);
        removed.await.map_err(ApiError::from)
    }

    /// Keys of a page of tags, and whether there are more.
    async fn tag_keys(&self, start: Option<&str>, limit: Option<u32>) -> (Vec<String>, bool) {
        let request = ListTagsForStreamRequest {
            stream_name: Some("meters".parse().unwrap()),
            stream_arn: None,
            exclusive_start_tag_key: start.map(Into::into),
            limit,
        };
        let listed = self
            .service()
            .await
            .list_tags_for_stream(&self.caller, request);
        let listed = listed.await.expect("listed");
        let keys = listed.tags.into_iter().map(|tag| tag.key).collect();
        (keys, listed.has_more_tags)
    }

    async fn tags_of(&self, arn: &str) -> Result<Vec<Tag>, ApiError> {
        let request = ListTagsForResourceRequest {
            resource_arn: arn.into(),
        };
        let listed = self
            .service()
            .await
            .list_tags_for_resource(&self.caller, request);
        listed
            .await
            .map(|answer| answer.tags)
            .map_err(ApiError::from)
    }

    async fn tag_resource(&self, arn: &str, tags: &[(&str, &str)]) -> Result<(), ApiError> {
        let request = TagResourceRequest {
            resource_arn: arn.into(),
            tags: owned(tags),
        };
        let tagged = self.service().await.tag_resource(&self.caller, request);
        tagged.await.map_err(ApiError::from)
    }

    async fn untag_resource(&self, arn: &str, keys: &[&str]) -> Result<(), ApiError> {
        let request = UntagResourceRequest {
            resource_arn: arn.into(),
            tag_keys: keys.iter().map(ToString::to_string).collect(),
        };
        let untagged = self.service().await.untag_resource(&self.caller, request);
        untagged.await.map_err(ApiError::from)
    }
}

fn owned(tags: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
    let tags = tags.iter();
    tags.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn tag(key: &str, value: &str) -> Tag {
    Tag {
        key: key.into(),
        value: value.into(),
    }
}

#[tokio::test]
async fn tags_are_sorted_by_code_point_and_come_in_pages() {
    let mut world = World::new().await;
    world.create("meters", 1).await;
    let keys = ["ÿ", "a", "_", "Z", "@", "=", "0", "/", "+", " "];
    let tags: Vec<_> = keys.iter().map(|key| (*key, "")).collect();
    world.add_tags(&tags).await.unwrap();
    let sorted = [" ", "+", "/", "0", "=", "@", "Z", "_", "a", "ÿ"].map(String::from);
    assert_eq!(world.tag_keys(None, None).await, (sorted.to_vec(), false));
    let page = world.tag_keys(None, Some(4)).await;
    assert_eq!(page, (sorted[..4].to_vec(), true));
    let page = world.tag_keys(Some("0"), Some(6)).await;
    assert_eq!(page, (sorted[4..].to_vec(), false));
    // A start need not be a key, nor could it be one.
    let page = world.tag_keys(Some("a;"), Some(50)).await;
    assert_eq!(page, (vec!["ÿ".to_owned()], false));
    assert_eq!(world.tag_keys(Some("ÿ"), None).await, (vec![], false));
    world.crash().await;
    assert_eq!(world.tag_keys(None, None).await, (sorted.to_vec(), false));
}

#[tokio::test]
async fn a_stream_has_one_set_of_tags_by_name_and_by_arn() {
    let world = World::new().await;
    let request = CreateStreamRequest {
        tags: owned(&[("born", "with it")]),
        ..create("meters", 1)
    };
    let created = world.service().await.create_stream(&world.caller, request);
    created.await.unwrap();
    world
        .tag_resource(ARN, &[("team", "grid"), ("cost", "")])
        .await
        .unwrap();
    world.add_tags(&[("team", "heat")]).await.unwrap();
    let all = [tag("born", "with it"), tag("cost", ""), tag("team", "heat")];
    assert_eq!(world.tags_of(ARN).await.unwrap(), all);
    world.remove_tags(&["born", "never set"]).await.unwrap();
    world.untag_resource(ARN, &["team", "x"]).await.unwrap();
    assert_eq!(world.tags_of(ARN).await.unwrap(), [tag("cost", "")]);
    assert_eq!(world.tag_keys(None, None).await.0, ["cost"]);
    // A stream of the same name that is created anew has none of them.
    world.delete("meters").await;
    world.create("meters", 1).await;
    assert_eq!(world.tags_of(ARN).await.unwrap(), []);
}

#[tokio::test]
async fn tags_have_their_characters_and_their_number() {
    let world = World::new().await;
    world.create("meters", 1).await;
    let invalid = "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = \
                   + - % @.";
    let illegal = format!(
        "Failed to add tags to stream meters under account {ACCOUNT} because some tags contained illegal characters. The \
         allowed characters are Unicode letters, white-spaces, '_',',','/','=','+','-','@'."
    );
    let too_many = format!(
        "Failed to add tags to stream meters under account {ACCOUNT} because a given stream cannot have more than 50 \
         tags associated with it."
    );
    let refused = |text: &str| (ErrorCode::InvalidArgument, text.to_owned());
    for bad in [
        ("a;b", ""),
        ("a", "b;c"),
        ("a", "%;"),
        ("\u{7}", ""),
        ("a\tb", ""),
        ("a", "b\n"),
    ] {
        assert_eq!(on_wire(world.add_tags(&[bad]).await), refused(invalid));
        let tagged = world.tag_resource(ARN, &[bad]).await;
        assert_eq!(on_wire(tagged), refused(invalid));
    }
    for bad in [("a%", ""), ("a", "100%")] {
        assert_eq!(on_wire(world.add_tags(&[bad]).await), refused(&illegal));
    }
    for bad in ["a;b", "a\tb", "a,b"] {
        assert_eq!(on_wire(world.remove_tags(&[bad]).await), refused(invalid));
        let untagged = world.untag_resource(ARN, &[bad]).await;
        assert_eq!(on_wire(untagged), refused(invalid));
    }
    let removed = world.remove_tags(&["a%"]).await;
    let illegal = illegal.replace("add tags to", "remove tags from");
    assert_eq!(on_wire(removed), refused(&illegal));
    let good = [("Größe: 1/2=3+4-5_6.7@8", "日本 "), ("a", "")];
    world.add_tags(&good).await.unwrap();
    let names: Vec<_> = (0..51).map(|number| format!("tag-{number}")).collect();
    let tags: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
    let more = world.add_tags(&tags[..49]).await;
    assert_eq!(on_wire(more), refused(&too_many));
    world.add_tags(&tags[..48]).await.unwrap();
    assert_eq!(
        on_wire(world.add_tags(&[("b", "")]).await),
        refused(&too_many)
    );
    world.add_tags(&[("a", "a new value")]).await.unwrap();
    assert_eq!(world.tag_keys(None, None).await.0.len(), 50);

    let create_with = async |tags: &[(&str, &str)]| {
        let request = CreateStreamRequest {
            tags: owned(tags),
            ..create("other", 1)
        };
        world
            .service()
            .await
            .create_stream(&world.caller, request)
            .await
    };
    let too_many = too_many.replace("meters", "other");
    assert_eq!(on_wire(create_with(&tags).await), refused(&too_many));
    assert_eq!(on_wire(create_with(&[("a;", "")]).await), refused(invalid));
    create_with(&tags[..50]).await.unwrap();
}

#[tokio::test]
async fn what_is_not_there_has_no_tags() {
    let world = World::new().await;
    world.create("meters", 1).await;
    let no_stream = "Stream nope under account 210987654321 not found.";
    let elsewhere = "Stream meters under account 111122223333 not found.";
    let nothing = |arn: &str| format!("Resource {arn} not found.");
    let no_consumer = |arn: &str| format!("Consumer {arn}, account {ACCOUNT} not found.");
    let consumer = format!("{ARN}/consumer/billing:1793620900");
    let queue = "arn:aws:kinesis:eu-west-1:210987654321:queue/meters";
    let channel = "arn:aws:kinesis:eu-west-1:210987654321:channel/meters";
    let cases = [
        (ARN.replace("meters", "nope"), no_stream.to_owned()),
        (ARN.replace(ACCOUNT, "111122223333"), elsewhere.to_owned()),
        (consumer.clone(), no_consumer(&consumer)),
        (queue.to_owned(), nothing(queue)),
        (channel.to_owned(), nothing(channel)),
    ];
    for (arn, text) in cases {
        let missing = (ErrorCode::ResourceNotFound, text);
        assert_eq!(on_wire(world.tags_of(&arn).await), missing);
        assert_eq!(
            on_wire(world.tag_resource(&arn, &[("a", "")]).await),
            missing
        );
        assert_eq!(on_wire(world.untag_resource(&arn, &["a"]).await), missing);
    }
    let odd = "arn:aws:kinesis:eu-west-1:210987654321:stream/a b";
    assert_eq!(on_wire(world.tags_of(odd).await).0, ErrorCode::Validation);
}

#[tokio::test]
async fn a_consumer_has_tags_of_its_own() {
    let mut world = World::new().await;
    world.create("meters", 1).await;
    world.add_tags(&[("of", "the stream")]).await.unwrap();
    let register = async |name: &str, tags: &[(&str, &str)]| {
        let request = RegisterStreamConsumerRequest {
            stream_arn: ARN.into(),
            consumer_name: name.into(),
            tags: owned(tags),
        };
        let registered = world
            .service()
            .await
            .register_stream_consumer(&world.caller, request);
        registered.await.map(|answer| answer.consumer.consumer_arn)
    };
    let refused = on_wire(register("billing", &[("a;", "")]).await);
    assert_eq!(refused.0, ErrorCode::InvalidArgument);
    let arn = register("billing", &[("born", "with it")]).await.unwrap();
    let other = register("other", &[]).await.unwrap();
    world.tag_resource(&arn, &[("a", "b")]).await.unwrap();
    let both = [tag("a", "b"), tag("born", "with it")];
    assert_eq!(world.tags_of(&arn).await.unwrap(), both);
    assert_eq!(world.tags_of(&other).await.unwrap(), []);
    assert_eq!(world.tags_of(ARN).await.unwrap(), [tag("of", "the stream")]);
    world.untag_resource(&arn, &["born", "x"]).await.unwrap();
    let names: Vec<_> = (0..50).map(|number| format!("tag-{number}")).collect();
    let tags: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
    let refused = on_wire(world.tag_resource(&arn, &tags).await);
    assert_eq!(refused.0, ErrorCode::InvalidArgument);
    world.crash().await;
    assert_eq!(world.tags_of(&arn).await.unwrap(), [tag("a", "b")]);
    // One that is registered again is another one.
    world.deregister(&arn).await.unwrap();
    let again = world.register("meters", "billing").await.consumer_arn;
    assert_eq!(world.tags_of(&again).await.unwrap(), []);
    let gone = on_wire(world.tag_resource(&arn, &[("a", "b")]).await);
    let text = format!("Consumer {arn}, account {ACCOUNT} not found.");
    assert_eq!(gone, (ErrorCode::ResourceNotFound, text));
}

#[tokio::test(start_paused = true)]
async fn tags_of_a_consumer_change_while_it_is_active_only() {
    let settings = StreamSettings {
        transition: Duration::from_secs(10),
        ..StreamSettings::default()
    };
    let world = World::with(settings).await;
    let later = || tokio::time::sleep(Duration::from_secs(11));
    world.create("meters", 1).await;
    later().await;
    let arn = world.register("meters", "billing").await.consumer_arn;
    let second = arn.rsplit(':').next().unwrap();
    let in_use = (
        ErrorCode::ResourceInUse,
        format!(
            "Consumer billing with creation timestamp {second} under stream: meters , account {ACCOUNT} is not in \
             ACTIVE status."
        ),
    );
    assert_eq!(
        on_wire(world.tag_resource(&arn, &[("a", "")]).await),
        in_use
    );
    assert_eq!(on_wire(world.untag_resource(&arn, &["a"]).await), in_use);
    assert_eq!(world.tags_of(&arn).await.unwrap(), []);
    later().await;
    world.tag_resource(&arn, &[("a", "")]).await.unwrap();
    assert_eq!(world.tags_of(&arn).await.unwrap(), [tag("a", "")]);
}

#[tokio::test(start_paused = true)]
async fn tags_change_while_the_stream_is_active_only() {
    let settings = StreamSettings {
        transition: Duration::from_secs(10),
        ..StreamSettings::default()
    };
    let world = World::with(settings).await;
    let request = CreateStreamRequest {
        tags: owned(&[("born", "with it")]),
        ..create("meters", 1)
    };
    let created = world.service().await.create_stream(&world.caller, request);
    created.await.unwrap();
    let text =
        format!("Stream meters under account {ACCOUNT} not ACTIVE, instead in state CREATING");
    let in_use = (ErrorCode::ResourceInUse, text);
    assert_eq!(on_wire(world.add_tags(&[("a", "")]).await), in_use);
    assert_eq!(on_wire(world.remove_tags(&["a"]).await), in_use);
    assert_eq!(on_wire(world.tag_resource(ARN, &[("a", "")]).await), in_use);
    assert_eq!(on_wire(world.untag_resource(ARN, &["a"]).await), in_use);
    assert_eq!(world.tag_keys(None, None).await.0, ["born"]);
    tokio::time::sleep(Duration::from_secs(11)).await;
    world.add_tags(&[("a", "")]).await.unwrap();
    assert_eq!(world.tag_keys(None, None).await.0, ["a", "born"]);
}

#[tokio::test]
async fn keys_that_are_reserved_for_aws_are_refused_wherever_tags_are_given() {
    let world = World::new().await;
    world.create("meters", 1).await;
    let text = format!(
        "Failed to add tags to stream meters under account {ACCOUNT} because tag keys that begin with aws: are reserved \
         for AWS use."
    );
    let reserved = (ErrorCode::InvalidArgument, text);
    for key in ["aws:", "aws:cloudformation:stack-name", "AWS:x"] {
        let tags = [("a", "b"), (key, "")];
        assert_eq!(on_wire(world.add_tags(&tags).await), reserved, "{key}");
        assert_eq!(on_wire(world.tag_resource(ARN, &tags).await), reserved);
        let request = RegisterStreamConsumerRequest {
            stream_arn: ARN.into(),
            consumer_name: "billing".into(),
            tags: owned(&tags),
        };
        let registered = world
            .service()
            .await
            .register_stream_consumer(&world.caller, request);
        assert_eq!(on_wire(registered.await), reserved);
        let request = CreateStreamRequest {
            tags: owned(&tags),
            ..create("new", 1)
        };
        let created = world
            .service()
            .await
            .create_stream(&world.caller, request)
            .await;
        let text = reserved.1.replace("meters", "new");
        assert_eq!(on_wire(created), (ErrorCode::InvalidArgument, text));
    }
    assert_eq!(world.tag_keys(None, None).await.0, Vec::<String>::new());
    for key in ["aws", "awsome", "my:aws:"] {
        world.add_tags(&[(key, "aws:")]).await.unwrap();
    }
}
