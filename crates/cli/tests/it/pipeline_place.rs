//! A server, a stream and a pipeline's file, for the tests of `pipeline run`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::commands::{Running, World};

const DEADLINE: Duration = Duration::from_secs(180);

/// Records numbered from 1, each with one of 7 keys.
pub(crate) fn numbered(from: u64, to: u64) -> String {
    let mut lines = String::new();
    for n in from..=to {
        writeln!(
            lines,
            "{{\"n\":{n},\"k\":\"key-{}\",\"half\":{}.5}}",
            n % 7,
            n % 100
        )
        .unwrap();
    }
    lines
}

pub(crate) struct Place {
    pub(crate) world: World,
    pub(crate) folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new(shards: u32) -> Self {
        let world = World::new();
        world.stream("source", shards);
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("real")).unwrap();
        let place = Self { world, folder };
        place.point_out_at(&place.folder.path().join("real"));
        place
    }

    /// What the sink's folder is, from one moment to the next.
    pub(crate) fn point_out_at(&self, target: &Path) {
        let link = self.folder.path().join("link");
        std::os::unix::fs::symlink(target, &link).unwrap();
        std::fs::rename(link, self.out()).unwrap();
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    /// Writes the pipeline's file; its path.
    pub(crate) fn declare(&self, rest: &str) -> String {
        let path = self.folder.path().join("pipeline.toml");
        let text = format!("name = \"tested\"\n[source]\nstream = \"source\"\n{rest}");
        std::fs::write(&path, text.replace("OUT", self.out().to_str().unwrap())).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn worker(&self, file: &str) -> Running {
        self.worker_with(file, &[])
    }

    pub(crate) fn worker_with(&self, file: &str, more: &[&str]) -> Running {
        let arguments = [
            "pipeline",
            "run",
            file,
            "--failover",
            "1s",
            "--poll",
            "100ms",
            "--report",
            "0s",
        ];
        self.world.start(&[&arguments[..], more].concat())
    }

    pub(crate) fn write(&self, lines: &str) {
        let path = self.folder.path().join("input.jsonl");
        std::fs::write(&path, lines).unwrap();
        let path = path.to_str().unwrap();
        self.world.run(&[
            "records", "put", "source", "--file", path, "--input", "json", "--key", ".n", "--quiet",
        ]);
    }
}

/// All lines of all files, in the order of the files' names.
pub(crate) fn lines_of(folder: &Path) -> Vec<Value> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| !path.file_name().unwrap().to_str().unwrap().starts_with('.'));
    paths.sort();
    let texts = paths
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap());
    let lines = |text: String| {
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect::<Vec<Value>>()
    };
    texts.flat_map(lines).collect()
}

/// Looks until it is done.
pub(crate) fn until(what: &str, mut is_done: impl FnMut() -> Result<(), String>) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match is_done() {
            Ok(()) => return,
            Err(seen) => assert!(Instant::now() < deadline, "{what}: {seen}"),
        }
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

/// As the commands do without credentials: another key would be another account.
fn credentials() -> aws_credential_types::Credentials {
    aws_credential_types::Credentials::new("millstream", "millstream", None, None, "test")
}

pub(crate) fn kinesis(endpoint: &str) -> aws_sdk_kinesis::Client {
    let config = aws_sdk_kinesis::Config::builder()
        .behavior_version(aws_sdk_kinesis::config::BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint)
        .region(aws_sdk_kinesis::config::Region::new("us-east-1"))
        .credentials_provider(credentials());
    aws_sdk_kinesis::Client::from_conf(config.build())
}

pub(crate) fn tables(endpoint: &str) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint)
        .region(aws_sdk_dynamodb::config::Region::new("us-east-1"))
        .credentials_provider(credentials());
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

pub(crate) async fn create_table(client: &aws_sdk_dynamodb::Client, table: &str, key: &str) {
    use aws_sdk_dynamodb::types::{
        AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    };
    let element = KeySchemaElement::builder()
        .attribute_name(key)
        .key_type(KeyType::Hash)
        .build()
        .unwrap();
    let kind = AttributeDefinition::builder()
        .attribute_name(key)
        .attribute_type(ScalarAttributeType::S)
        .build()
        .unwrap();
    let request = client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest);
    request
        .key_schema(element)
        .attribute_definitions(kind)
        .send()
        .await
        .unwrap();
}
