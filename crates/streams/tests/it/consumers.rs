//! Fan-out consumers: registering, describing, listing, deregistering.

use std::time::Duration;

use millstream_streams::StreamSettings;
use millstream_types::TimestampMs;
use millstream_wire::encoding::Timestamp;
use millstream_wire::shapes::{
    Consumer, ConsumerDescription, ConsumerStatus, DeleteStreamRequest,
    DeregisterStreamConsumerRequest, DescribeStreamConsumerRequest, DescribeStreamSummaryRequest,
    ListStreamConsumersRequest, ListStreamConsumersResponse, RegisterStreamConsumerRequest,
};
use millstream_wire::{ApiError, ErrorCode};

use crate::world::{ACCOUNT, START_MS, World, on_wire};

const ARN: &str = "arn:aws:kinesis:eu-west-1:210987654321:stream/meters";

fn by_arn(arn: &str) -> DescribeStreamConsumerRequest {
    DescribeStreamConsumerRequest {
        stream_arn: None,
        consumer_name: None,
        consumer_arn: Some(arn.into()),
    }
}

fn by_name(name: &str) -> DescribeStreamConsumerRequest {
    DescribeStreamConsumerRequest {
        stream_arn: Some(ARN.into()),
        consumer_name: Some(name.into()),
        consumer_arn: None,
    }
}

impl World {
    pub(crate) async fn register(&self, stream: &str, consumer: &str) -> Consumer {
        self.try_register(stream, consumer)
            .await
            .expect("registered")
    }

    pub(crate) async fn try_register(
        &self,
        stream: &str,
        consumer: &str,
    ) -> Result<Consumer, ApiError> {
        let request = RegisterStreamConsumerRequest {
            stream_arn: format!("arn:aws:kinesis:eu-west-1:{ACCOUNT}:stream/{stream}"),
            consumer_name: consumer.into(),
            tags: Default::default(),
        };
        let registered = self
            .service()
            .await
            .register_stream_consumer(&self.caller, request)
            .await;
        registered
            .map(|answer| answer.consumer)
            .map_err(ApiError::from)
    }

    pub(crate) async fn deregister(&self, arn: &str) -> Result<(), ApiError> {
        let request = DeregisterStreamConsumerRequest {
            stream_arn: None,
            consumer_name: None,
            consumer_arn: Some(arn.into()),
        };
        let done = self
            .service()
            .await
            .deregister_stream_consumer(&self.caller, request)
            .await;
        done.map_err(ApiError::from)
    }

    pub(crate) async fn delete_enforced(&self, name: &str) {
        let request = DeleteStreamRequest {
            stream_name: Some(name.parse().unwrap()),
            stream_arn: None,
            enforce_consumer_deletion: Some(true),
        };
        let deleted = self
            .service()
            .await
            .delete_stream(&self.caller, request)
            .await;
        deleted.expect("deleted");
    }

    async fn describe_consumer(
        &self,
        request: DescribeStreamConsumerRequest,
    ) -> Result<ConsumerDescription, ApiError> {
        let described = self
            .service()
            .await
            .describe_stream_consumer(&self.caller, request)
            .await;
        described
            .map(|answer| answer.consumer_description)
            .map_err(ApiError::from)
    }

    async fn list_consumers(
        &self,
        change: impl FnOnce(&mut ListStreamConsumersRequest),
    ) -> Result<ListStreamConsumersResponse, ApiError> {
        let mut request = ListStreamConsumersRequest {
            stream_arn: ARN.into(),
            next_token: None,
            max_results: None,
            stream_creation_timestamp: None,
        };
        change(&mut request);
        let listed = self
            .service()
            .await
            .list_stream_consumers(&self.caller, request)
            .await;
        listed.map_err(ApiError::from)
    }

