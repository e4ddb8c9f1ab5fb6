//! What many samples come to.

use crate::Sketch;
use crate::codec::{Malformed, Reader, Writer};

/// One sample: only its value is spelled.
const SINGLE: u8 = 1;
/// Every sample is in the sketch.
const RANKED: u8 = 2;

/// Count, sum, extremes and spread of samples. Aggregates merge in any order to the same one, the sum up to rounding.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    count: f64,
    sum: f64,
    minimum: f64,
    maximum: f64,
    /// Every sample is in it, or it is `None`: of a set of statistics nobody knows how its samples are spread.
    sketch: Option<Sketch>,
}

impl Aggregate {
    /// `count` samples of one value; both finite, the count above 0.
    pub fn of_value(value: f64, count: f64) -> Self {
        let mut sketch = Sketch::default();
        sketch.add(value, count);
        Self {
            count,
            sum: value * count,
            minimum: value,
            maximum: value,
            sketch: Some(sketch),
        }
    }

    /// Samples of which the sender tells no more than this. Their percentiles are known only if they are all equal or
    /// there is but one.
    pub fn of_statistics(count: f64, sum: f64, minimum: f64, maximum: f64) -> Self {
        let known = if minimum == maximum {
            Some(minimum)
        } else if count == 1.0 {
            Some(sum)
        } else {
            None
        };
        let sketch = known.map(|value| {
            let mut sketch = Sketch::default();
            sketch.add(value, count);
            sketch
        });
        Self {
            count,
            sum,
            minimum,
            maximum,
            sketch,
        }
    }

    /// Adds all samples of another aggregate.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.minimum = self.minimum.min(other.minimum);
        self.maximum = self.maximum.max(other.maximum);
        match (&mut self.sketch, &other.sketch) {
            (Some(sketch), Some(more)) => sketch.merge(more),
            _ => self.sketch = None,
        }
    }

    /// How many samples.
    pub fn count(&self) -> f64 {
        self.count
    }

    /// Their sum.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// The smallest.
    pub fn minimum(&self) -> f64 {
        self.minimum
    }

    /// The greatest.
    pub fn maximum(&self) -> f64 {
        self.maximum
    }

    /// Their mean.
    pub fn average(&self) -> f64 {
        self.sum / self.count
    }

    /// A value that `percent` of the samples do not exceed, as exact as a [`Sketch`]; `None` if that is not known.
    pub fn percentile(&self, percent: f64) -> Option<f64> {
        let value = self.sketch.as_ref()?.percentile(percent)?;
        Some(value.max(self.minimum).min(self.maximum))
    }

    /// The same without what percentiles are made of: for whoever asks for none.
    pub(crate) fn without_spread(&self) -> Self {
        Self {
            sketch: None,
            ..*self
        }
    }

    /// Bytes of memory, its place in a map included.
    pub(crate) fn memory_bytes(&self) -> usize {
        let heap_bytes = self.sketch.as_ref().map_or(0, Sketch::heap_bytes);
        size_of::<Self>() + 24 + heap_bytes
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        let is_single =
            self.count == 1.0 && self.minimum == self.maximum && self.sum == self.minimum;
        let ranked = if self.sketch.is_some() { RANKED } else { 0 };
        if is_single && ranked == RANKED {
            out.byte(SINGLE | RANKED);
            out.number(self.sum);
            return;
        }
        out.byte(ranked);
        out.number(self.count);
        out.number(self.sum);
        out.number(self.minimum);
        out.number(self.maximum);
        if let Some(sketch) = &self.sketch {
            sketch.write(out);
        }
    }

    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let flags = from.byte()?;
        if flags == SINGLE | RANKED {
            return Ok(Self::of_value(from.number()?, 1.0));
        }
        if flags & !RANKED != 0 {
            return Err(Malformed);
        }
        Ok(Self {
            count: from.number()?,
            sum: from.number()?,
            minimum: from.number()?,
            maximum: from.number()?,
            sketch: match flags & RANKED {
                0 => None,
                _ => Some(Sketch::read(from)?),
            },
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Samples of each kind, whole so that sums have no rounding.
    pub(crate) fn aggregates() -> impl Strategy<Value = Aggregate> {
        prop_oneof![
            (-9_999..9_999_i32, 1..5_u8)
                .prop_map(|(value, count)| Aggregate::of_value(value.into(), count.into())),
            (1..9_u8, 0..999_i32, 0..999_i32).prop_map(|(count, low, width)| {
                let (low, high) = (f64::from(low), f64::from(low + width));
                Aggregate::of_statistics(count.into(), low + high, low, high)
            }),
        ]
    }

    #[test]
    fn a_set_of_statistics_has_percentiles_only_where_they_are_certain() {
        assert_eq!(
            Aggregate::of_statistics(4.0, 10.0, 1.0, 4.0).percentile(50.0),
            None
        );
        let equal = Aggregate::of_statistics(4.0, 8.0, 2.0, 2.0);
        assert_eq!(equal.percentile(99.0), Some(2.0));
        let mut mixed = Aggregate::of_value(3.0, 1.0);
        mixed.merge(&Aggregate::of_statistics(4.0, 10.0, 1.0, 4.0));
        assert_eq!(
            (mixed.percentile(50.0), mixed.average()),
            (None, 13.0 / 5.0)
        );
    }

    proptest! {
        #[test]
        fn any_order_of_samples_gives_the_same_aggregate(
            samples in proptest::collection::vec(aggregates(), 1..40),
            by in any::<prop::sample::Index>(),
        ) {
            let merged = |samples: &[Aggregate]| {
                let mut samples = samples.iter();
                let mut all = samples.next().unwrap().clone();
                samples.for_each(|sample| all.merge(sample));
                all
            };
            let mut turned = samples.clone();
            turned.rotate_left(by.index(samples.len()));
            turned.reverse();
            prop_assert_eq!(merged(&samples), merged(&turned));
        }

        #[test]
        fn an_aggregate_comes_back_as_it_was_written(samples in proptest::collection::vec(aggregates(), 1..9)) {
            let mut all = samples[0].clone();
            samples[1..].iter().for_each(|sample| all.merge(sample));
            let mut out = Writer::default();
            all.write(&mut out);
            let bytes = out.finish();
            prop_assert_eq!(Aggregate::read(&mut Reader::new(&bytes)), Ok(all));
        }
    }
}
