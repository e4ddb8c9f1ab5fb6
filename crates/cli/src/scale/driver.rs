//! The loop: look, decide, act, explain.

use std::sync::Arc;
use std::time::Duration;

use millstream_consumer::{DynamoDbLeaseTable, LeaseTableError};
use millstream_scaling::actuator::{Processes, ProcessesSettings, Workers};
use millstream_scaling::lag::LagReader;
use millstream_scaling::{Change, Decision, Observation, Reason, Window, WorkerChange, decide};
use millstream_types::{SystemClock, WallClock};

use super::decision_log::DecisionLog;
use super::file::Settings;
use super::leadership::{self, Leadership};
use super::{Arguments, act, memory, middle, observe};
use crate::apps::{Clients, failure};
use crate::failure::Failure;
use crate::output;
use crate::stop_signals::StopSignals;

/// A leader that is silent for so many looks is replaced.
const TERM_LOOKS: u32 = 4;
/// A lease that was not renewed for so many looks has no living worker.
const SILENT_LOOKS: u64 = 3;

/// Scales one application.
pub(super) struct Driver {
    settings: Settings,
    is_dry: bool,
    is_once: bool,
    kinesis: aws_sdk_kinesis::Client,
    reader: LagReader,
    leadership: Leadership<DynamoDbLeaseTable>,
    workers: Processes,
    window: Window,
    log: DecisionLog,
}

impl Driver {
    pub(super) async fn new(settings: Settings, arguments: &Arguments) -> Result<Self, Failure> {
        let Clients { kinesis, dynamodb } = Clients::new(&arguments.connection).await?;
        let (application, stream) = (&settings.application, settings.stream.clone());
        let reader = LagReader::new(kinesis.clone(), dynamodb.clone(), application, stream);
        let term = Duration::from_millis(settings.rules.look_ms) * TERM_LOOKS;
        let workers = Processes::new(ProcessesSettings {
            command: settings.command.clone(),
            // Nobody has these ids, also of a scaler before this one.
            name: format!("{application}-{:x}", SystemClock.now().0),
            grace: settings.grace,
        });
        Ok(Self {
            leadership: Leadership::new(leadership::table(dynamodb, application), term),
            window: memory::recall(settings.memory.as_deref())?,
            log: DecisionLog::new(settings.log.as_deref())?,
            is_dry: arguments.dry_run,
            is_once: arguments.once,
            settings,
            kinesis,
            reader,
            workers,
        })
    }

    /// Until a signal; or once. Then the workers are stopped in good order.
    pub(super) async fn run(mut self) -> Result<(), Failure> {
        let mut stop = StopSignals::new()?;
        let ended = tokio::select! {
            ended = self.watch() => ended,
            () = stop.received() => Ok(()),
        };
        let stopped = self.stop_workers().await;
        self.leadership.give_up().await;
        ended.and(stopped)
    }

    async fn watch(&mut self) -> Result<(), Failure> {
        if !self.is_dry {
            self.leadership.prepare().await.map_err(table_failure)?;
        }
        let every = Duration::from_millis(self.settings.rules.look_ms);
        let mut looks = 0u32;
        loop {
            match self.turn().await {
                Ok(()) => {}
                Err(error) if error.is_passing() && !self.is_once => {
                    output::say(&format!("millstream: {error}; looking again"));
                }
                Err(error) => return Err(error),
            }
            looks += 1;
            // Rates are known from the second look on.
            if self.is_once && looks > 1 {
                return Ok(());
            }
            tokio::time::sleep(every).await;
        }
    }

    async fn turn(&mut self) -> Result<(), Failure> {
        // Who only explains takes the lead from nobody.
        let leads = !self.is_dry && self.leadership.leads().await.map_err(table_failure)?;
        let Some(seen) = self.look().await? else {
            return if leads {
                self.first_workers().await
            } else {
                Ok(())
            };
        };
        self.window.observe(&self.settings.rules, seen);
        let decision = decide(&self.settings.rules, &self.window);
        let acts = leads && self.leadership.may_act();
        if leads || self.is_dry {
            self.log.write(&decision, acts)?;
        }
        if acts && !decision.is_nothing() {
            self.note(&decision);
            let acted = self.act(&decision).await;
            if let Err(error) = acted {
                self.log.failed(&decision, &error)?;
                output::say(&format!("millstream: {error}"));
            }
        }
        memory::keep(self.settings.memory.as_deref(), &self.window)
    }

    async fn look(&mut self) -> Result<Option<Observation>, Failure> {
        let lag = match self.reader.look(SystemClock.now()).await.map_err(failure) {
            Ok(lag) => lag,
            // Its first worker makes the table.
            Err(error) if error.is("ResourceNotFoundException") => return Ok(None),
            Err(error) => return Err(error),
        };
        let running = self.workers.running().await.map_err(actuator_failure)?;
        let speed = self
            .window
            .capacity()
            .map(|capacity| capacity.records_per_s);
        let rules = &self.settings.rules;
        let middles = middle::middles(&self.kinesis, &lag, rules, speed).await?;
        let silent_ms = SILENT_LOOKS * rules.look_ms;
        self.settings.stream = Some(lag.stream.clone());
        Ok(observe::observation(&lag, &running, silent_ms, &middles))
    }

    /// As many as there are to be at least, before anything is known: without a worker there are no leases to look at.
    async fn first_workers(&mut self) -> Result<(), Failure> {
        let running = self.workers.running().await.map_err(actuator_failure)?;
        let min = self.settings.rules.workers_at(SystemClock.now()).min;
        let from = u32::try_from(running.len()).unwrap_or(u32::MAX);
        if from >= min || !self.leadership.may_act() {
            return Ok(());
        }
        let change = WorkerChange {
            from,
            to: min,
            hand_over: Vec::new(),
            reason: Reason::BelowMin {
                what: millstream_scaling::What::Workers,
                count: from,
                min,
            },
        };
        output::say(&format!(
            "{} workers are started: {}",
            min - from,
            change.reason
        ));
        self.workers.scale(&change).await.map_err(actuator_failure)
    }

    fn note(&mut self, decision: &Decision) {
        self.window.note(Change {
            at: decision.at,
            workers_before: decision.figures.workers,
            workers_after: decision.workers_after(),
            shards_before: decision.figures.open_shards,
            shards_after: decision.shards_after(),
            read_records_per_s: decision.figures.read_records_per_s,
        });
    }

    async fn act(&mut self, decision: &Decision) -> Result<(), Failure> {
        let stream = self.settings.stream.clone().unwrap_or_default();
        act::reshard(&self.kinesis, &stream, &decision.shards).await?;
        if let Some(change) = &decision.workers {
            // What others started is theirs to stop.
            let running = self.workers.running().await.map_err(actuator_failure)?;
            let others = change.from.saturating_sub(running.len() as u32);
            let own = WorkerChange {
                to: change.to.saturating_sub(others),
                ..change.clone()
            };
            self.workers.scale(&own).await.map_err(actuator_failure)?;
        }
        Ok(())
    }

    async fn stop_workers(&mut self) -> Result<(), Failure> {
        let running: Vec<Arc<str>> = self.workers.running().await.map_err(actuator_failure)?;
        let change = WorkerChange {
            from: running.len() as u32,
            to: 0,
            hand_over: running,
            reason: Reason::TooFewLooks,
        };
        self.workers.scale(&change).await.map_err(actuator_failure)
    }
}

fn table_failure(error: LeaseTableError) -> Failure {
    failure(error.into())
}

fn actuator_failure(error: millstream_scaling::actuator::ActuatorError) -> Failure {
    Failure::local("workers", std::io::Error::other(error.to_string()))
}
