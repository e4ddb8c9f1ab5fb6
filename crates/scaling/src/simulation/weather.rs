//! What comes, and where in the space of hash keys.

use std::f64::consts::TAU;
use std::ops::Range;

use super::DAY_LOOKS;

/// What kind of traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Constant,
    Steps,
    Ramps,
    Days,
    Bursts,
    HotKeys,
    SinkHangs,
    /// A fortieth of the most, then the most, then little again.
    Rise,
}

/// Splitmix64 by Steele, Lea and Flood: the same for the same seed.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to 1.
    pub(crate) fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// A part of the space that takes a share of everything for a while.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hot {
    pub(crate) start: f64,
    /// 0 if it is one key.
    pub(crate) width: f64,
    pub(crate) share: f64,
}

/// When it is up.
pub(crate) const RISE: Range<u64> = 60..240;

#[derive(Debug)]
pub(crate) struct Weather {
    kind: Kind,
    random: Random,
    base_records_per_s: f64,
    most_records_per_s: f64,
    level: f64,
    aim: f64,
    until: u64,
    hangs_until: u64,
    pub(crate) hot: Option<Hot>,
    /// Whether it changed abruptly at this look.
    pub(crate) breaks: bool,
}

impl Weather {
    /// `most_records_per_s` is what the fleet could do.
    pub(crate) fn new(seed: u64, kind: Kind, most_records_per_s: f64) -> Self {
        let mut random = Random::new(seed);
        let base = most_records_per_s * (0.02 + 0.2 * random.share());
        Self {
            kind,
            random,
            base_records_per_s: base,
            most_records_per_s,
            level: 1.0,
            aim: 1.0,
            until: 0,
            hangs_until: 0,
            hot: None,
            breaks: false,
        }
    }

    /// Whether whatever the workers write to hangs.
    pub(crate) fn hangs(&self, look: u64) -> bool {
        look < self.hangs_until
    }

    /// Records a second at a look.
    pub(crate) fn at(&mut self, look: u64) -> f64 {
        self.breaks = false;
        let is_over = look >= self.until;
        match self.kind {
            Kind::Constant => {}
            Kind::Rise => {
                let is_up = RISE.contains(&look);
                return self.most_records_per_s * if is_up { 1.0 } else { 1.0 / 40.0 };
            }
            Kind::Steps if is_over => {
                self.jump(look, 100, 500);
                self.level = self.aim;
            }
            Kind::Ramps => {
                if is_over {
                    self.until = look + 50 + self.random.below(300);
                    self.aim = self.some_level();
                }
                // At most a hundredth from look to look: the settling time and the means take six.
                self.level *= (self.aim / self.level).clamp(0.99, 1.01);
            }
            Kind::Days | Kind::SinkHangs => {
                let of_day = (look as f64 / DAY_LOOKS as f64 * TAU).sin();
                let is_weekend = look / DAY_LOOKS % 7 >= 5;
                self.level = (1.0 + 0.6 * of_day) * 1.2;
                if is_weekend {
                    self.level *= 0.5;
                }
                self.breaks =
                    look.is_multiple_of(DAY_LOOKS) && matches!(look / DAY_LOOKS % 7, 0 | 5);
                if self.kind == Kind::SinkHangs && is_over {
                    self.until = look + 300 + self.random.below(600);
                    self.hangs_until = look + 3 + self.random.below(12);
                    self.breaks = true;
                }
            }
            Kind::Bursts if is_over => {
                let is_calm = self.level == 1.0;
                self.jump(look, 30, 200);
                self.level = if is_calm { self.aim.max(1.0) } else { 1.0 };
            }
            Kind::HotKeys if is_over => {
                self.jump(look, 100, 600);
                self.hot = self.some_hot();
            }
            Kind::Steps | Kind::Bursts | Kind::HotKeys => {}
        }
        let noise = 0.96 + 0.08 * self.random.share();
        self.base_records_per_s * self.level * noise
    }

    fn jump(&mut self, look: u64, least: u64, spread: u64) {
        self.until = look + least + self.random.below(spread);
        self.aim = self.some_level();
        self.breaks = true;
    }

    /// Up to six tenths of what the fleet could do, and to eight times the base.
    fn some_level(&mut self) -> f64 {
        let most = (0.6 * self.most_records_per_s / self.base_records_per_s).min(8.0);
        0.3 + (most - 0.3).max(0.0) * self.random.share()
    }

    fn some_hot(&mut self) -> Option<Hot> {
        if self.random.below(3) == 0 {
            return None;
        }
        let is_one_key = self.random.below(2) == 0;
        Some(Hot {
            start: 0.9 * self.random.share(),
            width: if is_one_key {
                0.0
            } else {
                0.01 + 0.05 * self.random.share()
            },
            share: 0.2 + 0.6 * self.random.share(),
        })
    }

    /// Which share of what comes lies below a place in the space.
    pub(crate) fn below(&self, place: f64) -> f64 {
        let Some(hot) = self.hot else {
            return place;
        };
        let of_hot = match hot.width {
            0.0 => f64::from(u8::from(place > hot.start)),
            width => ((place - hot.start) / width).clamp(0.0, 1.0),
        };
        place * (1.0 - hot.share) + hot.share * of_hot
    }
}
