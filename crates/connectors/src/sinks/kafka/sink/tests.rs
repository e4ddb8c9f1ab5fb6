//! Against brokers in the test that recognise repetitions as Kafka's do, and have moods.

use std::collections::{BTreeSet, HashMap};
use std::future::pending;

use parking_lot::Mutex;
use proptest::prelude::*;
use serde_json::json;

use super::super::batch::ProducerId;
use super::*;
use crate::Origin;

/// Most bytes of a batch.
const BATCH_BYTES_MAX: usize = 400;

/// What goes wrong with one request.
#[derive(Debug, Clone, Copy)]
enum Mood {
    /// Nothing is appended, and this is said of each partition.
    Says(i16),
    /// Everything is appended, and nothing said.
    NothingSaid,
    /// Everything is appended, and the answer never comes.
    Hangs,
    /// Everything is appended, and then the broker forgets its producers.
    Forgets,
}

#[derive(Debug, Default)]
struct Log {
    records: Vec<Record>,
    /// Of each producer: its last batch's sequence and count.
    last: HashMap<i64, (i32, usize)>,
}

impl Log {
    fn append(&mut self, batch: &Batch) -> i16 {
        let (count, producer) = (batch.records.len(), batch.producer.id);
        let known = self.last.get(&producer).copied();
        if known == Some((batch.sequence, count)) {
            return 0;
        }
        if known.is_some_and(|(sequence, count)| sequence + count as i32 != batch.sequence) {
            return 45;
        }
        if batch.records.iter().map(Record::bytes).sum::<usize>() > BATCH_BYTES_MAX {
            return 10;
        }
        if batch
            .records
            .iter()
            .any(|record| record.value == b"{\"bad\":true}")
        {
            return 87;
        }
        self.last.insert(producer, (batch.sequence, count));
        self.records.extend(batch.records.iter().cloned());
        0
    }
}

#[derive(Debug, Default)]
struct Double {
    logs: Mutex<HashMap<usize, Log>>,
    moods: Mutex<Vec<Mood>>,
    producers: Mutex<i64>,
    leaderless: Mutex<Option<usize>>,
}

impl Brokers for Double {
    async fn leaders(&self) -> Result<Arc<[Option<Place>]>, SinkError> {
        let leaderless = *self.leaderless.lock();
        let leaders = (0..3).map(|partition| {
            let place = (format!("broker-{}", partition % 2), 9092);
            (leaderless != Some(partition)).then_some(place)
        });
        Ok(leaders.collect())
    }

    fn forget(&self) {
        *self.leaderless.lock() = None;
    }

    async fn new_producer(&self) -> Result<ProducerId, SinkError> {
        let mut producers = self.producers.lock();
        *producers += 1;
        Ok(ProducerId {
            id: *producers,
            epoch: 0,
        })
    }

    async fn append(
        &self,
        leader: &Place,
        batches: Vec<Batch>,
    ) -> Result<Vec<(usize, i16)>, SinkError> {
        let mood = self.moods.lock().pop();
        if let Some(Mood::Says(error)) = mood {
            let told = batches.iter().map(|batch| (batch.partition, error));
            return Ok(told.collect());
        }
        let mut told = Vec::new();
        for batch in &batches {
            assert_eq!(leader.0, format!("broker-{}", batch.partition % 2));
            let mut logs = self.logs.lock();
            let log = logs.entry(batch.partition).or_default();
            told.push((batch.partition, log.append(batch)));
            if matches!(mood, Some(Mood::Forgets)) {
                log.last.clear();
            }
        }
        match mood {
            Some(Mood::NothingSaid) => Err(SinkError::new("cut off")),
            Some(Mood::Hangs) => pending().await,
            _ => Ok(told),
        }
    }
}

fn item(number: u64, value: Value) -> Item {
    let origin = Origin {
        shard_id: "shard-1".into(),
        sequence_number: number.to_string().into(),
        sub_sequence_number: 0,
        partition_key: format!("k{}", number % 5),
        arrived_ms: 1500,
        data: Default::default(),
    };
    Item::of_record("t", Arc::new(origin), 0, value, None, 8)
}

fn sink(double: &Arc<Double>) -> KafkaSink<Double> {
    KafkaSink::new(Arc::clone(double), None, Duration::from_secs(3600))
}

