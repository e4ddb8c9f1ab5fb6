//! A year of made-up traffic, by seed: days and nights, weeks, growth, bursts, keys that are hot for a while.

use std::collections::BTreeMap;

use super::*;

/// The server looks more often; so a year takes a second.
const LOOK_MINUTES: u64 = 10;
const DAY_MINUTES: u64 = 24 * 60;
const PEAK_DAYS: u64 = 30;
const RESHARDS_MAX: usize = 100;
const MIB: f64 = 1024.0 * 1024.0;

/// Xorshift: the same for the same seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// What comes, and where in the space of hash keys.
struct Weather {
    random: Random,
    base_mibps: f64,
    /// Bursts: until when, and by which factor.
    burst: Option<(u64, f64)>,
    /// A part of the space that takes a share of everything: until when, where, how wide, how much.
    hot: Option<(u64, f64, f64, f64)>,
    /// When the last of both began or ended.
    changed: u64,
}

impl Weather {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let base_mibps = 0.2 + 20.0 * random.share() * random.share();
        Self {
            random,
            base_mibps,
            burst: None,
            hot: None,
            changed: 0,
        }
    }

    /// Bytes a second at a minute of the year.
    fn at(&mut self, minute: u64) -> f64 {
        let day = minute as f64 / DAY_MINUTES as f64;
        let of_day = 1.0 + 0.8 * (day * std::f64::consts::TAU).sin();
        let of_week = if (day as u64) % 7 < 5 { 1.0 } else { 0.4 };
        let growth = 1.0 + day / 200.0;
        if self.burst.is_none_or(|(until, _)| until < minute) {
            self.changed = self.burst.take().map_or(self.changed, |_| minute);
            if self.random.share() < 0.0005 {
                let lasts = 20 + self.random.next() % 400;
                self.changed = minute;
                self.burst = Some((minute + lasts, 1.5 + 2.0 * self.random.share()));
            }
        }
        if self.hot.is_none_or(|(until, ..)| until < minute) {
            self.changed = self.hot.take().map_or(self.changed, |_| minute);
            if self.random.share() < 0.0002 {
                let lasts = 600 + self.random.next() % 10_000;
                let (place, width) = (
                    0.9 * self.random.share(),
                    0.001 + 0.05 * self.random.share(),
                );
                self.changed = minute;
                self.hot = Some((minute + lasts, place, width, 0.6 * self.random.share()));
            }
        }
        let noise = 0.9 + 0.2 * self.random.share();
        let burst = self.burst.map_or(1.0, |(_, factor)| factor);
        self.base_mibps * MIB * of_day * of_week * growth * burst * noise
    }

    /// Which share of what comes lies below a place in the space.
    fn below(&self, place: f64) -> f64 {
        match self.hot {
            None => place,
            Some((_, start, width, share)) => {
                place * (1.0 - share) + share * ((place - start) / width).clamp(0.0, 1.0)
            }
        }
    }
}

fn place(key: u128) -> f64 {
    key as f64 / u128::MAX as f64
}

struct Shard {
    range: HashKeyRange,
    opened: u64,
    last_busy: u64,
    /// Whether two shards were merged for it.
    is_merged: bool,
}

/// Where half of a range's traffic is below, to one part in a thousand of it.
fn middle(weather: &Weather, range: HashKeyRange) -> Middle {
    let (mut low, mut high) = (range.start.0, range.end.0);
    let aim = (weather.below(place(low)) + weather.below(place(high))) / 2.0;
    for _ in 0..24 {
        let between = low + (high - low) / 2;
        match weather.below(place(between)) < aim {
            true => low = between,
            false => high = between,
        }
    }
    match can_be_cut(range, HashKey(high)) {
        true => Middle::At(HashKey(high)),
        false => Middle::Nowhere,
    }
}

/// What a year came to.
#[derive(Debug, Default)]
struct Year {
    splits: usize,
    merges: usize,
    most: usize,
    /// Minutes in which a shard was asked for more than it takes, although the traffic had not doubled within a quarter
    /// of an hour.
    refused_minutes: u64,
    /// Shards that were split although they had been merged since anything in the weather changed.
    regretted: usize,
}

