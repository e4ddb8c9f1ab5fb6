//! One round: start, load with everything beside it, an end, and the look at what is there.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client as TableClient;
use aws_sdk_kinesis::Client;
use millstream_testkit::PowerCut;
use tokio::task::JoinSet;

use super::disk::Disk;
use super::hostile::{self, Attacks};
use super::readers::{self, Reading};
use super::writers::{self, Written};
use crate::counters::Counters;
use crate::server::Server;

const SHARDS: i32 = 4;
/// What tasks get to see that their server is gone.
const TASKS_DEADLINE: Duration = Duration::from_secs(60);
/// What the server gets to give back space that is not needed.
const SPACE_DEADLINE: Duration = Duration::from_secs(60);
/// Bytes that the data folder may hold beyond twice the live records: segments in use and in reserve, tables.
const SPACE_CONSTANT_BYTES: u64 = 512 << 20;
/// Left free on the disk that is full: below the floor of `serve`.
const LEFT_FREE_BYTES: u64 = 200 << 20;

/// How a round ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Kill,
    PowerCut,
    Terminate,
}

/// What stays from round to round.
pub(super) struct History {
    power: PowerCut,
    counters: Arc<Counters>,
    /// The stream of the round before, which must still be whole.
    kept: Option<(String, Arc<Written>)>,
    pub(super) acknowledged: u64,
    attacks: u64,
    read: u64,
    memory_bytes: u64,
    disk_bytes: u64,
    full_disks: u64,
    began: Instant,
    ends: BTreeMap<&'static str, u64>,
}

/// What a round showed.
pub(super) struct Report {
    end: End,
    acknowledged: u64,
    read: u64,
    updates: u64,
    attacks: u64,
    refused_when_full: u64,
    pub(super) memory_bytes: u64,
    disk_bytes: u64,
    live_bytes: u64,
    pub(super) faults: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?}: {} records acknowledged, {} read at the tail, {} table updates, {} attacks, {} refused for want of room, \
             memory {} MB, disk {} MB for {} MB of live records",
            self.end,
            self.acknowledged,
            self.read,
            self.updates,
            self.attacks,
            self.refused_when_full,
            self.memory_bytes >> 20,
            self.disk_bytes >> 20,
            self.live_bytes >> 20,
        )
    }
}

impl History {
    pub(super) fn new(disk: &Disk) -> Self {
        Self {
            power: PowerCut::build(disk.scratch()),
            counters: Counters::new(),
            kept: None,
            acknowledged: 0,
            attacks: 0,
            read: 0,
            memory_bytes: 0,
            disk_bytes: 0,
            full_disks: 0,
            began: Instant::now(),
            ends: BTreeMap::new(),
        }
    }

    pub(super) fn summary(&self) -> String {
        format!(
            "{} s, ends {:?}, {} full disks, {} acknowledged records all there, {} read at the tail, {} table updates kept, \
             {} attacks, memory at most {} MB, disk after giving back at most {} MB",
            self.began.elapsed().as_secs(),
            self.ends,
            self.full_disks,
            self.acknowledged,
            self.read,
            self.counters.total(),
            self.attacks,
            self.memory_bytes >> 20,
            self.disk_bytes >> 20,
        )
    }

    fn note(&mut self, report: &Report) {
        let end = match report.end {
            End::Kill => "kill -9",
            End::PowerCut => "power cut",
            End::Terminate => "SIGTERM",
        };
        *self.ends.entry(end).or_default() += 1;
        self.acknowledged += report.acknowledged;
        self.attacks += report.attacks;
        self.read += report.read;
        self.full_disks += u64::from(report.refused_when_full > 0);
        self.memory_bytes = self.memory_bytes.max(report.memory_bytes);
        self.disk_bytes = self.disk_bytes.max(report.disk_bytes);
    }
}

/// Runs one round.
pub(super) async fn run(
    disk: &Disk,
    history: &mut History,
    number: usize,
    end: End,
    load_time: Duration,
) -> Report {
    let mut command = Server::command(&disk.data(), &[]);
    if end == End::PowerCut {
        history.power.arm(&mut command, &disk.data());
    }
    let server = Server::start_command(command);
    let tables = server.table_client();
    if number == 0 {
        Counters::create(&tables).await;
    }
    let stream = format!("round-{number}");
    create(&server.client, &stream).await;
    let updates_before = history.counters.total();

    let load = Load::start(&server, &tables, &stream, history).await;
    tokio::time::sleep(load_time / 2).await;
    reshard(&server.client, &stream).await;
    // The power-cut library pretends that what is unsynced has room, so only true disks are filled.
    let refused_when_full = match disk.can_be_full() && end != End::PowerCut {
        true => fill_and_free(disk, &server, &load.written).await,
        false => 0,
    };
    tokio::time::sleep(load_time / 2).await;
    let memory_bytes = memory_bytes(server.id());

    load.expect_the_end(history);
    match end {
        End::Kill => server.kill(),
        End::PowerCut => {
            server.kill();
            history.power.lose_names();
        }
        End::Terminate => {
            let status = server.terminate();
            assert_eq!(status.code(), Some(0), "{status}");
        }
    }
    let written = Arc::clone(&load.written);
    let (read, attacks) = (Arc::clone(&load.reading), Arc::clone(&load.attacks));
    let mut faults = load.join(refused_when_full > 0).await;

    let server = Server::start(&disk.data(), &[]);
    faults.extend(history.counters.check(&server.table_client()).await);
    let findings = written.ledger.compare(&server.client, &stream).await;
    faults.extend(findings.faults);
    if let Some((stream, written)) = history.kept.take() {
        faults.extend(written.ledger.compare(&server.client, &stream).await.faults);
        let delete = server.client.delete_stream().stream_name(&stream);
        delete.send().await.expect("DeleteStream");
    }
    let live_bytes = written.bytes.load(Ordering::Relaxed);
    let disk_bytes = space_given_back(disk, live_bytes, &mut faults).await;
    history.kept = Some((stream, written));
    drop(server);
    let report = Report {
        end,
        acknowledged: findings.acknowledged as u64,
        read: read.records.load(Ordering::Relaxed),
        updates: history.counters.total() - updates_before,
        attacks: attacks.total(),
        refused_when_full,
        memory_bytes,
        disk_bytes,
        live_bytes,
        faults,
    };
    history.note(&report);
    report
}

