//! Backups under load, and backups that are cut off.

use std::collections::HashSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use tokio::task::JoinSet;

use crate::counters::Counters;
use crate::ledger::{Ledger, read_stream};
use crate::server::{STREAM, Server};

const WRITERS: usize = 4;
const BATCH: u64 = 100;

fn millstream(arguments: &[&str], folders: [(&str, &Path); 2]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
    command.args(arguments);
    for (name, folder) in folders {
        command.arg(name).arg(folder);
    }
    command
}

fn backup(data: &Path, to: &Path) -> Command {
    millstream(&["backup"], [("--data-dir", data), ("--to", to)])
}

fn restore(from: &Path, to: &Path) -> Output {
    let mut command = millstream(&["restore"], [("--from", from), ("--to", to)]);
    command.output().expect("the command runs")
}

/// Writers that put batches without a pause until they are told to stop.
struct Writers {
    tasks: JoinSet<()>,
    is_over: Arc<AtomicBool>,
}

impl Writers {
    fn start(client: &Client, ledger: &Arc<Ledger>) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for writer in 0..WRITERS {
            let (client, ledger, is_over) =
                (client.clone(), Arc::clone(ledger), Arc::clone(&is_over));
            tasks.spawn(async move {
                for batch in 0u64.. {
                    if is_over.load(Ordering::SeqCst) {
                        return;
                    }
                    put_batch(&client, &ledger, writer, batch).await;
                }
            });
        }
        Self { tasks, is_over }
    }

    async fn stop(mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("writers do not panic");
        }
    }
}

async fn put_batch(client: &Client, ledger: &Ledger, writer: usize, batch: u64) {
    let names =
        (batch * BATCH..batch * BATCH + BATCH).map(|count| format!("writer-{writer}/{count}"));
    let names: Vec<String> = names.collect();
    let entry = |name: &String| {
        PutRecordsRequestEntry::builder()
            .partition_key(format!("writer-{writer}"))
            .data(Blob::new(format!("{name} {:<400}", "padding")))
            .build()
            .expect("an entry")
    };
    let put = client.put_records().stream_name(STREAM);
    let put = put.set_records(Some(names.iter().map(entry).collect()));
    let answer = put.send().await.expect("the server serves");
    for (name, record) in names.into_iter().zip(answer.records()) {
        let place = record.shard_id().zip(record.sequence_number());
        let (shard, number) = place.expect("nothing is refused");
        ledger.acknowledge(name, shard, number);
    }
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what} after 60 s");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_has_all_that_was_acknowledged_before_it_began() {
    let folder = tempfile::tempdir().expect("a folder");
    let [data, saved, other] = ["data", "saved", "other"].map(|name| folder.path().join(name));
    let server = Server::start(&data, &[]);
    server.create_stream(3).await;
    let counters = Counters::new();
    Counters::create(&server.table_client()).await;
    let mut counting = counters.start(&server.table_client());
    let ledger = Arc::new(Ledger::default());
    let writers = Writers::start(&server.client, &ledger);
    until("10,000 records", || ledger.len() >= 10_000).await;

    counters.until(100).await;

    let (before, counted) = (ledger.copy(), counters.acknowledged());
    let began = (Instant::now(), before.len());
    let command = backup(&data, &saved).stdin(Stdio::null()).spawn();
    let mut command = command.expect("the command runs");
    let ended = tokio::task::spawn_blocking(move || command.wait());
    let ended = ended.await.expect("no panic").expect("it ends");
    assert!(ended.success());
    let (time, acknowledged) = (began.0.elapsed(), ledger.len() - began.1);
    writers.stop().await;

    let restored = restore(&saved, &other);
    assert!(restored.status.success(), "{restored:?}");
    let again = Server::start(&other, &[]);
    let findings = before.compare(&again.client, STREAM).await;
    assert!(findings.faults.is_empty(), "{:#?}", findings.faults);
    let original: HashSet<_> = read_stream(&server.client, STREAM)
        .await
        .into_iter()
        .collect();
    for record in read_stream(&again.client, STREAM).await {
        assert!(original.contains(&record), "{record:?} was never put there");
    }
    counters.expect_the_end();
    server.kill();
    while let Some(ended) = counting.join_next().await {
        assert_eq!(ended.expect("no panic"), None);
    }
    let at_end = counters.acknowledged();
    let stored = Counters::stored(&again.table_client()).await;
    for ((stored, counted), at_end) in stored.iter().zip(&counted).zip(&at_end) {
        assert!(
            counted <= stored && *stored <= at_end + 1,
            "{stored} is not in {counted}..={at_end}"
        );
    }
    // It goes on, and no number that was given means another record now.
    put_batch(&again.client, &Ledger::default(), WRITERS, 0).await;
    let known: HashSet<_> = original
        .iter()
        .map(|(shard, number, _)| (shard, number))
        .collect();
    let now = read_stream(&again.client, STREAM).await;
    let new = now.iter().filter(|record| !original.contains(record));
    let mut count = 0;
    for (shard, number, data) in new {
        assert!(!known.contains(&(shard, number)), "{data}");
        count += 1;
    }
    assert_eq!(count, BATCH);
    // Past the test harness, which keeps what passing tests print.
    writeln!(
        std::io::stdout(),
        "a backup of {} records in {time:?}, while {acknowledged} were acknowledged",
        findings.read
    )
    .expect("printed");
}

