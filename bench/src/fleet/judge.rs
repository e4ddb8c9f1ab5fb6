//! What the lines of the ledgers come to.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;

/// Hears the lines of all workers, and when one of them goes.
#[derive(Debug, Default)]
pub struct Judge {
    /// By record, how often it was handled.
    handled: BTreeMap<u64, u64>,
    /// By shard, when a record of it was handled last, and by whom.
    last: BTreeMap<String, (u64, String)>,
    /// Shards whose worker has gone: when, and which one.
    waiting: BTreeMap<String, (u64, String)>,
    waits: Vec<Duration>,
    first_ms: Option<u64>,
    last_shard_ms: Option<u64>,
    last_taken_ms: Option<u64>,
}

impl Judge {
    /// A line of a worker's ledger: `MILLISECONDS record SHARD NUMBER`; lines of other kinds are passed over. Those of one
    /// worker come in order.
    ///
    /// # Errors
    /// If it is none.
    pub fn hear(&mut self, worker: &str, line: &str) -> anyhow::Result<()> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [ms, "record", shard, number] = words[..] else {
            return Ok(());
        };
        let of_line = || format!("a line of the ledger of {worker}: {line:?}");
        let ms: u64 = ms.parse().with_context(of_line)?;
        *self
            .handled
            .entry(number.parse().with_context(of_line)?)
            .or_default() += 1;
        self.first_ms = Some(self.first_ms.map_or(ms, |first| first.min(ms)));
        match self.last.get_mut(shard) {
            Some((at, by)) if *at <= ms => (*at, *by) = (ms, worker.to_owned()),
            Some(_) => {}
            None => {
                self.last_shard_ms = self.last_shard_ms.max(Some(ms));
                self.last.insert(shard.to_owned(), (ms, worker.to_owned()));
            }
        }
        if let Some((since, gone)) = self.waiting.get(shard)
            && gone != worker
            && ms >= *since
        {
            self.waits.push(Duration::from_millis(ms - since));
            self.last_taken_ms = self.last_taken_ms.max(Some(ms));
            self.waiting.remove(shard);
        }
        Ok(())
    }

    /// The worker was killed, or told to stop: from now on its shards wait for others.
    pub fn leaves(&mut self, worker: &str, now_ms: u64) {
        for (shard, (_, by)) in &self.last {
            // One that waits already has waited since its worker went.
            if by == worker && !self.waiting.contains_key(shard) {
                self.waiting.insert(shard.clone(), (now_ms, by.clone()));
            }
        }
    }

    /// Shards of which records were handled.
    pub fn shards_seen(&self) -> usize {
        self.last.len()
    }

    /// Shards whose last record was handled by this worker.
    pub fn shards_of(&self, worker: &str) -> usize {
        self.last.values().filter(|(_, by)| by == worker).count()
    }

    /// Shards whose worker has gone, and of which no other one has handled a record since.
    pub fn shards_waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How long each shard has waited that waits no more; forgets them. Shortest first.
    pub fn take_waits(&mut self) -> Vec<Duration> {
        let mut waits = std::mem::take(&mut self.waits);
        waits.sort_unstable();
        waits
    }

    /// When the first record was handled.
    pub fn first_ms(&self) -> Option<u64> {
        self.first_ms
    }

    /// When the first record was handled of that shard of which this came last.
    pub fn last_shard_ms(&self) -> Option<u64> {
        self.last_shard_ms
    }

    /// When a shard was handled again that had waited, the last one so far.
    pub fn last_taken_ms(&self) -> Option<u64> {
        self.last_taken_ms
    }

    /// Records that were handled, each counted once.
    pub fn distinct(&self) -> u64 {
        self.handled.len() as u64
    }

    /// How often a record was handled that had been handled before.
    pub fn handled_again(&self) -> u64 {
        self.handled.values().map(|times| times - 1).sum()
    }

    /// Of the records 0 to `records`, exclusive, those that nobody has handled.
    pub fn missing(&self, records: u64) -> Vec<u64> {
        let is_missing = |number: &u64| !self.handled.contains_key(number);
        (0..records).filter(is_missing).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(lines: &[(&str, &str)]) -> Judge {
        let mut judge = Judge::default();
        for (worker, line) in lines {
            judge.hear(worker, line).unwrap();
        }
        judge
    }

    #[test]
    fn what_is_missing_and_what_came_again_is_counted() {
        let judge = judge(&[
            ("a", "10 start s0"),
            ("a", "11 record s0 0"),
            ("a", "12 record s1 1"),
            ("b", "13 record s0 0"),
            ("b", "14 record s0 3"),
        ]);
        assert_eq!(judge.missing(5), [2, 4]);
        assert_eq!((judge.distinct(), judge.handled_again()), (3, 1));
        assert_eq!((judge.shards_seen(), judge.first_ms()), (2, Some(11)));
        assert_eq!(judge.last_shard_ms(), Some(12));
        assert!(Judge::default().hear("a", "11 record s0 x").is_err());
    }

    #[test]
    fn a_shard_waits_from_the_moment_its_worker_goes_until_another_one_handles_it() {
        let mut judge = judge(&[
            ("a", "10 record s0 0"),
            ("b", "10 record s1 1"),
            ("a", "11 record s2 2"),
        ]);
        judge.leaves("a", 100);
        assert_eq!(judge.shards_waiting(), 2);
        // Told to stop, it finishes what it has in hand.
        judge.hear("a", "110 record s0 3").unwrap();
        // Of before, read late.
        judge.hear("b", "90 record s2 4").unwrap();
        assert_eq!(judge.shards_waiting(), 2);
        judge.hear("b", "150 record s0 5").unwrap();
        // The next one goes before it has handled anything of the other shard.
        judge.leaves("b", 160);
        judge.hear("c", "400 record s2 6").unwrap();
        judge.hear("c", "200 record s0 7").unwrap();
        judge.hear("c", "200 record s1 8").unwrap();
        assert_eq!(judge.shards_waiting(), 0);
        let waits = [40, 40, 50, 300].map(Duration::from_millis);
        assert_eq!(judge.take_waits(), waits);
        assert_eq!(judge.last_taken_ms(), Some(400));
        assert!(judge.take_waits().is_empty());
    }
}
