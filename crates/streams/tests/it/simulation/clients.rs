//! The clients of a run. Each goes on until it is dropped; what it was told stands in the history.

use std::sync::Arc;
use std::time::Duration;

use millstream_types::ShardId;
use millstream_wire::shapes::{GetRecordsResponse, PutRecordsResultEntry, RecordToPut};
use millstream_wire::{ApiError, ErrorCode};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, IteratorRandom};
use rand::{Rng, SeedableRng};
use tokio::time::sleep;

use super::history::{Began, History, Presence, Read, Reader};
use crate::world::*;

pub(super) const STREAM: &str = "meters";
const SHARDS_MAX: usize = 6;
const READERS_MAX: usize = 12;

/// What every client of a run shares.
#[derive(Clone)]
pub(super) struct Run {
    pub(super) world: Arc<World>,
    pub(super) history: Arc<Mutex<History>>,
}

pub(super) async fn pause(dice: &mut StdRng, most_ms: u64) {
    sleep(Duration::from_millis(dice.random_range(0..=most_ms))).await;
}

/// Puts one record of each of its keys after the other, now one by one, now in batches.
pub(super) async fn write(run: Run, writer: usize, seed: u64) {
    let mut dice = StdRng::seed_from_u64(seed);
    let keys: Vec<_> = (0..4).map(|key| format!("w{writer}-{key}")).collect();
    loop {
        match dice.random_bool(0.5) {
            true => put_one(&run, keys.choose(&mut dice).expect("keys")).await,
            false => {
                let count = dice.random_range(1..=keys.len());
                let chosen = (0..count).map(|_| keys.choose(&mut dice).expect("keys").as_str());
                put_batch(&run, chosen.collect()).await;
            }
        }
        pause(&mut dice, 15).await;
    }
}

async fn put_one(run: &Run, key: &str) {
    let put = run.history.lock().begin_put(key);
    let answer = run
        .world
        .try_put(STREAM, key, put.to_string().as_bytes())
        .await;
    match answer {
        Ok(number) => run.history.lock().stored(put, number),
        Err(failure) => note_failure(run, put, ApiError::from(failure).code),
    }
}

async fn put_batch(run: &Run, keys: Vec<&str>) {
    let puts = run.history.lock().begin_call(&keys);
    let texts: Vec<_> = puts.clone().map(|put| put.to_string()).collect();
    let records: Vec<RecordToPut<'_>> = keys
        .iter()
        .zip(&texts)
        .map(|(key, text)| record(key, text.as_bytes()))
        .collect();
    let entries = match run.world.put_many(STREAM, records).await {
        Ok(entries) => entries,
        // All of them.
        Err(failure) => {
            let code = ApiError::from(failure).code;
            assert_eq!(code, ErrorCode::ServiceUnavailable, "there is no room");
            return puts.for_each(|put| note_failure(run, put, code));
        }
    };
    assert_eq!(entries.len(), puts.len());
    for (put, entry) in puts.into_iter().zip(entries) {
        match entry {
            PutRecordsResultEntry::Stored(number) => run.history.lock().stored(put, number),
            PutRecordsResultEntry::Failed { code, message } => {
                // Where only some have no room there is no code for it.
                let says = message.contains("nothing was written");
                let code = if says {
                    ErrorCode::ServiceUnavailable
                } else {
                    code
                };
                note_failure(run, put, code);
            }
        }
    }
}

fn note_failure(run: &Run, put: usize, code: ErrorCode) {
    match code {
        ErrorCode::ProvisionedThroughputExceeded | ErrorCode::ServiceUnavailable => {
            run.history.lock().refused(put);
        }
        ErrorCode::InternalFailure => {}
        other => panic!("a put fails with {other:?}"),
    }
}

/// Splits, merges and scales.
pub(super) async fn reshard(run: Run, seed: u64) {
    let mut dice = StdRng::seed_from_u64(seed);
    loop {
        pause(&mut dice, 200).await;
        let shards = run.world.describe(STREAM).await.shards;
        let mut open: Vec<_> = shards
            .iter()
            .filter(|shard| shard.sequence_number_range.ending_sequence_number.is_none())
            .map(|shard| (shard.hash_key_range, shard.shard_id.clone()))
            .collect();
        open.sort_by_key(|(range, _)| range.starting_hash_key.0);
        let at = dice.random_range(0..open.len());
        let (range, shard) = &open[at];
        let result = match dice.random_range(0..5) {
            0 | 1 if open.len() < SHARDS_MAX => {
                let (low, high) = (range.starting_hash_key.0, range.ending_hash_key.0);
                if high - low < 2 {
                    continue;
                }
                let middle = dice.random_range(low + 1..high);
                run.world.split(STREAM, shard, middle).await
            }
            4 => {
                let most = SHARDS_MAX.min(2 * open.len());
                let target = dice.random_range(open.len().div_ceil(2)..=most);
                let target = u32::try_from(target).expect("few");
                run.world.scale(STREAM, target).await.map(drop)
            }
            _ => match open.get(at + 1) {
                Some((_, adjacent)) => run.world.merge(STREAM, shard, adjacent).await,
                None => Ok(()),
            },
        };
        if let Err(error) = result {
            // The stream may be in the middle of a change whose caller gave up.
            let may_be = [
                ErrorCode::InternalFailure,
                ErrorCode::ResourceInUse,
                ErrorCode::InvalidArgument,
                ErrorCode::LimitExceeded,
                // A full disk.
                ErrorCode::ServiceUnavailable,
            ];
            assert!(may_be.contains(&error.code), "{error:?}");
        }
    }
}

