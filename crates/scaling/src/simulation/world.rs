//! A stream and its workers, as a fluid: records flow into shards, and workers take them out as fast as they can.

use std::collections::VecDeque;
use std::sync::Arc;

use millstream_types::{HashKey, HashKeyRange, ShardId, TimestampMs};

use super::LOOK_MS;
use super::weather::{Kind, Random, Weather};
use crate::observation::{can_be_cut, parts_at};
use crate::{
    Change, Cut, Decision, HotKey, Middle, Observation, Rules, ShardChange, ShardObservation,
    Traffic, WorkerObservation,
};

const LOOK_S: f64 = LOOK_MS as f64 / 1000.0;
/// A shard's records are not read for this part of a look when its lease moves.
const HAND_OVER: f64 = 0.05;
/// One key that takes more than this of a shard makes a split of it useless.
const ONE_KEY: f64 = 0.9;
/// A shard's parts are known as far as thirty-two of them.
const SAMPLED_LEVELS: u32 = 5;
/// Looks at the beginning that are not judged.
const FIRST_LOOKS: u64 = 120;
/// What was merged is not split again for so long, unless it takes more.
const SOON_LOOKS: u64 = 24;
/// What a disturbance takes to be got over, for each look of it.
const GOT_OVER: u64 = 3;

#[derive(Debug)]
struct Shard {
    id: ShardId,
    range: HashKeyRange,
    is_open: bool,
    parents: Vec<ShardId>,
    owner: Option<u32>,
    moved: bool,
    /// Whether its parents were not finished when the look began.
    waits: bool,
    /// When it was made of two, and what they took then.
    merged: Option<(u64, f64)>,
    backlog: f64,
    /// When the records that are left came: look and how many.
    left: VecDeque<(u64, f64)>,
    incoming: f64,
    read: f64,
}

#[derive(Debug)]
pub(crate) struct World {
    weather: Weather,
    random: Random,
    records_per_s: f64,
    record_bytes: f64,
    speed: f64,
    shards: Vec<Shard>,
    workers: Vec<Arc<str>>,
    next_shard: u32,
    next_worker: u32,
    calm_at: u64,
    disturbed_since: Option<u64>,
}

fn place(key: u128) -> f64 {
    key as f64 / u128::MAX as f64
}

impl World {
    pub(crate) fn new(seed: u64, kind: Kind) -> Self {
        let mut random = Random::new(seed ^ 0x5eed);
        let speed = 100.0 + 900.0 * random.share();
        let mut world = Self::empty(seed, kind, speed, random);
        let count = 1 + world.random.below(4) as u32;
        for range in HashKeyRange::uniform(count) {
            world.open(range, Vec::new());
        }
        for _ in 0..=world.random.below(u64::from(count)) {
            world.start_worker();
        }
        world
    }

    /// Traffic that rises to what twenty workers do, and one worker with all shards.
    pub(crate) fn before_a_rise(shards: u32) -> Self {
        let mut world = Self::empty(0, Kind::Rise, 1_000.0, Random::new(0));
        world.weather = Weather::new(0, Kind::Rise, 20_000.0);
        for range in HashKeyRange::uniform(shards) {
            world.open(range, Vec::new());
        }
        world.start_worker();
        world
    }

    fn empty(seed: u64, kind: Kind, speed: f64, mut random: Random) -> Self {
        Self {
            weather: Weather::new(seed, kind, 0.6 * 24.0 * speed),
            record_bytes: 50.0 + 900.0 * random.share(),
            random,
            records_per_s: 0.0,
            speed,
            shards: Vec::new(),
            workers: Vec::new(),
            next_shard: 0,
            next_worker: 0,
            // A stream that begins with one shard and ten times what it takes is nobody's fault.
            calm_at: FIRST_LOOKS,
            disturbed_since: None,
        }
    }

    /// Records a second that one worker can do.
    pub(crate) fn speed(&self) -> f64 {
        self.speed
    }

    pub(crate) fn records_per_s(&self) -> f64 {
        self.records_per_s
    }

    /// Whether nothing happened for so long that the goal has to be kept.
    pub(crate) fn is_calm(&self, look: u64, reaction_looks: u64) -> bool {
        look >= self.calm_at + reaction_looks
    }

