//! Workers as processes of this machine.
//!
//! A worker is asked to go by SIGTERM, as the KCL's, the MultiLangDaemon's and Millstream's own consumer expect it: it
//! finishes what it has in hand, checkpoints, and gives its leases back before it ends.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::{ActuatorError, ActuatorFuture, Running, Workers};
use crate::WorkerChange;

/// In the command, stands for the worker's id.
const PLACEHOLDER: &str = "{worker}";
/// In the worker's environment, has the same.
const VARIABLE: &str = "MILLSTREAM_WORKER_ID";

/// How workers are started and stopped.
#[derive(Debug, Clone)]
pub struct ProcessesSettings {
    /// Program and arguments; `{worker}` stands for the worker's id. Not empty.
    pub command: Vec<String>,
    /// Ids begin with this; a number that nobody had before follows.
    pub name: String,
    /// How long a worker may take to hand over, before it is killed.
    pub grace: Duration,
}

/// Workers that this process has started. They are killed when it is dropped: stop them before.
#[derive(Debug)]
pub struct Processes {
    settings: ProcessesSettings,
    workers: Vec<Worker>,
    /// Those that were asked to go. They stay here until they are gone, whatever becomes of the call that asked them.
    leaving: Vec<Worker>,
    started: u64,
}

#[derive(Debug)]
struct Worker {
    id: Arc<str>,
    process: Child,
}

impl Processes {
    /// None yet.
    pub fn new(settings: ProcessesSettings) -> Self {
        Self {
            settings,
            workers: Vec::new(),
            leaving: Vec::new(),
            started: 0,
        }
    }

    fn start(&mut self) -> Result<(), ActuatorError> {
        self.started += 1;
        let id = format!("{}-{}", self.settings.name, self.started);
        let words = named_in(&self.settings.command, &id);
        let failed = |source| ActuatorError::Start {
            command: words.join(" "),
            source,
        };
        let Some((program, arguments)) = words.split_first() else {
            return Err(failed(std::io::ErrorKind::InvalidInput.into()));
        };
        let process = Command::new(program)
            .args(arguments)
            .env(VARIABLE, &id)
            .stdin(Stdio::null())
            // Ctrl-C is the scaler's: it stops its workers in good order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        self.workers.push(Worker {
            id: id.into(),
            process,
        });
        Ok(())
    }

    /// Those that go: who was named, then the youngest.
    fn take_leaving(&mut self, count: usize, named: &[Arc<str>]) -> Vec<Worker> {
        let mut leaving = Vec::new();
        for id in named {
            if leaving.len() < count
                && let Some(at) = self.workers.iter().position(|worker| worker.id == *id)
            {
                leaving.push(self.workers.remove(at));
            }
        }
        while leaving.len() < count
            && let Some(worker) = self.workers.pop()
        {
            leaving.push(worker);
        }
        leaving
    }

    fn reap(&mut self) -> Result<(), ActuatorError> {
        let mut failed = None;
        self.workers
            .retain_mut(|worker| match worker.process.try_wait() {
                Ok(None) => true,
                Ok(Some(status)) => {
                    tracing::warn!(worker = %worker.id, %status, "a worker ended by itself");
                    false
                }
                Err(error) => {
                    failed = Some(error);
                    true
                }
            });
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    async fn scale_to(&mut self, change: &WorkerChange) -> Result<(), ActuatorError> {
        self.reap()?;
        let to = change.to as usize;
        while self.workers.len() < to {
            self.start()?;
        }
        let count = self.workers.len() - to;
        let leaving = self.take_leaving(count, &change.hand_over);
        let asked: Result<Vec<()>, _> = leaving.iter().map(Worker::ask_to_go).collect();
        self.leaving.extend(leaving);
        let grace = self.settings.grace;
        // All at once: each of them hands over by itself.
        let gone = self.leaving.iter_mut().map(|worker| worker.gone(grace));
        let gone = futures::future::join_all(gone).await;
        self.leaving.clear();
        asked?;
        gone.into_iter().collect()
    }
}

/// A command, with the worker's id where it asks for it.
pub(super) fn named_in(command: &[String], id: &str) -> Vec<String> {
    let words = command.iter().map(|word| word.replace(PLACEHOLDER, id));
    words.collect()
}

