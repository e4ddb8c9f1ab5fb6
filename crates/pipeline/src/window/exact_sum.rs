//! Sums without rounding, so that they do not depend on the order of what is added.

use num_bigint::BigInt;
use num_traits::{ToPrimitive, Zero};
use serde::{Deserialize, Serialize};
use serde_json::Number;

/// A sum of JSON numbers: `units` times 2 to the power of `exponent`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct ExactSum {
    units: BigInt,
    /// At most 0.
    exponent: i32,
    /// Whether only integers were added.
    is_integer: bool,
}

/// As it travels between the stages.
#[derive(Serialize, Deserialize)]
struct Stored {
    /// Decimal digits; text that is none counts as 0, which our own writer never makes.
    u: String,
    #[serde(default, skip_serializing_if = "is_zero")]
    e: i32,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    f: bool,
}

fn is_zero(exponent: &i32) -> bool {
    *exponent == 0
}

impl From<Stored> for ExactSum {
    fn from(stored: Stored) -> Self {
        Self {
            units: stored.u.parse().unwrap_or_default(),
            exponent: stored.e.min(0),
            is_integer: !stored.f,
        }
    }
}

impl From<ExactSum> for Stored {
    fn from(sum: ExactSum) -> Self {
        let sum = sum.reduced();
        Self {
            u: sum.units.to_string(),
            e: sum.exponent,
            f: !sum.is_integer,
        }
    }
}

impl Default for ExactSum {
    fn default() -> Self {
        Self {
            units: BigInt::zero(),
            exponent: 0,
            is_integer: true,
        }
    }
}

impl ExactSum {
    /// Adds a number, exactly.
    pub fn add(&mut self, number: &Number) {
        if let Some(value) = number.as_i64() {
            self.add_units(&BigInt::from(value), 0);
        } else if let Some(value) = number.as_u64() {
            self.add_units(&BigInt::from(value), 0);
        } else if let Some(value) = number.as_f64() {
            self.is_integer = false;
            let (mantissa, exponent) = split(value);
            self.add_units(&BigInt::from(mantissa), exponent);
        }
    }

    /// Adds all that was added to the other.
    pub fn merge(&mut self, other: &Self) {
        self.is_integer &= other.is_integer;
        self.add_units(&other.units, other.exponent);
    }

    fn add_units(&mut self, units: &BigInt, exponent: i32) {
        if exponent >= self.exponent {
            self.units += units << (exponent - self.exponent) as usize;
        } else {
            self.units <<= (self.exponent - exponent) as usize;
            self.units += units;
            self.exponent = exponent;
        }
    }

    /// The same sum with the largest exponent that it has, up to 0.
    fn reduced(mut self) -> Self {
        let zeros = self.units.trailing_zeros().unwrap_or(u64::MAX);
        let spare = u64::from(self.exponent.unsigned_abs()).min(zeros);
        self.units >>= spare;
        self.exponent += spare as i32;
        self
    }

    /// The sum rounded once, to the nearest float.
    pub fn to_f64(&self) -> f64 {
        // More bits than a float has, and whether there are more: enough to round right.
        const BITS: u64 = 66;
        let spare = self.units.bits().saturating_sub(BITS);
        let mut units = &self.units >> spare;
        if self
            .units
            .trailing_zeros()
            .is_some_and(|zeros| zeros < spare)
        {
            units |= BigInt::from(1);
        }
        let exponent = self.exponent + spare as i32;
        // In two steps: neither factor leaves the range of a float.
        let half = exponent / 2;
        units.to_f64().unwrap_or(f64::NAN) * 2_f64.powi(half) * 2_f64.powi(exponent - half)
    }

    /// The sum as JSON: an integer if only integers were added and it fits, else a float; none beyond all floats.
    pub fn to_number(&self) -> Option<Number> {
        if self.is_integer {
            if let Some(value) = self.units.to_i64() {
                return Some(value.into());
            }
            if let Some(value) = self.units.to_u64() {
                return Some(value.into());
            }
        }
        Number::from_f64(self.to_f64())
    }

    /// About how many bytes it takes.
    pub fn bytes(&self) -> usize {
        32 + (self.units.bits() / 8) as usize
    }
}

/// A finite float as an integer times a power of 2.
fn split(value: f64) -> (i64, i32) {
    let bits = value.to_bits();
    let sign = if bits >> 63 == 0 { 1 } else { -1 };
    let stored = ((bits >> 52) & 0x7ff) as i32;
    let fraction = (bits & 0xf_ffff_ffff_ffff) as i64;
    match stored {
        0 => (sign * fraction, -1074),
        _ => (sign * (fraction | 1 << 52), stored - 1075),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sum(numbers: &[f64]) -> ExactSum {
        let mut sum = ExactSum::default();
        for number in numbers {
            sum.add(&Number::from_f64(*number).unwrap());
        }
        sum
    }

    #[test]
    fn integers_stay_integers_and_floats_are_rounded_once() {
        let mut integers = ExactSum::default();
        for number in [i64::MAX, 1, -5] {
            integers.add(&number.into());
        }
        assert_eq!(
            integers.to_number().unwrap().to_string(),
            "9223372036854775803"
        );
        assert_eq!(sum(&[1e100, 1.0, -1e100]).to_f64(), 1.0);
        assert_eq!(sum(&[0.1; 10]).to_f64(), 1.0);
        assert_eq!(sum(&[f64::MAX, f64::MAX]).to_number(), None);
        assert_eq!(sum(&[f64::MAX, f64::MAX, -f64::MAX]).to_f64(), f64::MAX);
        assert_eq!(sum(&[5e-324, 5e-324]).to_f64(), 1e-323);
    }

    proptest! {
        #[test]
        fn order_and_split_make_no_difference(numbers in prop::collection::vec(prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO, 0..20), cut in 0usize..20) {
            let whole = sum(&numbers);
            let cut = cut.min(numbers.len());
            let mut backwards: Vec<f64> = numbers[cut..].to_vec();
            backwards.reverse();
            let mut merged = sum(&backwards);
            merged.merge(&sum(&numbers[..cut]));
            let stored: ExactSum = serde_json::from_str(&serde_json::to_string(&merged).unwrap()).unwrap();
            prop_assert_eq!(stored.to_f64().to_bits(), whole.to_f64().to_bits());
        }
    }
}
