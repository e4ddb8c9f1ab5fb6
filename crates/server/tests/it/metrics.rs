//! The page of metrics: that Prometheus can read it, what it says, who may see it, and that the manual lists it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use crate::client::{Answer, Client};
use crate::test_server::TestServer;

const MANUAL: &str = include_str!("../../../../docs/operations.md");

/// A page as the text format 0.0.4 defines it.
#[derive(Debug, Default)]
struct Page {
    /// Families: name and type.
    types: BTreeMap<String, String>,
    /// Values by name and labels, as they are written.
    samples: BTreeMap<String, f64>,
}

impl Page {
    /// Reads a page, and insists on the format and on Prometheus's conventions for names.
    fn read(text: &str) -> Self {
        let mut page = Self::default();
        let mut helped = BTreeSet::new();
        assert!(text.ends_with('\n'), "the last line ends");
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, help) = help.split_once(' ').unwrap();
                assert!(help.len() > 5, "{line}");
                assert!(helped.insert(name.to_owned()), "twice: {line}");
            } else if let Some(of_type) = line.strip_prefix("# TYPE ") {
                let (name, kind) = of_type.split_once(' ').unwrap();
                assert!(name.starts_with("millstream_"), "{line}");
                assert!(
                    name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
                    "{line}"
                );
                assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
                assert!(helped.contains(name), "no help: {line}");
                let before = page.types.insert(name.to_owned(), kind.to_owned());
                assert_eq!(before, None, "twice: {line}");
            } else {
                let (of, value) = line.rsplit_once(' ').unwrap();
                let name = of.split('{').next().unwrap();
                assert!(page.has_family(name), "no type: {line}");
                let value = value.parse().unwrap_or_else(|_| panic!("{line}"));
                let before = page.samples.insert(of.to_owned(), value);
                assert_eq!(before, None, "twice: {line}");
            }
        }
        page.check_histograms();
        page
    }

    fn has_family(&self, name: &str) -> bool {
        let of_histogram = ["_bucket", "_sum", "_count"].into_iter();
        let mut names = of_histogram.filter_map(|part| name.strip_suffix(part));
        let is_histogram =
            |name: &str| self.types.get(name).is_some_and(|kind| kind == "histogram");
        self.types.contains_key(name) || names.any(is_histogram)
    }

    /// Buckets grow, the last one is endless and holds all.
    fn check_histograms(&self) {
        let mut last: BTreeMap<String, (f64, f64)> = BTreeMap::new();
        let text = |labels: &str| labels.trim_end_matches(['}', ',']).to_owned();
        let mut buckets: Vec<(String, f64, f64)> = Vec::new();
        for (of, value) in &self.samples {
            let Some((name, labels)) = of.split_once("_bucket{") else {
                continue;
            };
            let (before, bound) = labels.split_once("le=\"").unwrap();
            let bound = bound.trim_end_matches("\"}").parse().unwrap();
            buckets.push((format!("{name}{{{}", text(before)), bound, *value));
        }
        buckets.sort_by(|a, b| (&a.0, a.1).partial_cmp(&(&b.0, b.1)).unwrap());
        for (of, bound, value) in buckets {
            let before = last.insert(of.clone(), (bound, value));
            assert!(before.is_none_or(|(_, before)| before <= value), "{of}");
        }
        for (of, (bound, value)) in last {
            assert!(bound.is_infinite(), "{of}");
            let (name, labels) = of.split_once('{').unwrap();
            let count = match labels {
                "" => format!("{name}_count"),
                labels => format!("{name}_count{{{labels}}}"),
            };
            assert_eq!(self.samples.get(&count), Some(&value), "{count}");
        }
    }

    fn value(&self, of: &str) -> f64 {
        *self
            .samples
            .get(of)
            .unwrap_or_else(|| panic!("{of} is not in {:?}", self.samples))
    }
}

async fn get(address: SocketAddr, path: &str) -> Answer {
    let mut client = Client::connect(address).await;
    client.request("GET", path, &[], b"").await
}

