//! How leases are dealt out: by their number, whatever their shards take. What would fit may not be what happens.

use std::sync::Arc;

use super::Deciding;
use super::workers::SHARE_OUT;
use crate::Reason;

/// What a worker has to do.
#[derive(Debug, Clone, Copy, Default)]
struct Busy {
    /// Its place among the workers.
    worker: usize,
    /// Records a second, as [`Deciding::load`] counts.
    load: f64,
    /// Whether it is behind by more than half of the goal with one of its shards.
    is_late: bool,
    /// How many it has.
    shards: u32,
}

impl Busy {
    /// Whether it has more to do than so much, and another could help it: with one shard alone none could.
    fn has_more_than(&self, records_per_s: f64) -> bool {
        self.shards > 1 && self.load > records_per_s
    }

    fn takes(&mut self, load: f64) {
        self.shards += 1;
        self.load += load;
    }
}

impl Deciding<'_> {
    /// One more than there are, if a worker is late that has too much with several shards. 0 otherwise.
    pub(super) fn uneven(&self, speed: f64) -> u32 {
        let is_uneven = |one: &Busy| one.is_late && one.has_more_than(SHARE_OUT * speed);
        let any = self.busy().iter().any(is_uneven);
        if any { self.figures.workers + 1 } else { 0 }
    }

    /// Whether each worker that is late could be relieved of a shard, and what those that are not late could do besides is as
    /// much as so many workers do: then the number of leases has brought too much together, and those that came were dealt
    /// what others had done in time.
    pub(super) fn is_badly_dealt(&self, workers: u32, speed: f64) -> bool {
        let mut room = 0.0;
        for one in self.busy() {
            if one.is_late && one.shards <= 1 {
                return false;
            }
            if !one.is_late {
                room += (speed - one.load).max(0.0);
            }
        }
        room >= speed * f64::from(workers)
    }

    /// Who would have more to do with several shards than it can, at the peak of the quiet time, once those that go have
    /// handed over: each shard goes to whoever has fewest, and of several to the one with most to do, which is the worst that
    /// may happen. It would be late, and those that went be missed again.
    pub(super) fn too_much_without(
        &self,
        leaving: &[Arc<str>],
        worker_records_per_s: f64,
    ) -> Option<Reason> {
        let workers = &self.now.workers;
        let stays = |one: &Busy| !leaving.contains(&workers[one.worker].id);
        let mut busy: Vec<Option<Busy>> = self.idle().map(|one| Some(one).filter(&stays)).collect();
        let mut handed_over = Vec::new();
        for (shard, peak) in self.now.shards.iter().zip(self.peaks().0) {
            // What is closed takes nothing any more: only what is left of it counts.
            let peak = if shard.is_open { peak } else { 0.0 };
            let load = self.load(shard.id).max(peak);
            let owner = shard.owner.and_then(|owner| busy.get_mut(owner as usize));
            match owner {
                Some(Some(one)) => one.takes(load),
                _ => handed_over.push(load),
            }
        }
        let mut staying: Vec<Busy> = busy.into_iter().flatten().collect();
        for load in handed_over {
            let next = staying.iter_mut().min_by(|one, other| {
                let by_load = other.load.total_cmp(&one.load);
                one.shards.cmp(&other.shards).then(by_load)
            });
            next?.takes(load);
        }
        let most = staying
            .into_iter()
            .filter(|one| one.has_more_than(worker_records_per_s))
            .max_by(|one, other| one.load.total_cmp(&other.load))?;
        Some(Reason::UnevenlyDealt {
            worker: Arc::clone(&workers[most.worker].id),
            shards: most.shards,
            records_per_s: most.load,
            worker_records_per_s,
        })
    }

    /// What each worker has to do.
    fn busy(&self) -> Vec<Busy> {
        let late = self.rules.behind_ms_max / 2;
        let mut busy: Vec<Busy> = self.idle().collect();
        for shard in &self.now.shards {
            let owner = shard.owner.and_then(|owner| busy.get_mut(owner as usize));
            if let Some(one) = owner {
                one.takes(self.load(shard.id));
                one.is_late |= shard.behind_ms > late;
            }
        }
        busy
    }

    /// All workers, without a shard.
    fn idle(&self) -> impl Iterator<Item = Busy> {
        (0..self.now.workers.len()).map(|worker| Busy {
            worker,
            ..Busy::default()
        })
    }
}
