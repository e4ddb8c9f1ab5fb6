//! Programs in the shell's language that do as they should, or not.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use millstream_consumer::testing::{MemoryLeaseTable, MemoryStream};
use millstream_consumer::{Consumer, ConsumerError, Lease, LeaseTable, ShardStep, StatusBoard};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::*;

/// The machine may be slow; nothing here waits for it when all is well.
const DEADLINE: Duration = Duration::from_secs(90);

/// Tells the test every line that it reads, and checkpoints before each of its answers.
const PROGRAM: &str = r#"
heard=$1 mode=$2 once=$3
tell() { printf '%s\n' "$1" > "$heard"; }
answer() { printf '\n{"action":"status","responseFor":"%s"}\n' "$1"; }
checkpoint() {
  printf '{"action":"checkpoint","sequenceNumber":null,"subSequenceNumber":null}\n'
  read -r said
  tell "$said"
}
first_time() { [ ! -e "$once" ] && : > "$once"; }
echo 'a program may print what it likes'
while read -r line; do
  tell "$line"
  case $line in
    '{"action":"initialize"'*) answer initialize ;;
    '{"action":"processRecords"'*)
      if [ "$mode" = dies ] && first_time; then exit 3; fi
      if [ "$mode" = hangs ] && first_time; then exec sleep 600; fi
      if [ "$mode" = is-confused ] && first_time; then answer shardEnded; fi
      if [ "$mode" = is-slow ]; then read -r _ < "$once"; fi
      checkpoint; answer processRecords ;;
    '{"action":"shardEnded"'*)
      if [ "$mode" = forgets ] && first_time; then :; else checkpoint; fi
      answer shardEnded ;;
    '{"action":"shutdownRequested"}') checkpoint; answer shutdownRequested ;;
    '{"action":"leaseLost"}') checkpoint; answer leaseLost ;;
  esac
done
tell '{"action":"(no more input)"}'
"#;

struct Running {
    stream: MemoryStream,
    table: MemoryLeaseTable,
    status: StatusBoard,
    heard: mpsc::Receiver<Value>,
    once: PathBuf,
    stop: oneshot::Sender<()>,
    run: JoinHandle<Result<(), ConsumerError>>,
    _folder: tempfile::TempDir,
}

fn make_fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

impl Running {
    /// A worker on a stream of one shard and one record.
    fn start(mode: &str, properties: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name| folder.path().join(name);
        std::fs::write(path("program.sh"), PROGRAM).unwrap();
        make_fifo(&path("heard"));
        if mode == "is-slow" {
            make_fifo(&path("once"));
        }
        // Open for both, so that it never ends.
        let lines = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path("heard"))
            .unwrap();
        let (tell, heard) = mpsc::channel(64);
        std::thread::spawn(move || {
            for line in BufReader::new(lines).lines() {
                let message = serde_json::from_str(&line.unwrap()).unwrap();
                if tell.blocking_send(message).is_err() {
                    return;
                }
            }
        });
        let file = format!(
            "executableName = sh {0}/program.sh {0}/heard {mode} {0}/once\nstreamName = s\napplicationName = a\n{properties}",
            folder.path().display()
        );
        let properties: BTreeMap<_, _> = super::super::properties::parse(file.as_bytes()).unwrap();
        let daemon = Arc::new(Daemon::of(properties).unwrap());
        let (stream, table) = (MemoryStream::new(1), MemoryLeaseTable::default());
        stream.put("key", "one");
        let settings = daemon
            .settings
            .clone()
            .initial_position(millstream_consumer::InitialPosition::TrimHorizon)
            .poll_interval(Duration::from_millis(10))
            .scan_interval(Duration::from_millis(50))
            .renew_interval(Duration::from_millis(100));
        let consumer = Consumer::builder("a", "s")
            .source(stream.clone())
            .lease_table(table.clone())
            .settings(settings)
            .build()
            .unwrap();
        let status = consumer.status();
        let (stop, stopped) = oneshot::channel();
        let run = consumer
            .process(move |shard_id| ProgramProcessor::new(Arc::clone(&daemon), shard_id))
            .until(stopped);
        Self {
            stream,
            table,
            status,
            heard,
            once: path("once"),
            stop,
            run: tokio::spawn(run.into_future()),
            _folder: folder,
        }
    }

    async fn message(&mut self) -> Value {
        let message = tokio::time::timeout(DEADLINE, self.heard.recv()).await;
        message.expect("the program hears something").unwrap()
    }

    /// The next messages are these.
    async fn hears(&mut self, actions: &[&str]) {
        for action in actions {
            assert_eq!(self.message().await["action"], *action);
        }
    }

    /// The next message says what became of a checkpoint.
    async fn hears_of_checkpoint(&mut self, error: Option<&str>) {
        let message = self.message().await;
        assert_eq!(message["action"], "checkpoint");
        assert_eq!(message["error"], error.map_or(Value::Null, Value::from));
    }

    /// Stops the worker, and the program with it.
    async fn stop(mut self) -> Vec<Lease> {
        self.stop.send(()).unwrap();
        for action in ["shutdownRequested", "checkpoint", "leaseLost"] {
            let message = tokio::time::timeout(DEADLINE, self.heard.recv()).await;
            assert_eq!(message.unwrap().unwrap()["action"], action);
        }
        let refused = self.heard.recv().await.unwrap();
        assert_eq!(refused["error"], "InvalidStateException");
        let gone = self.heard.recv().await.unwrap();
        assert_eq!(gone["action"], "(no more input)");
        self.run.await.unwrap().unwrap();
        self.table.rows()
    }
}