fn year(seed: u64) -> Year {
    let mut weather = Weather::new(seed);
    let mut year = Year::default();
    let mut shards: Vec<Shard> = HashKeyRange::uniform(4)
        .map(|range| Shard {
            range,
            opened: 0,
            last_busy: 0,
            is_merged: false,
        })
        .collect();
    let mut peaks: BTreeMap<u64, u64> = BTreeMap::new();
    let mut calm_at = 0;
    for minute in (0..365 * DAY_MINUTES).step_by(LOOK_MINUTES as usize) {
        let bytes_per_s = weather.at(minute);
        let day = minute / DAY_MINUTES;
        let mut taken = 0.0;
        let known = peaks.values().copied().max().unwrap_or(0) as f64;
        // Traffic that grows by more than half at once leaves no room for noise below AWS's double; keys that are hot are
        // nobody's promise. Both may be refused for as long as AWS says.
        if weather.hot.is_some() || bytes_per_s > 1.5 * known {
            calm_at = minute + 30;
        }
        let now: Vec<ShardNow> = (0..)
            .zip(&mut shards)
            .map(|(index, shard)| {
                let share = weather.below(place(shard.range.end.0))
                    - weather.below(place(shard.range.start.0));
                let asked = bytes_per_s * share;
                if asked > MIB && minute >= calm_at {
                    year.refused_minutes += LOOK_MINUTES;
                }
                let load = Load(asked.min(MIB) as u64);
                taken += asked.min(MIB);
                if load > QUIET {
                    shard.last_busy = minute;
                }
                let quiet_since = shard.last_busy.max(shard.opened);
                ShardNow {
                    id: ShardId::new(index).unwrap(),
                    range: shard.range,
                    load,
                    // Who has little is not watched.
                    middle: match load.0 > HOT.0 / 2 {
                        true => middle(&weather, shard.range),
                        false => Middle::Unknown,
                    },
                    rests: minute - quiet_since >= DAY_MINUTES,
                }
            })
            .collect();
        let peak = peaks.entry(day).or_default();
        *peak = (*peak).max(taken as u64);
        peaks.retain(|of, _| of + PEAK_DAYS >= day);
        let stream = StreamNow {
            shards: &now,
            peak: Load(peaks.values().copied().max().unwrap_or(0)),
            warm_mibps: None,
            shards_max: 10_000,
            reshards_max: RESHARDS_MAX,
        };
        let wanted = stream.wanted();
        let began = year.splits + year.merges;
        apply(
            &mut shards,
            stream.decide(),
            minute,
            weather.changed,
            &mut year,
        );
        assert!(
            year.splits + year.merges - began <= RESHARDS_MAX,
            "{seed} {minute}"
        );
        year.most = year.most.max(shards.len());
        assert!(shards.len() >= SHARDS_MIN, "{seed} {minute}");
        // As many as are wanted, but no more than double, and no more than one look begins.
        let reachable = (now.len() * 2).min(now.len() + RESHARDS_MAX);
        assert!(
            shards.len() >= wanted.min(reachable),
            "{seed} {minute}: {} of {wanted}",
            shards.len()
        );
        assert!(
            shards
                .windows(2)
                .all(|pair| pair[0].range.is_followed_by(&pair[1].range))
        );
    }
    year
}

fn apply(
    shards: &mut Vec<Shard>,
    decision: Decision,
    minute: u64,
    weather_changed: u64,
    year: &mut Year,
) {
    let opened = |range, is_merged| Shard {
        range,
        opened: minute,
        last_busy: 0,
        is_merged,
    };
    match decision {
        Decision::Nothing => {}
        Decision::Split(mut splits) => {
            year.splits += splits.len();
            splits.sort_by_key(|(id, _)| std::cmp::Reverse(*id));
            for (id, key) in splits {
                let at = id.index() as usize;
                let parent = &shards[at];
                let is_regretted = parent.is_merged && parent.opened > weather_changed;
                year.regretted += usize::from(is_regretted);
                let HashKeyRange { start, end } = parent.range;
                shards[at] = opened(HashKeyRange { start: key, end }, false);
                shards.insert(
                    at,
                    opened(
                        HashKeyRange {
                            start,
                            end: HashKey(key.0 - 1),
                        },
                        false,
                    ),
                );
            }
        }
        Decision::Merge(merges) => {
            year.merges += merges.len();
            for (low, _) in merges.into_iter().rev() {
                let at = low.index() as usize;
                // Neither is younger than a day, nor was busy within it.
                let is_old =
                    |shard: &Shard| minute - shard.opened.max(shard.last_busy) >= DAY_MINUTES;
                assert!(is_old(&shards[at]) && is_old(&shards[at + 1]));
                let second = shards.remove(at + 1);
                let range = HashKeyRange {
                    start: shards[at].range.start,
                    end: second.range.end,
                };
                shards[at] = opened(range, true);
            }
        }
    }
}

#[test]
fn a_year_of_traffic_is_followed_without_to_and_fro() {
    for seed in 1..=4 {
        let year = year(seed);
        // 20 MiB/s that double in a year and burst to 3.5 times, and keys that are hot for days on top of it.
        assert!(year.most <= 1_000, "{seed} {year:?}");
        assert!(
            year.merges > 0 && year.splits > year.merges,
            "{seed} {year:?}"
        );
        assert_eq!(year.refused_minutes, 0, "{seed} {year:?}");
        assert_eq!(year.regretted, 0, "{seed} {year:?}");
    }
}

#[test]
fn the_same_seed_makes_the_same_year() {
    let (first, second) = (year(9), year(9));
    assert_eq!(format!("{first:?}"), format!("{second:?}"));
}
