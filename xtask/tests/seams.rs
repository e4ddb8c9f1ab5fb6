//! Where randomness is drawn and where tasks and threads begin. The clock is behind a lint; these are behind this list: what
//! is simulated draws from a seed, and begins nothing that its owner does not stop.

use std::collections::BTreeSet;

/// Who draws random bytes without being given them, and why that is in no simulation's way.
const DRAWN: &[(&str, &str)] = &[
    ("types/src/randomness.rs", "the system's randomness itself"),
    (
        "cli/src/records/put/record.rs",
        "a partition key that nobody named",
    ),
    ("cli/src/scale/leadership.rs", "the name of a process"),
    (
        "connectors/src/lane.rs",
        "how long a delivery rests before it is tried again",
    ),
    (
        "connectors/src/sinks/files.rs",
        "names of files that are renamed later",
    ),
    ("connectors/src/sinks/kafka/sasl.rs", "a nonce"),
    (
        "connectors/src/sinks/redshift/data_api.rs",
        "the name of a batch of statements",
    ),
    ("connectors-iceberg/src/files.rs", "names of files"),
    (
        "consumer/src/builder.rs",
        "a worker's name and seed, where none is given",
    ),
    ("pipeline/src/runner.rs", "the name of a process"),
    ("pipeline/src/runner/state_table.rs", "the name of a writer"),
    ("producer/src/builder.rs", "the seed, where none is given"),
];

/// Where tasks and threads begin, and who ends them.
const BEGUN: &[(&str, &str)] = &[
    (
        "cli/src/records/put/input.rs",
        "reads standard input, as long as the process lives",
    ),
    ("cli/src/records/tail.rs", "waited for"),
    (
        "cli/src/storm_spout.rs",
        "speaks on standard output, as long as the process lives",
    ),
    ("connectors-iceberg/src/files.rs", "waited for"),
    ("connectors-iceberg/src/lake.rs", "the double of a catalog"),
    ("connectors/src/lane.rs", "stopped when dropped"),
    ("connectors/src/sinks/files.rs", "waited for"),
    (
        "connectors/src/sinks/postgres/server.rs",
        "stopped when dropped",
    ),
    (
        "connectors/src/sinks/receiver.rs",
        "the double of a receiver",
    ),
    ("connectors/src/sinks/redshift.rs", "stopped when dropped"),
    ("connectors/src/sinks/s3.rs", "waited for"),
    ("connectors/src/sinks/stdout.rs", "waited for"),
    ("consumer/src/handlers/batches.rs", "stopped when dropped"),
    (
        "consumer/src/tasks.rs",
        "the one door of the consumer's tasks",
    ),
    ("leases-postgres/src/connection.rs", "stopped when dropped"),
    (
        "log-local/src/engine/lifecycle.rs",
        "the engine's threads, which its stop joins",
    ),
    (
        "log-local/src/engine/stepped.rs",
        "waited for, in simulations",
    ),
    ("log-local/src/read_pool.rs", "as the engine's"),
    ("log-local/src/snapshots.rs", "as the engine's"),
    ("pipeline/src/evaluator.rs", "ends with its jobs"),
    ("pipeline/src/runner.rs", "stopped when dropped"),
    ("pipeline/src/step/exec/child.rs", "ends with the child"),
    (
        "scaling/src/actuator/stand_in.rs",
        "the double of a service",
    ),
    ("sealing/src/key_ring.rs", "makes one data key and ends"),
    ("sealing/src/sealed_logs.rs", "waited for"),
    (
        "server/src/audit.rs",
        "the audit log's thread, which its close joins",
    ),
    (
        "server/src/backup/control.rs",
        "one backup, which the server's end gives up",
    ),
    ("server/src/engines/local.rs", "waited for"),
    ("server/src/master_key.rs", "reads what a command prints"),
    ("server/src/server/at_rest.rs", "waited for"),
    ("server/src/server/opening.rs", "waited for"),
    ("server/src/server/running.rs", "waited for"),
    (
        "streams/src/tasks.rs",
        "the one door of the service's tasks and computations",
    ),
    (
        "tables/src/embedded.rs",
        "one thread for each file of tables, which its close joins",
    ),
];

/// The sources of all crates in which one of these stands.
fn sources_with(marks: &[&str]) -> BTreeSet<String> {
    let crates = xtask::root().join("crates");
    let is_product = |folder: &std::path::PathBuf| !folder.ends_with("testkit");
    let folders = xtask::crates().into_iter().filter(is_product);
    let sources = folders.flat_map(|folder| xtask::sources(&folder));
    let found = sources.filter(|source| {
        let code = xtask::code(source);
        marks.iter().any(|mark| code.contains(mark))
    });
    let names = found.map(|source| {
        let name = source.strip_prefix(&crates).expect("a crate's");
        name.to_string_lossy().into_owned()
    });
    // The contract and the simulations are tests that other tests share.
    let ships = |name: &String| !name.contains("/contract") && !name.contains("/simulation");
    names.filter(ships).collect()
}

fn assert_listed(found: BTreeSet<String>, listed: &[(&str, &str)]) {
    let listed: BTreeSet<String> = listed.iter().map(|(name, _)| (*name).to_owned()).collect();
    let unlisted: Vec<_> = found.difference(&listed).collect();
    assert!(
        unlisted.is_empty(),
        "neither injected nor listed with a reason: {unlisted:#?}"
    );
    let gone: Vec<_> = listed.difference(&found).collect();
    assert!(gone.is_empty(), "listed for nothing: {gone:#?}");
}

#[test]
fn randomness_is_given_or_a_reason_stands_here() {
    let marks = [
        "getrandom::",
        "rand::rng(",
        "rand::random",
        "Uuid::new_v4",
        "::from_os_rng",
    ];
    assert_listed(sources_with(&marks), DRAWN);
}

#[test]
fn tasks_and_threads_have_an_owner_who_stands_here() {
    let marks = [
        "tokio::spawn(",
        "spawn_blocking(",
        "thread::spawn(",
        "thread::Builder::new(",
    ];
    assert_listed(sources_with(&marks), BEGUN);
}
