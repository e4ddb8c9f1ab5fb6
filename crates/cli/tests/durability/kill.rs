//! kill -9, again and again.

use std::io::Write as _;
use std::sync::Arc;

use crate::ledger::Ledger;
use crate::load::{IN_FLIGHT_MIN, Load};
use crate::server::{STREAM, Server};

const ROUNDS: usize = 20;
const PUTS_PER_ROUND: usize = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_kills_in_a_row_lose_nothing() {
    const PLAIN: &[&str] = &[];
    kill_again_and_again(&[PLAIN; ROUNDS]).await;
}

/// The page cache outlives a process, so nothing is lost; what each start leaves out in every log must not keep the next
/// one, in either mode, from opening the folder.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_in_os_mode_lose_nothing_and_the_folder_opens_in_either_mode() {
    const OS: &[&str] = &["--durability", "os"];
    const FSYNC: &[&str] = &["--durability", "fsync"];
    kill_again_and_again(&[OS, OS, FSYNC, OS, FSYNC, FSYNC]).await;
}

/// As many kills as there are rounds; each round has its own options of `serve`.
async fn kill_again_and_again(rounds: &[&[&str]]) {
    let data_dir = tempfile::tempdir().expect("a data folder");
    let ledger = Arc::new(Ledger::default());
    let mut in_flight = Vec::new();
    for (round, options) in rounds.iter().enumerate() {
        let server = Server::start(data_dir.path(), options);
        if round == 0 {
            server.create_stream(4).await;
        }
        let load = Load::start(&server.client, STREAM, &ledger, round);
        in_flight.push(load.until(&ledger, ledger.len() + PUTS_PER_ROUND).await);
        server.kill();
        load.join().await;
        let again = Server::start(data_dir.path(), options);
        let findings = ledger.compare(&again.client, STREAM).await;
        assert!(
            findings.faults.is_empty(),
            "round {round}: {:#?}",
            findings.faults
        );
        again.kill();
    }
    let server = Server::start(data_dir.path(), &[]);
    let findings = ledger.compare(&server.client, STREAM).await;
    // Past the test harness, which keeps what passing tests print.
    writeln!(
        std::io::stdout(),
        "{} kills with {in_flight:?} requests in flight: {} acknowledged records, all there; {} unanswered ones kept",
        rounds.len(),
        findings.acknowledged,
        findings.read - findings.acknowledged
    )
    .expect("printed");
    assert!(findings.faults.is_empty(), "{:#?}", findings.faults);
    assert!(in_flight.iter().all(|count| *count >= IN_FLIGHT_MIN));
    assert!(findings.acknowledged >= rounds.len() * PUTS_PER_ROUND);
}
