//! Producers on a stream in memory, in simulated time, under faults chosen by seed.
//!
//! Shards are throttled and split and merged, the list of shards lags behind, single records and whole calls fail, answers
//! are lost after the service took the records, calls land long after nobody waits for them, the server is away for a
//! while. The audit fails the run at the first promise of the crate that does not hold.

mod audit;
mod world;

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use self::audit::Audit;
use self::world::World;
use crate::settings::RECORD_OVERHEAD_BYTES;
use crate::{Delivery, NotAccepted, Producer, Settings, UserRecord};

/// Data of this kind makes the service refuse the whole call.
const POISON: &[u8] = b"poison";
const RECORD_BYTES_MAX: usize = 1200;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

fn settings(rng: &mut StdRng) -> Settings {
    let room = RECORD_BYTES_MAX + RECORD_OVERHEAD_BYTES;
    Settings::default()
        .aggregation_enabled(rng.random_range(0..5) > 0)
        .aggregation_max_size_bytes(rng.random_range(64..3000))
        .aggregation_max_count(rng.random_range(1..50))
        .collection_max_count(rng.random_range(1..20))
        .collection_max_size_bytes(51_200)
        .record_max_buffered_time(Duration::from_millis(rng.random_range(0..300)))
        .record_ttl(Duration::from_millis(rng.random_range(2_000..20_000)))
        .request_timeout(REQUEST_TIMEOUT)
        .max_connections(rng.random_range(1..6))
        .rate_limit_percent(rng.random_range(50..1000))
        .shard_bytes_per_second(rng.random_range(20_000..200_000))
        .shard_records_per_second(rng.random_range(100..1000))
        .fail_if_throttled(rng.random_range(0..8) == 0)
        .max_user_record_size_bytes(RECORD_BYTES_MAX)
        .buffered_bytes_max(rng.random_range(room..room * 20))
        .keep_order_per_key(rng.random())
        .shard_map_max_age(Duration::from_secs(rng.random_range(1..60)))
}

struct Simulation {
    settings: Settings,
    world: World,
    audit: Audit,
    producer: Producer,
    rng: StdRng,
    seed: u64,
}

/// Puts records of its own keys one after the other, and waits for none of them.
struct Writer {
    producer: Producer,
    audit: Audit,
    rng: StdRng,
    number: u64,
}

impl Writer {
    async fn write(mut self, records: usize) {
        for _ in 0..records {
            let Some((id, delivery)) = self.put().await else {
                return;
            };
            if self.rng.random_range(0..10) > 0 {
                self.audit.watch(id, delivery);
            }
            if self.rng.random_range(0..4) == 0 {
                sleep(Duration::from_millis(self.rng.random_range(0..150))).await;
            }
        }
    }

