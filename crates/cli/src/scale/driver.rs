//! The loop: look, decide, act, explain.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use millstream_consumer::{DynamoDbLeaseTable, LeaseTableError};
use millstream_scaling::actuator::{Running, Workers};
use millstream_scaling::lag::{Lag, LagMetrics, LagPage, LagReader};
use millstream_scaling::{
    Capacity, Change, Decision, Observation, Reason, Window, WorkerChange, decide,
};
use millstream_types::{SystemClock, WallClock};
use serde_json::Value;

use super::decision_log::{DecisionLog, as_json};
use super::decision_stream::DecisionStream;
use super::explain::explained;
use super::file::Settings;
use super::leadership::{self, Leadership};
use super::{act, fleet, memory, middle, observe};
use crate::connection::{CallSettings, Connection};
use crate::failure::Failure;
use crate::looks::{Clients, failure};
use crate::output::{self, Format};
use crate::stop_signals::StopSignals;

/// A lease that was not renewed for so many looks has no living worker.
const SILENT_LOOKS: u64 = 3;
/// Rates are known from the second look on, and a decision takes three of them.
const EXPLAINED_LOOKS: u32 = 4;

/// Scales one application.
pub(super) struct Driver {
    settings: Settings,
    mode: Mode,
    kinesis: aws_sdk_kinesis::Client,
    reader: LagReader,
    leadership: Leadership<DynamoDbLeaseTable>,
    workers: Box<dyn Workers>,
    window: Window,
    log: DecisionLog,
    log_stream: Option<DecisionStream>,
    metrics: Option<LagMetrics>,
    page: Option<LagPage>,
}

/// How a driver works.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mode {
    /// Whether it only explains.
    pub(super) is_dry: bool,
    /// Whether it ends after one decision.
    pub(super) is_once: bool,
}

impl Driver {
    pub(super) async fn new(
        settings: Settings,
        connection: &Connection,
        mode: Mode,
    ) -> Result<Self, Failure> {
        let Clients { kinesis, dynamodb } = Clients::new(connection).await?;
        let (application, stream) = (&settings.application, settings.stream.clone());
        let reader = LagReader::new(kinesis.clone(), dynamodb.clone(), application, stream);
        let term = leadership::term(&settings.rules);
        let metrics = match settings.has_metrics && !mode.is_dry {
            true => Some(metrics(connection).await?),
            false => None,
        };
        let page = match settings.metrics_listen {
            Some(address) if !mode.is_dry => Some(page(address, term).await?),
            _ => None,
        };
        Ok(Self {
            leadership: Leadership::new(leadership::table(dynamodb, application), term),
            window: memory::recall(settings.memory.as_deref())?,
            log: DecisionLog::new(settings.log.as_deref())?,
            log_stream: None,
            workers: fleet::open(&settings, connection, mode.is_dry).await?,
            metrics,
            page,
            mode,
            settings,
            kinesis,
            reader,
        })
    }

