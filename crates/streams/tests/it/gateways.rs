//! Two services on one engine: what one does, the other sees within moments, and nothing is done twice.

use std::sync::Arc;
use std::time::Duration;

use millstream_log::LogEngine;
use millstream_log::contract::SparseEngine;
use millstream_streams::StreamSettings;
use millstream_wire::{ApiError, ErrorCode};
use tokio::time::Instant;

use crate::faulty_engine::{Fault, FaultyEngine};
use crate::world::*;

/// How soon one sees what the other did.
const SEEN_WITHIN: Duration = Duration::from_millis(100);

/// How soon a change is finished whose caller was told that its outcome is unknown: it is taken up again after a pause.
const TAKEN_UP_WITHIN: Duration = Duration::from_secs(30);

const MIDDLE: u128 = u128::MAX / 2;

/// As it is mostly.
fn plain(engine: Arc<dyn LogEngine>) -> Arc<dyn LogEngine> {
    engine
}

/// With gaps in its offsets, and unable to close a log in place.
fn sparse(engine: Arc<dyn LogEngine>) -> Arc<dyn LogEngine> {
    Arc::new(SparseEngine::new(engine))
}

type Over = fn(Arc<dyn LogEngine>) -> Arc<dyn LogEngine>;

const ENGINES: [Over; 2] = [plain, sparse];

async fn gateways(engine: Over, settings: StreamSettings) -> (World, World) {
    let one = World::on(settings, engine).await;
    let other = one.beside().await;
    (one, other)
}

/// Looks until it is so; it may not take long.
async fn soon(look: impl AsyncFnMut() -> bool) {
    within(SEEN_WITHIN, look).await;
}

