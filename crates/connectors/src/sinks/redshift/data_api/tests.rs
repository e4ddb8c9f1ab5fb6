//! Against a double of the service that loses answers, forgets tokens and fails batches.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use proptest::prelude::*;

use super::calls::NotAnswered;
use super::*;
use crate::format::{Compression, Lines};
use crate::sinks::redshift::Load;

/// What is said and done at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// All goes well.
    Well,
    /// It does not reach the service.
    Lost,
    /// It reaches the service, which is not heard.
    Unheard,
    /// The service is busy.
    Throttled,
    /// The batch that runs now fails.
    Failing,
    /// The service forgets all tokens.
    Forgetting,
}

/// A batch, or one statement, and how it is doing.
#[derive(Debug)]
struct Statement {
    sqls: Vec<String>,
    /// Of the manifest, or none of a statement.
    status: &'static str,
    rows: u64,
}

#[derive(Debug, Default)]
struct Warehouse {
    copied: Vec<String>,
    noted: Vec<String>,
    statements: Vec<Statement>,
    /// Those that wait for the lock, or to be begun.
    queue: VecDeque<usize>,
    tokens: HashMap<String, (Vec<String>, usize)>,
    turns: VecDeque<Turn>,
    begun: usize,
}

#[derive(Debug, Clone, Default)]
struct Double(Arc<Mutex<Warehouse>>);

impl Warehouse {
    /// Runs what waits longest, as one transaction.
    fn run(&mut self, fails: bool) {
        let Some(number) = self.queue.pop_front() else {
            return;
        };
        let (mut copied, mut noted, mut rows) = (Vec::new(), Vec::new(), 0);
        let mut is_sound = !fails;
        let mut is_locked = false;
        for sql in &self.statements[number].sqls {
            let manifest = || sql.split('\'').nth(1).unwrap_or_default().to_owned();
            match sql.split(' ').next().unwrap() {
                "CREATE" => {}
                "LOCK" => is_locked = true,
                "SELECT" if sql.contains("CASE") => {
                    assert!(is_locked, "looked before it was its turn");
                    is_sound &= !self.noted.contains(&manifest());
                }
                "SELECT" => rows = u64::from(self.noted.contains(&manifest())),
                "COPY" => copied.push(manifest()),
                "INSERT" => noted.push(manifest()),
                other => panic!("{other}"),
            }
        }
        if is_sound {
            self.copied.append(&mut copied);
            self.noted.append(&mut noted);
        }
        self.statements[number].status = if is_sound { "FINISHED" } else { "FAILED" };
        self.statements[number].rows = rows;
    }

    fn begin(&mut self, members: &Value) -> Value {
        let sqls: Vec<String> = match members["Sqls"].as_array() {
            Some(sqls) => sqls
                .iter()
                .map(|sql| sql.as_str().unwrap().to_owned())
                .collect(),
            None => vec![members["Sql"].as_str().unwrap().to_owned()],
        };
        let token = members["ClientToken"].as_str();
        if let Some((known, number)) = token.and_then(|token| self.tokens.get(token)) {
            assert_eq!(*known, sqls, "a token has one batch");
            return json!({ "Id": number.to_string() });
        }
        let number = self.statements.len();
        self.begun += usize::from(token.is_some());
        if let Some(token) = token {
            self.tokens.insert(token.to_owned(), (sqls.clone(), number));
        }
        self.statements.push(Statement {
            sqls,
            status: "SUBMITTED",
            rows: 0,
        });
        self.queue.push_back(number);
        json!({ "Id": number.to_string() })
    }
}

impl Calls for Double {
    fn call<'a>(
        &'a self,
        operation: &'static str,
        members: Value,
    ) -> SinkFuture<'a, Result<Value, NotAnswered>> {
        let mut warehouse = self.0.lock();
        let turn = warehouse.turns.pop_front().unwrap_or(Turn::Well);
        if turn == Turn::Forgetting {
            warehouse.tokens.clear();
        }
        let answer = match (turn, operation) {
            (Turn::Lost, _) => Value::Null,
            (_, "DescribeStatement") => {
                let number: usize = members["Id"].as_str().unwrap().parse().unwrap();
                let (status, rows) = {
                    let statement = &warehouse.statements[number];
                    (statement.status, statement.rows)
                };
                // It is told how it was, and goes on meanwhile.
                warehouse.run(turn == Turn::Failing);
                json!({ "Status": status, "ResultRows": rows })
            }
            _ => warehouse.begin(&members),
        };
        let cause = "no answer".to_owned();
        let answer = match turn {
            Turn::Lost | Turn::Unheard => Err(NotAnswered::Unknown { operation, cause }),
            Turn::Throttled => Err(NotAnswered::Refused {
                operation,
                code: "ThrottlingException".to_owned(),
                message: "slow down".to_owned(),
            }),
            _ => Ok(answer),
        };
        Box::pin(std::future::ready(answer))
    }
}