    /// Whether a shard is late that could be done faster.
    pub(crate) fn is_late(&self, seen: &Observation, rules: &Rules) -> bool {
        seen.shards.iter().any(|shard| {
            let has_a_worker = shard.read_records_per_s > 0.8 * self.speed;
            let could_be_split = shard.is_open
                && shard.incoming.records_per_s > 0.85 * self.speed
                && !matches!(shard.middle, Middle::OneKey(_));
            let is_late = shard.behind_ms > rules.behind_ms_max;
            is_late && !self.waits(shard.id) && (!has_a_worker || could_be_split)
        })
    }

    /// Whether the shard could not be read in this look, because its parents were not finished.
    fn waits(&self, id: ShardId) -> bool {
        self.shards
            .iter()
            .any(|shard| shard.id == id && shard.waits)
    }

    pub(crate) fn disturbed(&mut self, look: u64) {
        let since = *self.disturbed_since.get_or_insert(look);
        self.calm_at = self.calm_at.max(look + GOT_OVER * (look - since));
    }

    fn open(&mut self, range: HashKeyRange, parents: Vec<ShardId>) {
        let id = ShardId::new(self.next_shard).expect("few shards");
        self.next_shard += 1;
        self.shards.push(Shard {
            id,
            range,
            is_open: true,
            parents,
            owner: None,
            moved: false,
            waits: false,
            merged: None,
            backlog: 0.0,
            left: VecDeque::new(),
            incoming: 0.0,
            read: 0.0,
        });
    }

    fn start_worker(&mut self) {
        self.workers
            .push(format!("worker-{}", self.next_worker).into());
        self.next_worker += 1;
    }

    /// Lets a look's time pass, and looks.
    pub(crate) fn step(&mut self, look: u64, rules: &Rules) -> Observation {
        self.records_per_s = self.weather.at(look);
        self.share_out();
        self.flow_in(look);
        if !self.weather.hangs(look) {
            self.flow_out(look);
        } else {
            self.shards.iter_mut().for_each(|shard| shard.read = 0.0);
        }
        self.shards
            .retain(|shard| shard.is_open || shard.backlog > 0.5);
        if self.weather.breaks || self.weather.hangs(look) || self.is_too_much(rules) {
            self.disturbed(look);
        } else {
            self.disturbed_since = None;
        }
        self.observe(look)
    }

    /// More than all workers that there may be could do of it, in time.
    fn is_too_much(&self, rules: &Rules) -> bool {
        let most_per_shard = 0.75 * self.speed.min(rules.shard.records_per_s);
        let bytes_per_s = self.records_per_s * self.record_bytes;
        let shards = f64::max(
            self.records_per_s / most_per_shard,
            bytes_per_s / (0.5 * rules.shard.bytes_per_s),
        );
        // One key has one worker, whatever is done.
        let of_key = self.weather.hot.filter(|hot| hot.width == 0.0);
        let key_records_per_s = of_key.map_or(0.0, |hot| hot.share * self.records_per_s);
        shards > 22.0 || key_records_per_s > 0.7 * most_per_shard
    }

    /// Leases go to whoever has fewest, and to nobody before the parents are done.
    fn share_out(&mut self) {
        let mut counts = vec![0u32; self.workers.len()];
        for shard in &mut self.shards {
            shard.moved = false;
            if let Some(owner) = shard.owner {
                counts[owner as usize] += 1;
            }
        }
        let unfinished: Vec<ShardId> = self.shards.iter().map(|shard| shard.id).collect();
        let fewest = |counts: &[u32]| (0..counts.len()).min_by_key(|worker| counts[*worker]);
        for shard in &mut self.shards {
            let waits = shard
                .parents
                .iter()
                .any(|parent| unfinished.contains(parent));
            shard.waits = waits;
            if shard.owner.is_none()
                && !waits
                && let Some(to) = fewest(&counts)
            {
                counts[to] += 1;
                shard.owner = Some(to as u32);
                shard.moved = true;
            }
        }
        loop {
            let Some(to) = fewest(&counts) else { return };
            let from = (0..counts.len())
                .max_by_key(|worker| counts[*worker])
                .expect("there is one");
            if counts[from] <= counts[to] + 1 {
                return;
            }
            let of = |shard: &&mut Shard| shard.owner == Some(from as u32);
            let shard = self
                .shards
                .iter_mut()
                .find(of)
                .expect("it has more than one");
            (shard.owner, shard.moved) = (Some(to as u32), true);
            counts[from] -= 1;
            counts[to] += 1;
        }
    }

