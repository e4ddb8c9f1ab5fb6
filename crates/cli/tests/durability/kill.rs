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
    let data_dir = tempfile::tempdir().expect("a data folder");
    let ledger = Arc::new(Ledger::default());
    let mut server = Server::start(data_dir.path(), &[]);
    server.create_stream(4).await;
    let mut in_flight = Vec::new();
    for round in 0..ROUNDS {
        let load = Load::start(&server.client, STREAM, &ledger, round);
        in_flight.push(load.until(&ledger, ledger.len() + PUTS_PER_ROUND).await);
        server.kill();
        load.join().await;
        server = Server::start(data_dir.path(), &[]);
        let findings = ledger.compare(&server.client, STREAM).await;
        assert!(
            findings.faults.is_empty(),
            "round {round}: {:#?}",
            findings.faults
        );
    }
    let findings = ledger.compare(&server.client, STREAM).await;
    // Past the test harness, which keeps what passing tests print.
    writeln!(
        std::io::stdout(),
        "{ROUNDS} kills with {in_flight:?} requests in flight: {} acknowledged records, all there; {} unanswered ones kept",
        findings.acknowledged,
        findings.read - findings.acknowledged
    )
    .expect("printed");
    assert!(in_flight.iter().all(|count| *count >= IN_FLIGHT_MIN));
    assert!(findings.acknowledged >= ROUNDS * PUTS_PER_ROUND);
}
