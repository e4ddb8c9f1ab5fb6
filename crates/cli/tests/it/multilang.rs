//! `millstream multilang`: a program for each shard, against the real server.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::Value;

use crate::commands::World;

const DEADLINE: Duration = Duration::from_secs(90);
pub(crate) const HALF: &str = "170141183460469231731687303715884105728";

/// Tells the test every message, and checkpoints after each batch.
pub(crate) const PROGRAM: &str = r#"
answer() { printf '{"action":"status","responseFor":"%s"}\n' "$1"; }
while read -r line; do
  printf '%s\n' "$line" > "$1"
  case $line in
    '{"action":"initialize"'*) answer initialize ;;
    '{"action":"processRecords"'*)
      printf '{"action":"checkpoint","sequenceNumber":null,"subSequenceNumber":null}\n'
      read -r said
      answer processRecords ;;
    '{"action":"shutdownRequested"}') answer shutdownRequested ;;
    '{"action":"leaseLost"}') answer leaseLost ;;
  esac
done
"#;

/// What the programs of a daemon hear.
pub(crate) struct Heard(mpsc::Receiver<Value>);

impl Heard {
    pub(crate) fn in_folder(folder: &Path) -> Self {
        let path = folder.join("heard");
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        // Open for both, so that it never ends.
        let lines = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .unwrap();
        let (sender, messages) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(lines).lines() {
                let message = serde_json::from_str(&line.unwrap()).unwrap();
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        Self(messages)
    }

    /// Everything until this record has come; its data is Base64.
    pub(crate) fn until_record(&self, data: &str) -> Vec<Value> {
        let mut messages = Vec::new();
        loop {
            let message = self.0.recv_timeout(DEADLINE).expect("the record comes");
            let records = message["records"].as_array().cloned().unwrap_or_default();
            let is_there = records.iter().any(|record| record["data"] == data);
            messages.push(message);
            if is_there {
                return messages;
            }
        }
    }
}

pub(crate) fn properties(folder: &Path, more: &str) -> String {
    let path = folder.join("worker.properties");
    let text = format!(
        "executableName = sh {0}/program.sh {0}/heard\nstreamName = orders\napplicationName = till\n\
         initialPositionInStream = TRIM_HORIZON\nregionName = us-east-1\n{more}",
        folder.display()
    );
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn a_program_processes_a_stream_and_goes_on_where_it_was_stopped() {
    let world = World::new();
    world.stream("orders", 2);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("program.sh"), PROGRAM).unwrap();
    let heard = Heard::in_folder(folder);
    for (retrieval, data, base64) in [("POLLING", "one", "b25l"), ("FANOUT", "two", "dHdv")] {
        let properties = properties(folder, &format!("retrievalMode = {retrieval}\n"));
        let daemon = world.start(&["multilang", "--properties", &properties]);
        world.put("orders", data, "0");
        let messages = heard.until_record(base64);
        let records: Vec<&Value> = messages
            .iter()
            .filter_map(|message| message["records"].as_array())
            .flatten()
            .collect();
        assert_eq!(records.len(), 1, "{records:?}");
        assert_eq!(records[0]["partitionKey"], "k");
        // The other shard's program may still be on its way.
        world.put("orders", &format!("{data} of the other shard"), HALF);
        let other = format!("{data} of the other shard");
        let other = heard.until_record(&base64_of(&other));
        let all = messages.iter().chain(&other);
        let started = all
            .filter(|message| message["action"] == "initialize")
            .count();
        assert_eq!(started, 2);
        let (status, said) = daemon.interrupt_and_hear();
        assert_eq!(status.code(), Some(0), "{said}");
        let mut stops = 0;
        while stops < 2 {
            let message = heard.0.recv_timeout(DEADLINE).expect("both are told");
            stops += usize::from(message["action"] == "shutdownRequested");
        }
    }
}

fn base64_of(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[test]
fn a_daemon_that_cannot_work_says_why() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none.properties").display().to_string();
    let said = world.fails(6, &["multilang", "--properties", &missing]);
    assert!(said.contains("none.properties: No such file"), "{said}");
    let bad = properties(folder.path(), "failoverTimeMillis = soon\n");
    let said = world.fails(2, &["multilang", "-p", &bad]);
    assert!(
        said.contains("failoverTimeMillis = soon: a number of milliseconds"),
        "{said}"
    );
    let nothing = properties(folder.path(), "executableName = no-such-program-at-all\n");
    let said = world.fails(6, &["multilang", "--properties-file", &nothing]);
    assert!(
        said.contains("no-such-program-at-all: no such program (executableName)"),
        "{said}"
    );
}
