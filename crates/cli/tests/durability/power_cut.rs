//! A power cut: what the real binary wrote and did not sync is gone.
//!
//! A preloaded library keeps unsynced writes of the data folder in the process's memory, so that SIGKILL drops them.

use std::sync::Arc;

use millstream_testkit::PowerCut;

use crate::counters::Counters;
use crate::ledger::{Findings, Ledger};
use crate::load::Load;
use crate::server::{STREAM, Server};

/// Puts under load, cuts the power in the middle, starts again and reads everything back; several times.
async fn cut_power(durability: &str, rounds: usize) -> Findings {
    let folder = tempfile::tempdir().expect("a folder");
    let power = PowerCut::build(folder.path());
    let data_dir = folder.path().join("data");
    std::fs::create_dir(&data_dir).expect("a data folder");
    let arguments = ["--durability", durability];
    let ledger = Arc::new(Ledger::default());
    for round in 0..rounds {
        let mut command = Server::command(&data_dir, &arguments);
        power.arm(&mut command, &data_dir);
        let server = Server::start_command(command);
        if round == 0 {
            server.create_stream(4).await;
        }
        let load = Load::start(&server.client, STREAM, &ledger, round);
        load.until(&ledger, ledger.len() + 200).await;
        server.kill();
        load.join().await;
        power.lose_names();
    }
    let server = Server::start(&data_dir, &arguments);
    ledger.compare(&server.client, STREAM).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn power_cuts_lose_nothing_that_was_acknowledged() {
    let findings = cut_power("fsync", 5).await;
    assert!(findings.acknowledged >= 1000);
    assert!(findings.faults.is_empty(), "{:#?}", findings.faults);
}

/// The same cut shows what `--durability os` does not promise: the test above can fail.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_without_fsync_loses_records() {
    let findings = cut_power("os", 1).await;
    assert!(findings.acknowledged >= 200);
    assert!(
        findings
            .faults
            .iter()
            .any(|fault| fault.contains("is missing")),
        "nothing was lost: the cut does not cut"
    );
}

/// Updates of tables that wait together share a sync, and are answered after it. Whole pages and torn ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn power_cuts_lose_no_update_of_a_table_that_was_acknowledged() {
    let folder = tempfile::tempdir().expect("a folder");
    let power = PowerCut::build(folder.path());
    let data_dir = folder.path().join("data");
    std::fs::create_dir(&data_dir).expect("a data folder");
    let counters = Counters::new();
    let mut faults = Vec::new();
    for round in 0..5 {
        let mut command = Server::command(&data_dir, &[]);
        match round % 2 {
            0 => power.arm(&mut command, &data_dir),
            _ => power.arm_with_torn_pages(&mut command, &data_dir, 25),
        }
        let server = Server::start_command(command);
        let tables = server.table_client();
        match round {
            0 => Counters::create(&tables).await,
            _ => faults.extend(counters.check(&tables).await),
        }
        let load = counters.start(&tables);
        counters.until(counters.total() + 200).await;
        counters.expect_the_end();
        server.kill();
        faults.extend(load.join_all().await.into_iter().flatten());
        power.lose_names();
    }
    let server = Server::start(&data_dir, &[]);
    faults.extend(counters.check(&server.table_client()).await);
    assert!(counters.total() >= 1000);
    assert!(faults.is_empty(), "{faults:#?}");
}
