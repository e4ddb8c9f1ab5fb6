//! Loads by calls of the Redshift Data API: no connection, no password, and nobody to be there until the end.
//!
//! A batch of statements is one transaction, and it cannot look and then decide. So its second statement fails if the
//! manifest is noted, and takes the batch with it; the first one is the lock that makes this sure. Whoever is told that a
//! batch has failed asks whether the note is there. That is what makes a load be done once, however many batches are begun
//! for it.
//!
//! The first batch of a manifest has the same client token whoever begins it: while the service knows the token it answers
//! with the batch that is there. So an answer that is lost costs nothing, and who takes over a shard from a worker that died
//! waits for the load that is under way instead of queueing another one behind it. A batch that had ended before anyone here
//! asked may be of hours ago, before somebody emptied the tables: then the note decides too.

mod calls;

use std::time::Duration;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use self::calls::Calls;
use super::loads::{LOAD_TIME_MAX, Loads, not_in_time};
use super::statements::Statements;
use crate::{SinkError, SinkFuture};

pub use self::calls::Service;

/// Pause before it is asked for the first time how a batch is doing; doubled up to the longest.
const POLL_MIN: Duration = Duration::from_millis(100);
/// Longest such pause.
const POLL_MAX: Duration = Duration::from_secs(5);

/// Which database, and as whom its statements run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub warehouse: Warehouse,
    /// The secret with user and password (its ARN or name); without it they are of the identity of whoever calls.
    pub secret: Option<String>,
}

/// Who has the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warehouse {
    /// A cluster.
    Cluster {
        /// Its identifier.
        identifier: String,
        /// The user of the database that credentials are made for; without it, the one that the identity has.
        user: Option<String>,
    },
    /// A workgroup of Redshift Serverless.
    Workgroup(String),
}

impl Database {
    /// The members of a call that say so.
    fn members(&self) -> Map<String, Value> {
        let (warehouse, user) = match &self.warehouse {
            Warehouse::Cluster { identifier, user } => {
                (("ClusterIdentifier", identifier), user.as_ref())
            }
            Warehouse::Workgroup(name) => (("WorkgroupName", name), None),
        };
        let named = [Some(("Database", &self.name)), Some(warehouse)];
        let more = [
            user.map(|user| ("DbUser", user)),
            self.secret.as_ref().map(|secret| ("SecretArn", secret)),
        ];
        let given = named.into_iter().chain(more).flatten();
        given
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect()
    }
}

/// Loads by calls.
#[derive(Debug)]
pub(super) struct DataLoader {
    calls: Box<dyn Calls>,
    database: Map<String, Value>,
    statements: Statements,
    /// Held for a whole load; whether the table of loads is known to be there.
    has_loads: Mutex<bool>,
}

/// How a statement, or a batch of them, has ended.
enum Ended {
    Finished {
        rows: u64,
        /// Whether it was seen before its end.
        is_fresh: bool,
    },
    /// Nothing of it is done, for this reason.
    Failed(String),
}

impl DataLoader {
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// If the service has no address, or nothing is there to check its certificate by.
    pub(super) fn new(
        service: Service,
        database: &Database,
        statements: Statements,
    ) -> Result<Self, SinkError> {
        Ok(Self::by(service.calls()?, database, statements))
    }

    fn by(calls: Box<dyn Calls>, database: &Database, statements: Statements) -> Self {
        Self {
            calls,
            database: database.members(),
            statements,
            has_loads: Mutex::new(false),
        }
    }

    async fn load_once(&self, manifest: &str) -> Result<(), SinkError> {
        let mut has_loads = self.has_loads.lock().await;
        if !*has_loads {
            self.execute(&self.statements.make_loads).await?;
            *has_loads = true;
        }
        let batch = self.batch(manifest);
        let first = hex(&Sha256::digest(Value::Object(batch.clone()).to_string()));
        if self.is_done(&batch, &first, manifest).await?.is_ok() {
            return Ok(());
        }
        // That one may be of long ago, and the service would tell of it for hours.
        let another = hex(&rand::random::<[u8; 32]>());
        let done = self.is_done(&batch, &another, manifest).await?;
        done.map_err(|why| SinkError::new(format!("Redshift: {why}")))
    }