    async fn put(&mut self) -> Option<(u64, Delivery)> {
        let key = format!("{}-{}", self.number, self.rng.random_range(0..6));
        let id = self.audit.next_id();
        let mut data = if self.rng.random_range(0..150) == 0 {
            POISON.to_vec()
        } else {
            Vec::new()
        };
        data.extend_from_slice(&id.to_be_bytes());
        let more = match self.rng.random_range(0..12) {
            0 => 1000,
            _ => 60,
        };
        data.resize(data.len() + self.rng.random_range(0..more), b'.');
        let mut record = UserRecord::new(key, data);
        if self.rng.random_range(0..5) == 0 {
            // The same for the whole key, as order asks for.
            let hash_key = record.hash_key().0.rotate_left(40);
            record.explicit_hash_key = Some(crate::HashKey(hash_key));
        } else if self.rng.random_range(0..5) == 0 {
            record.partition_key.push('x');
        }
        let key = (record.partition_key.clone(), record.explicit_hash_key);
        let is_poison = record.data.starts_with(POISON);
        // Noted before: it may be stored before put returns.
        self.audit.offered(id, key, is_poison);
        let accepted = if self.rng.random_range(0..4) == 0 {
            match self.producer.try_put(record) {
                Ok(delivery) => Ok(delivery),
                Err(refused) if refused.reason == NotAccepted::Full => {
                    self.producer.put(*refused.record).await
                }
                Err(refused) => Err(refused.reason),
            }
        } else {
            self.producer.put(record).await
        };
        match accepted {
            Ok(delivery) => {
                self.audit.accepted(id);
                Some((id, delivery))
            }
            Err(reason) => {
                assert_eq!(reason, NotAccepted::Closed);
                None
            }
        }
    }
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let settings = settings(&mut rng);
        let shards = rng.random_range(1..6);
        let audit = Audit::new(settings.clone());
        let world = World::new(shards, rng.random(), audit.clone(), settings.clone());
        let producer = Producer::builder("simulated")
            .transport(Arc::new(world.clone()))
            .settings(settings.clone())
            .seed(rng.random())
            .build()
            .unwrap();
        Self {
            settings,
            world,
            audit,
            producer,
            rng,
            seed,
        }
    }

    fn start_writer(&mut self, number: u64, records: usize) -> JoinHandle<()> {
        let writer = Writer {
            producer: self.producer.clone(),
            audit: self.audit.clone(),
            rng: StdRng::seed_from_u64(self.rng.random()),
            number,
        };
        tokio::spawn(writer.write(records))
    }

    async fn trouble(&mut self) {
        for _ in 0..self.rng.random_range(5..40) {
            sleep(Duration::from_millis(self.rng.random_range(10..700))).await;
            self.world.act(&mut self.rng);
            assert!(
                self.producer.buffered_bytes() <= self.settings.buffered_bytes_max,
                "more is held than the settings allow"
            );
            if self.rng.random_range(0..20) == 0 {
                self.flush().await;
            }
        }
    }

    /// No later than this is any outcome there.
    fn outcome_deadline(&self) -> Duration {
        self.settings.record_ttl + REQUEST_TIMEOUT + Duration::from_millis(50)
    }

    async fn flush(&self) {
        let before = self.audit.open_records();
        let flushed = timeout(self.outcome_deadline(), self.producer.flush()).await;
        assert!(flushed.is_ok(), "a flush has a deadline");
        // The watchers of what was settled run first.
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        self.audit.assert_settled(&before);
    }

    async fn run(mut self) -> Vec<String> {
        let writers: Vec<_> = (0..self.rng.random_range(1..4))
            .map(|number| {
                let records = self.rng.random_range(10..120);
                self.start_writer(number, records)
            })
            .collect();
        self.trouble().await;
        if self.seed.is_multiple_of(4) {
            self.close_in_trouble(writers).await
        } else {
            self.close_in_calm(writers).await
        }
    }

    async fn close_in_trouble(mut self, writers: Vec<JoinHandle<()>>) -> Vec<String> {
        let within = Duration::from_millis(self.rng.random_range(0..3000));
        let began = Instant::now();
        let closed = self.producer.close(within).await;
        assert!(
            began.elapsed() <= within + Duration::from_millis(5),
            "close ends within its deadline"
        );
        for writer in writers {
            writer.await.unwrap();
        }
        sleep(Duration::from_millis(1)).await;
        self.audit.assert_settled(&self.audit.open_records());
        let is_clean = closed.is_ok();
        // What landed late is there too.
        sleep(Duration::from_secs(30)).await;
        self.audit.assert_true(&self.world.stream, is_clean);
        self.audit.into_log()
    }

    async fn close_in_calm(mut self, writers: Vec<JoinHandle<()>>) -> Vec<String> {
        self.world.calm();
        for writer in writers {
            writer.await.unwrap();
        }
        // Everything that was thrown back is gone, and the list of shards is true.
        sleep(self.outcome_deadline() + Duration::from_secs(61)).await;
        self.audit.assert_settled(&self.audit.open_records());
        self.audit.expect_success();
        self.start_writer(9, 40).await.unwrap();
        self.flush().await;
        self.start_writer(8, 10).await.unwrap();
        let within = self.outcome_deadline();
        self.producer.close(within).await.unwrap();
        sleep(Duration::from_millis(1)).await;
        self.audit.assert_settled(&self.audit.open_records());
        sleep(Duration::from_secs(30)).await;
        self.audit.assert_true(&self.world.stream, true);
        self.audit.into_log()
    }
}

fn simulate(seed: u64) -> Vec<String> {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(async { Box::pin(Simulation::new(seed).run()).await })
}

/// The number of seeds, or `MILLSTREAM_CASES` if that is set.
fn cases() -> u64 {
    let wished = std::env::var("MILLSTREAM_CASES").ok();
    let cases = wished.map_or(2000, |text| text.parse().unwrap());
    println!("MILLSTREAM_CASES={cases}");
    cases
}

#[test]
fn every_record_has_one_true_outcome_whatever_happens() {
    for seed in 0..cases() {
        let run = std::panic::catch_unwind(|| simulate(seed));
        assert!(run.is_ok(), "seed {seed} fails");
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in [3, 8, 11, 14] {
        let (first, second) = (simulate(seed), simulate(seed));
        assert!(first.len() > 20, "seed {seed}: {}", first.len());
        assert_eq!(first, second);
    }
}
