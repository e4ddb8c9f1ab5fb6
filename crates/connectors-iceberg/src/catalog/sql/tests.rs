//! Deliveries to tables of a catalog in a real PostgreSQL.

use std::sync::Arc;

use futures::TryStreamExt;
use millstream_testkit::PostgresServer;
use object_store::ObjectStore;
use object_store::memory::InMemory;

use crate::lake::worker_of;
use crate::sink::tests::{cut, found, row, schema, taken};
use crate::{Catalog, Iceberg};

const LOCATION: &str = "SELECT metadata_location FROM iceberg_tables";

/// The database, and the bucket.
struct Lake {
    server: PostgresServer,
    store: Arc<InMemory>,
    _folder: tempfile::TempDir,
}

impl Lake {
    /// None where there is no PostgreSQL.
    fn start(test: &str) -> Option<Self> {
        if !PostgresServer::is_here_for(&format!("catalog::sql: {test}")) {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        Some(Self {
            server: PostgresServer::start(folder.path(), "", &[]),
            store: Arc::default(),
            _folder: folder,
        })
    }

    fn catalog(&self, warehouse: Option<&str>) -> Catalog {
        let url = format!("{}?connect_timeout=600", self.server.url());
        let warehouse = warehouse.map(str::to_owned);
        Catalog::sql(&url.parse().unwrap(), "ours".to_owned(), warehouse).unwrap()
    }

    fn worker(&self) -> Iceberg {
        let catalog = self.catalog(Some("s3://lake/tables/"));
        worker_of(catalog, Arc::clone(&self.store) as _, Some(&schema()))
    }

    /// How many states of the table are in the bucket.
    async fn states(&self) -> usize {
        let files: Vec<_> = self.store.list(None).try_collect().await.unwrap();
        let is_state = |path: &str| path.ends_with(".metadata.json");
        files
            .iter()
            .filter(|file| is_state(file.location.as_ref()))
            .count()
    }
}

#[tokio::test]
async fn a_table_is_made_and_a_cut_that_comes_again_is_there_once() {
    let Some(lake) = Lake::start("a cut that comes again") else {
        return;
    };
    for worker in [lake.worker(), lake.worker()] {
        let mut sink = taken(&worker, "s0", 100..110).await;
        sink.flush(&cut("s0", 100)).await.unwrap();
    }
    assert_eq!(found(&lake.worker()).await, Vec::from_iter(100..110));
    let location = lake.server.psql(LOCATION);
    assert!(
        location.starts_with("s3://lake/tables/market/trades/metadata/00001-"),
        "{location}"
    );
    assert_eq!(lake.states().await, 2);
    let row = lake.server.psql(
        "SELECT catalog_name, table_namespace, table_name, previous_metadata_location ~ '/00000-', iceberg_type FROM iceberg_tables",
    );
    assert_eq!(row, "ours|market|trades|t|TABLE");
    let namespaces = lake
        .server
        .psql("SELECT * FROM iceberg_namespace_properties");
    assert_eq!(namespaces, "ours|market|exists|true");
}

#[tokio::test]
async fn a_commit_that_is_overtaken_is_made_on_what_came_before_it() {
    let Some(lake) = Lake::start("a commit that is overtaken") else {
        return;
    };
    // As older catalogs of Java and pyiceberg made it.
    for statement in super::MAKE {
        lake.server.psql(statement);
    }
    lake.server
        .psql("ALTER TABLE iceberg_tables DROP COLUMN iceberg_type");
    let (one, other) = (lake.worker(), lake.worker());
    let mut sink = taken(&one, "s0", 1..3).await;
    sink.flush(&cut("s0", 1)).await.unwrap();
    sink.deliver(&[row("s0", 3)]).await.unwrap();
    let mut faster = taken(&other, "s1", 1..3).await;
    faster.flush(&cut("s1", 1)).await.unwrap();
    sink.flush(&cut("s0", 3)).await.unwrap();
    assert_eq!(found(&one).await, [1, 1, 2, 2, 3]);
    // Made, and three commits; nothing is left of the one that was refused.
    assert_eq!(lake.states().await, 4);
    let location = lake.server.psql(LOCATION);
    assert!(location.contains("/metadata/00003-"), "{location}");
}

/// The server is away for a while: what was taken is kept, and the connection made again.
#[tokio::test]
async fn a_connection_that_is_cut_is_made_again() {
    let Some(lake) = Lake::start("a connection that is cut") else {
        return;
    };
    let worker = lake.worker();
    let mut sink = taken(&worker, "s0", 1..3).await;
    lake.server
        .psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'millstream'");
    let mut flushes = 0;
    while sink.flush(&cut("s0", 1)).await.is_err() {
        flushes += 1;
        assert!(flushes < 3, "no connection is made");
    }
    assert_eq!(found(&worker).await, [1, 2]);
}

#[tokio::test]
async fn a_view_or_a_table_of_another_catalog_is_not_the_table() {
    let Some(lake) = Lake::start("a view or another catalog") else {
        return;
    };
    for statement in super::MAKE {
        lake.server.psql(statement);
    }
    lake.server.psql(
        "INSERT INTO iceberg_tables VALUES ('theirs', 'market', 'trades', 's3://lake/x', NULL, 'TABLE'), \
                                           ('ours', 'market', 'trades', 's3://lake/y', NULL, 'VIEW')",
    );
    let reader = worker_of(lake.catalog(None), Arc::clone(&lake.store) as _, None);
    let error = reader.commits.fresh().await.unwrap_err().to_string();
    assert!(error.contains("there is no table market.trades"), "{error}");
    lake.server
        .psql("DELETE FROM iceberg_tables WHERE iceberg_type = 'VIEW'");
    let worker = lake.worker();
    let mut sink = taken(&worker, "s0", 1..3).await;
    sink.flush(&cut("s0", 1)).await.unwrap();
    assert_eq!(found(&worker).await, [1, 2]);
    let theirs = lake
        .server
        .psql(&format!("{LOCATION} WHERE catalog_name = 'theirs'"));
    assert_eq!(theirs, "s3://lake/x");
}

#[tokio::test]
async fn a_table_is_only_made_where_it_is_said_to_lie() {
    let Some(lake) = Lake::start("a table is only made") else {
        return;
    };
    let worker = worker_of(
        lake.catalog(None),
        Arc::clone(&lake.store) as _,
        Some(&schema()),
    );
    let error = worker.commits.fresh().await.unwrap_err().to_string();
    assert!(error.contains("warehouse = \"s3://...\""), "{error}");
    assert_eq!(lake.states().await, 0);
    assert_eq!(
        lake.server
            .psql("SELECT to_regclass('iceberg_tables') IS NULL"),
        "t"
    );
}