impl Workers for Processes {
    fn running(&mut self) -> ActuatorFuture<'_, Running> {
        Box::pin(async {
            self.reap()?;
            let ids = self.workers.iter().map(|worker| Arc::clone(&worker.id));
            Ok(Running::Named(ids.collect()))
        })
    }

    fn scale<'a>(&'a mut self, change: &'a WorkerChange) -> ActuatorFuture<'a, ()> {
        Box::pin(self.scale_to(change))
    }

    fn end_with_scaler(&self) -> bool {
        true
    }
}

impl Worker {
    fn ask_to_go(&self) -> Result<(), ActuatorError> {
        let pid = self
            .process
            .id()
            .and_then(|id| Pid::from_raw(id.cast_signed()));
        // One that has ended meanwhile has no id any more.
        pid.map_or(Ok(()), |pid| kill_process(pid, Signal::TERM))
            .map_err(|error| std::io::Error::from(error).into())
    }

    async fn gone(&mut self, grace: Duration) -> Result<(), ActuatorError> {
        match timeout(grace, self.process.wait()).await {
            Ok(ended) => {
                let status = ended?;
                tracing::info!(worker = %self.id, %status, "a worker has handed over and ended");
                Ok(())
            }
            Err(_) => {
                self.process.kill().await?;
                Err(ActuatorError::Killed {
                    worker: Arc::clone(&self.id),
                    grace_ms: u64::try_from(grace.as_millis()).unwrap_or(u64::MAX),
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::conformance;
    use super::*;
    use crate::Reason;

    /// A worker that hands over: it writes a line and ends when it is asked to go.
    fn shell(script: &str) -> Processes {
        Processes::new(ProcessesSettings {
            command: ["/bin/sh", "-c", script, "worker", "{worker}"]
                .map(str::to_owned)
                .to_vec(),
            name: "test".to_owned(),
            grace: Duration::from_secs(60),
        })
    }

    fn change(to: u32) -> WorkerChange {
        WorkerChange {
            from: 0,
            to,
            hand_over: Vec::new(),
            reason: Reason::TooFewLooks,
        }
    }

    #[tokio::test]
    async fn processes_are_workers() {
        conformance::grows_and_shrinks(&mut shell("exec sleep 600")).await;
    }

    #[tokio::test]
    async fn a_worker_hands_over_before_it_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let (ready, handed_over) = (
            folder.path().join("ready"),
            folder.path().join("handed-over"),
        );
        let script = format!(
            "trap 'echo \"$1 $MILLSTREAM_WORKER_ID\" > {0}.part && mv {0}.part {0} && exit 0' TERM; : > {1}; \
             while :; do sleep 0.05; done",
            handed_over.display(),
            ready.display()
        );
        let mut workers = shell(&script);
        workers.scale(&change(1)).await.unwrap();
        while !ready.exists() {
            tokio::task::yield_now().await;
        }
        workers.scale(&change(0)).await.unwrap();
        assert_eq!(
            std::fs::read_to_string(&handed_over).unwrap(),
            "test-1 test-1\n"
        );
    }

    #[tokio::test]
    async fn one_that_does_not_go_is_killed_and_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let ready = folder.path().join("ready");
        let mut workers = shell(&format!(
            "trap '' TERM; : > {}; while :; do sleep 0.05; done",
            ready.display()
        ));
        workers.settings.grace = Duration::from_millis(1);
        workers.scale(&change(1)).await.unwrap();
        while !ready.exists() {
            tokio::task::yield_now().await;
        }
        let error = workers.scale(&change(0)).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "worker test-1 did not hand over within 1 ms and was killed"
        );
        assert!(workers.running().await.unwrap().ids().is_empty());
    }

    #[tokio::test]
    async fn one_that_ends_by_itself_is_not_counted_and_a_wrong_command_is_named() {
        let mut workers = shell("exit 3");
        workers.scale(&change(1)).await.unwrap();
        while !workers.running().await.unwrap().ids().is_empty() {
            tokio::task::yield_now().await;
        }
        workers.settings.command = vec!["/no/such/worker".to_owned(), "{worker}".to_owned()];
        let error = workers.scale(&change(1)).await.unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("a worker cannot be started: /no/such/worker test-2: "),
            "{error}"
        );
    }
}