fn loader(warehouse: &Double) -> DataLoader {
    let load = Load {
        table: "t".into(),
        loads: None,
        iam_role: "default".into(),
        bucket: "b".into(),
        region: "r".into(),
        prefix: String::new(),
        format: Lines::Json,
        compression: Compression::None,
    };
    let database = Database {
        name: "market".into(),
        warehouse: super::Warehouse::Workgroup("analysts".into()),
        secret: None,
    };
    let statements = Statements::of(&load).unwrap();
    DataLoader::by(Box::new(warehouse.clone()), &database, statements)
}

fn turn() -> impl Strategy<Value = Turn> {
    prop_oneof![
        6 => Just(Turn::Well),
        1 => Just(Turn::Lost),
        1 => Just(Turn::Unheard),
        1 => Just(Turn::Throttled),
        1 => Just(Turn::Failing),
        1 => Just(Turn::Forgetting),
    ]
}

proptest! {
    /// Whatever is lost, forgotten or fails, however often a load comes again: each is loaded once.
    #[test]
    fn each_manifest_is_loaded_once(
        turns in proptest::collection::vec(turn(), 0..80),
        repeated in proptest::collection::vec(any::<bool>(), 4),
    ) {
        let warehouse = Double::default();
        warehouse.0.lock().turns = turns.into();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let manifests: Vec<String> = (0..4).map(|number| format!("s3://b/{number}")).collect();
        runtime.block_on(async {
            // Another worker, which makes some of the cuts again, at the same time.
            let (first, second) = (loader(&warehouse), loader(&warehouse));
            for (manifest, is_repeated) in manifests.iter().zip(repeated) {
                let once = async { while first.load(manifest).await.is_err() {} };
                let again = async {
                    while is_repeated && second.load(manifest).await.is_err() {}
                };
                tokio::join!(once, again);
            }
        });
        let warehouse = warehouse.0.lock();
        prop_assert_eq!(&warehouse.copied, &manifests);
        prop_assert_eq!(&warehouse.noted, &manifests);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_takes_over_waits_for_the_load_that_is_under_way() {
    let warehouse = Double::default();
    // The first one is begun, not heard of, and its worker is gone.
    let turns = [Turn::Well, Turn::Well, Turn::Well, Turn::Unheard];
    warehouse.0.lock().turns = turns.into();
    let gone = loader(&warehouse).load("s3://b/m").await.unwrap_err();
    assert!(gone.message.contains("no answer"), "{gone}");
    loader(&warehouse).load("s3://b/m").await.unwrap();
    let warehouse = warehouse.0.lock();
    assert_eq!((warehouse.begun, warehouse.copied.len()), (1, 1));
}

/// Somebody empties both tables and has the pipeline begin again, while the service still knows the tokens of the first
/// time: what it says about those says nothing about now.
#[tokio::test(start_paused = true)]
async fn a_batch_of_long_ago_whose_note_is_gone_is_not_taken_for_this_load() {
    let warehouse = Double::default();
    loader(&warehouse).load("s3://b/m").await.unwrap();
    warehouse.0.lock().noted.clear();
    loader(&warehouse).load("s3://b/m").await.unwrap();
    assert_eq!(warehouse.0.lock().copied.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_copy_says_is_told() {
    let warehouse = Double::default();
    let turns = [Turn::Well; 3].into_iter().chain([Turn::Failing; 20]);
    warehouse.0.lock().turns = turns.collect();
    let error = loader(&warehouse).load("s3://b/m").await.unwrap_err();
    assert!(error.message.starts_with("Redshift: "), "{error}");
    let told = json!({
        "Status": "FAILED",
        "SubStatements": [{"Status": "FINISHED"}, {"Status": "FAILED", "Error": "ERROR: wrong type"}],
    });
    assert_eq!(cause(&told), "ERROR: wrong type");
    assert_eq!(cause(&json!({"Status": "ABORTED"})), "the load has ABORTED");
}

#[test]
fn a_call_names_the_database_and_who_asks() {
    let cluster = |user: Option<&str>| super::Warehouse::Cluster {
        identifier: "c".into(),
        user: user.map(str::to_owned),
    };
    let of = |warehouse, secret: Option<&str>| {
        let database = Database {
            name: "market".into(),
            warehouse,
            secret: secret.map(str::to_owned),
        };
        Value::Object(database.members())
    };
    for (members, expected) in [
        (
            of(cluster(None), Some("arn:s")),
            json!({"Database": "market", "ClusterIdentifier": "c", "SecretArn": "arn:s"}),
        ),
        (
            of(cluster(Some("loader")), None),
            json!({"Database": "market", "ClusterIdentifier": "c", "DbUser": "loader"}),
        ),
        (
            of(super::Warehouse::Workgroup("w".into()), None),
            json!({"Database": "market", "WorkgroupName": "w"}),
        ),
    ] {
        assert_eq!(members, expected);
    }
}
