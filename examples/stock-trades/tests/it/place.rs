//! Where a test runs: a server of its own, or an endpoint that somebody named.

use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_sdk_kinesis::types::ShardIteratorType;
use millstream_testkit::ServerProcess;
use tempfile::TempDir;

pub(crate) struct Place {
    pub(crate) endpoint: String,
    pub(crate) kinesis: aws_sdk_kinesis::Client,
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    folder: TempDir,
    _server: Option<ServerProcess>,
}

impl Place {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (endpoint, server) = match std::env::var("STOCK_TRADES_ENDPOINT_URL") {
            Ok(url) => (url, None),
            Err(_) => {
                let mut command = ServerProcess::command(&server_binary());
                command.arg("--data-dir").arg(folder.path().join("data"));
                let server = ServerProcess::start(command);
                (server.endpoint(), Some(server))
            }
        };
        let config = aws_config::defaults(BehaviorVersion::latest())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .endpoint_url(&endpoint)
            .region(Region::new("us-east-1"))
            // The same access key as the application's own stand-in: a 12-digit one would be another account.
            .credentials_provider(Credentials::from_keys("stock-trades", "stock-trades", None))
            .load()
            .await;
        Self {
            endpoint,
            kinesis: aws_sdk_kinesis::Client::new(&config),
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            folder,
            _server: server,
        }
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub(crate) async fn wait_until_deleted(&self, streams: &[&str]) {
        let mut looks = tokio::time::interval(Duration::from_millis(100));
        for _ in 0..600 {
            let listed = self.kinesis.list_streams().send().await.unwrap();
            let left = listed.stream_names().iter();
            if !left.clone().any(|name| streams.contains(&name.as_str())) {
                return;
            }
            looks.tick().await;
        }
        panic!("streams are not deleted after a minute");
    }

    /// Waits until something is on the first shard of a stream.
    pub(crate) async fn wait_for_records(&self, stream: &str) {
        let shards = self
            .kinesis
            .list_shards()
            .stream_name(stream)
            .send()
            .await
            .unwrap();
        let mut looks = tokio::time::interval(Duration::from_millis(100));
        for _ in 0..600 {
            for shard in shards.shards() {
                let iterator = self
                    .kinesis
                    .get_shard_iterator()
                    .stream_name(stream)
                    .shard_id(shard.shard_id())
                    .shard_iterator_type(ShardIteratorType::TrimHorizon);
                let iterator = iterator.send().await.unwrap().shard_iterator;
                let read = self.kinesis.get_records().set_shard_iterator(iterator);
                if !read.send().await.unwrap().records().is_empty() {
                    return;
                }
            }
            looks.tick().await;
        }
        panic!("nothing is on {stream} after a minute");
    }

    /// Leaves an endpoint that outlives the test as it was.
    pub(crate) async fn clean_up(&self, tables: &[&str]) {
        for table in tables {
            self.dynamodb
                .delete_table()
                .table_name(*table)
                .send()
                .await
                .unwrap();
        }
        let mut finish = crate::part::Part::start(self, &["finish"]);
        assert!(finish.wait(crate::DEADLINE).success());
        self.wait_until_deleted(&[crate::TRADE_STREAM, crate::STATS_STREAM])
            .await;
    }
}

pub(crate) fn server_binary() -> PathBuf {
    if let Some(path) = std::env::var_os("MILLSTREAM_BIN") {
        return path.into();
    }
    let beside = Path::new(env!("CARGO_BIN_EXE_stock-trades")).with_file_name("millstream");
    assert!(
        beside.exists(),
        "no server at {}: build it with `cargo build -p millstream-cli`, or set MILLSTREAM_BIN",
        beside.display()
    );
    beside
}