    async fn consumer_count(&self) -> u32 {
        let request = DescribeStreamSummaryRequest {
            stream_name: Some("meters".parse().unwrap()),
            stream_arn: None,
        };
        let summary = self
            .service()
            .await
            .describe_stream_summary(&self.caller, request)
            .await;
        summary
            .expect("described")
            .stream_description_summary
            .consumer_count
    }
}

#[tokio::test(start_paused = true)]
async fn a_consumer_is_registered_described_and_deregistered() {
    let world = World::new().await;
    world.create("meters", 1).await;
    let consumer = world.register("meters", "billing").await;
    let seconds = START_MS / 1000;
    assert_eq!(
        consumer,
        Consumer {
            consumer_name: "billing".into(),
            consumer_arn: format!("{ARN}/consumer/billing:{seconds}"),
            consumer_status: ConsumerStatus::Active,
            consumer_creation_timestamp: Timestamp(TimestampMs(seconds * 1000)),
        }
    );
    assert_eq!(world.consumer_count().await, 1);
    let all = DescribeStreamConsumerRequest {
        consumer_arn: Some(consumer.consumer_arn.clone()),
        ..by_name("billing")
    };
    for request in [by_arn(&consumer.consumer_arn), by_name("billing"), all] {
        let description = world.describe_consumer(request).await.unwrap();
        assert_eq!(description.consumer_arn, consumer.consumer_arn);
        assert_eq!(description.stream_arn, ARN);
        assert_eq!(description.consumer_status, ConsumerStatus::Active);
    }
    world.deregister(&consumer.consumer_arn).await.unwrap();
    assert_eq!(world.consumer_count().await, 0);
    let text = |consumer: &str| format!("Consumer {consumer}, account {ACCOUNT} not found.");
    let missing = |result| (on_wire::<ConsumerDescription, ApiError>(result), ());
    let by_arn = missing(
        world
            .describe_consumer(by_arn(&consumer.consumer_arn))
            .await,
    )
    .0;
    assert_eq!(
        by_arn,
        (ErrorCode::ResourceNotFound, text(&consumer.consumer_arn))
    );
    let by_name = missing(world.describe_consumer(by_name("billing")).await).0;
    assert_eq!(by_name, (ErrorCode::ResourceNotFound, text("billing")));
    assert_eq!(
        on_wire(world.deregister(&consumer.consumer_arn).await).0,
        ErrorCode::ResourceNotFound
    );
    // The same second again: the new consumer is another one all the same.
    let again = world.register("meters", "billing").await;
    assert_eq!(
        again.consumer_arn,
        format!("{ARN}/consumer/billing:{}", seconds + 1)
    );
}

