//! An engine whose work is done by whoever holds it, for simulations.
//!
//! Where threads of their own commit, prepare segments and keep house, how quick they are decides which of them comes
//! first, and a seed tells another story each time. Here one does its work after the other, and only when it is told to.

use std::sync::Arc;
use std::time::Duration;

use millstream_types::WallClock;
use parking_lot::Mutex;

use super::LocalEngine;
use super::lifecycle::{COMMITTING, HOUSEKEEPING, PREPARING};
use crate::commit::{self, Committer, preparer};
use crate::disk::Disk;
use crate::housekeeping::Housekeeper;
use crate::recovery::OpenError;
use crate::settings::LocalSettings;
use crate::shared::Shared;

/// Does the work of an engine's threads. Nothing that is submitted to the engine happens, and no append, control operation
/// or stop is answered, before [`work`](Self::work) is called. Dropping it ends the work for good.
#[derive(Debug)]
pub struct Stepper {
    aside: Aside,
    housekeeper: Housekeeper,
}

/// Does the work of the committing thread and of the one that prepares segments, also while the [`Stepper`] is at work: where
/// a disk holds up one thread, what the others do meanwhile.
#[derive(Debug, Clone)]
pub struct Aside {
    shared: Arc<Shared>,
    committer: Arc<Mutex<Committer>>,
}

impl LocalEngine {
    /// Opens a data folder whose engine works when the [`Stepper`] is told to. Its settings have no bell and `reclaim_interval`
    /// is zero; `hurry` is zero or [`Duration::MAX`], for nothing here may depend on what a clock says.
    pub fn open_stepped(
        disk: Arc<dyn Disk>,
        settings: LocalSettings,
        clock: Arc<dyn WallClock>,
    ) -> Result<(Self, Stepper), OpenError> {
        assert!(settings.idle_bell.is_none() && settings.reclaim_interval.is_zero());
        assert!([Duration::ZERO, Duration::MAX].contains(&settings.hurry));
        let (engine, housekeeper) = Self::open_without_threads(disk, settings, clock)?;
        let stepper = Stepper {
            aside: Aside {
                shared: Arc::clone(&engine.shared),
                committer: Arc::clone(&engine.committer),
            },
            housekeeper,
        };
        Ok((engine, stepper))
    }
}

impl Stepper {
    /// Does all that is due, and what comes of it, until nothing is. The work of each thread is done in one of its name.
    pub fn work(&mut self) {
        while self.aside.commit() || self.aside.prepare() || self.keep_house(false) {}
    }

    /// Does also what the threads do from time to time by themselves, twice in a second: looks at the folder's lock and at
    /// the room on the disk, and tries again what has failed.
    pub fn look(&mut self) {
        self.aside.look();
        self.keep_house(true);
        self.work();
    }

    /// What goes on beside this.
    pub fn aside(&self) -> Aside {
        self.aside.clone()
    }

    fn keep_house(&mut self, looks: bool) -> bool {
        let Self { aside, housekeeper } = self;
        let is_due = housekeeper.is_due(&aside.shared, looks);
        if is_due {
            on_thread(HOUSEKEEPING, || housekeeper.step(&aside.shared));
        }
        is_due
    }
}

impl Aside {
    /// Commits what waits, if anything does.
    pub fn commit(&self) -> bool {
        let is_due = commit::is_due(&self.shared);
        if is_due {
            on_thread(COMMITTING, || self.committer.lock().take_care());
        }
        is_due
    }

    /// Prepares the next segment, if it is missing.
    pub fn prepare(&self) -> bool {
        preparer::is_due(&self.shared) && self.look()
    }

    fn look(&self) -> bool {
        on_thread(PREPARING, || preparer::look(&self.shared))
    }
}

/// Runs it on a thread of this name, and waits for it.
fn on_thread<T: Send>(name: &str, work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name(name.to_owned());
        let worker = thread.spawn_scoped(scope, work).expect("a thread starts");
        worker
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