/// Everything that runs beside each other in a round.
struct Load {
    written: Arc<Written>,
    reading: Arc<Reading>,
    attacks: Arc<Attacks>,
    writers: JoinSet<()>,
    readers: JoinSet<Option<String>>,
    counters: JoinSet<Option<String>>,
    attackers: JoinSet<()>,
}

impl Load {
    async fn start(server: &Server, tables: &TableClient, stream: &str, history: &History) -> Self {
        let (written, reading, attacks) = <(Arc<Written>, Arc<Reading>, Arc<Attacks>)>::default();
        Self {
            writers: writers::start(&server.client, stream, &written),
            readers: readers::start(&server.client, stream, &reading).await,
            counters: history.counters.start(tables),
            attackers: hostile::start(server.address(), &attacks),
            written,
            reading,
            attacks,
        }
    }

    fn expect_the_end(&self, history: &History) {
        self.written.expect_the_end();
        self.reading.expect_the_end();
        self.attacks.expect_the_end();
        history.counters.expect_the_end();
    }

    /// What good clients met that they should not have.
    async fn join(self, was_full: bool) -> Vec<String> {
        let mut faults = Vec::new();
        let all = async {
            self.writers.join_all().await;
            self.attackers.join_all().await;
            faults.extend(self.readers.join_all().await.into_iter().flatten());
            faults.extend(self.counters.join_all().await.into_iter().flatten());
        };
        tokio::time::timeout(TASKS_DEADLINE, all)
            .await
            .expect("tasks end with their server");
        for (code, count) in self.written.refusals.lock().unwrap().iter() {
            let is_for_room = matches!(code.as_str(), "ServiceUnavailable" | "InternalFailure");
            if !(was_full && is_for_room) {
                faults.push(format!("{count} puts were refused with {code:?}"));
            }
        }
        faults
    }
}

async fn create(client: &Client, stream: &str) {
    let create = client
        .create_stream()
        .stream_name(stream)
        .shard_count(SHARDS);
    create.send().await.expect("CreateStream");
}

/// Splits the first shard in the middle and merges the last two.
async fn reshard(client: &Client, stream: &str) {
    let listed = client
        .list_shards()
        .stream_name(stream)
        .send()
        .await
        .expect("ListShards");
    let shards = listed.shards();
    let range = shards[0].hash_key_range().expect("a shard has a range");
    let edge = |text: &str| text.parse::<u128>().expect("a hash key");
    let (start, end) = (
        edge(range.starting_hash_key()),
        edge(range.ending_hash_key()),
    );
    client
        .split_shard()
        .stream_name(stream)
        .shard_to_split(shards[0].shard_id())
        .new_starting_hash_key((start + (end - start) / 2).to_string())
        .send()
        .await
        .expect("SplitShard");
    client
        .merge_shards()
        .stream_name(stream)
        .shard_to_merge(shards[2].shard_id())
        .adjacent_shard_to_merge(shards[3].shard_id())
        .send()
        .await
        .expect("MergeShards");
}

/// Fills the disk until puts are refused, gives the room back, and waits until they are taken again. Gives how many
/// were refused.
async fn fill_and_free(disk: &Disk, server: &Server, written: &Written) -> u64 {
    let refused = || written.refusals.lock().unwrap().values().sum::<u64>();
    disk.fill(LEFT_FREE_BYTES);
    until("puts are refused on a full disk", || refused() > 0).await;
    let health = server.health().await;
    assert!(
        health.starts_with("HTTP/1.1 503"),
        "a server without room says of itself: {health}"
    );
    disk.free();
    let count = written.ledger.len();
    until("puts are taken again when there is room", || {
        written.ledger.len() > count + 100
    })
    .await;
    refused()
}

/// What the data folder takes once the server has had its time to give back what no live record needs.
async fn space_given_back(disk: &Disk, live_bytes: u64, faults: &mut Vec<String>) -> u64 {
    let bound = 2 * live_bytes + SPACE_CONSTANT_BYTES;
    let deadline = Instant::now() + SPACE_DEADLINE;
    loop {
        let bytes = disk.data_bytes();
        if bytes <= bound {
            return bytes;
        }
        if Instant::now() > deadline {
            faults.push(format!(
                "the data folder keeps {bytes} bytes for {live_bytes} bytes of live records"
            ));
            return bytes;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: not after 60 s");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Anonymous and shared memory of a process.
fn memory_bytes(process: u32) -> u64 {
    let path = Path::new("/proc").join(process.to_string()).join("status");
    let status = std::fs::read_to_string(path).expect("the server runs");
    status
        .lines()
        .filter(|line| line.starts_with("RssAnon:") || line.starts_with("RssShmem:"))
        .filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
        .map(|kilobytes| kilobytes * 1024)
        .sum()
}