/// As a lane does it: a call has a deadline, and what is to come again comes again.
async fn all_of(sink: &mut KafkaSink<Double>, items: &[Item]) -> Vec<Outcome> {
    let mut outcomes = vec![None; items.len()];
    let mut left: Vec<usize> = (0..items.len()).collect();
    while !left.is_empty() {
        let sent: Vec<Item> = left.iter().map(|at| items[*at].clone()).collect();
        let told = tokio::time::timeout(Duration::from_secs(60), sink.deliver(&sent)).await;
        let Ok(told) = told.map(Result::unwrap) else {
            continue;
        };
        for (at, outcome) in std::mem::take(&mut left).into_iter().zip(told) {
            match outcome {
                Outcome::Again(_) => left.push(at),
                other => outcomes[at] = Some(other),
            }
        }
    }
    outcomes.into_iter().flatten().collect()
}

fn ids_of(records: &[Record]) -> Vec<String> {
    let ids = records.iter().map(|record| record.headers[0].1.clone());
    ids.collect()
}

fn mood() -> impl Strategy<Value = Mood> {
    prop_oneof![
        prop::sample::select(vec![2, 3, 5, 6, 7, 19, 29, 56, 89, 1234]).prop_map(Mood::Says),
        Just(Mood::NothingSaid),
        Just(Mood::Hangs),
    ]
}

proptest! {
    /// Whatever goes wrong, each record is appended once, in its order, to the partition of its key, and exactly those are
    /// rejected that no topic takes.
    #[test]
    fn every_record_is_appended_once_and_in_order_whatever_goes_wrong(
        bad in prop::collection::vec(prop::bool::weighted(0.2), 1..60),
        parts in prop::collection::vec(1_usize..20, 1..10),
        moods in prop::collection::vec(mood(), 0..10),
        leaderless in prop::option::of(0_usize..3),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let items: Vec<Item> = (0..).zip(&bad).map(|(number, bad)| {
                item(number, if *bad { json!({"bad": true}) } else { json!({"n": number}) })
            }).collect();
            let double = Arc::new(Double::default());
            *double.moods.lock() = moods.clone();
            *double.leaderless.lock() = leaderless;
            let mut sink = sink(&double);
            let (mut rest, mut outcomes) = (&items[..], Vec::new());
            for part in parts.iter().cycle() {
                let (now, later) = rest.split_at(rest.len().min(*part));
                outcomes.extend(all_of(&mut sink, now).await);
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            let rejected: Vec<bool> = outcomes.iter().map(|one| matches!(one, Outcome::Rejected(_))).collect();
            prop_assert_eq!(&rejected, &bad);
            for (partition, log) in double.logs.lock().iter() {
                let here = items.iter().filter(|item| {
                    partition_of(item.origin.partition_key.as_bytes(), 3) == *partition
                });
                let good = here.filter(|item| item.value.get("bad").is_none());
                let expected: Vec<String> = good.map(|item| item.id().to_string()).collect();
                prop_assert_eq!(ids_of(&log.records), expected);
            }
            prop_assert_eq!(*double.producers.lock(), 1);
            Ok(())
        })?;
    }
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_forgot_the_producer_gets_another_and_nothing_is_missed() {
    for error in [45, 47, 59, 90] {
        let double = Arc::new(Double::default());
        *double.moods.lock() = vec![Mood::NothingSaid, Mood::Says(error), Mood::Forgets];
        let mut sink = sink(&double);
        let items: Vec<Item> = (0..20).map(|n| item(n, json!({"n": n}))).collect();
        let outcomes = all_of(&mut sink, &items).await;
        assert_eq!(outcomes, vec![Outcome::Delivered; 20]);
        let logs = double.logs.lock();
        let ids: BTreeSet<String> = logs.values().flat_map(|log| ids_of(&log.records)).collect();
        assert_eq!(ids.len(), 20);
        assert_eq!(*double.producers.lock(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_has_the_key_that_is_asked_for_and_its_id() {
    let double = Arc::new(Double::default());
    let key = Some(".k".parse().unwrap());
    let mut sink = KafkaSink::new(Arc::clone(&double), key, Duration::from_secs(60));
    let values = [json!({"k": "text"}), json!({"k": 7}), json!({"n": 1})];
    let items: Vec<Item> = (0..).zip(values).map(|(n, value)| item(n, value)).collect();
    sink.deliver(&items).await.unwrap();
    let logs = double.logs.lock();
    let mut records: Vec<&Record> = logs.values().flat_map(|log| &log.records).collect();
    records.sort_by(|one, other| one.headers.cmp(&other.headers));
    let keys: Vec<&[u8]> = records.iter().map(|record| &record.key[..]).collect();
    assert_eq!(keys, [&b"text"[..], b"7", b""]);
    let headers = [(ID, "t:shard-1:0:0".to_owned()), (REVISION, "0".to_owned())];
    assert_eq!(records[0].headers, headers);
    assert_eq!(
        (records[0].value.as_slice(), records[0].at_ms),
        (&b"{\"k\":\"text\"}"[..], 1500)
    );
}
