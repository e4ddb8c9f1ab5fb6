//! One table, and the commits that this worker makes to it: one at a time, each for all shards that wait.

use std::collections::HashMap;
use std::sync::Arc;

use iceberg::spec::DataFile;
use iceberg::table::Table;
use iceberg::transaction::{ApplyTransactionAction, Transaction};
use iceberg::{ErrorKind, NamespaceIdent, TableIdent};
use millstream_connectors::{OtherContents, SinkError};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::catalog::Catalog;
use crate::columns::{Columns, declared};
use crate::files::Files;
use crate::one_commit::OneCommit;
use crate::position::{Position, Standing, property};
use crate::storage::Buckets;
use crate::target::Target;

/// Commits that others may come before until somebody has to wait a while.
const TRIES_MAX: usize = 8;

/// A table as it was last seen.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) table: Table,
    pub(crate) columns: Arc<Columns>,
}

/// Files of one cut, to be committed.
#[derive(Debug, Clone)]
pub(crate) struct Append {
    pub(crate) shard_id: String,
    pub(crate) position: Position,
    pub(crate) files: Files,
}

/// An append, and who waits for it.
#[derive(Debug)]
struct Waiting {
    append: Append,
    done: oneshot::Sender<Result<(), SinkError>>,
}

/// What one commit is to add.
#[derive(Debug, Default)]
struct Plan {
    files: Vec<DataFile>,
    positions: HashMap<String, String>,
}

/// The table, and who waits for it. At most two appends of each shard wait: one that is asked for, and one that was given
/// up.
#[derive(Debug)]
pub(crate) struct Commits {
    catalog: Catalog,
    buckets: Buckets,
    target: Target,
    table: TableIdent,
    waiting: Mutex<Vec<Waiting>>,
    /// Held by who commits. None: it has to be loaded.
    seen: tokio::sync::Mutex<Option<Seen>>,
}

impl Commits {
    pub(crate) fn new(catalog: Catalog, buckets: Buckets, target: Target) -> Self {
        let namespace = NamespaceIdent::from_strs(&target.namespace)
            .unwrap_or_else(|_| NamespaceIdent::new(String::new()));
        Self {
            catalog,
            buckets,
            table: TableIdent::new(namespace, target.table.clone()),
            target,
            waiting: Mutex::default(),
            seen: tokio::sync::Mutex::default(),
        }
    }

    /// The table, as it was last seen.
    pub(crate) async fn seen(&self) -> Result<Seen, SinkError> {
        let mut seen = self.seen.lock().await;
        self.loaded(&mut seen).await
    }

    /// The table as it is now.
    pub(crate) async fn fresh(&self) -> Result<Seen, SinkError> {
        let mut seen = self.seen.lock().await;
        *seen = None;
        self.loaded(&mut seen).await
    }

    /// What the table has of a cut, as it was seen.
    pub(crate) fn standing(
        &self,
        seen: &Seen,
        shard_id: &str,
        position: &Position,
    ) -> Result<Standing, SinkError> {
        let name = property(&self.target.writer, shard_id);
        let held = seen.table.metadata().properties().get(&name);
        self.standing_of(&name, held, position)
    }

    /// Commits the files, unless the table has their cut. If this is dropped, or fails, it may have them nevertheless.
    pub(crate) async fn append(&self, append: Append) -> Result<(), SinkError> {
        let (done, mut answered) = oneshot::channel();
        self.waiting.lock().push(Waiting { append, done });
        let mut seen = self.seen.lock().await;
        match answered.try_recv() {
            // Whoever had the turn before took these along.
            Ok(answer) => return answer,
            Err(oneshot::error::TryRecvError::Closed) => {
                return Err(SinkError::new("the commit was given up"));
            }
            Err(oneshot::error::TryRecvError::Empty) => {}
        }
        let mut waiting = std::mem::take(&mut *self.waiting.lock());
        waiting.retain(|waiting| !waiting.done.is_closed());
        self.commit(&mut seen, waiting).await;
        drop(seen);
        answered
            .await
            .unwrap_or_else(|_| Err(SinkError::new("the commit was given up")))
    }

    /// Commits what waits, and answers all of it.
    async fn commit(&self, seen: &mut Option<Seen>, mut waiting: Vec<Waiting>) {
        let mut why = SinkError::new("others commit all the time");
        for _ in 0..TRIES_MAX {
            let now = match self.loaded(seen).await {
                Ok(now) => now,
                Err(error) => {
                    why = error;
                    break;
                }
            };
            let plan = self.plan(&now, &mut waiting);
            if plan.files.is_empty() {
                return answer(waiting, &Ok(()));
            }
            // Until it is known what became of the commit, nothing is known of the table.
            *seen = None;
            match self.commit_once(now.table, plan).await {
                Ok(table) => {
                    match self.described(table) {
                        Ok(now) => *seen = Some(now),
                        Err(error) => tracing::warn!(%error, "the table has changed"),
                    }
                    return answer(waiting, &Ok(()));
                }
                Err(error) if error.kind() == ErrorKind::CatalogCommitConflicts => {
                    why = SinkError::of("the commit", &error);
                }
                Err(error) => {
                    why = SinkError::of("the commit", &error);
                    break;
                }
            }
        }
        answer(waiting, &Err(why));
    }

