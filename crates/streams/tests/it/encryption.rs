//! Records of encrypted streams: sealed in the log, open for readers.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use millstream_log::{
    EntryKind, GroupId, LogEngine, LogId, LogSpec, MemoryEngine, MemorySettings, MemorySnapshots,
    ReadFrom, ReadOutcome,
};
use millstream_sealing::{KeyRing, MasterKey, SealedLogs, SealedSnapshots};
use millstream_streams::{CallHooks, OpenError, StreamService, StreamSettings};
use millstream_types::EncryptionType;
use millstream_wire::shapes::{
    StartStreamEncryptionRequest, StopStreamEncryptionRequest, StreamStatus,
};
use millstream_wire::{ApiError, ErrorCode};

use crate::faulty_engine::{Fault, FaultyEngine};
use crate::world::*;

const SECRET: &[u8] = b"nobody may read this";
const KEY_ID: &str = "alias/aws/kinesis";
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// A service on sealed logs, the engine below, and the folder of the keys.
struct Encrypted {
    world: World,
    below: Arc<MemoryEngine>,
    snapshots: Arc<MemorySnapshots>,
    folder: tempfile::TempDir,
    keys: Arc<KeyRing>,
}

fn ring(folder: PathBuf) -> Arc<KeyRing> {
    let master = MasterKey::from_base64("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=");
    Arc::new(KeyRing::open(Some(folder), master.unwrap(), None).unwrap())
}

impl Encrypted {
    async fn new() -> Self {
        let world = World::new().await;
        let below = MemoryEngine::new(MemorySettings::default(), world.clock.clone());
        let folder = tempfile::tempdir().unwrap();
        let mut encrypted = Self {
            world,
            below: Arc::new(below),
            snapshots: Arc::new(MemorySnapshots::new()),
            keys: ring(folder.path().to_owned()),
            folder,
        };
        encrypted.crash_onto(|engine| engine).await;
        encrypted
    }

    /// Kills the service and starts another one on the same logs, with the keys that are in the folder. A process that is
    /// dead writes no keys any more: a key that the old ring still made would take the number of one of the new ring's.
    async fn crash_onto(&mut self, over: impl FnOnce(Arc<dyn LogEngine>) -> Arc<dyn LogEngine>) {
        self.keys.close();
        self.keys = ring(self.folder.path().to_owned());
        self.open(Some(self.keys.clone()), over).await.unwrap();
    }

    async fn open(
        &mut self,
        keys: Option<Arc<KeyRing>>,
        over: impl FnOnce(Arc<dyn LogEngine>) -> Arc<dyn LogEngine>,
    ) -> Result<(), OpenError> {
        self.below = Arc::new(self.below.reopen());
        let below: Arc<dyn LogEngine> = self.below.clone();
        let hooks = CallHooks {
            keys: keys.clone(),
            ..CallHooks::default()
        };
        let (clock, settings) = (self.world.clock.clone(), StreamSettings::default());
        let snapshots = self.snapshots.clone();
        let opened = match keys {
            None => StreamService::open_with(over(below), snapshots, clock, settings, hooks).await,
            Some(keys) => {
                let engine = over(Arc::new(SealedLogs::new(below, keys.clone())));
                let snapshots = Arc::new(SealedSnapshots::new(snapshots, keys));
                StreamService::open_with(engine, snapshots, clock, settings, hooks).await
            }
        };
        self.world.services = Services::one(opened?);
        Ok(())
    }

    async fn try_start(&self) -> Result<(), ApiError> {
        let request = StartStreamEncryptionRequest {
            stream_name: Some("meters".parse().unwrap()),
            stream_arn: None,
            encryption_type: EncryptionType::Kms,
            key_id: KEY_ID.into(),
        };
        let world = &self.world;
        let started = world
            .service()
            .await
            .start_stream_encryption(&world.caller, request);
        started.await.map_err(ApiError::from)
    }

    async fn start(&self) {
        self.try_start().await.unwrap();
    }

    async fn stop(&self) {
        let request = StopStreamEncryptionRequest {
            stream_name: Some("meters".parse().unwrap()),
            stream_arn: None,
            encryption_type: EncryptionType::Kms,
            key_id: KEY_ID.into(),
        };
        let world = &self.world;
        let stopped = world
            .service()
            .await
            .stop_stream_encryption(&world.caller, request);
        stopped.await.map_err(ApiError::from).unwrap();
    }

