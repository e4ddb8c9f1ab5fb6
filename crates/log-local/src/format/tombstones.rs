//! Which groups and logs were deleted: ids are never reused, so this is kept for ever, as ranges.

use std::collections::BTreeMap;

use super::bytes::put_varint;
use super::{Input, LogKey};

/// Deleted groups, and deleted logs of groups that are not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tombstones {
    groups: Ranges,
    logs: BTreeMap<u64, Ranges>,
}

impl Tombstones {
    pub(crate) fn contain(&self, key: LogKey) -> bool {
        self.contain_group(key.group)
            || self
                .logs
                .get(&key.group)
                .is_some_and(|logs| logs.contain(key.log))
    }

    pub(crate) fn contain_group(&self, group: u64) -> bool {
        self.groups.contain(group)
    }

    pub(crate) fn add(&mut self, key: LogKey) {
        if !self.contain_group(key.group) {
            self.logs.entry(key.group).or_default().add(key.log);
        }
    }

    pub(crate) fn add_group(&mut self, group: u64) {
        self.logs.remove(&group);
        self.groups.add(group);
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        self.groups.encode(out);
        put_varint(out, self.logs.len() as u64);
        for (group, logs) in &self.logs {
            put_varint(out, *group);
            logs.encode(out);
        }
    }

    pub(super) fn decode(input: &mut Input<'_>) -> Option<Self> {
        let groups = Ranges::decode(input)?;
        let count = input.varint()?;
        let mut logs = BTreeMap::new();
        for _ in 0..count {
            logs.insert(input.varint()?, Ranges::decode(input)?);
        }
        Some(Self { groups, logs })
    }
}

/// A set of numbers, as ranges: first to last, both inclusive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Ranges(BTreeMap<u64, u64>);

impl Ranges {
    fn contain(&self, number: u64) -> bool {
        self.0
            .range(..=number)
            .next_back()
            .is_some_and(|(_, last)| *last >= number)
    }

    fn add(&mut self, number: u64) {
        if self.contain(number) {
            return;
        }
        let after = number
            .checked_add(1)
            .and_then(|next| self.0.remove(&next))
            .unwrap_or(number);
        let before = self.0.range_mut(..number).next_back();
        match before {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = after,
            _ => {
                self.0.insert(number, after);
            }
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.0.len() as u64);
        for (first, last) in &self.0 {
            put_varint(out, *first);
            put_varint(out, last - first);
        }
    }

    fn decode(input: &mut Input<'_>) -> Option<Self> {
        let count = input.varint()?;
        let mut ranges = BTreeMap::new();
        for _ in 0..count {
            let first = input.varint()?;
            ranges.insert(first, first.checked_add(input.varint()?)?);
        }
        Some(Self(ranges))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ranges_are_a_set(numbers in prop::collection::vec(0u64..40, 0..60)) {
            let mut ranges = Ranges::default();
            numbers.iter().for_each(|number| ranges.add(*number));
            let expected: BTreeSet<u64> = numbers.iter().copied().collect();
            for number in 0..42 {
                prop_assert_eq!(ranges.contain(number), expected.contains(&number));
            }
            let gaps = expected.iter().filter(|n| !expected.contains(&(*n + 1))).count();
            prop_assert_eq!(ranges.0.len(), gaps, "ranges that touch are one");
        }
    }

    #[test]
    fn the_greatest_number_is_an_ordinary_one() {
        let mut ranges = Ranges::default();
        ranges.add(u64::MAX);
        ranges.add(u64::MAX - 1);
        assert!(ranges.contain(u64::MAX) && ranges.contain(u64::MAX - 1));
        assert_eq!(ranges.0.len(), 1);
    }
}