    /// One transaction: only one at a time gets behind the lock, and only if nobody was there for this manifest.
    fn batch(&self, manifest: &str) -> Map<String, Value> {
        let statements = &self.statements;
        let mut batch = self.database.clone();
        let run = [
            statements.lock.clone(),
            statements.fails_if_loaded(manifest),
            statements.copy(manifest),
            statements.note(manifest),
        ];
        batch.insert("Sqls".to_owned(), json!(run));
        batch
    }

    /// Begins the batch, unless one with this token was, and waits for its end: whether the manifest is loaded, or else why
    /// not.
    async fn is_done(
        &self,
        batch: &Map<String, Value>,
        token: &str,
        manifest: &str,
    ) -> Result<Result<(), String>, SinkError> {
        let mut members = batch.clone();
        members.insert("ClientToken".to_owned(), json!(token));
        let id = self.begin("BatchExecuteStatement", members).await?;
        let why = match self.end_of(&id).await? {
            Ended::Finished { is_fresh: true, .. } => return Ok(Ok(())),
            Ended::Finished { .. } => "the note of a load is gone".to_owned(),
            Ended::Failed(why) => why,
        };
        let noted = self.execute(&self.statements.is_loaded(manifest)).await?;
        Ok(if noted > 0 { Ok(()) } else { Err(why) })
    }

    /// Runs one statement to its end; how many rows it has given.
    async fn execute(&self, statement: &str) -> Result<u64, SinkError> {
        let mut members = self.database.clone();
        members.insert("Sql".to_owned(), json!(statement));
        let id = self.begin("ExecuteStatement", members).await?;
        match self.end_of(&id).await? {
            Ended::Finished { rows, .. } => Ok(rows),
            Ended::Failed(why) => Err(SinkError::new(format!("Redshift: {why}"))),
        }
    }

    /// The id of what was begun.
    async fn begin(
        &self,
        operation: &'static str,
        members: Map<String, Value>,
    ) -> Result<String, SinkError> {
        let begun = self.calls.call(operation, Value::Object(members)).await;
        let begun = begun.map_err(|error| SinkError::new(error.to_string()))?;
        let id = begun["Id"].as_str().map(str::to_owned);
        id.ok_or_else(|| SinkError::new(format!("{operation} was answered without an id")))
    }

    /// Asks until it has ended. Answers that do not come, and a service that is busy, change nothing about that; how long
    /// this may take is the caller's to say.
    async fn end_of(&self, id: &str) -> Result<Ended, SinkError> {
        let (mut pause, mut is_fresh) = (POLL_MIN, false);
        loop {
            sleep(pause).await;
            pause = POLL_MAX.min(pause * 2);
            let told = self
                .calls
                .call("DescribeStatement", json!({ "Id": id }))
                .await;
            let told = match told {
                Ok(told) => told,
                Err(error) if error.is_passing() => {
                    tracing::debug!(id, %error, "a statement is asked for again");
                    continue;
                }
                Err(error) => return Err(SinkError::new(error.to_string())),
            };
            match told["Status"].as_str() {
                Some("FINISHED") => {
                    let rows = told["ResultRows"].as_u64().unwrap_or(0);
                    return Ok(Ended::Finished { rows, is_fresh });
                }
                Some("FAILED" | "ABORTED") => return Ok(Ended::Failed(cause(&told))),
                _ => is_fresh = true,
            }
        }
    }
}

impl Loads for DataLoader {
    /// What took too long goes on, and is found again by its token.
    fn load<'a>(&'a self, manifest: &'a str) -> SinkFuture<'a, Result<(), SinkError>> {
        Box::pin(async move {
            let loaded = timeout(LOAD_TIME_MAX, self.load_once(manifest)).await;
            loaded.unwrap_or_else(|_| Err(not_in_time(manifest)))
        })
    }
}

/// Why a statement has failed; of a batch, the first one that says so.
fn cause(told: &Value) -> String {
    let parts = told["SubStatements"].as_array().into_iter().flatten();
    let errors = std::iter::once(told).chain(parts);
    let said = errors
        .filter_map(|one| one["Error"].as_str())
        .find(|error| !error.is_empty());
    match said {
        Some(error) => error.to_owned(),
        None => format!(
            "the load has {}",
            told["Status"].as_str().unwrap_or("failed")
        ),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
