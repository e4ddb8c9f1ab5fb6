//! Against a double of the database that loses connections and answers anywhere.

use std::sync::Arc;

use parking_lot::Mutex;
use proptest::prelude::*;

use super::*;
use crate::format::{Compression, Lines};
use crate::sinks::redshift::Load;

/// What is committed, and what goes wrong: after so many statements, before or behind the statement's effect.
#[derive(Debug, Default)]
struct Database {
    copied: Vec<String>,
    noted: Vec<String>,
    failures: Vec<(usize, bool)>,
    statements: usize,
}

#[derive(Debug, Clone, Default)]
struct Double(Arc<Mutex<Database>>);

/// What a connection has done since BEGIN.
#[derive(Debug)]
struct Open {
    database: Double,
    copied: Vec<String>,
    noted: Vec<String>,
    is_locked: bool,
}

impl Sessions for Double {
    fn open(&self) -> SinkFuture<'_, Result<Box<dyn Session>, SinkError>> {
        let open = Open {
            database: self.clone(),
            copied: Vec::new(),
            noted: Vec::new(),
            is_locked: false,
        };
        Box::pin(std::future::ready(Ok(Box::new(open) as Box<dyn Session>)))
    }
}

impl Open {
    fn take(&mut self, statement: &str) -> usize {
        let manifest = || statement.split('\'').nth(1).unwrap_or_default().to_owned();
        let mut database = self.database.0.lock();
        match statement.split(' ').next().unwrap() {
            "CREATE" | "BEGIN" => {}
            "LOCK" => self.is_locked = true,
            "SELECT" => {
                assert!(self.is_locked, "looked before it was its turn");
                return usize::from(database.noted.contains(&manifest()));
            }
            "COPY" => self.copied.push(manifest()),
            "INSERT" => self.noted.push(manifest()),
            "COMMIT" => {
                database.copied.append(&mut self.copied);
                database.noted.append(&mut self.noted);
                self.is_locked = false;
            }
            other => panic!("{other}"),
        }
        0
    }
}

impl Session for Open {
    fn run<'a>(&'a mut self, statement: &'a str) -> SinkFuture<'a, Result<usize, SinkError>> {
        let failure = {
            let mut database = self.database.0.lock();
            database.statements += 1;
            let now = database.statements;
            database.failures.iter().find(|(at, _)| *at == now).copied()
        };
        let answer = match failure {
            Some((_, has_effect)) => {
                if has_effect {
                    self.take(statement);
                }
                Err(SinkError::new("the connection is lost"))
            }
            None => Ok(self.take(statement)),
        };
        Box::pin(std::future::ready(answer))
    }

    fn is_closed(&self) -> bool {
        false
    }
}

fn loader(database: &Double) -> Loader {
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
    Loader::new(Box::new(database.clone()), Statements::of(&load).unwrap())
}

proptest! {
    /// Wherever connections and answers are lost, however often a load comes again: each is loaded once.
    #[test]
    fn each_manifest_is_loaded_once(
        failures in proptest::collection::vec((1_usize..60, any::<bool>()), 0..8),
        repeated in proptest::collection::vec(any::<bool>(), 4),
    ) {
        let database = Double::default();
        database.0.lock().failures = failures;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let manifests: Vec<String> = (0..4).map(|number| format!("s3://b/{number}")).collect();
        runtime.block_on(async {
            // Another worker, which makes some of the cuts again.
            let (first, second) = (loader(&database), loader(&database));
            for (manifest, is_repeated) in manifests.iter().zip(repeated) {
                while first.load(manifest).await.is_err() {}
                if is_repeated {
                    while second.load(manifest).await.is_err() {}
                }
            }
        });
        let database = database.0.lock();
        prop_assert_eq!(&database.copied, &manifests);
        prop_assert_eq!(&database.noted, &manifests);
    }
}
