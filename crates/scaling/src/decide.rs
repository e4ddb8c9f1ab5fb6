//! The decision. Pure: the same window and rules make the same decision.
//!
//! Growth follows the last three looks, shrinking the peak of the whole quiet time; between what makes more and what makes
//! fewer lies a gap that no single change crosses. So constant traffic ends in rest.

mod cuts;
mod dealing;
mod shards;
mod workers;

use crate::decision::What;
use crate::window::RECENT;
use millstream_types::TimestampMs;

use crate::{Bounds, Decision, Figures, Observation, Reason, Rules, Window};

/// What is known when the decision is made.
struct Deciding<'a> {
    rules: &'a Rules,
    window: &'a Window,
    recent: [&'a Observation; RECENT],
    now: &'a Observation,
    figures: Figures,
    workers: Bounds,
    shards: Option<Bounds>,
    notes: Vec<Reason>,
}

/// Decides. Nothing is done within one settling time of the last [`Change`](crate::Change) that the window has noted.
pub fn decide(rules: &Rules, window: &Window) -> Decision {
    let at = window.now().map_or(TimestampMs(0), |now| now.at);
    let nothing = |reason, figures| Decision {
        at,
        workers: None,
        shards: Vec::new(),
        notes: vec![reason],
        figures,
    };
    let Some(recent) = window.recent() else {
        return nothing(Reason::TooFewLooks, Figures::default());
    };
    let figures = Figures::of(recent, window.capacity());
    let left_ms = window.settles_ms(rules, at);
    if left_ms > 0 {
        return nothing(Reason::Settling { left_ms }, figures);
    }
    let deciding = Deciding {
        rules,
        window,
        recent,
        now: recent[0],
        figures,
        workers: rules.workers_at(at),
        shards: rules.shards_at(at),
        notes: Vec::new(),
    };
    deciding.decide()
}

impl Deciding<'_> {
    fn decide(mut self) -> Decision {
        let stands_still = self.stands_still();
        let speed = self.figures.worker_records_per_s;
        let left_ms = self
            .window
            .waits_ms(self.rules.cool_down_out_ms, self.now.at);
        let mut splits = self.splits(speed.filter(|_| !stands_still));
        let mut workers = self.more_workers(speed.filter(|_| !stands_still), &splits);
        let waits_for = match left_ms > 0 {
            true => Some(Reason::CoolingDown { left_ms }),
            // Shards that are hot already are cut at once, into as many parts as the last look asks for.
            false => self.still_rising().filter(|_| splits.is_empty()),
        };
        if let Some(reason) = waits_for.filter(|_| !(splits.is_empty() && workers.is_none())) {
            splits.clear();
            workers = None;
            self.notes.push(reason);
        }
        let mut shards = splits;
        if workers.is_none() && shards.is_empty() && self.may_shrink(stands_still) {
            workers = self.fewer_workers(speed);
            if workers.is_none() {
                shards = self.merges(speed);
            }
        }
        if workers.is_none() && shards.is_empty() && self.notes.is_empty() {
            let (behind_ms, goal_ms) = (self.figures.behind_ms, self.rules.behind_ms_max);
            self.notes.push(match behind_ms > goal_ms {
                true => Reason::CatchingUp {
                    behind_ms,
                    goal_ms,
                    drain_ms: self.figures.drain_ms,
                },
                false => Reason::OnGoal { behind_ms, goal_ms },
            });
        }
        Decision {
            at: self.now.at,
            workers,
            shards,
            notes: self.notes,
            figures: self.figures,
        }
    }

    /// Whether a rise goes on, so that the last look shows a part of it alone. Whoever is not late waits for the next look,
    /// rather than for a whole settling time with the workers that this part asked for.
    fn still_rising(&self) -> Option<Reason> {
        const RISES: f64 = 1.5;
        let [now_per_s, before_per_s, _] = self.recent.map(|look| {
            let shards = look.shards.iter();
            shards
                .map(|shard| shard.incoming.records_per_s)
                .sum::<f64>()
        });
        let has_time = self.figures.behind_ms <= self.rules.behind_ms_max / 2;
        let has_enough = self.figures.workers >= self.workers.min;
        (has_time && has_enough && now_per_s > RISES * before_per_s).then_some(
            Reason::StillRising {
                before_per_s,
                now_per_s,
            },
        )
    }

    /// Whether workers have something to do and finish next to nothing: a sink that hangs.
    fn stands_still(&mut self) -> bool {
        const NOTHING: f64 = 0.05;
        let Figures {
            workers,
            backlog_records,
            behind_ms,
            ..
        } = self.figures;
        let is_late = behind_ms > self.rules.behind_ms_max / 2 && backlog_records > 0;
        let expected = match self.window.capacity() {
            Some(capacity) => capacity.records_per_s * f64::from(workers),
            None => self.figures.ingest_records_per_s,
        };
        let is_still = self.figures.read_records_per_s <= NOTHING * expected;
        if workers > 0 && is_late && is_still {
            self.notes.push(Reason::StandsStill {
                backlog_records,
                workers,
            });
            return true;
        }
        false
    }

    /// Whether it was quiet for long enough to give something up.
    fn may_shrink(&mut self, stands_still: bool) -> bool {
        let at = self.now.at;
        let left_ms = self.window.waits_ms(self.rules.cool_down_in_ms, at);
        if left_ms > 0 {
            // Said only where it holds something up: most of the time there is nothing to give up.
            if self.has_spare() {
                self.notes.push(Reason::CoolingDown { left_ms });
            }
            return false;
        }
        let was_late = || {
            let late = self.rules.behind_ms_max / 2;
            let mut shards = self.window.looks().flat_map(|look| &look.shards);
            shards.any(|shard| shard.behind_ms > late)
        };
        !stands_still && self.window.covers_quiet(self.rules) && !was_late()
    }

    fn has_spare(&self) -> bool {
        self.figures.workers > self.workers.min
            || self
                .shards
                .is_some_and(|bounds| self.figures.open_shards > bounds.min)
    }

    fn below_min(&self, what: What, count: u32, bounds: Bounds) -> Option<Reason> {
        (count < bounds.min).then_some(Reason::BelowMin {
            what,
            count,
            min: bounds.min,
        })
    }
}

#[cfg(test)]
mod tests;