#[tokio::test]
async fn what_calls_and_the_log_did_can_be_scraped() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let create = r#"{"StreamName":"meters","ShardCount":1}"#;
    assert_eq!(client.call("CreateStream", create).await.status, 200);
    let put = |name: &str| format!(r#"{{"StreamName":"{name}","PartitionKey":"k","Data":"YQ=="}}"#);
    for _ in 0..3 {
        assert_eq!(client.call("PutRecord", &put("meters")).await.status, 200);
    }
    assert_eq!(client.call("PutRecord", &put("nowhere")).await.status, 400);
    assert_eq!(client.call("NoSuchOperation", "{}").await.status, 400);
    let tables = client.tables("ListTables", &serde_json::json!({})).await;
    assert_eq!(tables.status, 200);

    let answer = get(server.address, "/metrics").await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        "text/plain; version=0.0.4; charset=utf-8"
    );
    let page = Page::read(&answer.text());
    let of = |metric: &str, service: &str, operation: &str, class: &str| {
        page.value(&format!(
            "millstream_{metric}{{service=\"{service}\",operation=\"{operation}\",error_class=\"{class}\"}}"
        ))
    };
    let calls = "call_duration_seconds_count";
    assert_eq!(of(calls, "kinesis", "PutRecord", "none"), 3.0);
    assert_eq!(of(calls, "kinesis", "PutRecord", "client"), 1.0);
    assert_eq!(of(calls, "kinesis", "", "client"), 1.0);
    assert_eq!(of(calls, "dynamodb", "ListTables", "none"), 1.0);
    assert_eq!(
        of("call_records_total", "kinesis", "PutRecord", "none"),
        3.0
    );
    let bytes = put("meters").len() as f64 * 3.0;
    assert_eq!(
        of("call_request_bytes_total", "kinesis", "PutRecord", "none"),
        bytes
    );
    assert!(of("call_duration_seconds_sum", "kinesis", "PutRecord", "none") > 0.0);
    // Three records, and commands.
    assert!(page.value("millstream_log_entries_total") > 3.0);
    assert_eq!(page.value("millstream_log_status{status=\"serving\"}"), 1.0);
    assert_eq!(page.value("millstream_log_status{status=\"failed\"}"), 0.0);
    assert!(page.value("millstream_connections") >= 2.0);
    assert_eq!(page.value("millstream_subscriptions"), 0.0);
    let max = page.value("millstream_memory_budget_max_bytes{budget=\"bodies\"}");
    assert_eq!(max, 256.0 * 1024.0 * 1024.0);
    server.stop_cleanly().await;
}

/// With the engine on disk too, whose numbers are the longest list.
#[tokio::test]
async fn the_manual_lists_every_metric() {
    let folder = tempfile::tempdir().unwrap();
    let server = TestServer::with(|settings| {
        settings.engine = millstream_server::EngineKind::Local;
        settings.data_dir = folder.path().to_owned();
    })
    .await;
    let mut client = server.client().await;
    let create = r#"{"StreamName":"meters","ShardCount":1}"#;
    assert_eq!(client.call("CreateStream", create).await.status, 200);
    let page = Page::read(&get(server.address, "/metrics").await.text());
    for name in page.types.keys() {
        assert!(
            MANUAL.contains(&format!("`{name}`")),
            "{name} is not in the manual"
        );
    }
    assert!(page.value("millstream_log_fsync_duration_seconds_count") >= 1.0);
    assert!(page.value("millstream_log_disk_free_bytes") > 0.0);
    server.stop_cleanly().await;
}

#[tokio::test]
async fn pages_can_have_a_listener_of_their_own_with_nothing_else_on_it() {
    let server = TestServer::with(|settings| {
        settings.admin_listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    })
    .await;
    let admin = server.admin.unwrap();
    assert_ne!(admin, server.address);
    let health = get(admin, "/health").await;
    assert_eq!(
        (health.status, health.json()["status"].as_str()),
        (200, Some("ok"))
    );
    Page::read(&get(admin, "/metrics").await.text());
    assert_eq!(get(admin, "/").await.status, 404);
    let mut client = Client::connect(admin).await;
    assert_eq!(client.call("ListStreams", "{}").await.status, 404);
    // No web page reads it by a name that was pointed here.
    let mut client = Client::connect(admin).await;
    let rebound = [("host", "example.com")];
    let answer = client.request("GET", "/metrics", &rebound, b"").await;
    assert_eq!(answer.status, 403);
    server.stop_cleanly().await;
}