    /// What stands in the log of a stream's first shard: streams and logs count up from 1.
    async fn stored(&self, number: u64) -> Vec<Bytes> {
        let (group, log) = (GroupId(number), LogId(number));
        let created = self.below.create(group, log, LogSpec::default());
        let read = ReadFrom {
            place: created.await.unwrap(),
            from: 0,
            bytes_max: 1 << 20,
        };
        let outcomes = self.below.read_many(vec![read], Duration::ZERO).await;
        match outcomes.into_iter().next() {
            Some(ReadOutcome::Entries { entries, .. }) => {
                let data = entries
                    .into_iter()
                    .filter(|entry| entry.kind == EntryKind::Data);
                data.map(|entry| entry.payload).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    async fn read(&self) -> Vec<(Vec<u8>, EncryptionType)> {
        let shard = self.world.iterator("meters", SHARD_0, Start::TrimHorizon);
        let records = self.world.get(&shard.await).await.records;
        let of = |record: &millstream_wire::shapes::Record| {
            (record.data().to_vec(), record.encryption_type)
        };
        records.iter().map(of).collect()
    }

    /// Once the stream is not in between any more.
    async fn settled(&self) {
        for _ in 0..10_000 {
            match self.world.stream_names().await.is_empty() {
                true => return,
                false if self.status().await == Some(StreamStatus::Active) => return,
                false => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
        panic!("the stream stays in between");
    }

    async fn status(&self) -> Option<StreamStatus> {
        let world = &self.world;
        let described = world
            .service()
            .await
            .describe_stream(&world.caller, describe("meters"));
        let described = described.await.ok()?;
        Some(described.stream_description.stream_status)
    }
}

fn is_plain(payload: &Bytes) -> bool {
    payload.windows(SECRET.len()).any(|part| part == SECRET)
}

#[tokio::test(start_paused = true)]
async fn records_are_sealed_while_encryption_is_on_and_read_with_their_type_at_any_time() {
    let mut encrypted = Encrypted::new().await;
    encrypted.world.create("meters", 1).await;
    let put = async |encrypted: &Encrypted| {
        encrypted.world.put("meters", "key", SECRET).await;
        let two = vec![record("key", SECRET), record("key", SECRET)];
        encrypted.world.put_many("meters", two).await.unwrap();
    };
    put(&encrypted).await;
    encrypted.start().await;
    put(&encrypted).await;
    let first = encrypted.keys.of(GroupId(1)).unwrap().id();
    encrypted.start().await;
    put(&encrypted).await;
    assert_ne!(encrypted.keys.of(GroupId(1)).unwrap().id(), first);
    encrypted.stop().await;
    put(&encrypted).await;
    let plain: Vec<bool> = encrypted.stored(1).await.iter().map(is_plain).collect();
    assert_eq!(plain, [true, true, false, false, false, false, true, true]);
    let expected: Vec<_> = [
        EncryptionType::None,
        EncryptionType::Kms,
        EncryptionType::Kms,
        EncryptionType::None,
    ]
    .into_iter()
    .flat_map(|kind| std::iter::repeat_n((SECRET.to_vec(), kind), 3))
    .collect();
    assert_eq!(encrypted.read().await, expected);
    encrypted.crash_onto(|engine| engine).await;
    assert_eq!(encrypted.read().await, expected);
}

/// The children get them sealed too, and nobody else's bytes, nor room for them. (An entry with room to spare fails an
/// assertion of debug builds.)
#[tokio::test(start_paused = true)]
async fn records_that_a_closing_shard_did_not_take_are_sealed_for_its_children() {
    let mut encrypted = Encrypted::new().await;
    encrypted.world.create("meters", 1).await;
    encrypted.start().await;
    // The puts come while the shard is being closed.
    let mut slow = None;
    encrypted
        .crash_onto(|engine| {
            let engine = FaultyEngine::slow(engine, 50);
            slow = Some(engine.clone());
            engine
        })
        .await;
    let world = &encrypted.world;
    let mut expected = 0;
    let large = SECRET.repeat(100);
    let split = world.split("meters", SHARD_0, u128::MAX / 2);
    tokio::pin!(split);
    let mut is_split = false;
    while !is_split || expected < 100 {
        let many = vec![record("a", SECRET), record("b", &large)];
        let put = world.put_many("meters", many);
        tokio::select! {
            done = &mut split, if !is_split => {
                done.unwrap();
                is_split = true;
            }
            stored = put => {
                expected += stored.unwrap().len();
            }
        }
        assert!(expected < 100_000, "the shard is never split");
        // What splits it has its turn too.
        tokio::task::yield_now().await;
    }
    assert!(
        slow.unwrap().met_closed() > 0,
        "no put met the closed shard"
    );
    let mut found = 0;
    for shard in [SHARD_0, SHARD_1, SHARD_2] {
        let mut iterator = Some(world.iterator("meters", shard, Start::TrimHorizon).await);
        while let Some(next) = iterator {
            let answer = world.get(&next).await;
            for record in &answer.records {
                let data = if record.partition_key() == b"a" {
                    SECRET
                } else {
                    &large
                };
                let seen = (record.data(), record.encryption_type);
                assert_eq!(seen, (data, EncryptionType::Kms));
            }
            found += answer.records.len();
            iterator = answer
                .next_shard_iterator
                .filter(|_| !answer.records.is_empty());
        }
    }
    // A put whose answer was not waited for may have been stored.
    assert!(
        (expected..=expected + 2).contains(&found),
        "{found} of {expected}"
    );
    for number in 1..=3 {
        let group = GroupId(1);
        let created = encrypted
            .below
            .create(group, LogId(number), LogSpec::default());
        let read = ReadFrom {
            place: created.await.unwrap(),
            from: 0,
            bytes_max: 1 << 20,
        };
        let outcomes = encrypted.below.read_many(vec![read], Duration::ZERO).await;
        let Some(ReadOutcome::Entries { entries, .. }) = outcomes.first() else {
            panic!("{outcomes:?}");
        };
        assert!(!entries.iter().any(|entry| is_plain(&entry.payload)));
    }
}

#[tokio::test(start_paused = true)]
async fn without_its_keys_a_service_reads_no_record_and_with_others_it_does_not_open() {
    let mut encrypted = Encrypted::new().await;
    encrypted.world.create("meters", 1).await;
    encrypted.world.create("others", 1).await;
    encrypted.world.put("others", "key", b"plain").await;
    encrypted.world.put("meters", "key", b"before").await;
    encrypted.start().await;
    encrypted.world.put("meters", "key", SECRET).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let others = ring(elsewhere.path().to_owned());
    assert!(encrypted.open(Some(others), |engine| engine).await.is_err());
    assert!(encrypted.open(None, |engine| engine).await.is_err());
    // Its own key and none of the stream's: what is there stays closed, and nothing plain is written beside it. What was
    // read before is answered first, and other streams go on.
    encrypted.crash_onto(|engine| engine).await;
    encrypted.keys.forget(GroupId(1)).unwrap();
    let world = &encrypted.world;
    let iterator = world.iterator("meters", SHARD_0, Start::TrimHorizon).await;
    let before = world.get(&iterator).await;
    assert_eq!(before.records.len(), 1);
    let next = before.next_shard_iterator.unwrap();
    let read = world.try_get(&next, None).await.unwrap_err();
    assert_eq!(read.code(), ErrorCode::InternalFailure);
    let put = world.try_put("meters", "key", SECRET).await.unwrap_err();
    assert_eq!(put.code(), ErrorCode::InternalFailure);
    assert_eq!(encrypted.stored(1).await.len(), 2);
    world.put("others", "key", b"plain").await;
    let iterator = world.iterator("others", SHARD_0, Start::TrimHorizon).await;
    assert_eq!(world.get(&iterator).await.records.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_stream_takes_its_keys_with_it_and_its_name_begins_anew() {
    let mut encrypted = Encrypted::new().await;
    encrypted.world.create("meters", 1).await;
    encrypted.start().await;
    encrypted.world.put("meters", "key", SECRET).await;
    encrypted.world.delete("meters").await;
    assert!(encrypted.keys.of(GroupId(1)).is_none());
    encrypted.world.create("meters", 1).await;
    encrypted.world.put("meters", "key", SECRET).await;
    assert!(encrypted.keys.of(GroupId(2)).is_none());
    encrypted.start().await;
    encrypted.world.put("meters", "key", SECRET).await;
    let plain: Vec<bool> = encrypted.stored(2).await.iter().map(is_plain).collect();
    assert_eq!(plain, [true, false]);
    let expected = [EncryptionType::None, EncryptionType::Kms].map(|kind| (SECRET.to_vec(), kind));
    assert_eq!(encrypted.read().await, expected);
    encrypted.crash_onto(|engine| engine).await;
    assert!(encrypted.keys.of(GroupId(1)).is_none());
    assert_eq!(encrypted.read().await, expected);
}

#[tokio::test(start_paused = true)]
async fn sealed_records_are_past_retention_like_others() {
    let encrypted = Encrypted::new().await;
    let world = &encrypted.world;
    world.create("meters", 1).await;
    encrypted.start().await;
    world.put("meters", "key", SECRET).await;
    world.clock.advance_ms(DAY_MS / 2);
    encrypted.start().await;
    world.put("meters", "key", SECRET).await;
    world.clock.advance_ms(DAY_MS / 2);
    assert_eq!(encrypted.read().await.len(), 1);
    world.service().await.enforce_retention().await.unwrap();
    assert_eq!(encrypted.read().await.len(), 1);
}

/// Runs a change of the stream with a fault after so many steps, and kills the service; false if there are not as many.
async fn interrupted(steps: usize, fault: &Fault, is_deletion: bool) -> bool {
    let mut encrypted = Encrypted::new().await;
    encrypted.world.create("meters", 1).await;
    encrypted.start().await;
    encrypted.world.put("meters", "key", SECRET).await;
    let mut faulty = None;
    encrypted
        .crash_onto(|engine| {
            let engine = FaultyEngine::new(engine, steps, fault.clone());
            faulty = Some(engine.clone());
            engine
        })
        .await;
    let change = async {
        match is_deletion {
            true => drop(encrypted.world.try_delete("meters").await),
            false => drop(encrypted.try_start().await),
        }
    };
    let deadline = Duration::from_secs(120);
    tokio::time::timeout(deadline, change)
        .await
        .expect("every wait has a deadline");
    let mut expected = 1;
    if encrypted
        .world
        .try_put("meters", "key", SECRET)
        .await
        .is_ok()
    {
        expected += 1;
    }
    encrypted.crash_onto(|engine| engine).await;
    encrypted.settled().await;
    if encrypted.world.stream_names().await.is_empty() {
        assert!(is_deletion);
        assert!(encrypted.keys.of(GroupId(1)).is_none());
        let file = fs::read_to_string(encrypted.folder.path().join("keys")).unwrap();
        assert!(!file.contains("group 1 "), "{file}");
    } else {
        encrypted.world.put("meters", "key", SECRET).await;
        let all = encrypted.read().await;
        assert_eq!(
            all,
            vec![(SECRET.to_vec(), EncryptionType::Kms); expected + 1]
        );
        assert!(!encrypted.stored(1).await.iter().any(is_plain));
    }
    faulty.expect("opened").has_failed()
}

#[tokio::test(start_paused = true)]
async fn a_kill_or_a_fault_at_any_step_loses_no_key_of_a_stream_that_is_there() {
    for is_deletion in [false, true] {
        for fault in [
            Fault::NotDone,
            Fault::Unknown { done: true },
            Fault::NoAnswer { done: false },
            Fault::NoAnswer { done: true },
        ] {
            let mut steps = 0;
            while interrupted(steps, &fault, is_deletion).await {
                steps += 1;
                assert!(steps < 40, "the fault comes again and again");
            }
            // Begin and finish, of a deletion its logs too.
            assert!(steps >= 2, "{is_deletion} {fault:?}: only {steps} steps");
        }
    }
}

/// The stream goes on with the key that it has; the change is done as soon as the disk lets it.
#[tokio::test(start_paused = true)]
async fn a_key_that_cannot_be_kept_is_used_by_nobody() {
    let encrypted = Encrypted::new().await;
    let world = &encrypted.world;
    world.create("meters", 1).await;
    encrypted.start().await;
    let first = encrypted.keys.of(GroupId(1)).unwrap().id();
    // No file can have this name then.
    let aside = encrypted.folder.path().join("keys.new");
    fs::create_dir(&aside).unwrap();
    encrypted.start().await;
    assert_eq!(encrypted.status().await, Some(StreamStatus::Updating));
    world.put("meters", "key", SECRET).await;
    assert_eq!(encrypted.keys.of(GroupId(1)).unwrap().id(), first);
    fs::remove_dir(&aside).unwrap();
    encrypted.settled().await;
    assert_ne!(encrypted.keys.of(GroupId(1)).unwrap().id(), first);
    world.put("meters", "key", SECRET).await;
    let expected = vec![(SECRET.to_vec(), EncryptionType::Kms); 2];
    assert_eq!(encrypted.read().await, expected);
    assert!(!encrypted.stored(1).await.iter().any(is_plain));
}

/// What AWS refuses costs nobody a key.
#[tokio::test(start_paused = true)]
async fn a_start_that_is_refused_makes_no_key() {
    let encrypted = Encrypted::new().await;
    encrypted.world.create("meters", 1).await;
    let file = encrypted.folder.path().join("keys");
    for _ in 0..25 {
        encrypted.start().await;
    }
    let keys = fs::read(&file).unwrap();
    let refused = encrypted.try_start().await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::LimitExceeded);
    assert_eq!(fs::read(&file).unwrap(), keys);
}
