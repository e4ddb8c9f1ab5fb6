//! Against a cluster in the test that keeps documents by their versions, and has moods.

use std::collections::{BTreeMap, VecDeque};

use http::StatusCode;
use http::request::Parts;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::answer::outcomes;
use super::*;
use crate::sinks::receiver::{Answer, Receiver};
use crate::{Identity, Origin};

/// What goes wrong with one request.
#[derive(Debug, Clone, Copy)]
enum Mood {
    /// It takes nothing.
    Busy(u16),
    /// It takes every second document.
    HalfBusy,
    /// It takes all, and says nothing.
    CutOff,
    /// It takes all, and says something else.
    Nonsense,
    /// It takes nothing of more than two documents.
    TooLarge,
}

#[derive(Debug, Default)]
struct Kept {
    /// Version and document, by id.
    documents: BTreeMap<String, (u64, Value)>,
    /// How often one was made or replaced.
    writes: usize,
    moods: VecDeque<Mood>,
}

impl Kept {
    fn answer(&mut self, head: &Parts, body: &[u8]) -> Answer {
        assert_eq!(
            (head.method.as_str(), head.uri.path()),
            ("POST", "/search/trades/_bulk")
        );
        assert_eq!(head.headers["content-type"], "application/x-ndjson");
        let lines: Vec<Value> = serde_json::Deserializer::from_slice(body)
            .into_iter()
            .map(Result::unwrap)
            .collect();
        let mood = self.moods.pop_front();
        match mood {
            Some(Mood::Busy(status)) => return Answer::Of(status, json!("later")),
            Some(Mood::TooLarge) if lines.len() > 4 => return Answer::Of(413, json!("too large")),
            _ => {}
        }
        let items: Vec<Value> = lines
            .chunks(2)
            .enumerate()
            .map(|(at, pair)| {
                let is_busy = matches!(mood, Some(Mood::HalfBusy)) && at % 2 == 1;
                json!({"index": self.item(&pair[0]["index"], &pair[1], is_busy)})
            })
            .collect();
        match mood {
            Some(Mood::CutOff) => Answer::CutOff,
            Some(Mood::Nonsense) => Answer::Of(200, json!({"hello": "world"})),
            _ => Answer::Of(200, json!({"items": items})),
        }
    }

    /// As OpenSearch does it.
    fn item(&mut self, action: &Value, document: &Value, is_busy: bool) -> Value {
        assert_eq!(action["version_type"], "external");
        let (id, version) = (action["_id"].as_str().unwrap(), &action["version"]);
        let version = version.as_u64().unwrap();
        let failed = |status: u16, kind: &str, reason: &str| json!({"status": status, "error": {"type": kind, "reason": reason, "caused_by": {"reason": "why"}}});
        if is_busy {
            return failed(429, "rejected_execution_exception", "queue is full");
        }
        if !document["n"].is_number() {
            return failed(400, "mapper_parsing_exception", "failed to parse field [n]");
        }
        let known = self.documents.get(id).map(|(version, _)| *version);
        if known.is_some_and(|known| known >= version) {
            return failed(409, "version_conflict_engine_exception", "it is there");
        }
        self.writes += 1;
        let document = (version, document.clone());
        self.documents.insert(id.to_owned(), document);
        json!({"status": if known.is_some() { 200 } else { 201 }})
    }
}

struct Cluster {
    receiver: Receiver,
    kept: Arc<Mutex<Kept>>,
}

impl Cluster {
    async fn start(moods: &[Mood]) -> Self {
        let kept = Arc::new(Mutex::new(Kept {
            moods: moods.iter().copied().collect(),
            ..Kept::default()
        }));
        let in_receiver = Arc::clone(&kept);
        let receiver =
            Receiver::start(move |head, body| in_receiver.lock().answer(head, body)).await;
        Self { receiver, kept }
    }

    fn sink(&self, batch_max: usize) -> Box<dyn Sink> {
        let settings = Settings {
            url: format!("{}search/", self.receiver.url).parse().unwrap(),
            index: "trades".into(),
            credentials: Some(Credentials::password("me", "secret")),
            authorities: None,
            batch_max,
            timeout: Duration::from_secs(600),
        };
        assert!(!format!("{settings:?}").contains("secret"));
        let sink = OpenSearch {
            // However busy the machine is.
            sending_time: Duration::from_secs(600),
            ..OpenSearch::new(&settings).unwrap()
        };
        sink.open("s")
    }
}