/// Creates streams and deletes them.
pub(super) async fn create_and_delete(run: Run, seed: u64) {
    let mut dice = StdRng::seed_from_u64(seed);
    loop {
        pause(&mut dice, 120).await;
        let name = format!("brief-{}", dice.random_range(0..3));
        let creates = dice.random_bool(0.5);
        let before = run
            .history
            .lock()
            .brief_streams
            .insert(name.clone(), Presence::Unknown);
        let result = match creates {
            true => run.world.try_create(&name, 2).await,
            false => run.world.try_delete(&name).await,
        };
        let wanted = if creates {
            Presence::There
        } else {
            Presence::Gone
        };
        let presence = match result.map_err(|error| error.code) {
            Ok(()) => wanted,
            // One that is there, or not there, already; or one in the middle of a change that nobody waited for.
            Err(ErrorCode::ResourceInUse | ErrorCode::ResourceNotFound) => {
                before.unwrap_or(Presence::Gone)
            }
            Err(
                ErrorCode::InternalFailure
                | ErrorCode::LimitExceeded
                | ErrorCode::ServiceUnavailable,
            ) => Presence::Unknown,
            Err(other) => panic!("{name}: {other:?}"),
        };
        run.history.lock().brief_streams.insert(name, presence);
    }
}

/// Starts readers, and reads on with those that are there.
pub(super) async fn read(run: Run, seed: u64) {
    let mut dice = StdRng::seed_from_u64(seed);
    loop {
        pause(&mut dice, 20).await;
        let count = run.history.lock().readers.len();
        if count < READERS_MAX && dice.random_bool(0.2) {
            begin_reading(&run, &mut dice).await;
        } else if count > 0 {
            let limit = dice.random_range(1..=20);
            read_on(&run, dice.random_range(0..count), limit).await;
        }
    }
}

async fn begin_reading(run: &Run, dice: &mut StdRng) {
    let shards = run.world.describe(STREAM).await.shards;
    let shard: ShardId = shards
        .choose(dice)
        .expect("shards")
        .shard_id
        .parse()
        .expect("an id");
    let id = shard.to_string();
    let number = {
        let history = run.history.lock();
        let read = history.readers.iter().filter(|one| one.shard == shard);
        read.flat_map(|one| &one.read)
            .map(|one| one.number)
            .choose(dice)
    };
    let asked = run.history.lock().now();
    let now_ms = run.world.now_ms();
    let (start, began) = match (dice.random_range(0..4), number) {
        (0, Some(number)) => (Start::After(&number.to_string()), Began::After(number)),
        (1, _) => {
            let time_ms = dice.random_range(START_MS..=now_ms);
            (Start::Time(time_ms), Began::TimeMs(time_ms))
        }
        (2, _) => (Start::Latest, Began::Latest(asked, 0)),
        _ => (Start::TrimHorizon, Began::TrimHorizon),
    };
    // A shard that is closed and empty may be forgotten meanwhile.
    let Ok(iterator) = run.world.try_iterator(STREAM, &id, start).await else {
        return;
    };
    let mut history = run.history.lock();
    let began = match began {
        Began::Latest(asked, _) => Began::Latest(asked, history.now()),
        other => other,
    };
    history.readers.push(Reader {
        shard,
        began,
        iterator: Some(iterator),
        read: Vec::new(),
    });
}

/// One read of one reader; false if it is at the tip or at the end of its shard.
pub(super) async fn read_on(run: &Run, reader: usize, limit: u32) -> bool {
    let iterator = run.history.lock().readers[reader].iterator.clone();
    let Some(iterator) = iterator else {
        return false;
    };
    let answer = run.world.try_get(&iterator, Some(limit)).await;
    let mut history = run.history.lock();
    let answer = match answer.map_err(ApiError::from) {
        Ok(answer) => answer,
        Err(error) => {
            let code = error.code;
            assert_eq!(code, ErrorCode::ResourceNotFound, "the shard is forgotten");
            history.readers[reader].iterator = None;
            return false;
        }
    };
    let goes_on = goes_on(&answer);
    let reader = &mut history.readers[reader];
    reader.read.extend(records(&answer));
    reader.iterator = answer.next_shard_iterator;
    goes_on
}

fn goes_on(answer: &GetRecordsResponse) -> bool {
    let is_at_tip = answer.records.is_empty() && answer.millis_behind_latest == 0;
    answer.next_shard_iterator.is_some() && !is_at_tip
}

fn records(answer: &GetRecordsResponse) -> impl Iterator<Item = Read> {
    answer.records.iter().map(|record| Read {
        number: record.sequence_number,
        put: std::str::from_utf8(record.data())
            .expect("text")
            .parse()
            .expect("a number"),
        arrived_ms: record.approximate_arrival_timestamp.0,
    })
}

/// All that a shard holds.
pub(super) async fn read_whole(world: &World, shard: &str) -> Vec<Read> {
    let mut iterator = Some(world.iterator(STREAM, shard, Start::TrimHorizon).await);
    let mut read = Vec::new();
    while let Some(from) = iterator {
        let answer = world.get(&from).await;
        let goes_on = goes_on(&answer);
        read.extend(records(&answer));
        iterator = answer.next_shard_iterator.filter(|_| goes_on);
    }
    read
}