    fn flow_in(&mut self, look: u64) {
        for shard in self.shards.iter_mut() {
            shard.incoming = 0.0;
            if shard.is_open {
                let share = self.weather.below(place(shard.range.end.0))
                    - self.weather.below(place(shard.range.start.0));
                shard.incoming = share * self.records_per_s;
                let came = shard.incoming * LOOK_S;
                shard.backlog += came;
                shard.left.push_back((look, came));
            }
        }
    }

    /// Each worker's time goes to its shards in equal parts, and what one does not need to the others.
    fn flow_out(&mut self, look: u64) {
        for worker in 0..self.workers.len() as u32 {
            let noise = 0.95 + 0.1 * self.random.share();
            let mut room = self.speed * LOOK_S * noise;
            let mut own: Vec<&mut Shard> = self
                .shards
                .iter_mut()
                .filter(|shard| shard.owner == Some(worker))
                .collect();
            own.sort_by(|one, other| one.backlog.total_cmp(&other.backlog));
            let mut left = own.len() as f64;
            for shard in own {
                let pause = if shard.moved { HAND_OVER } else { 0.0 };
                let done = shard.backlog.min(room / left * (1.0 - pause));
                room -= done;
                left -= 1.0;
                shard.read = done / LOOK_S;
                shard.backlog -= done;
                shard.forget(done, look);
            }
        }
        for shard in self.shards.iter_mut().filter(|shard| shard.owner.is_none()) {
            shard.read = 0.0;
        }
    }

    fn observe(&self, look: u64) -> Observation {
        let shards = self.shards.iter().map(|shard| ShardObservation {
            id: shard.id,
            range: shard.range,
            is_open: shard.is_open,
            incoming: Traffic {
                records_per_s: shard.incoming,
                bytes_per_s: shard.incoming * self.record_bytes,
            },
            read_records_per_s: shard.read,
            backlog_records: shard.backlog as u64,
            behind_ms: shard
                .left
                .front()
                .map_or(0, |(came, _)| (look - came) * LOOK_MS),
            owner: shard.owner,
            middle: self.middle(shard),
        });
        Observation {
            at: TimestampMs((look + 1) * LOOK_MS),
            shards: shards.collect(),
            without_lease: 0,
            workers: self
                .workers
                .iter()
                .map(|id| WorkerObservation { id: Arc::clone(id) })
                .collect(),
        }
    }

    /// Nobody looks where there is little traffic.
    fn middle(&self, shard: &Shard) -> Middle {
        let watched = f64::max(
            shard.incoming / (0.3 * self.speed.min(1000.0)),
            shard.incoming * self.record_bytes / 300_000.0,
        );
        if !shard.is_open || watched <= 1.0 {
            return Middle::Unknown;
        }
        // Nobody cuts a part that takes so little.
        let levels = watched.log2().ceil() as u32;
        self.middle_of(shard.range, levels.min(SAMPLED_LEVELS))
    }

    /// As a sample of a thousand records tells it: of a part of a part it is too small.
    fn middle_of(&self, range: HashKeyRange, levels: u32) -> Middle {
        if levels == 0 {
            return Middle::Unknown;
        }
        if let Some(share) = self
            .share_of_one_key(range)
            .filter(|share| *share > ONE_KEY)
        {
            return Middle::OneKey(HotKey {
                hash_key: range.start,
                partition_key: None,
                share,
            });
        }
        let (mut low, mut high) = (range.start.0, range.end.0);
        let [bottom, top] = [low, high].map(|key| self.weather.below(place(key)));
        let aim = (bottom + top) / 2.0;
        for _ in 0..20 {
            let between = low + (high - low) / 2;
            match self.weather.below(place(between)) < aim {
                true => low = between,
                false => high = between,
            }
        }
        let key = HashKey(high);
        if !can_be_cut(range, key) || top <= bottom {
            return Middle::Unknown;
        }
        let [lower, upper] = parts_at(range, key);
        Middle::At(Box::new(Cut {
            key,
            below: (self.weather.below(place(high)) - bottom) / (top - bottom),
            lower: self.middle_of(lower, levels - 1),
            upper: self.middle_of(upper, levels - 1),
        }))
    }

    /// What the hot key, if it is in this range, takes of the range's traffic.
    fn share_of_one_key(&self, range: HashKeyRange) -> Option<f64> {
        let hot = self.weather.hot.filter(|hot| hot.width == 0.0)?;
        let (start, end) = (place(range.start.0), place(range.end.0));
        let is_inside = start <= hot.start && hot.start < end;
        let all = self.weather.below(end) - self.weather.below(start);
        (is_inside && all > 0.0).then(|| hot.share / all)
    }

