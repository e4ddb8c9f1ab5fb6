//! The connection of single items, and the transaction that their writes share.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dynoxide::DynoxideError;
use dynoxide::storage::Storage;
use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization, TransactionOperation};

/// After how many pages in the journal SQLite copies them into the file. A table of 10,000 leases with its index is some
/// 2,500 pages: those that are written again and again are copied once, not once for each of SQLite's own 1,000.
const JOURNAL_PAGES: u32 = 8_192;

/// Writes of a group are not done although they were answered to the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("writes that were to be kept together are not kept")]
pub(crate) struct Lost;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No transaction is open.
    Closed,
    /// A transaction is open, with whole writes in it.
    Open,
    /// A write is being done, or was when it panicked; or SQLite has given the transaction up.
    Torn,
}

/// What the authorizer is told, and what it has seen.
#[derive(Debug, Default)]
struct Shield {
    /// Whether statements that begin and end transactions are left out.
    is_up: AtomicBool,
    /// Whether one that takes a transaction back was.
    took_back: AtomicBool,
}

pub(super) struct Items {
    storage: Storage,
    shield: Arc<Shield>,
    state: Cell<State>,
}

impl Items {
    pub(super) fn open(path: &str) -> Result<Self, DynoxideError> {
        let storage = Storage::new(path)?;
        storage.conn().execute_batch(&format!(
            "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = {JOURNAL_PAGES}"
        ))?;
        let shield = Arc::new(Shield::default());
        let seen = Arc::clone(&shield);
        storage
            .conn()
            .authorizer(Some(move |asked: AuthContext<'_>| {
                seen.decide(asked.action)
            }));
        Ok(Self {
            storage,
            shield,
            state: Cell::new(State::Closed),
        })
    }

    /// What to read with: it sees the writes of the group.
    pub(super) fn read(&self) -> Result<&Storage, DynoxideError> {
        match self.state.get() {
            State::Torn => Err(lost()),
            State::Closed | State::Open => Ok(&self.storage),
        }
    }

    /// Does a write as a part of the group, whole or not at all.
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&Storage) -> Result<T, DynoxideError>,
    ) -> Result<T, DynoxideError> {
        let connection = self.storage.conn();
        match self.state.get() {
            State::Closed => run(connection, "BEGIN IMMEDIATE")?,
            State::Open => {}
            State::Torn => return Err(lost()),
        }
        self.state.set(State::Torn);
        run(connection, "SAVEPOINT item")?;
        let result = {
            let _up = Up::new(&self.shield);
            work(&self.storage)
        };
        // After some failures SQLite takes the whole transaction back by itself.
        if connection.is_autocommit() {
            return Err(lost());
        }
        if self.shield.took_back.swap(false, Ordering::Relaxed) {
            run(connection, "ROLLBACK TO item")?;
        }
        run(connection, "RELEASE item")?;
        self.state.set(State::Open);
        result
    }

    /// Commits what is whole. A group that is not stays, and is told of when it ends.
    pub(super) fn commit(&self) -> Result<(), DynoxideError> {
        match self.state.get() {
            State::Closed => Ok(()),
            State::Torn => Err(lost()),
            State::Open => {
                self.state.set(State::Torn);
                run(self.storage.conn(), "COMMIT")?;
                self.state.set(State::Closed);
                Ok(())
            }
        }
    }

    pub(super) fn end_group(&self) -> Result<(), Lost> {
        let Err(error) = self.commit() else {
            return Ok(());
        };
        tracing::error!(%error, "writes of items are taken back");
        let connection = self.storage.conn();
        if !connection.is_autocommit()
            && let Err(error) = run(connection, "ROLLBACK")
        {
            // It stays torn: whatever comes next is refused.
            tracing::error!(%error, "writes of items cannot be taken back");
            return Err(Lost);
        }
        self.state.set(State::Closed);
        Err(Lost)
    }
}

#[cfg(test)]
impl Items {
    /// As if SQLite had given up the transaction.
    pub(super) fn tear(&self) {
        self.state.set(State::Torn);
    }

    /// What SQLite does by itself.
    pub(super) fn without_shield<T>(&self, work: impl FnOnce() -> T) -> T {
        self.shield.is_up.store(false, Ordering::Relaxed);
        let done = work();
        self.shield.is_up.store(true, Ordering::Relaxed);
        done
    }
}

fn run(connection: &Connection, statement: &str) -> Result<(), DynoxideError> {
    connection.prepare_cached(statement)?.execute([])?;
    Ok(())
}

fn lost() -> DynoxideError {
    DynoxideError::InternalServerError(Lost.to_string())
}

impl Shield {
    fn decide(&self, action: AuthAction<'_>) -> Authorization {
        let AuthAction::Transaction { operation } = action else {
            return Authorization::Allow;
        };
        if !self.is_up.load(Ordering::Relaxed) {
            return Authorization::Allow;
        }
        if operation == TransactionOperation::Rollback {
            self.took_back.store(true, Ordering::Relaxed);
        }
        Authorization::Ignore
    }
}

/// The shield is up while this lives, even if what runs behind it panics.
struct Up<'a>(&'a Shield);

impl<'a> Up<'a> {
    fn new(shield: &'a Shield) -> Self {
        shield.is_up.store(true, Ordering::Relaxed);
        Self(shield)
    }
}

impl Drop for Up<'_> {
    fn drop(&mut self) {
        self.0.is_up.store(false, Ordering::Relaxed);
    }
}
