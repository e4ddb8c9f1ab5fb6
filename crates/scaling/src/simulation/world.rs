//! A stream and its workers, as a fluid: records flow into shards, and workers take them out as fast as they can.

mod changes;
mod seen;

use std::collections::VecDeque;
use std::sync::Arc;

use millstream_types::{HashKeyRange, ShardId};

use super::LOOK_MS;
use super::weather::{Kind, Random, Weather};
use crate::{Middle, Observation, Rules};

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