    /// Does what was decided.
    pub(crate) fn apply(&mut self, look: u64, decision: &Decision) -> Change {
        let read = self.shards.iter().map(|shard| shard.read).sum();
        let open = |world: &Self| world.shards.iter().filter(|shard| shard.is_open).count() as u32;
        let (workers_before, shards_before) = (self.workers.len() as u32, open(self));
        if let Some(change) = &decision.workers {
            for _ in change.from..change.to {
                self.start_worker();
            }
            let gone = change.from.saturating_sub(change.to) as usize;
            assert_eq!(
                change.hand_over.len(),
                gone,
                "who is stopped hands over first: {change:?}"
            );
            for id in &change.hand_over {
                self.stop_worker(id);
            }
        }
        for change in &decision.shards {
            match *change {
                ShardChange::Split {
                    shard,
                    new_starting_hash_key,
                    ref further,
                    ..
                } => {
                    self.split(look, shard, new_starting_hash_key);
                    for key in further {
                        let part = self.open_at(*key);
                        self.split(look, part, *key);
                    }
                }
                ShardChange::Merge {
                    shard, adjacent, ..
                } => self.merge(look, shard, adjacent),
            }
        }
        Change {
            at: TimestampMs((look + 1) * LOOK_MS),
            workers_before,
            workers_after: self.workers.len() as u32,
            shards_before,
            shards_after: open(self),
            read_records_per_s: read,
        }
    }

    fn stop_worker(&mut self, id: &str) {
        let at = self
            .workers
            .iter()
            .position(|worker| **worker == *id)
            .expect("it is there");
        self.workers.remove(at);
        let at = at as u32;
        for shard in &mut self.shards {
            shard.owner = match shard.owner {
                Some(owner) if owner == at => None,
                Some(owner) if owner > at => Some(owner - 1),
                other => other,
            };
        }
    }

    fn open_at(&self, key: HashKey) -> ShardId {
        let mut shards = self.shards.iter();
        let found = shards.find(|shard| shard.is_open && shard.range.contains(key));
        found.expect("the keys are covered").id
    }

    fn close(&mut self, id: ShardId) -> HashKeyRange {
        let shard = self
            .shards
            .iter_mut()
            .find(|shard| shard.id == id)
            .expect("it is there");
        assert!(shard.is_open, "{id} is open");
        shard.is_open = false;
        shard.range
    }

    fn split(&mut self, look: u64, id: ShardId, key: HashKey) {
        let shard = self.shards.iter().find(|shard| shard.id == id);
        let merged = shard.and_then(|shard| Some((shard.merged?, shard.incoming)));
        if let Some(((merged, took), takes)) = merged {
            let is_soon = look - merged <= SOON_LOOKS;
            assert!(
                !is_soon || takes > 1.15 * took,
                "{id} is split, merged at {merged} with {took}, at {look} with {takes}"
            );
        }
        let range = self.close(id);
        assert!(can_be_cut(range, key), "{id} {key}");
        let one_key = self.share_of_one_key(range).unwrap_or(0.0);
        assert!(
            one_key <= ONE_KEY,
            "{id} is split although one key has {one_key} of its traffic"
        );
        for part in parts_at(range, key) {
            self.open(part, vec![id]);
        }
    }

    fn merge(&mut self, look: u64, id: ShardId, adjacent: ShardId) {
        let (low, high) = (self.close(id), self.close(adjacent));
        assert!(low.is_followed_by(&high), "{id} {adjacent}");
        let range = HashKeyRange {
            start: low.start,
            end: high.end,
        };
        let took = |id| {
            self.shards
                .iter()
                .filter(move |shard| shard.id == id)
                .map(|shard| shard.incoming)
                .sum::<f64>()
        };
        let merged = Some((look, took(id) + took(adjacent)));
        self.open(range, vec![id, adjacent]);
        self.shards.last_mut().expect("it was opened").merged = merged;
    }
}

impl Shard {
    /// What was done is the oldest.
    fn forget(&mut self, mut done: f64, look: u64) {
        while let Some((_, count)) = self.left.front_mut() {
            if *count > done + 0.5 {
                *count -= done;
                return;
            }
            done = (done - *count).max(0.0);
            self.left.pop_front();
        }
        debug_assert!(self.backlog < 1.0, "{look}: {}", self.backlog);
    }
}