#[tokio::test(start_paused = true)]
async fn an_arn_outlives_neither_its_consumer_nor_its_stream() {
    let mut world = World::new().await;
    let mut arns = std::collections::BTreeSet::new();
    for _ in 0..3 {
        world.create("meters", 1).await;
        for _ in 0..3 {
            let consumer = world.register("meters", "billing").await;
            assert!(arns.insert(consumer.consumer_arn.clone()));
            world.deregister(&consumer.consumer_arn).await.unwrap();
        }
        let last = world.register("meters", "billing").await;
        assert!(arns.insert(last.consumer_arn));
        world.crash().await;
        world.delete_enforced("meters").await;
    }
    world.create("meters", 1).await;
    let consumer = world.register("meters", "billing").await;
    for arn in arns {
        assert_ne!(arn, consumer.consumer_arn);
        let missing = on_wire(world.describe_consumer(by_arn(&arn)).await);
        assert_eq!(missing.0, ErrorCode::ResourceNotFound);
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_name_a_consumer_is_refused() {
    let world = World::new().await;
    world.create("meters", 1).await;
    let arn = world.register("meters", "billing").await.consumer_arn;
    let describe = async |change: &dyn Fn(&mut DescribeStreamConsumerRequest)| {
        let mut request = by_arn(&arn);
        change(&mut request);
        on_wire(world.describe_consumer(request).await)
    };
    let not_named = "Either ConsumerARN or both StreamARN and ConsumerName should be provided.";
    let not_named = (ErrorCode::InvalidArgument, not_named.to_owned());
    assert_eq!(
        describe(&|request| request.consumer_arn = None).await,
        not_named
    );
    let only_name = |request: &mut DescribeStreamConsumerRequest| {
        request.consumer_arn = None;
        request.consumer_name = Some("billing".into());
    };
    assert_eq!(describe(&only_name).await, not_named);
    let other_name = describe(&|request| request.consumer_name = Some("alarms".into())).await;
    assert_eq!(other_name.0, ErrorCode::InvalidArgument);
    let other_stream = describe(&|request| request.stream_arn = Some(format!("{ARN}s"))).await;
    assert_eq!(other_stream.0, ErrorCode::InvalidArgument);
    let no_arn = describe(&|request| request.consumer_arn = Some(ARN.into())).await;
    assert_eq!(no_arn.0, ErrorCode::Validation);
    assert!(no_arn.1.contains("'consumerARN'"), "{no_arn:?}");
    for (part, other) in [("eu-west-1", "us-east-1"), (ACCOUNT, "210987654322")] {
        let elsewhere = arn.replace(part, other);
        let missing = describe(&|request| request.consumer_arn = Some(elsewhere.clone())).await;
        assert_eq!(missing.0, ErrorCode::ResourceNotFound, "{elsewhere}");
    }
    let missing = on_wire(world.try_register("nope", "billing").await);
    let text = format!("Stream nope under account {ACCOUNT} not found.");
    assert_eq!(missing, (ErrorCode::ResourceNotFound, text));
}

#[tokio::test(start_paused = true)]
async fn a_stream_has_20_consumers_and_5_that_are_being_created() {
    let world = World::with(StreamSettings {
        transition: Duration::from_secs(3),
        ..StreamSettings::default()
    })
    .await;
    world.create("meters", 1).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    for round in 0..4 {
        for number in 0..5 {
            let name = format!("consumer-{round}-{number}");
            let consumer = world.register("meters", &name).await;
            assert_eq!(consumer.consumer_status, ConsumerStatus::Creating);
        }
        let refused = on_wire(world.try_register("meters", "late").await);
        assert_eq!(refused.0, ErrorCode::LimitExceeded);
        let text = if round < 3 {
            "Rate exceeded"
        } else {
            "Limit: 20."
        };
        assert!(refused.1.contains(text), "{refused:?}");
        tokio::time::sleep(Duration::from_secs(4)).await;
    }
    let exists = on_wire(world.try_register("meters", "consumer-0-0").await);
    let text = format!(
        "Consumer consumer-0-0 under stream meters under account {ACCOUNT} already exists."
    );
    assert_eq!(exists, (ErrorCode::ResourceInUse, text));
    let found = world.describe_consumer(by_name("consumer-3-4")).await;
    let found = found.unwrap();
    assert_eq!(found.consumer_status, ConsumerStatus::Active);
    world.deregister(&found.consumer_arn).await.unwrap();
    let found = world.describe_consumer(by_name("consumer-3-4")).await;
    assert_eq!(found.unwrap().consumer_status, ConsumerStatus::Deleting);
    let twice = on_wire(
        world
            .deregister(&format!("{ARN}/consumer/consumer-3-4:{}", START_MS / 1000))
            .await,
    );
    assert_eq!(twice.0, ErrorCode::ResourceNotFound);
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(
        world
            .describe_consumer(by_name("consumer-3-4"))
            .await
            .is_err()
    );
    world.register("meters", "late").await;
}

#[tokio::test(start_paused = true)]
async fn transitions_that_a_crash_interrupts_are_finished() {
    let mut world = World::with(StreamSettings {
        transition: Duration::from_secs(3),
        ..StreamSettings::default()
    })
    .await;
    world.create("meters", 1).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let going = world.register("meters", "going").await.consumer_arn;
    tokio::time::sleep(Duration::from_secs(4)).await;
    world.register("meters", "coming").await;
    world.deregister(&going).await.unwrap();
    world.crash().await;
    // As for streams, the rest of the transition time is not waited for.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let coming = world.describe_consumer(by_name("coming")).await.unwrap();
    assert_eq!(coming.consumer_status, ConsumerStatus::Active);
    assert!(world.describe_consumer(by_name("going")).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn lists_come_in_pages_whose_tokens_expire() {
    let world = World::new().await;
    world.create("meters", 1).await;
    let empty = world.list_consumers(|_| ()).await.unwrap();
    assert_eq!((empty.consumers, empty.next_token), (Vec::new(), None));
    for name in ["c", "a", "e", "b", "d"] {
        world.register("meters", name).await;
    }
    let mut names = Vec::new();
    let mut token = None;
    let mut pages = 0;
    loop {
        let page = world
            .list_consumers(|request| {
                request.max_results = Some(2);
                request.next_token = token;
            })
            .await
            .unwrap();
        names.extend(page.consumers.into_iter().map(|one| one.consumer_name));
        pages += 1;
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!((names.concat(), pages), ("abcde".to_owned(), 3));
    let first = world
        .list_consumers(|request| request.max_results = Some(1))
        .await;
    let token = first.unwrap().next_token.unwrap();
    let next = async |stream: &str, token: &str| {
        let listed = world.list_consumers(|request| {
            request.stream_arn = ARN.replace("meters", stream);
            request.next_token = Some(token.into());
        });
        listed.await.map(|page| page.consumers.len())
    };
    assert_eq!(next("meters", &token).await.unwrap(), 4);
    world.create("others", 1).await;
    for (stream, token) in [("others", &token[..]), ("meters", "x")] {
        let invalid = (ErrorCode::InvalidArgument, "Invalid NextToken.".to_owned());
        assert_eq!(on_wire(next(stream, token).await), invalid);
    }
    world.clock.advance_ms(300_001);
    let expired = on_wire(next("meters", &token).await);
    assert_eq!(expired.0, ErrorCode::ExpiredNextToken);
}

#[tokio::test(start_paused = true)]
async fn the_creation_time_tells_namesakes_apart() {
    let world = World::new().await;
    world.create("meters", 1).await;
    let at = |ms: u64| Some(Timestamp(TimestampMs(ms)));
    let list = async |ms| {
        let listed = world.list_consumers(|request| request.stream_creation_timestamp = at(ms));
        listed.await.map(drop)
    };
    assert_eq!(list(START_MS).await, Ok(()));
    assert_eq!(list(START_MS / 1000 * 1000).await, Ok(()));
    let other = on_wire(list(START_MS - 1000).await);
    assert_eq!(other.0, ErrorCode::ResourceNotFound);
    let both = world
        .list_consumers(|request| {
            request.next_token = Some("x".into());
            request.stream_creation_timestamp = at(START_MS);
        })
        .await;
    assert_eq!(on_wire(both).0, ErrorCode::InvalidArgument);
}

#[tokio::test(start_paused = true)]
async fn a_stream_with_consumers_is_deleted_only_if_they_are_to_go_with_it() {
    let world = World::new().await;
    world.create("meters", 1).await;
    let arn = world.register("meters", "billing").await.consumer_arn;
    let refused = on_wire(world.try_delete("meters").await);
    let text = format!(
        "DeleteStream can't delete {ACCOUNT}:meters because there are consumers associated with this data stream. To \
         delete meters anyway, set the EnforceConsumerDeletion parameter to true to force the deletion of all the \
         consumers that are associated with it."
    );
    assert_eq!(refused, (ErrorCode::ResourceInUse, text));
    assert_eq!(world.consumer_count().await, 1);
    world.delete_enforced("meters").await;
    assert!(world.describe_consumer(by_arn(&arn)).await.is_err());
    assert_eq!(world.stream_names().await, Vec::<String>::new());
}
