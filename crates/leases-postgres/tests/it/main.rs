//! Leases in a real PostgreSQL of this machine; skipped by name where there is none.

#![expect(clippy::unwrap_used, reason = "a test panics where it fails")]

use std::time::Duration;

use millstream_consumer::testing::{MemoryStream, check_lease_table};
use millstream_consumer::{
    Checkpoint, Conditional, Consumer, Lease, LeaseTable, LeaseTableError, Settings,
};
use millstream_leases_postgres::tokio_postgres::NoTls;
use millstream_leases_postgres::{PostgresLeaseTable, SCHEMA};
use millstream_testkit::PostgresServer;
use tokio::time::timeout;

fn table(server: &PostgresServer, application: &str) -> PostgresLeaseTable {
    PostgresLeaseTable::new(server.url().parse().unwrap(), NoTls, application)
}

#[tokio::test]
async fn leases_in_postgresql_keep_the_contract_and_their_applications_apart() {
    if !PostgresServer::is_here_for("leases in PostgreSQL keep the contract") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = PostgresServer::start(folder.path(), "", &[]);
    let printer = table(&server, "printer");
    let missing = printer.list().await;
    assert!(matches!(missing, Err(LeaseTableError::Missing(name)) if name == "kinesis_leases"));
    // Many workers begin at the same time.
    let workers: Vec<_> = (0..8).map(|_| table(&server, "printer")).collect();
    let made = workers.iter().map(|table| table.ensure_exists());
    for made in futures::future::join_all(made).await {
        made.unwrap();
    }
    let other = table(&server, "other");
    let lease = Lease::unowned("s1", Checkpoint::Latest);
    assert!(other.create(lease.clone()).await.unwrap());
    check_lease_table(&printer).await;
    assert_eq!(other.list().await.unwrap(), [lease]);
}

/// Of many that saw the same row, one wins.
#[tokio::test]
async fn one_of_many_takes_a_lease() {
    if !PostgresServer::is_here_for("one of many takes a lease in PostgreSQL") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = PostgresServer::start(folder.path(), "", &[]);
    let first = table(&server, "printer");
    first.ensure_exists().await.unwrap();
    let mut seen = Lease::unowned("s1", Checkpoint::TrimHorizon);
    assert!(first.create(seen.clone()).await.unwrap());
    let tables: Vec<_> = (0..8).map(|_| table(&server, "printer")).collect();
    for round in 0..20 {
        let takes = tables.iter().enumerate();
        let takes = takes.map(|(worker, table)| table.take(&seen, &format!("{round}-{worker}")));
        let answers = futures::future::join_all(takes).await.into_iter();
        let done: Vec<Lease> = answers
            .filter_map(|answer| match answer.unwrap() {
                Conditional::Done(lease) => Some(lease),
                Conditional::Refused(_) => None,
            })
            .collect();
        assert_eq!(done.len(), 1);
        assert_eq!(first.get("s1").await.unwrap().as_ref(), Some(&done[0]));
        seen = done.into_iter().next().unwrap();
    }
}

#[tokio::test]
async fn a_lost_connection_is_made_again_and_one_that_hangs_is_left() {
    if !PostgresServer::is_here_for("a lost connection of leases is made again") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = PostgresServer::start(folder.path(), "", &[]);
    server.psql(SCHEMA);
    let table = table(&server, "printer");
    let lease = Lease::unowned("s1", Checkpoint::TrimHorizon);
    assert!(table.create(lease.clone()).await.unwrap());
    server.stop();
    // It may take this call to learn that the connection is lost.
    for _ in 0..2 {
        let unavailable = table.get("s1").await;
        assert!(matches!(
            unavailable,
            Err(LeaseTableError::Unavailable { .. })
        ));
    }
    server.start_again();
    assert_eq!(table.get("s1").await.unwrap(), Some(lease.clone()));

    // Somebody holds the row: the call does not come back, and its caller has a deadline. Another row is not in the way.
    let (client, connection) =
        millstream_leases_postgres::tokio_postgres::connect(&server.url(), NoTls)
            .await
            .unwrap();
    let holding = tokio::spawn(connection);
    client
        .batch_execute("begin; select * from kinesis_leases for update")
        .await
        .unwrap();
    let held = timeout(Duration::from_millis(300), table.take(&lease, "w")).await;
    assert!(held.is_err(), "{held:?}");
    assert_eq!(table.get("s1").await.unwrap(), Some(lease.clone()));
    client.batch_execute("rollback").await.unwrap();
    drop(client);
    holding.await.unwrap().unwrap();
    // The write that was given up may have been made, or may still be.
    let taken = table.take(&lease, "w").await.unwrap();
    let (Conditional::Done(row) | Conditional::Refused(Some(row))) = taken else {
        panic!("the row is there")
    };
    assert!(row.is_owned_by("w"));
}

#[tokio::test]
async fn a_row_that_no_worker_wrote_is_named() {
    if !PostgresServer::is_here_for("a row that no worker wrote is named") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = PostgresServer::start(folder.path(), "", &[]);
    let table = table(&server, "printer");
    table.ensure_exists().await.unwrap();
    let lease = Lease::unowned("s1", Checkpoint::TrimHorizon);
    assert!(table.create(lease).await.unwrap());
    server.psql("update kinesis_leases set checkpoint = 'the third one'");
    let Err(LeaseTableError::Unavailable { source, .. }) = table.list().await else {
        panic!("it was taken for a lease")
    };
    assert!(source.to_string().contains("the row of s1"), "{source}");
}

/// The whole library on it.
#[tokio::test]
async fn a_worker_goes_on_where_another_one_stopped() {
    if !PostgresServer::is_here_for("a worker with leases in PostgreSQL") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = PostgresServer::start(folder.path(), "", &[]);
    let stream = MemoryStream::new(3);
    for round in 0..2 {
        for number in 0..30 {
            stream.put(&format!("key-{number}"), format!("{round}-{number}"));
        }
        let (heard, mut hears) = tokio::sync::mpsc::channel(100);
        let settings = Settings::new().poll_interval(Duration::from_millis(50));
        let consumer = Consumer::builder("printer", "orders")
            .source(stream.clone())
            .lease_table(table(&server, "printer"))
            .settings(settings)
            .build()
            .unwrap();
        let all = async move {
            for _ in 0..30 {
                let record: String = hears.recv().await.unwrap();
                assert!(record.starts_with(&format!("{round}-")), "{record} again");
            }
        };
        let run = consumer.for_each(move |record| {
            let heard = heard.clone();
            async move {
                heard.send(String::from_utf8(record.data.to_vec())?).await?;
                Ok(())
            }
        });
        timeout(Duration::from_secs(120), run.until(all))
            .await
            .unwrap()
            .unwrap();
    }
    let leases = table(&server, "printer").list().await.unwrap();
    assert!(leases.len() == 3 && leases.iter().all(|lease| lease.lease_owner.is_none()));
}
