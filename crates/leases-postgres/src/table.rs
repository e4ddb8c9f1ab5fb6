//! The operations, each of them one statement.

use std::sync::Arc;

use futures::FutureExt;
use millstream_consumer::{Conditional, Lease, LeaseTable, LeaseTableError, TableFuture};
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Config, Row, Socket};

use crate::bound::{Bound, number, text};
use crate::connection::Connection;
use crate::row::{contents, decode, progress};

const TABLE: &str = "kinesis_leases";

/// The table, for who makes it by hand. Workers need the rights to select, insert, update and delete.
pub const SCHEMA: &str = "create table if not exists kinesis_leases (
    application text not null,
    lease_key text not null,
    lease_owner text,
    checkpoint_owner text,
    lease_counter bigint not null,
    owner_switches_since_checkpoint bigint not null,
    checkpoint text not null,
    checkpoint_sub_sequence_number bigint not null,
    pending_checkpoint text,
    pending_checkpoint_sub_sequence_number bigint,
    pending_checkpoint_state bytea,
    parent_shard_ids text[] not null,
    child_shard_ids text[] not null,
    starting_hash_key text,
    ending_hash_key text,
    latest_at_ms bigint,
    starting_sequence_number text,
    primary key (application, lease_key)
)";

/// Two workers that make the table at the same time would meet in the catalog: one of them waits.
const MAKE_TABLE_LOCK: &str = "select pg_advisory_xact_lock(hashtext('kinesis_leases'))";

/// The leases of one application in PostgreSQL. Clones share a connection.
///
/// The connection is made by the first call and, when it is lost or a call on it was given up, by the next one. Of a server
/// with replicas, name the primary alone (`target_session_attrs=read-write`): leases need the last write. The server must
/// not lose what it has confirmed: with `synchronous_commit = off`, or after a fail-over to a replica that lagged behind,
/// records come twice.
#[derive(Debug, Clone)]
pub struct PostgresLeaseTable {
    connection: Arc<Connection>,
    application: Arc<str>,
}

impl PostgresLeaseTable {
    /// The leases of `application` where `config` says; `tls` makes its connections secure
    /// ([`NoTls`](tokio_postgres::NoTls): they are not). Nothing is called before a worker runs.
    pub fn new<T>(config: Config, tls: T, application: impl Into<String>) -> Self
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send + 'static,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        Self {
            connection: Arc::new(Connection::new(config, tls)),
            application: application.into().into(),
        }
    }

    async fn rows(&self, statement: Bound) -> Result<Vec<Row>, LeaseTableError> {
        self.connection.run(statement).await.map_err(failure)
    }

    async fn one(&self, statement: Bound) -> Result<Option<Lease>, LeaseTableError> {
        let rows = self.rows(statement).await?;
        rows.first().map(decode).transpose().map_err(unavailable)
    }

    async fn find(&self, lease_key: &str) -> Result<Option<Lease>, LeaseTableError> {
        let mut bound = Bound::default();
        let (application, key) = (
            bound.bind(text(&self.application)),
            bound.bind(text(lease_key)),
        );
        let found = format!(
            "select * from {TABLE} where application = {application} and lease_key = {key}"
        );
        self.one(bound.say(found)).await
    }

    /// A write under a condition; what `make` gives is `set …` and the condition. If that does not hold, the row as it stands.
    fn change(
        &self,
        seen: &Lease,
        make: impl FnOnce(&mut Bound, &str) -> (String, String),
    ) -> TableFuture<Conditional> {
        let mut bound = Bound::default();
        let (change, condition) = make(&mut bound, &self.application);
        let statement = format!("update {TABLE} set {change} where {condition} returning *");
        let (this, bound, lease_key) = (self.clone(), bound.say(statement), seen.lease_key.clone());
        async move {
            match this.one(bound).await? {
                Some(row) => Ok(Conditional::Done(row)),
                None => Ok(Conditional::Refused(this.find(&lease_key).await?)),
            }
        }
        .boxed()
    }

    fn delete(&self, bound: Bound, condition: &str) -> TableFuture<bool> {
        let statement = format!("delete from {TABLE} where {condition} returning lease_key");
        let (this, bound) = (self.clone(), bound.say(statement));
        async move { Ok(!this.rows(bound).await?.is_empty()) }.boxed()
    }
}

impl LeaseTable for PostgresLeaseTable {
    fn ensure_exists(&self) -> TableFuture<()> {
        let this = self.clone();
        async move {
            let is_there = Bound::default().say(format!("select 1 from {TABLE} limit 0"));
            match this.rows(is_there).await {
                // Whoever may not make tables may use one that is there.
                Ok(_) => Ok(()),
                Err(LeaseTableError::Missing(_)) => {
                    let make = format!("{MAKE_TABLE_LOCK}; {SCHEMA}");
                    this.connection.run_all(&make).await.map_err(failure)
                }
                Err(error) => Err(error),
            }
        }
        .boxed()
    }