async fn within(most: Duration, mut look: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !look().await {
        assert!(began.elapsed() < most, "not seen in time");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn open_shards(shards: &[millstream_wire::shapes::Shard]) -> usize {
    let is_open = |shard: &&millstream_wire::shapes::Shard| {
        shard.sequence_number_range.ending_sequence_number.is_none()
    };
    shards.iter().filter(is_open).count()
}

#[tokio::test(start_paused = true)]
async fn what_one_creates_splits_merges_and_deletes_the_other_sees() {
    for engine in ENGINES {
        let (one, other) = gateways(engine, StreamSettings::default()).await;
        one.create("meters", 1).await;
        soon(async || other.has("meters").await).await;
        other.put("meters", "sensor-7", b"one").await;
        one.split("meters", "0", MIDDLE).await.unwrap();
        soon(async || open_shards(&other.list_shards("meters").await) == 2).await;
        assert_eq!(
            other.list_shards("meters").await,
            one.list_shards("meters").await
        );
        // A put there goes to a child, and what was put before the split is read by both.
        other.put("meters", "sensor-7", b"two").await;
        for world in [&one, &other] {
            let parent = world.read_shard("meters", SHARD_0).await;
            assert_eq!(parent, [("sensor-7".to_owned(), b"one".to_vec())]);
            let mut children = world.read_shard("meters", SHARD_1).await;
            children.extend(world.read_shard("meters", SHARD_2).await);
            assert_eq!(children, [("sensor-7".to_owned(), b"two".to_vec())]);
        }
        other.merge("meters", "1", "2").await.unwrap();
        soon(async || open_shards(&one.list_shards("meters").await) == 1).await;
        one.put("meters", "sensor-7", b"three").await;
        other.delete("meters").await;
        soon(async || one.stream_names().await.is_empty()).await;
        one.create("meters", 2).await;
        soon(async || other.has("meters").await).await;
        assert_eq!(other.list_shards("meters").await.len(), 2);
    }
}

/// The other's view is a moment old when a put there meets a log that is closed: the put waits for the children.
#[tokio::test(start_paused = true)]
async fn a_put_that_meets_a_log_that_the_other_closed_goes_to_the_children() {
    for engine in ENGINES {
        let (one, other) = gateways(engine, StreamSettings::default()).await;
        one.create("meters", 1).await;
        soon(async || other.has("meters").await).await;
        let puts = async {
            for number in 0..200_u8 {
                other
                    .put("meters", &format!("key-{number}"), &[number])
                    .await;
                tokio::task::yield_now().await;
            }
        };
        let splits = async {
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            one.split("meters", "0", MIDDLE).await.unwrap();
        };
        tokio::join!(puts, splits);
        let mut data = Vec::new();
        for shard in one.list_shards("meters").await {
            data.extend(one.read_shard("meters", &shard.shard_id).await);
        }
        let mut data: Vec<u8> = data.into_iter().map(|(_, data)| data[0]).collect();
        data.sort_unstable();
        assert!(data.into_iter().eq(0..200));
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_that_create_the_same_stream_at_once_one_is_told_that_it_exists() {
    for engine in ENGINES {
        let (one, other) = gateways(engine, StreamSettings::default()).await;
        for round in 0..20 {
            let name = format!("meters-{round}");
            let create = async |world: &World| {
                let (service, request) = (world.service().await, create(&name, 1));
                service.create_stream(&world.caller, request).await
            };
            let (here, there) = tokio::join!(create(&one), create(&other));
            let results = [here.map_err(ApiError::from), there.map_err(ApiError::from)];
            let failed: Vec<_> = results
                .iter()
                .filter_map(|one| one.as_ref().err())
                .collect();
            assert_eq!(failed.len(), 1, "{results:?}");
            assert_eq!(failed[0].code, ErrorCode::ResourceInUse);
            soon(async || one.has(&name).await && other.has(&name).await).await;
            assert_eq!(one.list_shards(&name).await, other.list_shards(&name).await);
        }
        assert_eq!(one.stream_names().await.len(), 20);
        assert_eq!(one.stream_names().await, other.stream_names().await);
    }
}

/// Iterators of one are good at the other: both have the key that the first one made.
#[tokio::test(start_paused = true)]
async fn an_iterator_of_one_is_good_at_the_other() {
    let (one, other) = gateways(plain, StreamSettings::default()).await;
    one.create("meters", 1).await;
    one.put("meters", "k", b"x").await;
    let iterator = one.iterator("meters", SHARD_0, Start::TrimHorizon).await;
    soon(async || other.has("meters").await).await;
    assert_eq!(other.get(&iterator).await.records.len(), 1);
}

/// Both store the catalog and trim the log; a third one that opens then has all of it.
#[tokio::test(start_paused = true)]
async fn snapshots_of_both_and_trims_of_both_lose_nothing() {
    for engine in ENGINES {
        let settings = StreamSettings {
            commands_per_snapshot: 5,
            ..StreamSettings::default()
        };
        let (one, other) = gateways(engine, settings).await;
        for round in 0..30 {
            one.create_or_hear(&format!("s{round}")).await;
            other.delete_soon(&format!("s{round}")).await;
            other.create_or_hear(&format!("t{round}")).await;
        }
        soon(async || one.stream_names().await == other.stream_names().await).await;
        assert_eq!(one.stream_names().await.len(), 30);
        let third = one.beside().await;
        assert_eq!(third.stream_names().await, one.stream_names().await);
        soon(async || third.has("t7").await).await;
        third.put("t7", "k", b"x").await;
    }
}

/// What one wrote is in the log, its answer is lost, and before it is sent again the other has undone it and gone on until
/// the engine knows the id no more and a snapshot stands above the place: it must not take effect a second time.
#[tokio::test(start_paused = true)]
async fn a_command_that_the_others_snapshot_has_overtaken_is_not_written_again() {
    for follows_before in [true, false] {
        let settings = StreamSettings {
            commands_per_snapshot: 50,
            ..StreamSettings::default()
        };
        let one = World::on(settings, plain).await;
        let mut faulty = None;
        let other = one.beside_on(|engine| {
            let engine = FaultyEngine::new(engine, 0, Fault::Unknown { done: true });
            faulty = Some(engine.clone());
            engine
        });
        let (other, faulty) = (other.await, faulty.expect("made"));
        faulty.hold_reads(true);
        let (service, caller) = (other.service().await.clone(), other.caller.clone());
        let creating = async move { service.create_stream(&caller, create("meters", 1)).await };
        let creating = tokio::spawn(creating);
        soon(async || one.has("meters").await).await;
        one.delete("meters").await;
        let kept = one.memory.caps().append_ids_kept;
        // Two commands for each stream, and two until it is gone.
        for _ in 0..kept / 3 {
            one.create("brief", 1).await;
            one.delete("brief").await;
        }
        one.create("last", 1).await;
        if follows_before {
            faulty.hold_reads(false);
            soon(async || other.has("last").await).await;
        }
        assert!(!creating.is_finished(), "it is sent again after a pause");
        let answer = creating.await.unwrap().map_err(ApiError::from);
        assert_eq!(answer.unwrap_err().code, ErrorCode::InternalFailure);
        faulty.hold_reads(false);
        soon(async || other.has("last").await).await;
        for world in [&one, &other] {
            assert_eq!(world.stream_names().await, ["last"]);
        }
    }
}

impl World {
    /// Whether the stream is there and can be used.
    async fn has(&self, name: &str) -> bool {
        let listed =
            self.list_shards_with(|request| request.stream_name = Some(name.parse().unwrap()));
        listed.await.is_ok()
    }

    /// Creates a stream. Where the other one's snapshot has overtaken the command, nobody here knows how it ended, and the
    /// caller is told so; the stream is there all the same.
    async fn create_or_hear(&self, name: &str) {
        match self.try_create(name, 1).await {
            Ok(()) => {}
            Err(error) if error.code == ErrorCode::InternalFailure => {
                within(TAKEN_UP_WITHIN, async || self.has(name).await).await;
            }
            Err(error) => panic!("{name}: {error:?}"),
        }
    }

    /// Deletes a stream that was created elsewhere a moment ago.
    async fn delete_soon(&self, name: &str) {
        let mut is_unknown = false;
        let mut is_deleted = async || match self.try_delete(name).await {
            Ok(()) => true,
            Err(error) if error.code == ErrorCode::InternalFailure => {
                is_unknown = true;
                false
            }
            Err(error) => is_unknown && error.code == ErrorCode::ResourceNotFound,
        };
        within(TAKEN_UP_WITHIN, &mut is_deleted).await;
    }
}