fn item(number: u64, revision: u32, value: Value) -> Item {
    let origin = Origin {
        shard_id: "shard-1".into(),
        sequence_number: number.to_string().into(),
        sub_sequence_number: 0,
        partition_key: "k".into(),
        arrived_ms: 1500,
        data: Default::default(),
    };
    Item {
        revision,
        ..Item::of_record("t", Arc::new(origin), 0, value, None, 8)
    }
}

/// As a lane does it: what is to come again comes again.
async fn all_of(sink: &mut dyn Sink, items: &[Item]) -> Vec<Outcome> {
    let mut outcomes = vec![None; items.len()];
    let mut left: Vec<usize> = (0..items.len()).collect();
    while !left.is_empty() {
        let sent: Vec<Item> = left.iter().map(|at| items[*at].clone()).collect();
        let told = sink.deliver(&sent).await.unwrap();
        assert_eq!(told.len(), sent.len());
        for (at, outcome) in std::mem::take(&mut left).into_iter().zip(told) {
            match outcome {
                Outcome::Again(_) => left.push(at),
                other => outcomes[at] = Some(other),
            }
        }
    }
    outcomes.into_iter().flatten().collect()
}

fn mood() -> impl Strategy<Value = Mood> {
    prop_oneof![
        prop::sample::select(vec![401, 403, 404, 408, 429, 500, 502, 503, 504])
            .prop_map(Mood::Busy),
        Just(Mood::HalfBusy),
        Just(Mood::CutOff),
        Just(Mood::Nonsense),
        Just(Mood::TooLarge),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever goes wrong and however often items come, each is one document of its highest revision, written once for
    /// each revision at most, and exactly those are rejected that can be none.
    #[test]
    fn every_item_is_one_document_whatever_goes_wrong(
        // Number, revision, kind: a document, one that is refused, no document.
        drawn in prop::collection::vec((0_u64..12, 0_u32..3, 0_u8..8), 1..40),
        moods in prop::collection::vec(mood(), 0..8),
        batch_max in 1_usize..9,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let items: Vec<Item> = drawn.iter().map(|(number, revision, kind)| {
                let value = match kind {
                    0 => json!({"n": "twelve"}),
                    1 => json!([*number]),
                    _ => json!({"n": number, "revision": revision}),
                };
                item(*number, *revision, value)
            }).collect();
            let cluster = Cluster::start(&moods).await;
            let mut sink = cluster.sink(batch_max);
            let outcomes = all_of(&mut *sink, &items).await;
            // A worker that was killed before its checkpoint.
            all_of(&mut *sink, &items).await;
            let mut expected = BTreeMap::<String, (u64, Value)>::new();
            let mut revisions = std::collections::BTreeSet::new();
            for ((item, (_, _, kind)), outcome) in items.iter().zip(&drawn).zip(&outcomes) {
                prop_assert_eq!(matches!(outcome, Outcome::Rejected(_)), *kind < 2, "{:?}", outcome);
                if *kind >= 2 {
                    revisions.insert((item.id(), item.revision));
                    let known = expected.get(&*item.id()).map_or(-1, |(revision, _)| *revision as i64);
                    if known < item.revision.into() {
                        expected.insert(item.id().to_string(), (item.revision.into(), (*item.value).clone()));
                    }
                }
            }
            let kept = cluster.kept.lock();
            prop_assert_eq!(&kept.documents, &expected);
            prop_assert!(kept.writes <= revisions.len(), "{} writes of {}", kept.writes, revisions.len());
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn a_request_names_the_index_and_who_asks_and_leaves_a_busy_cluster_alone() {
    let cluster = Cluster::start(&[Mood::HalfBusy]).await;
    let mut sink = cluster.sink(2);
    let items: Vec<Item> = (0..6).map(|n| item(n, 0, json!({"n": n}))).collect();
    let outcomes = sink.deliver(&items).await.unwrap();
    assert_eq!(outcomes[0], Outcome::Delivered);
    let is_again =
        |one: &Outcome| matches!(one, Outcome::Again(why) if why.contains("queue is full"));
    assert!(outcomes[1..].iter().all(is_again), "{outcomes:?}");
    let seen = cluster.receiver.seen.lock();
    let [(head, body)] = &seen[..] else {
        panic!("{} requests", seen.len());
    };
    // RFC 7617's form of me:secret.
    assert_eq!(head.headers["authorization"], "Basic bWU6c2VjcmV0");
    assert!(head.uri.query().unwrap().starts_with("filter_path="));
    let first = body.split(|byte| *byte == b'\n').next().unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(first).unwrap(),
        json!({"index": {"_id": "t:shard-1:0:0", "version": 0, "version_type": "external"}})
    );
}

#[tokio::test]
async fn a_cause_says_which_field_and_an_id_that_is_too_long_is_a_digest() {
    let cluster = Cluster::start(&[]).await;
    let mut sink = cluster.sink(10);
    let long = |last: &str| Item {
        identity: Identity::Given(format!("{}{last}", "x".repeat(512)).into()),
        ..item(1, 0, json!({"n": 1}))
    };
    let longest = Item {
        identity: Identity::Given("y".repeat(512).into()),
        ..item(1, 0, json!({"n": 1}))
    };
    let items = [
        item(1, 0, json!({"n": "twelve"})),
        long("a"),
        long("b"),
        longest,
    ];
    let outcomes = sink.deliver(&items).await.unwrap();
    let cause = "400 mapper_parsing_exception: failed to parse field [n]: why";
    assert_eq!(outcomes[0], Outcome::Rejected(cause.to_owned()));
    assert_eq!(outcomes[1..], vec![Outcome::Delivered; 3]);
    let kept = cluster.kept.lock();
    let ids: Vec<&String> = kept.documents.keys().collect();
    assert_eq!(ids.len(), 3);
    assert!(
        ids[..2]
            .iter()
            .all(|id| id.starts_with("sha256:") && id.len() == 71)
    );
    assert_eq!(ids[2].len(), 512);
}

#[test]
fn what_is_about_the_place_is_not_the_documents_fault() {
    let told = |status: u16, kind: &str, reason: &str| {
        let item = json!({"index": {"status": status, "error": {"type": kind, "reason": reason}}});
        let body = json!({"items": [item]}).to_string();
        let told = outcomes(StatusCode::OK, body.as_bytes(), 1).unwrap();
        matches!(told[0], Outcome::Rejected(_))
    };
    for (status, kind, reason) in [
        (404, "index_not_found_exception", "no such index [trades]"),
        (
            403,
            "cluster_block_exception",
            "index [trades] blocked by: [FORBIDDEN/8/index write (api)]",
        ),
        (400, "index_closed_exception", "closed"),
        (
            400,
            "illegal_argument_exception",
            "no write index is defined for alias [trades]",
        ),
        (
            400,
            "illegal_argument_exception",
            "only write ops with an op_type of create are allowed in data streams",
        ),
        (
            400,
            "validation_exception",
            "Validation Failed: 1: this action would add [2] total shards",
        ),
        (500, "exception", ""),
        (503, "unavailable_shards_exception", ""),
    ] {
        assert!(!told(status, kind, reason), "{status} {kind} {reason}");
    }
    for (kind, reason) in [
        (
            "document_parsing_exception",
            "[1:6] failed to parse field [n]",
        ),
        ("strict_dynamic_mapping_exception", "mapping set to strict"),
        (
            "illegal_argument_exception",
            "Limit of total fields [1000] has been exceeded",
        ),
    ] {
        assert!(told(400, kind, reason), "{kind} {reason}");
    }
    // An answer that does not say what became of each item says nothing.
    for body in [
        "",
        "{}",
        r#"{"items":[]}"#,
        r#"{"items":[{"index":{}}]}"#,
        r#"{"items":[7]}"#,
    ] {
        let told = outcomes(StatusCode::OK, body.as_bytes(), 1);
        assert!(matches!(told, Err(NotWritten::Unknown(_))), "{body}");
    }
}

#[test]
fn names_of_indices() {
    for right in ["trades", "a", ".hidden", "2026-11-trades_v1.2"] {
        assert!(is_index(right), "{right}");
    }
    let too_long = "x".repeat(256);
    for wrong in [
        "", "Trades", "_all", "-a", ".", "..", "a/b", "a,b", "a*", "a b", "é", &too_long,
    ] {
        assert!(!is_index(wrong), "{wrong}");
    }
}
