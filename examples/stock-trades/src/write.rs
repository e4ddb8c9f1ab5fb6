//! `write`: puts trades on the stream.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context, bail};
use futures::FutureExt;
use millstream_producer::{
    Delivery, Outcome, Producer, PutError, PutErrorKind, Settings, UserRecord,
};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::connection::Connection;
use crate::generator::TradeGenerator;
use crate::names::TRADE_STREAM;
use crate::replay::{BadLine, Input};
use crate::trade::StockTrade;
use crate::{stopping, streams};

/// From this rate on, trades are put several at a time.
const SINGLE_RATE_MAX: f64 = 50.0;
const BATCH_INTERVAL: Duration = Duration::from_millis(100);
const BATCH_RECORDS_MAX: usize = 500;
/// How long trades that were accepted may take to be stored after a stop.
const STOP_TIME: Duration = Duration::from_secs(10);
const PROGRESS_INTERVAL: Duration = Duration::from_secs(10);
/// Lines that are read ahead of the stream.
const LINES_AHEAD: usize = 1000;

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Write {
    /// Trades per second
    #[arg(long, default_value_t = 10.0, value_parser = positive)]
    pub(crate) rate: f64,
    /// Stop after so many trades
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,
    /// Replay trades from a file, or from standard input with `-`, instead of inventing them: CSV with the header
    /// tickerSymbol,tradeType,price,quantity,id or one JSON object per line
    #[arg(long, value_name = "FILE|-")]
    pub(crate) input: Option<Input>,
    /// Print every trade
    #[arg(long)]
    pub(crate) verbose: bool,
    /// Stop when standard input is closed
    #[arg(long, hide = true, conflicts_with = "input")]
    pub(crate) stop_with_stdin: bool,
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate.is_finite() => Ok(rate),
        _ => Err("must be a number above 0".to_owned()),
    }
}

type Source = mpsc::Receiver<Result<StockTrade, BadLine>>;

impl Write {
    pub(crate) async fn run(&self, connection: &Connection) -> anyhow::Result<()> {
        let stop = stopping::requested(self.stop_with_stdin)?;
        if let Some(input @ Input::File(path)) = &self.input {
            check(input, self.count)
                .with_context(|| format!("{} is refused, nothing was written", path.display()))?;
        }
        let client = connection
            .clients(|said| eprintln!("{said}"))
            .await?
            .kinesis;
        streams::wait_until_active(&client, TRADE_STREAM).await?;
        // Each trade is a record of its own, which every reader understands; the producer still collects them into calls.
        let settings = Settings::default().aggregation_enabled(false);
        let producer = Producer::builder(TRADE_STREAM)
            .client(client)
            .settings(settings)
            .build()?;
        let mut writer = Writer {
            producer,
            sent: VecDeque::new(),
            written: 0,
            verbose: self.verbose,
        };
        let taken = writer.write(self.source()?, self.rate, &stop).await;
        // What was accepted is sent, whatever ended the reading.
        let producer = writer.producer.clone();
        let sent = tokio::select! {
            sent = writer.finish(&stop) => sent,
            () = stopped_for(&stop, STOP_TIME) => {
                // What has no outcome by now fails; its errors say so.
                drop(producer.close(Duration::ZERO).await);
                writer.finish(&stop).await
            }
        };
        println!("wrote {} trades", writer.written);
        taken.and(sent)
    }

    /// Trades from a thread of their own: a generator never ends and a pipe blocks.
    fn source(&self) -> anyhow::Result<Source> {
        let (to_writer, source) = mpsc::channel(LINES_AHEAD);
        let trades: Box<dyn Iterator<Item = Result<StockTrade, BadLine>> + Send> = match &self.input
        {
            Some(input) => Box::new(
                input
                    .open()
                    .with_context(|| format!("cannot open {input:?}"))?,
            ),
            None => {
                let rng: rand::rngs::StdRng = rand::SeedableRng::from_os_rng();
                Box::new(TradeGenerator::new(rng).map(Ok))
            }
        };
        let count = self.count.map_or(usize::MAX, |count| {
            usize::try_from(count).unwrap_or(usize::MAX)
        });
        std::thread::spawn(move || {
            for trade in trades.take(count) {
                if to_writer.blocking_send(trade).is_err() {
                    return;
                }
            }
        });
        Ok(source)
    }
}

/// Ends so long after `stop`.
async fn stopped_for(stop: &CancellationToken, time: Duration) {
    stop.cancelled().await;
    sleep(time).await;
}

/// Reads a whole file once before anything is written.
fn check(input: &Input, count: Option<u64>) -> anyhow::Result<()> {
    let count = count.map_or(usize::MAX, |count| {
        usize::try_from(count).unwrap_or(usize::MAX)
    });
    for trade in input.open()?.take(count) {
        trade?;
    }
    Ok(())
}

