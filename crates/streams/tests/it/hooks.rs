//! Who is asked before a call and told of it afterwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use millstream_streams::{Admission, Asking, CallHooks, Failure};
use millstream_types::{
    CallRecord, CallRecorder, NoRandomness, Randomness, StreamUse, SystemRandomness,
};
use millstream_wire::{ErrorCode, Operation};
use parking_lot::Mutex;

use crate::world::*;

/// Refuses some operations, and writes down what it hears of all.
#[derive(Debug, Default)]
struct Doorkeeper {
    refused: Mutex<Vec<Operation>>,
    asked: Mutex<Vec<String>>,
    heard: Mutex<Vec<String>>,
}

impl Admission for Doorkeeper {
    fn admit(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let name = asking.operation.name();
        let stream = asking
            .stream
            .map_or("none", |stream| stream.key.name.as_str());
        self.asked.lock().push(format!("{name} {stream}"));
        match self.refused.lock().contains(&asking.operation) {
            true => Err(Failure::new(ErrorCode::ServiceUnavailable, "Not now.")),
            false => Ok(()),
        }
    }
}

impl CallRecorder for Doorkeeper {
    fn call(&self, call: &CallRecord<'_>) {
        panic!("that is the front's to tell: {call:?}");
    }

    fn stream_use(&self, stream_use: &StreamUse<'_>) {
        let (name, stream) = (stream_use.operation, stream_use.stream);
        let mut line = format!("{name} {stream}");
        for shard in stream_use.shards {
            let refused = shard.throttled_records + shard.failed_records;
            line += &format!(
                " {}: {} {} {refused}",
                shard.shard, shard.records, shard.bytes
            );
        }
        if let Some(error) = stream_use.error {
            line += &format!(" {error:?}");
        }
        self.heard.lock().push(line);
    }
}

pub(crate) async fn with_hooks(hooks: impl FnOnce(Arc<ManualClock>) -> CallHooks) -> World {
    let mut world = World::new().await;
    let hooks = hooks(world.clock.clone());
    world.crash_with(hooks).await;
    world
}

async fn guarded() -> (World, Arc<Doorkeeper>) {
    let doorkeeper = Arc::new(Doorkeeper::default());
    let world = with_hooks(|_| CallHooks {
        admission: Some(doorkeeper.clone()),
        recorder: Some(doorkeeper.clone()),
        ..CallHooks::default()
    });
    (world.await, doorkeeper)
}

#[tokio::test]
async fn every_call_is_asked_for_once_and_what_it_did_to_its_stream_is_told_once() {
    let (world, doorkeeper) = guarded().await;
    world.create("meters", 1).await;
    world.put("meters", "key", b"one").await;
    let two = vec![record("k", b"two"), record("k", b"three")];
    world.put_many("meters", two).await.unwrap();
    world.read_shard("meters", SHARD_0).await;
    world.try_put("other", "key", b"one").await.unwrap_err();
    world.stream_names().await;
    world.delete("meters").await;
    let heard = doorkeeper.heard.lock().clone();
    assert_eq!(
        heard,
        [
            "PutRecord meters shardId-000000000000: 1 6 0",
            "PutRecords meters shardId-000000000000: 2 10 0",
            "GetShardIterator meters",
            "GetRecords meters shardId-000000000000: 3 16 0",
            "GetRecords meters shardId-000000000000: 0 0 0",
            "DeleteStream meters",
        ]
    );
    let asked = doorkeeper.asked.lock().clone();
    assert_eq!(
        asked,
        [
            "CreateStream none",
            "PutRecord meters",
            "PutRecords meters",
            "GetShardIterator meters",
            "GetRecords meters",
            "GetRecords meters",
            "PutRecord none",
            "ListStreams none",
            "DeleteStream meters",
        ]
    );
}

#[tokio::test]
async fn a_call_that_is_not_let_in_does_nothing() {
    let (world, doorkeeper) = guarded().await;
    world.create("meters", 1).await;
    let refused = [
        Operation::PutRecord,
        Operation::PutRecords,
        Operation::DeleteStream,
    ];
    *doorkeeper.refused.lock() = refused.to_vec();
    let expected = (ErrorCode::ServiceUnavailable, "Not now.".to_owned());
    let put = world.try_put("meters", "key", b"one").await;
    assert_eq!(on_wire(put), expected);
    let put = world.put_many("meters", vec![record("k", b"two")]).await;
    assert_eq!(on_wire(put), expected);
    assert_eq!(on_wire(world.try_delete("meters").await), expected);
    let heard = doorkeeper.heard.lock().clone();
    let refused = [
        "PutRecord meters Server",
        "PutRecords meters Server",
        "DeleteStream meters Server",
    ];
    assert_eq!(heard, refused);
    assert!(world.read_shard("meters", SHARD_0).await.is_empty());
}

/// The list of each operation's errors is AWS's; whoever answers another one is found in any test that meets it.
#[tokio::test]
#[should_panic(expected = "PutRecord has no such error on AWS")]
async fn an_operation_never_answers_an_error_that_it_does_not_have() {
    #[derive(Debug)]
    struct Wrong;

    impl Admission for Wrong {
        fn admit(&self, asking: &Asking<'_>) -> Result<(), Failure> {
            match asking.operation {
                Operation::PutRecord => Err(Failure::new(ErrorCode::ExpiredIterator, "")),
                _ => Ok(()),
            }
        }
    }

    let hooks = CallHooks {
        admission: Some(Arc::new(Wrong)),
        ..CallHooks::default()
    };
    let world = with_hooks(|_| hooks).await;
    world.create("meters", 1).await;
    drop(world.try_put("meters", "key", b"one").await);
}

/// Gives so many times what the system gives, and then nothing.
#[derive(Debug)]
struct DryRandomness(AtomicUsize);

impl Randomness for DryRandomness {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        let left = |left: usize| left.checked_sub(1);
        match self
            .0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, left)
        {
            Ok(_) => SystemRandomness.fill(bytes),
            Err(_) => Err(NoRandomness("none is left".into())),
        }
    }
}

/// A command without an id of its own could be taken for another one that is sent again.
#[tokio::test]
async fn without_random_numbers_no_command_is_written() {
    // The nonces of tokens begin with the first ones.
    let world = with_hooks(|_| CallHooks {
        randomness: Some(Arc::new(DryRandomness(AtomicUsize::new(1)))),
        ..CallHooks::default()
    });
    let world = world.await;
    let created = world
        .service()
        .await
        .create_stream(&world.caller, create("meters", 1));
    let refused = created.await.expect_err("no id for the command");
    assert_eq!(refused.code(), ErrorCode::InternalFailure);
    assert!(world.stream_names().await.is_empty());
}