#[tokio::test]
async fn a_program_hears_what_happens_and_its_checkpoints_are_stored() {
    let mut running = Running::start("works", "");
    let start = running.message().await;
    assert_eq!(start["sequenceNumber"], "TRIM_HORIZON");
    let records = running.message().await;
    assert_eq!(records["records"][0]["data"], "b25l");
    assert_eq!(records["records"][0]["partitionKey"], "key");
    running.hears_of_checkpoint(None).await;
    let rows = running.stop().await;
    assert_eq!(rows[0].checkpoint.text(), "2");
    assert_eq!(rows[0].lease_owner, None);
}

/// What a program knew is lost with it: the next one hears everything since the last checkpoint.
#[tokio::test]
async fn a_program_that_dies_or_is_confused_is_followed_by_one_that_starts_at_the_last_checkpoint()
{
    for mode in ["dies", "is-confused"] {
        let mut running = Running::start(mode, "");
        running.hears(&["initialize", "processRecords"]).await;
        if mode == "is-confused" {
            // It may get as far as to ask, before it is killed.
            while running.message().await["action"] != "initialize" {}
        } else {
            running.hears(&["initialize"]).await;
        }
        let again = running.message().await;
        assert_eq!(again["records"][0]["data"], "b25l", "{mode}");
        running.hears_of_checkpoint(None).await;
        assert_eq!(running.stop().await[0].checkpoint.text(), "2", "{mode}");
    }
}

#[tokio::test]
async fn a_program_that_does_not_answer_in_time_is_killed_and_another_one_goes_on() {
    let mut running = Running::start("hangs", "timeoutInSeconds = 2\n");
    running.hears(&["initialize", "processRecords"]).await;
    // On a very slow machine another one may be killed too.
    running.hears(&["initialize"]).await;
    while running.message().await["action"] != "checkpoint" {}
    assert_eq!(running.stop().await[0].checkpoint.text(), "2");
}

/// A handler whose error a binding has swallowed says nothing else.
#[tokio::test]
async fn a_shard_does_not_end_before_the_program_has_checkpointed_its_end() {
    let mut running = Running::start("forgets", "");
    running.hears(&["initialize", "processRecords"]).await;
    running.hears_of_checkpoint(None).await;
    assert!(running.stream.split("shardId-000000000000"));
    running
        .hears(&["shardEnded", "initialize", "shardEnded"])
        .await;
    running.hears_of_checkpoint(None).await;
    // That program goes, and the children come.
    let mut rest = Vec::new();
    for _ in 0..3 {
        rest.push(running.message().await["action"].to_string());
    }
    rest.sort_unstable();
    assert_eq!(
        rest,
        ["\"(no more input)\"", "\"initialize\"", "\"initialize\""]
    );
    running.run.abort();
}

#[tokio::test]
async fn a_program_that_is_busy_when_its_lease_is_lost_finishes_and_cannot_checkpoint() {
    let mut running = Running::start("is-slow", "");
    running.hears(&["initialize", "processRecords"]).await;
    let row = running.table.rows().remove(0);
    running.table.take(&row, "thief").await.unwrap();
    let is_told = || {
        let shards = running.status.shards();
        shards
            .values()
            .any(|shard| shard.step == ShardStep::Stopping)
    };
    let told = async {
        while !is_told() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, told)
        .await
        .expect("the worker notices");
    std::fs::write(&running.once, "go on\n").unwrap();
    running.hears_of_checkpoint(Some("ShutdownException")).await;
    running.hears(&["leaseLost"]).await;
    running
        .hears_of_checkpoint(Some("InvalidStateException"))
        .await;
    running.hears(&["(no more input)"]).await;
    assert_eq!(running.table.rows()[0].checkpoint.text(), "TRIM_HORIZON");
    running.run.abort();
}

#[tokio::test]
async fn a_program_is_called_without_records_if_the_file_says_so() {
    let properties =
        "callProcessRecordsEvenForEmptyRecordList = true\nidleTimeBetweenReadsInMillis = 20\n";
    let mut running = Running::start("works", properties);
    running.hears(&["initialize"]).await;
    loop {
        let message = running.message().await;
        if message["records"] == serde_json::json!([]) {
            break;
        }
    }
    running.run.abort();
}
