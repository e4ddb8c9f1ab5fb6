//! Two scalers of one application, workers and shards together: one leads, and when its machine dies the other goes on.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;

use crate::commands::{Running, World};
use crate::scale::{Traffic, decisions, write_program};

/// A phase that takes longer does not end: it takes a minute, and several on a machine that is busy.
const PHASE_MAX: Duration = Duration::from_secs(600);
/// A leader is replaced once it was silent for ten seconds, where its looks are this close.
const HALF_TERM_MS: u64 = 5_000;

/// A scaler's file; its workers write their process ids into a folder of its own.
fn write_file(folder: &Path, name: &str) -> String {
    let own = folder.join(name);
    fs::create_dir(&own).unwrap();
    let (at, own_at) = (folder.display(), own.display());
    let worker = format!(
        "echo $$ > {own_at}/{{worker}}.pid && sed s/WORKER/{{worker}}/ {at}/till.properties > {own_at}/{{worker}}.properties && \
         exec {} multilang --properties {own_at}/{{worker}}.properties 2>> {own_at}/workers.log",
        env!("CARGO_BIN_EXE_millstream")
    );
    let file = format!(
        "application = \"till\"\nstream = \"orders\"\ngoal = \"4s\"\nlook = \"1s\"\nsettling = \"5s\"\nquiet = \"8s\"\n\
         log = {:?}\n[workers]\nmax = 3\ngrace = \"60s\"\ncommand = [\"sh\", \"-c\", {worker:?}]\n\
         [shards]\nmax = 4\nrecords-per-s = 60\n",
        own.join("decisions.jsonl").display().to_string()
    );
    let path = own.join("till.toml");
    fs::write(&path, file).unwrap();
    path.display().to_string()
}

/// The workers of a scaler, which end with this value as they would with their machine.
struct Workers<'a>(&'a Path);

impl Workers<'_> {
    /// Whether a worker was there to be killed.
    fn kill(&self) -> bool {
        let files = fs::read_dir(self.0).into_iter().flatten().flatten();
        let ids = files.filter(|file| file.path().extension().is_some_and(|end| end == "pid"));
        let killed = ids.filter_map(|file| {
            let id = fs::read_to_string(file.path()).ok()?.trim().parse().ok()?;
            kill_process_group(Pid::from_raw(id)?, Signal::KILL).ok()
        });
        killed.count() > 0
    }
}

impl Drop for Workers<'_> {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether a scaler has done something of this kind.
fn has_done(folder: &Path, is: impl Fn(&Value) -> bool) -> bool {
    decisions(folder)
        .iter()
        .any(|decision| decision["done"] == true && is(decision))
}

fn reshards(decision: &Value, change: &str) -> bool {
    let changes = decision["shards"].as_array();
    changes.is_some_and(|changes| changes.iter().any(|one| one["change"] == change))
}

/// Whether the stream has so many open shards: a decision is in the log before it is carried out.
fn has_open_shards(world: &World, count: u64) -> bool {
    let described = world.json(&["streams", "describe", "orders"]);
    described[0]["OpenShardCount"].as_u64() >= Some(count)
}

/// When a scaler has done something.
fn acted(folder: &Path) -> Vec<u64> {
    let done = decisions(folder).into_iter();
    let done = done.filter(|decision| decision["done"] == true);
    done.filter_map(|decision| decision["at"].as_u64())
        .collect()
}

fn last_acted(folder: &Path) -> u64 {
    acted(folder).into_iter().max().unwrap_or(0)
}

/// Who leads does nothing any more once half of its term is over that it was last known to lead, and nobody follows before
/// all of it is.
fn assert_one_at_a_time(folders: &[PathBuf; 2]) {
    let [one, other] = folders.each_ref().map(|folder| acted(folder));
    for at in &one {
        let apart = other.iter().map(|other| other.abs_diff(*at)).min();
        assert!(
            apart.is_none_or(|ms| ms >= HALF_TERM_MS),
            "both acted: {one:?} {other:?}"
        );
    }
}

#[test]
fn one_scaler_leads_and_the_other_goes_on_when_it_is_gone() {
    let world = World::new();
    world.stream("orders", 1);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_program(folder);
    let names = ["one", "other"];
    let files = names.map(|name| write_file(folder, name));
    let folders = names.map(|name| folder.join(name));
    let both: [&Path; 2] = folders.each_ref().map(PathBuf::as_path);
    let workers = [Workers(&folders[0]), Workers(&folders[1])];
    let mut scalers: Vec<Option<Running>> = files
        .iter()
        .map(|file| Some(world.start(&["scale", file])))
        .collect();
    let mut traffic = Traffic::to(world.start(&["records", "put", "orders", "--quiet"]));
    // A worker does 25 records a second, and a shard has one: 55 need three shards, and a shard of them is hot.
    traffic.write(55, &both, || {
        let is_split = |folder| has_done(folder, |decision| reshards(decision, "split"));
        let has_grown = |folder| {
            has_done(folder, |decision| {
                decision["workers_after"].as_u64() >= Some(2)
            })
        };
        folders.iter().any(|folder| is_split(folder))
            && folders.iter().any(|folder| has_grown(folder))
            && has_open_shards(&world, 2)
    });
    assert_one_at_a_time(&folders);
    // On a machine that stood still for a while the lead may have gone from one to the other already.
    let leader = usize::from(last_acted(&folders[1]) > last_acted(&folders[0]));
    let follower = 1 - leader;
    // The machine of the leader dies, with all that it has started.
    scalers[leader].take().unwrap().kill();
    assert!(workers[leader].kill(), "it had workers");
    traffic.write(5, &both, || {
        has_done(&folders[follower], |decision| reshards(decision, "merge"))
    });
    assert_one_at_a_time(&folders);
    let began = Instant::now();
    let (count, again) = loop {
        let (seen, again) = traffic.processed(folder);
        if seen == traffic.written() {
            break (seen, again);
        }
        assert!(
            began.elapsed() < PHASE_MAX,
            "{seen} of {} were processed",
            traffic.written()
        );
        std::thread::park_timeout(Duration::from_millis(100));
    };
    println!(
        "{count} records, {again} of them again: those that died with their workers, or were handed over"
    );
    drop(traffic);
    let (status, said) = scalers[follower].take().unwrap().interrupt_and_hear();
    assert_eq!(status.code(), Some(0), "{said}");
    for folder in &folders {
        let log = decisions(folder);
        assert!(
            !log.iter().any(|decision| decision["failed"].is_string()),
            "{log:#?}"
        );
    }
}
