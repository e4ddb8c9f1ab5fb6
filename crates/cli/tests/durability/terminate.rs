//! SIGTERM under load.

use std::sync::Arc;

use crate::ledger::Ledger;
use crate::load::Load;
use crate::server::{STREAM, Server};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_under_load_keeps_every_answered_put_and_ends_with_status_0() {
    let data_dir = tempfile::tempdir().expect("a data folder");
    let ledger = Arc::new(Ledger::default());
    let server = Server::start(data_dir.path(), &[]);
    server.create_stream(4).await;
    let load = Load::start(&server.client, STREAM, &ledger, 0);
    load.until(&ledger, 500).await;
    // The server reports a task that does not end by a status other than 0.
    let status = server.terminate();
    assert_eq!(status.code(), Some(0), "{status}");
    load.join().await;

    let server = Server::start(data_dir.path(), &[]);
    let findings = ledger.compare(&server.client, STREAM).await;
    assert!(findings.faults.is_empty(), "{:#?}", findings.faults);
    assert!(findings.acknowledged >= 500);
    // A graceful stop answers what it wrote, so it leaves nothing that nobody was told of.
    assert_eq!(
        findings.read, findings.acknowledged,
        "records of unanswered puts after a graceful stop"
    );
}
