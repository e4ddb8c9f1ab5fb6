//! Which rows are the logs of one group: a chain through them, so that a group is deleted without a look at any other.

use std::collections::HashMap;

/// No row.
const NONE: u32 = u32::MAX;

/// The rows before and behind a row in the chain of its group.
#[derive(Debug, Clone, Copy)]
struct Link {
    before: u32,
    next: u32,
}

/// The chains of all groups.
#[derive(Debug, Default)]
pub(super) struct Groups {
    firsts: HashMap<u64, u32>,
    /// By row; of a row that is free it says nothing.
    links: Vec<Link>,
}

impl Groups {
    /// `row` is the row of a new log: one that was free, or the one behind the last.
    pub(super) fn add(&mut self, group: u64, row: u32) {
        let next = self.firsts.insert(group, row).unwrap_or(NONE);
        let link = Link { before: NONE, next };
        match self.links.get_mut(row as usize) {
            Some(free) => *free = link,
            None => self.links.push(link),
        }
        if let Some(next) = self.links.get_mut(next as usize) {
            next.before = row;
        }
    }

    pub(super) fn remove(&mut self, group: u64, row: u32) {
        let Link { before, next } = self.links[row as usize];
        if let Some(next) = self.links.get_mut(next as usize) {
            next.before = before;
        }
        match self.links.get_mut(before as usize) {
            Some(before) => before.next = next,
            None if next == NONE => {
                self.firsts.remove(&group);
            }
            None => {
                self.firsts.insert(group, next);
            }
        }
    }

    /// The rows of a group, the youngest first.
    pub(super) fn rows(&self, group: u64) -> impl Iterator<Item = u32> {
        let first = self.firsts.get(&group).copied();
        std::iter::successors(first, |row| {
            let next = self.links[*row as usize].next;
            (next != NONE).then_some(next)
        })
    }

    pub(super) fn reserve(&mut self, rows: usize) {
        self.links.reserve_exact(rows);
    }
}
