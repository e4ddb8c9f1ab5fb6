//! Sketches: of how many different values, and of how they are spread. Mergeable, and the same whatever the order.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use datasketches::hll::{HllSketch, HllType, HllUnion};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Number, Value};
use sketches_ddsketch::{Config, DDSketch};

/// Binary logarithm of the registers of a distinct count: a standard error of about 1.6 %.
const DISTINCT_LG_K: u8 = 12;
/// Relative error of a quantile.
const QUANTILE_ERROR: f64 = 0.01;
/// Most bins of a quantile; wide enough for all but absurd ranges.
const QUANTILE_BINS: u32 = 2048;
/// Smallest size of a number that a quantile tells from 0.
const QUANTILE_SMALLEST: f64 = 1e-9;

/// A sketch of the different values.
#[derive(Debug, Clone, PartialEq)]
pub struct Distinct(HllSketch);

impl Distinct {
    pub(super) fn new() -> Self {
        let sketch = HllSketch::new(DISTINCT_LG_K, HllType::Hll8);
        Self(sketch.expect("the number of registers is in bounds"))
    }

    pub(super) fn add(&mut self, value: &Value) {
        self.0.update(value.to_string());
    }

    /// Adds what the other has seen.
    pub(super) fn merge(&mut self, other: &Self) {
        let mut union = HllUnion::new(DISTINCT_LG_K).expect("the number of registers is in bounds");
        union.update(&self.0);
        union.update(&other.0);
        self.0 = union.to_sketch(HllType::Hll8);
    }

    /// By the registers alone, so that it does not depend on the order.
    pub(super) fn estimate(&self) -> u64 {
        self.0.composite_estimate().round() as u64
    }

    /// About how many bytes it takes on the way.
    pub(super) fn bytes(&self) -> usize {
        self.0.serialize().len() * 4 / 3 + 64
    }
}

impl Serialize for Distinct {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(self.0.serialize()))
    }
}

impl<'de> Deserialize<'de> for Distinct {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = BASE64_STANDARD.decode(text).map_err(D::Error::custom)?;
        HllSketch::deserialize(&bytes)
            .map(Self)
            .map_err(D::Error::custom)
    }
}

/// A sketch of how the values are spread.
#[derive(Clone, Serialize, Deserialize)]
#[serde(from = "Option<DDSketch>", into = "Option<DDSketch>")]
pub struct Quantile(DDSketch);

impl From<Option<DDSketch>> for Quantile {
    fn from(stored: Option<DDSketch>) -> Self {
        stored.map_or_else(Self::new, Self)
    }
}

impl From<Quantile> for Option<DDSketch> {
    /// One without values has infinite bounds, for which JSON has no number.
    fn from(quantile: Quantile) -> Self {
        Some(quantile.0).filter(|sketch| sketch.count() > 0)
    }
}

impl Quantile {
    pub(super) fn new() -> Self {
        Self(DDSketch::new(Config::new(
            QUANTILE_ERROR,
            QUANTILE_BINS,
            QUANTILE_SMALLEST,
        )))
    }

    pub(super) fn add(&mut self, value: &Value) {
        self.0.add(value.as_f64().unwrap_or(0.0));
    }

    /// Adds what the other has seen; false if it was made with other bounds.
    pub(super) fn merge(&mut self, other: &Self) -> bool {
        self.0.merge(&other.0).is_ok()
    }

    /// About how many bytes it takes on the way.
    pub(super) fn bytes(&self) -> usize {
        self.0.length() * 8 + 256
    }

    /// The value below which this share of all lies; none if there are no values.
    pub(super) fn at(&self, share: f64) -> Option<Number> {
        let value = self.0.quantile(share).ok().flatten()?;
        Number::from_f64(value)
    }
}

impl std::fmt::Debug for Quantile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Quantile of {} values", self.0.count())
    }
}

impl PartialEq for Quantile {
    /// Whether all quantiles are the same, to the percent.
    fn eq(&self, other: &Self) -> bool {
        (0..=100).all(|percent| {
            self.at(f64::from(percent) / 100.0) == other.at(f64::from(percent) / 100.0)
        })
    }
}