/// Half a backup is known as one, and the server's data is as good as before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_while_it_makes_a_backup_loses_nothing_and_leaves_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let [data, other] = ["data", "other"].map(|name| folder.path().join(name));
    let ledger = Arc::new(Ledger::default());
    let mut server = Server::start(&data, &[]);
    server.create_stream(2).await;
    let writers = Writers::start(&server.client, &ledger);
    until("30,000 records", || ledger.len() >= 30_000).await;
    writers.stop().await;
    let mut cut = None;
    // One that is whole before the kill comes shows nothing.
    for round in 0..20 {
        let saved = folder.path().join(format!("saved-{round}"));
        let asking = backup(&data, &saved).stderr(Stdio::piped()).spawn();
        let asking = asking.expect("the command runs");
        until("a segment", || {
            saved.join("segments").exists() || saved.join("backup").exists()
        })
        .await;
        server.kill();
        let asked = asking.wait_with_output().expect("it ends");
        server = Server::start(&data, &[]);
        if !saved.join("backup").exists() {
            assert_eq!(asked.status.code(), Some(1), "{asked:?}");
            cut = Some(saved);
            break;
        }
    }
    let cut = cut.expect("a kill in the middle");
    let refused = restore(&cut, &other);
    assert_eq!(refused.status.code(), Some(3), "{refused:?}");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("is an unfinished backup"), "{said}");
    let findings = ledger.compare(&server.client, STREAM).await;
    assert!(findings.faults.is_empty(), "{:#?}", findings.faults);
    let saved = folder.path().join("saved");
    assert!(backup(&data, &saved).status().expect("it runs").success());
    assert!(restore(&saved, &other).status.success());
}

/// A disk of its own, where the system lets a test mount one.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(folder: &'a Path, size: &str) -> Option<Self> {
        fs::create_dir(folder).expect("a folder");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", size, "none"]).arg(folder);
        let mounted = mount.output().is_ok_and(|done| done.status.success());
        mounted.then_some(Self(folder))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.0).status());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_of_the_backup_is_named_and_left_empty() {
    let folder = tempfile::tempdir().expect("a folder");
    let [data, small] = ["data", "small"].map(|name| folder.path().join(name));
    let Some(disk) = SmallDisk::mount(&small, "size=256k") else {
        writeln!(std::io::stdout(), "no disk can be mounted: not tested").expect("printed");
        return;
    };
    let server = Server::start(&data, &[]);
    server.create_stream(1).await;
    for batch in 0..10 {
        put_batch(&server.client, &Ledger::default(), 0, batch).await;
    }
    let saved = small.join("saved");
    let refused = backup(&data, &saved).output().expect("it runs");
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("is full"), "{said}");
    assert_eq!(fs::read_dir(&saved).expect("a folder").count(), 0);
    put_batch(&server.client, &Ledger::default(), 0, 10).await;
    drop(disk);
}
