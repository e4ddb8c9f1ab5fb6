//! `millstream records tail`: all shards of a stream as one sequence.

mod first_answer;
mod lineage;
mod merge;
mod poll;

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use aws_sdk_kinesis::Client;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until};

use self::first_answer::FirstAnswer;
use self::lineage::Lineage;
use self::merge::{Arrived, Merge};
use self::poll::{Cursor, Page, Polled, poll};
use super::position::Position;
use super::show;
use super::user_records::{self, UserRecord};
use crate::failure::Failure;
use crate::moment::Moment;
use crate::output::{self, Format};
use crate::stop_signals::StopSignals;
use crate::streams::shards::list_shards;

/// Reads under way at a time.
const POLLS_MAX: usize = 16;
/// Most that a GetRecords answer holds.
const PAGE_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Records in memory. A read that could exceed it waits, except the one that the output waits for.
const BUFFERED_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Text per write to stdout.
const OUTPUT_BYTES: usize = 64 * 1024;
/// How long a shard may give no answer before the command gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Arguments of `millstream records tail`.
///
/// Records are shown in the order of their arrival times; of one shard, and so of one partition key, always in order.
/// Records that a producer joined to one are shown one by one.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Name of the stream
    stream: String,
    /// Where to start: trim-horizon (the oldest records), latest (new records only; after an interruption before the
    /// first one of a shard perhaps also some of the two seconds before the command began), or a time: 2026-11-02T12:00:37Z,
    /// 1793620837.5, or how long ago (15m)
    #[arg(long, value_name = "PLACE", default_value = "latest")]
    from: From,
    /// Stop after this many records
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Between two looks at a shard without new records; a shard of AWS answers five times a second
    #[arg(long, value_name = "DURATION", default_value = "500ms", value_parser = humantime::parse_duration)]
    interval: Duration,
}

/// Where following starts.
#[derive(Debug, Clone)]
struct From(Position);

impl FromStr for From {
    type Err = <Moment as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(match text {
            "trim-horizon" => Position::TrimHorizon,
            "latest" => Position::Latest,
            time => Position::Since(time.parse::<Moment>()?.0),
        }))
    }
}

pub(super) async fn run(
    client: &Client,
    format: Format,
    arguments: &Arguments,
) -> Result<(), Failure> {
    let mut stop = StopSignals::new()?;
    let began = FirstAnswer::new();
    let timed = client.config().to_builder().interceptor(began.clone());
    let client = &Client::from_conf(timed.build());
    let mut tail = Tail::new(client, began, format, arguments);
    let result = tokio::select! {
        biased;
        () = stop.received() => Ok(()),
        result = tail.follow() => result,
    };
    output::say(&format!("{} records", tail.shown));
    result
}

/// How the reading of one shard stands.
struct Reader {
    /// Where the next read starts; `None` while one is under way.
    cursor: Option<Cursor>,
    /// The place after the last record that was read: where to go on when an iterator has expired.
    resume: Position,
    /// A record whose first parts, so many, have been shown.
    shown_in_part: Option<(String, u64)>,
    not_before: Instant,
    failing_since: Option<Instant>,
}

/// Follows a stream.
struct Tail<'a> {
    client: &'a Client,
    began: FirstAnswer,
    format: Format,
    arguments: &'a Arguments,
    lineage: Lineage,
    merge: Merge<UserRecord>,
    readers: BTreeMap<String, Reader>,
    polls: FuturesUnordered<BoxFuture<'a, Polled>>,
    shown: u64,
}

impl<'a> Tail<'a> {
    fn new(
        client: &'a Client,
        began: FirstAnswer,
        format: Format,
        arguments: &'a Arguments,
    ) -> Self {
        Self {
            client,
            began,
            format,
            arguments,
            lineage: Lineage::default(),
            merge: Merge::default(),
            readers: BTreeMap::new(),
            polls: FuturesUnordered::new(),
            shown: 0,
        }
    }

    /// Returns when the limit is reached or the stream has come to its end.
    async fn follow(&mut self) -> Result<(), Failure> {
        let shards = list_shards(self.client, &self.arguments.stream, None).await?;
        let starts = if self.arguments.from.0 == Position::Latest {
            self.lineage.start_at_open_shards(&shards)
        } else {
            self.lineage.start_at_oldest_shards(&shards)
        };
        for shard in starts {
            self.open(shard, self.arguments.from.0.clone());
        }
        loop {
            while self.show().await? {}
            if self.is_at_limit() || self.readers.is_empty() {
                return Ok(());
            }
            let wake_at = self.start_polls();
            tokio::select! {
                Some(polled) = self.polls.next(), if !self.polls.is_empty() => self.take(polled)?,
                () = sleep_until(wake_at) => {}
            }
        }
    }

    fn open(&mut self, shard: String, position: Position) {
        self.merge.open(&shard);
        let reader = Reader {
            cursor: Some(Cursor::Position(position.clone())),
            resume: position,
            shown_in_part: None,
            not_before: Instant::now(),
            failing_since: None,
        };
        self.readers.insert(shard, reader);
    }

    /// Children of the shards whose records have all been shown.
    fn open_children(&mut self) {
        for shard in self.merge.take_finished() {
            self.readers.remove(&shard);
            for child in self.lineage.finished(&shard) {
                // A child of a shard that was followed from its newest record is read from its first.
                let position = match self.arguments.from.0 {
                    Position::Latest => Position::TrimHorizon,
                    ref other => other.clone(),
                };
                self.open(child, position);
            }
        }
    }

