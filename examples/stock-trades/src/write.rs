//! `write`: puts trades on the stream.

use std::pin::Pin;
use std::time::Duration;

use anyhow::{Context, bail};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
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
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(5);
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
        let mut writer = Writer {
            client,
            written: 0,
            verbose: self.verbose,
        };
        let written = writer.write(self.source()?, self.rate, &stop).await;
        println!("wrote {} trades", writer.written);
        written
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

struct Writer {
    client: Client,
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
                self.put(&batch, stop).await?;
                match end {
                    Some(Ok(())) => return Ok(()),
                    Some(Err(bad)) => {
                        bail!("{bad}; the {} trades before it were written", self.written)
                    }
                    None => {}
                }
                if stop.is_cancelled() {
                    return Ok(());
                }
                due -= batch.len() as f64;
            }
            if Instant::now() >= next_progress {
                println!("{} trades so far", self.written);
                next_progress += PROGRESS_INTERVAL;
            }
        }
    }

    /// Puts all of `batch`, whatever it takes, unless the writer is told to stop meanwhile. A put whose outcome is
    /// unknown is repeated: its trade may then be on the stream twice.
    async fn put(&mut self, batch: &[StockTrade], stop: &CancellationToken) -> anyhow::Result<()> {
        let mut open: Vec<&StockTrade> = batch.iter().collect();
        let mut pause = RETRY_MIN;
        while !open.is_empty() {
            if self.verbose {
                for trade in &open {
                    println!("Putting trade: {trade}");
                }
            }
            let before = open.len();
            let attempt: Pin<Box<dyn Future<Output = _> + Send>> = match open[..] {
                [trade] => Box::pin(self.put_one(trade)),
                _ => Box::pin(self.put_many(&open)),
            };
            let failed = attempt.await?;
            open = failed.into_iter().map(|index| open[index]).collect();
            self.written += (before - open.len()) as u64;
            if !open.is_empty() {
                if stop.is_cancelled() {
                    bail!("{} trades could not be put before the stop", open.len());
                }
                sleep(pause).await;
                pause = (pause * 2).min(RETRY_MAX);
            }
        }
        Ok(())
    }

    /// The indices of the trades that are to be put again.
    async fn put_one(&self, trade: &StockTrade) -> anyhow::Result<Vec<usize>> {
        let request = self
            .client
            .put_record()
            .stream_name(TRADE_STREAM)
            .partition_key(&trade.ticker_symbol)
            .data(Blob::new(trade.to_json()));
        match request.send().await {
            Ok(_) => Ok(Vec::new()),
            Err(error) if is_final(error.code()) => {
                bail!(
                    "trade {} was refused: {}",
                    trade.id,
                    DisplayErrorContext(&error)
                )
            }
            Err(error) => {
                eprintln!(
                    "trade {} is put again: {}",
                    trade.id,
                    DisplayErrorContext(&error)
                );
                Ok(vec![0])
            }
        }
    }

    async fn put_many(&self, trades: &[&StockTrade]) -> anyhow::Result<Vec<usize>> {
        let entries: Result<Vec<_>, _> = trades
            .iter()
            .map(|trade| {
                PutRecordsRequestEntry::builder()
                    .partition_key(&trade.ticker_symbol)
                    .data(Blob::new(trade.to_json()))
                    .build()
            })
            .collect();
        let request = self
            .client
            .put_records()
            .stream_name(TRADE_STREAM)
            .set_records(Some(entries.context("a trade makes no record")?));
        match request.send().await {
            Ok(answer) => {
                let results = answer.records().iter().enumerate();
                let failed: Vec<usize> = results
                    .filter(|(_, result)| result.error_code().is_some())
                    .map(|(index, _)| index)
                    .collect();
                if !failed.is_empty() {
                    eprintln!(
                        "{} trades are put again: the stream is throttled",
                        failed.len()
                    );
                }
                Ok(failed)
            }
            Err(error) if is_final(error.code()) => {
                bail!("trades were refused: {}", DisplayErrorContext(&error))
            }
            Err(error) => {
                eprintln!(
                    "{} trades are put again: {}",
                    trades.len(),
                    DisplayErrorContext(&error)
                );
                Ok((0..trades.len()).collect())
            }
        }
    }
}

/// Whether the same request can never succeed.
fn is_final(code: Option<&str>) -> bool {
    matches!(
        code,
        Some(
            "ResourceNotFoundException"
                | "ValidationException"
                | "InvalidArgumentException"
                | "AccessDeniedException"
                | "UnrecognizedClientException"
        )
    )
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
