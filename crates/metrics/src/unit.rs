//! The units that a metric may have.

use std::fmt;

const NAMES: [&str; 27] = [
    "None",
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
];

/// One of CloudWatch's units. Nothing is converted: samples in another unit are another series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Unit(u8);

impl Unit {
    /// No unit.
    pub const NONE: Self = Self(0);
    /// Thousandths of a second.
    pub const MILLISECONDS: Self = Self(3);
    /// Bytes.
    pub const BYTES: Self = Self(4);
    /// Hundredths.
    pub const PERCENT: Self = Self(14);
    /// A number of things.
    pub const COUNT: Self = Self(15);

    /// The last in their order.
    pub(crate) const LAST: Self = Self(26);

    /// The unit of this name, spelled as CloudWatch does.
    pub fn from_name(name: &str) -> Option<Self> {
        let place = NAMES.iter().position(|known| *known == name)?;
        u8::try_from(place).ok().map(Self)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        NAMES[usize::from(self.0)]
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..NAMES.len()).filter_map(|place| u8::try_from(place).ok().map(Self))
    }

    pub(crate) fn code(self) -> u8 {
        self.0
    }

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        (usize::from(code) < NAMES.len()).then_some(Self(code))
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_what_their_names_say() {
        for (unit, name) in [
            (Unit::NONE, "None"),
            (Unit::MILLISECONDS, "Milliseconds"),
            (Unit::BYTES, "Bytes"),
            (Unit::PERCENT, "Percent"),
            (Unit::COUNT, "Count"),
        ] {
            assert_eq!(Unit::from_name(name), Some(unit));
        }
        for unit in Unit::all() {
            assert_eq!(Unit::from_name(unit.name()), Some(unit));
            assert_eq!(Unit::from_code(unit.code()), Some(unit));
        }
        assert_eq!(Unit::from_code(27), None);
    }
}