    /// Shows what is certain to be next, at most [`OUTPUT_BYTES`]; false if there is nothing.
    async fn show(&mut self) -> Result<bool, Failure> {
        let mut text = String::new();
        while text.len() < OUTPUT_BYTES && !self.is_at_limit() {
            let Some((shard, arrived)) = self.merge.pop() else {
                break;
            };
            if self.format.json {
                let UserRecord { record, index } = &arrived.record;
                text.push_str(&show::as_json(&shard, record, *index).to_string());
            } else {
                text.push_str(&show::as_row(&shard, &arrived.record.record));
            }
            text.push('\n');
            self.shown += 1;
        }
        self.open_children();
        if text.is_empty() {
            return Ok(false);
        }
        // On another thread: a stdout that nobody reads must not keep Ctrl-C from being heard.
        tokio::task::spawn_blocking(move || output::print_all(&text))
            .await
            .expect("printing does not panic, and is not cancelled")?;
        Ok(true)
    }

    fn is_at_limit(&self) -> bool {
        self.arguments
            .limit
            .is_some_and(|limit| self.shown >= limit)
    }

    /// Starts the reads that are due; returns when the next one will be.
    fn start_polls(&mut self) -> Instant {
        let now = Instant::now();
        let mut wake_at = now + PATIENCE;
        for (rank, shard) in self.merge.waiting().enumerate() {
            if self.polls.len() >= POLLS_MAX {
                break;
            }
            let reader = self
                .readers
                .get_mut(shard)
                .expect("a merged shard has a reader");
            if reader.not_before > now {
                wake_at = wake_at.min(reader.not_before);
                continue;
            }
            // The output waits for the first: it is read whatever memory is taken.
            let expected_bytes =
                self.merge.buffered_bytes() + (self.polls.len() + 1) * PAGE_BYTES_MAX;
            if rank > 0 && expected_bytes > BUFFERED_BYTES_MAX {
                break;
            }
            if let Some(cursor) = reader.cursor.take() {
                self.polls.push(Box::pin(poll(
                    self.client,
                    &self.arguments.stream,
                    shard.to_owned(),
                    cursor,
                    self.merge.newest_ms(),
                )));
            }
        }
        wake_at
    }

    fn take(&mut self, polled: Polled) -> Result<(), Failure> {
        match polled.result {
            Ok(page) => {
                self.take_page(polled.shard, page, polled.newest_before_ms);
                Ok(())
            }
            Err(failure) => self.take_failure(&polled.shard, failure),
        }
    }

    fn take_page(&mut self, shard: String, page: Page, newest_before_ms: i64) {
        let reader = self
            .readers
            .get_mut(&shard)
            .expect("a shard that is read has a reader");
        reader.failing_since = None;
        if let Some(record) = page.records.last() {
            reader.resume = Position::After(record.sequence_number.clone());
        } else if page.is_at_tip {
            reader.not_before = Instant::now() + self.arguments.interval;
        }
        let shown_in_part = reader.shown_in_part.take();
        let is_new = |user: &UserRecord| {
            shown_in_part.as_ref().is_none_or(|(number, parts)| {
                user.record.sequence_number != *number || user.index.unwrap_or(0) >= *parts
            })
        };
        let users = page.records.into_iter().flat_map(user_records::of);
        let records = users.filter(is_new).map(|user| Arrived {
            arrival_ms: user
                .record
                .approximate_arrival_timestamp
                .and_then(|time| time.to_millis().ok())
                .unwrap_or(0),
            size_bytes: user.record.data.as_ref().len()
                + user.record.partition_key.as_ref().map_or(0, String::len),
            record: user,
        });
        self.merge
            .received(&shard, records, page.is_at_tip.then_some(newest_before_ms));
        match page.next_iterator {
            Some(iterator) => reader.cursor = Some(Cursor::Iterator(iterator)),
            None => {
                self.lineage.add_children(&page.children);
                self.merge.ended(&shard);
            }
        }
        while let Some((shard, dropped)) = self.merge.shed(BUFFERED_BYTES_MAX) {
            let reader = self
                .readers
                .get_mut(&shard)
                .expect("a merged shard has a reader");
            let number = dropped.record.sequence_number;
            reader.shown_in_part = dropped.index.map(|parts| (number.clone(), parts));
            let position = Position::At(number);
            reader.cursor = Some(Cursor::Position(position.clone()));
            reader.resume = position;
        }
    }

    fn take_failure(&mut self, shard: &str, failure: Failure) -> Result<(), Failure> {
        let reader = self
            .readers
            .get_mut(shard)
            .expect("a shard that is read has a reader");
        // Asked for again, the newest record would be another one.
        if reader.resume == Position::Latest {
            match self.began.at_or_before() {
                Some(moment) => reader.resume = Position::Since(moment),
                None => output::say(&format!(
                    "{shard}: interrupted before its first record, and the service does not tell its time; records \
                     that arrive before the next read are not shown"
                )),
            }
        }
        reader.cursor = Some(Cursor::Position(reader.resume.clone()));
        if failure.is("ExpiredIteratorException") {
            return Ok(());
        }
        let now = Instant::now();
        let failing_since = *reader.failing_since.get_or_insert(now);
        if !failure.is_passing() || now.duration_since(failing_since) > PATIENCE {
            return Err(failure);
        }
        if failing_since == now {
            output::say(&format!("{shard}: {failure}; trying again"));
        }
        reader.not_before = now + Duration::from_secs(1);
        Ok(())
    }
}