    /// What is to be added to the table as it is seen. Those of which it has something else are answered, and wait no more.
    fn plan(&self, seen: &Seen, waiting: &mut Vec<Waiting>) -> Plan {
        let properties = seen.table.metadata().properties();
        let spec_id = seen.table.metadata().default_partition_spec_id();
        let mut plan = Plan::default();
        let mut going = Vec::new();
        for one in waiting.drain(..) {
            let Append {
                shard_id,
                position,
                files,
            } = &one.append;
            let name = property(&self.target.writer, shard_id);
            // Of one shard may wait what was given up and what is asked for.
            let held = plan.positions.get(&name).or_else(|| properties.get(&name));
            let standing = match self.standing_of(&name, held, position) {
                Ok(Standing::Absent) if files.partition_spec_id != spec_id => Err(SinkError::new(
                    "the table was partitioned anew: the files are written again",
                )),
                other => other,
            };
            match standing {
                Ok(Standing::Absent) => {
                    plan.files.extend(files.files.iter().cloned());
                    plan.positions.insert(name, position.to_string());
                    going.push(one);
                }
                Ok(_) => going.push(one),
                Err(error) => {
                    one.done.send(Err(error)).ok();
                }
            }
        }
        *waiting = going;
        plan
    }

    fn standing_of(
        &self,
        name: &str,
        held: Option<&String>,
        position: &Position,
    ) -> Result<Standing, SinkError> {
        let other = || {
            let held = held.map_or("", String::as_str);
            let what = OtherContents(format!("{name} = {held} of table {}", self.table));
            Err(SinkError::new(what.to_string()))
        };
        let held = match held.map(|held| held.parse::<Position>()) {
            None => None,
            Some(Ok(held)) => Some(held),
            Some(Err(_)) => return other(),
        };
        match position.standing(held.as_ref()) {
            Standing::Other => other(),
            standing => Ok(standing),
        }
    }

    /// Adds the files and says so, in one commit that passes only if the table is still this one.
    async fn commit_once(&self, base: Table, plan: Plan) -> iceberg::Result<Table> {
        let transaction = Transaction::new(&base);
        let append = transaction
            .fast_append()
            // Every file has a name of its own, and the check would read all manifests.
            .with_check_duplicate(false)
            .set_snapshot_properties(plan.positions.clone())
            .add_data_files(plan.files);
        let transaction = append.apply(transaction)?;
        let mut remembered = transaction.update_table_properties();
        for (name, position) in plan.positions {
            remembered = remembered.set(name, position);
        }
        let transaction = remembered.apply(transaction)?;
        let catalog = OneCommit {
            catalog: &self.catalog,
            base,
        };
        transaction.commit(&catalog).await
    }

    async fn loaded(&self, seen: &mut Option<Seen>) -> Result<Seen, SinkError> {
        if let Some(seen) = seen {
            return Ok(seen.clone());
        }
        let files = || self.buckets.files();
        let mut found = self.catalog.load(&self.table, files()).await?;
        if let (None, Some(schema)) = (&found, &self.target.schema) {
            let schema = declared(schema)?;
            self.catalog.create(&self.table, &schema, files()).await?;
            found = self.catalog.load(&self.table, files()).await?;
        }
        let table = found.ok_or_else(|| {
            SinkError::new(format!(
                "there is no table {}: make it, or declare its columns with schema = {{ ... }}",
                self.table
            ))
        })?;
        let now = self.described(table)?;
        *seen = Some(now.clone());
        Ok(now)
    }

    fn described(&self, table: Table) -> Result<Seen, SinkError> {
        let schema = table.metadata().current_schema();
        let columns = Columns::of(Arc::clone(schema), self.target.schema.as_ref())?;
        Ok(Seen {
            table,
            columns: Arc::new(columns),
        })
    }
}

fn answer(waiting: Vec<Waiting>, with: &Result<(), SinkError>) {
    for one in waiting {
        let answer = match with {
            Ok(()) => Ok(()),
            Err(error) => Err(SinkError::new(error.message.clone())),
        };
        // Whoever hung up asks again.
        one.done.send(answer).ok();
    }
}