    fn list(&self) -> TableFuture<Vec<Lease>> {
        let mut bound = Bound::default();
        let application = bound.bind(text(&self.application));
        // Not in the order of some language.
        let listed = format!(
            "select * from {TABLE} where application = {application} order by lease_key collate \"C\""
        );
        let (this, bound) = (self.clone(), bound.say(listed));
        async move {
            let rows = this.rows(bound).await?;
            let leases: Result<Vec<Lease>, _> = rows.iter().map(decode).collect();
            leases.map_err(unavailable)
        }
        .boxed()
    }

    fn get(&self, lease_key: &str) -> TableFuture<Option<Lease>> {
        let (this, lease_key) = (self.clone(), lease_key.to_owned());
        async move { this.find(&lease_key).await }.boxed()
    }

    fn create(&self, lease: Lease) -> TableFuture<bool> {
        let mut bound = Bound::default();
        let mut columns = contents(&lease);
        columns.extend([
            ("application", text(&self.application)),
            ("lease_key", text(&lease.lease_key)),
            ("lease_counter", number(lease.lease_counter)),
        ]);
        let (names, values): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
        let values: Vec<String> = values.into_iter().map(|value| bound.bind(value)).collect();
        let statement = format!(
            "insert into {TABLE} ({}) values ({}) on conflict do nothing returning lease_key",
            names.join(", "),
            values.join(", ")
        );
        let (this, bound) = (self.clone(), bound.say(statement));
        async move { Ok(!this.rows(bound).await?.is_empty()) }.boxed()
    }

    fn renew(&self, lease: &Lease) -> TableFuture<Conditional> {
        self.change(lease, |bound, application| {
            let change = "lease_counter = lease_counter + 1".to_owned();
            (change, bound.owned_as_seen(application, lease))
        })
    }

    fn hand_over(&self, lease: &Lease, worker_id: &str) -> TableFuture<Conditional> {
        self.change(lease, |bound, application| {
            let next = bound.bind(text(worker_id));
            let change = format!("checkpoint_owner = lease_owner, lease_owner = {next}");
            let condition = bound.owned_as_seen(application, lease);
            let is_held = "lease_owner is not null and checkpoint_owner is null";
            (change, format!("{condition} and {is_held}"))
        })
    }

    fn take(&self, lease: &Lease, worker_id: &str) -> TableFuture<Conditional> {
        self.change(lease, |bound, application| {
            let owner = bound.bind(text(worker_id));
            let change = format!(
                "lease_counter = lease_counter + 1, checkpoint_owner = null, lease_owner = {owner}, \
                 owner_switches_since_checkpoint = owner_switches_since_checkpoint + \
                 case when lease_owner is distinct from {owner} then 1 else 0 end"
            );
            (change, bound.as_seen(application, lease))
        })
    }

    fn update(&self, lease: &Lease) -> TableFuture<Conditional> {
        self.change(lease, |bound, application| {
            let progress = bound.assignments(progress(lease));
            let change = format!(
                "lease_counter = lease_counter + 1, owner_switches_since_checkpoint = 0, {progress}"
            );
            (change, bound.owned_as_seen(application, lease))
        })
    }

    fn release(&self, lease: &Lease) -> TableFuture<Conditional> {
        self.change(lease, |bound, application| {
            let change = "lease_counter = lease_counter + 1, checkpoint_owner = null, \
                 owner_switches_since_checkpoint = owner_switches_since_checkpoint + \
                 case when checkpoint_owner is null then 0 else 1 end, \
                 lease_owner = case when checkpoint_owner is null or checkpoint = 'SHARD_END' then null \
                 else lease_owner end";
            (change.to_owned(), bound.owned_as_seen(application, lease))
        })
    }

    fn restart(&self, seen: &Lease, fresh: Lease) -> TableFuture<Conditional> {
        self.change(seen, |bound, application| {
            let contents = bound.assignments(contents(&fresh));
            let change = format!("lease_counter = lease_counter + 1, {contents}");
            (change, bound.as_seen(application, seen))
        })
    }

    fn remove(&self, seen: &Lease) -> TableFuture<bool> {
        let mut bound = Bound::default();
        let condition = bound.as_seen(&self.application, seen);
        self.delete(bound, &condition)
    }

    fn delete_finished(&self, seen: &Lease) -> TableFuture<()> {
        let mut bound = Bound::default();
        let of_shard = bound.of_shard(&self.application, seen);
        let deleted = self.delete(bound, &format!("{of_shard} and checkpoint = 'SHARD_END'"));
        deleted.map(|deleted| deleted.map(|_| ())).boxed()
    }
}

fn failure(error: tokio_postgres::Error) -> LeaseTableError {
    if error.code() == Some(&SqlState::UNDEFINED_TABLE) {
        return LeaseTableError::Missing(TABLE.to_owned());
    }
    unavailable(error)
}

fn unavailable(source: impl std::error::Error + Send + Sync + 'static) -> LeaseTableError {
    LeaseTableError::Unavailable {
        table: TABLE.to_owned(),
        source: source.into(),
    }
}