    /// Until a signal; or once. Then workers that would end with this process are stopped in good order.
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
        if !self.mode.is_dry {
            self.leadership.prepare().await.map_err(table_failure)?;
            if let Some(stream) = &self.settings.log_stream {
                let (stream, application) = (stream.clone(), self.settings.application.clone());
                let opened = DecisionStream::open(self.kinesis.clone(), stream, application);
                self.log_stream = Some(opened.await?);
            }
        }
        let every = Duration::from_millis(self.settings.rules.look_ms);
        let mut looks = 0u32;
        loop {
            match self.turn().await {
                Ok(()) => {}
                Err(error) if error.is_passing() && !self.mode.is_once => {
                    output::say(&format!("millstream: {error}; looking again"));
                }
                Err(error) => return Err(error),
            }
            looks += 1;
            // Rates are known from the second look on.
            if self.mode.is_once && looks > 1 {
                return Ok(());
            }
            tokio::time::sleep(every).await;
        }
    }

    async fn turn(&mut self) -> Result<(), Failure> {
        // Who only explains takes the lead from nobody.
        let leads = !self.mode.is_dry && self.leadership.leads().await.map_err(table_failure)?;
        let Some(seen) = self.look(leads).await? else {
            return if leads {
                self.first_workers().await
            } else {
                Ok(())
            };
        };
        self.window.observe(&self.settings.rules, seen);
        self.believe_the_file();
        let decision = decide(&self.settings.rules, &self.window);
        let acts = leads && self.leadership.may_act();
        if leads || self.mode.is_dry {
            let line = self.log.write(&decision, acts)?;
            self.put_line(line).await;
        }
        if acts {
            self.keep_holders().await;
        } else if !self.mode.is_dry {
            self.workers.follow();
        }
        if acts && !decision.is_nothing() {
            self.note(&decision);
            let acted = self.act(&decision).await;
            if let Err(error) = acted {
                let line = self.log.failed(&decision, &error)?;
                self.put_line(Some(line)).await;
                output::say(&format!("millstream: {error}"));
            }
        }
        memory::keep(self.settings.memory.as_deref(), &self.window)
    }

    /// What the file says of a worker's speed, as long as nothing was measured.
    fn believe_the_file(&mut self) {
        if let (None, Some(records_per_s), Some(now)) = (
            self.window.capacity(),
            self.settings.worker_records_per_s,
            self.window.now(),
        ) {
            let measured_at = now.at;
            self.window.recall(Capacity {
                records_per_s,
                measured_at,
            });
        }
    }

    /// A line of the decision log, if it is a stream too. What fails is said: the log has the line.
    async fn put_line(&self, line: Option<Value>) {
        if let (Some(stream), Some(line)) = (&self.log_stream, line)
            && let Err(error) = stream.put(&line).await
        {
            output::say(&format!(
                "millstream: the decision is not in its stream: {error}"
            ));
        }
    }

    /// What was seen as metrics. What fails is said: the next look has others.
    async fn put_metrics(&self, lag: &Lag) {
        if let Some(metrics) = &self.metrics
            && let Err(error) = metrics.put(lag).await
        {
            output::say(&format!("millstream: lag is not in the metrics: {error}"));
        }
    }

    /// Looks as often as a decision needs, and says what it would be. Nothing is done, and nothing is kept.
    pub(super) async fn explain(mut self, format: Format) -> Result<(), Failure> {
        let every = Duration::from_millis(self.settings.rules.look_ms);
        let application = self.settings.application.clone();
        output::say(&format!(
            "looking at {application} up to {EXPLAINED_LOOKS} times, {} apart",
            humantime::format_duration(every)
        ));
        let mut decision = None;
        for look in 0..EXPLAINED_LOOKS {
            if look > 0 {
                tokio::time::sleep(every).await;
            }
            if let Some(seen) = self.look(false).await? {
                self.window.observe(&self.settings.rules, seen);
                self.believe_the_file();
                let decided = decide(&self.settings.rules, &self.window);
                let is_enough = !decided.notes.contains(&Reason::TooFewLooks);
                decision = Some(decided);
                if is_enough {
                    break;
                }
            }
        }
        let Some(decision) = decision else {
            return Err(Failure::Late(format!(
                "nothing is known of {application}: it has no leases yet, or the service does not count what lies behind them"
            )));
        };
        if format.json {
            return output::print_json(&as_json(&decision, false));
        }
        let stream = self.settings.stream.as_deref().unwrap_or_default();
        output::print_line(&explained(&application, stream, &decision))
    }

    /// Who `leads` tells the metrics of it.
    async fn look(&mut self, leads: bool) -> Result<Option<Observation>, Failure> {
        let lag = match self.reader.look(SystemClock.now()).await.map_err(failure) {
            Ok(lag) => lag,
            // Its first worker makes the table.
            Err(error) if error.is("ResourceNotFoundException") => return Ok(None),
            Err(error) => return Err(error),
        };
        if leads {
            self.put_metrics(&lag).await;
        }
        match &self.page {
            Some(page) if leads => page.tell(&lag),
            Some(page) => page.forget(),
            None => {}
        }
        let running = self.workers.running().await.map_err(Failure::Workers)?;
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
        let running = self.workers.running().await.map_err(Failure::Workers)?;
        let min = self.settings.rules.workers_at(SystemClock.now()).min;
        let from = running.count();
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
        self.workers.scale(&change).await.map_err(Failure::Workers)
    }

    /// Tells the actuator whom nobody else may end. What fails is said: it is told again after the next look.
    async fn keep_holders(&mut self) {
        let holders = self.window.now().map(observe::holders).unwrap_or_default();
        if let Err(error) = self.workers.keep(&holders).await {
            output::say(&format!("millstream: {error}"));
        }
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

    /// Workers first: those that are new start while the stream changes.
    async fn act(&mut self, decision: &Decision) -> Result<(), Failure> {
        let scaled = self.scale_workers(decision).await;
        let stream = self.settings.stream.clone().unwrap_or_default();
        let by = self.settings.resharding;
        act::reshard(&self.kinesis, &stream, decision, by).await?;
        scaled
    }

    async fn scale_workers(&mut self, decision: &Decision) -> Result<(), Failure> {
        if let Some(change) = &decision.workers {
            let running = self.workers.running().await.map_err(Failure::Workers)?;
            // What others started is theirs to stop. Where workers are only counted, all of them are ours.
            let others = match &running {
                Running::Named(_) => change.from.saturating_sub(running.count()),
                Running::Counted(_) => 0,
            };
            let own = WorkerChange {
                to: change.to.saturating_sub(others),
                ..change.clone()
            };
            self.workers.scale(&own).await.map_err(Failure::Workers)?;
        }
        Ok(())
    }

    async fn stop_workers(&mut self) -> Result<(), Failure> {
        if !self.workers.end_with_scaler() {
            return Ok(());
        }
        let running = self.workers.running().await.map_err(Failure::Workers)?;
        let change = WorkerChange {
            from: running.count(),
            to: 0,
            hand_over: running.ids().to_vec(),
            reason: Reason::ScalerEnds,
        };
        self.workers.scale(&change).await.map_err(Failure::Workers)
    }
}

/// Lag for Prometheus, as long as it is not older than a leader may be silent.
async fn page(address: SocketAddr, believed_for: Duration) -> Result<LagPage, Failure> {
    let (page, address) = LagPage::listen(address, believed_for)
        .await
        .map_err(|source| Failure::local(address.to_string(), source))?;
    tracing::info!(%address, "lag may be read at /metrics");
    Ok(page)
}

async fn metrics(connection: &Connection) -> Result<LagMetrics, Failure> {
    let CallSettings {
        endpoint_url,
        region,
        credentials,
    } = connection.cloudwatch().await?;
    LagMetrics::new(region, endpoint_url, credentials, Arc::new(SystemClock))
        .map_err(|error| Failure::Workers(error.into()))
}

fn table_failure(error: LeaseTableError) -> Failure {
    failure(error.into())
}