/// A trade that was accepted, and what becomes of it.
struct Sent {
    trade: StockTrade,
    delivery: Delivery,
}

struct Writer {
    producer: Producer,
    sent: VecDeque<Sent>,
    /// Trades that the stream has taken.
    written: u64,
    verbose: bool,
}

impl Writer {
    async fn write(
        &mut self,
        mut source: Source,
        rate: f64,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let (pause, per_tick) = if rate <= SINGLE_RATE_MAX {
            (Duration::from_secs_f64(1.0 / rate), 1.0)
        } else {
            (BATCH_INTERVAL, rate * BATCH_INTERVAL.as_secs_f64())
        };
        let mut ticks = interval(pause);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut next_progress = Instant::now() + PROGRESS_INTERVAL;
        let mut due = 0.0;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                _ = ticks.tick() => {}
            }
            due += per_tick;
            while due >= 1.0 {
                let wanted = (due as usize).min(BATCH_RECORDS_MAX);
                let (batch, end) = tokio::select! {
                    next = next_batch(&mut source, wanted) => next,
                    // A silent pipe may stay silent for ever.
                    () = stop.cancelled() => return Ok(()),
                };
                due -= batch.len() as f64;
                for trade in batch {
                    self.put(trade, stop).await?;
                }
                match end {
                    Some(Ok(())) => return Ok(()),
                    Some(Err(bad)) => bail!("{bad}; only the trades before it are written"),
                    None => {}
                }
                if stop.is_cancelled() {
                    return Ok(());
                }
            }
            self.look(stop).await?;
            if Instant::now() >= next_progress {
                println!("{} trades so far", self.written);
                next_progress += PROGRESS_INTERVAL;
            }
        }
    }

    /// Hands a trade to the producer, which waits while too many are on their way.
    async fn put(&mut self, trade: StockTrade, stop: &CancellationToken) -> anyhow::Result<()> {
        if self.verbose {
            println!("Putting trade: {trade}");
        }
        let record = UserRecord::new(trade.ticker_symbol.as_str(), trade.to_json());
        let accepted = tokio::select! {
            accepted = self.producer.put(record) => accepted,
            () = stop.cancelled() => bail!("trade {} could not be put before the stop", trade.id),
        };
        let delivery = accepted.with_context(|| format!("trade {}", trade.id))?;
        self.sent.push_back(Sent { trade, delivery });
        Ok(())
    }

    /// Takes the outcomes that are there.
    async fn look(&mut self, stop: &CancellationToken) -> anyhow::Result<()> {
        while let Some(first) = self.sent.front_mut() {
            let Some(outcome) = (&mut first.delivery).now_or_never() else {
                break;
            };
            self.settle(outcome, stop).await?;
        }
        Ok(())
    }

    /// Takes all outcomes; the first bad one is what it returns.
    async fn finish(&mut self, stop: &CancellationToken) -> anyhow::Result<()> {
        let mut result = Ok(());
        while let Some(first) = self.sent.front_mut() {
            let outcome = (&mut first.delivery).await;
            let settled = self.settle(outcome, stop).await;
            result = result.and(settled);
        }
        result
    }

    /// A trade that was not stored is put again, whatever it takes, unless that can never help or the writer is told to
    /// stop. One that may be stored may then be on the stream twice.
    async fn settle(
        &mut self,
        outcome: Result<Outcome, PutError>,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        let Some(Sent { trade, .. }) = self.sent.pop_front() else {
            return Ok(());
        };
        match outcome {
            Ok(_) => {
                self.written += 1;
                Ok(())
            }
            Err(error) if error.kind() == PutErrorKind::Refused => {
                bail!("trade {} was refused: {error}", trade.id)
            }
            Err(error) if stop.is_cancelled() => {
                bail!(
                    "trade {} could not be put before the stop: {error}",
                    trade.id
                )
            }
            Err(error) => {
                eprintln!("trade {} is put again: {error}", trade.id);
                self.put(trade, stop).await
            }
        }
    }
}

/// Up to `wanted` trades, and how the source ended if it did. Waits for the first one only: what is there is put while a
/// slow source makes more. Dropping the future loses nothing.
async fn next_batch(
    source: &mut Source,
    wanted: usize,
) -> (Vec<StockTrade>, Option<Result<(), BadLine>>) {
    let mut batch = Vec::with_capacity(wanted);
    let mut next = source.recv().await;
    loop {
        match next {
            Some(Ok(trade)) => batch.push(trade),
            Some(Err(bad)) => return (batch, Some(Err(bad))),
            None => return (batch, Some(Ok(()))),
        }
        if batch.len() >= wanted {
            return (batch, None);
        }
        next = match source.try_recv() {
            Ok(trade) => Some(trade),
            Err(TryRecvError::Empty) => return (batch, None),
            Err(TryRecvError::Disconnected) => None,
        };
    }
}
