//! Bytes that may be in memory for one purpose: reserved before they are, never waited for, and shared fairly.
//!
//! Whoever holds much names a [`Holder`]. A holder may have [`SHARE`] times as much as it leaves free: one alone gets
//! four fifths of the budget, two get four ninths each, and there is always room for one more who holds nothing yet.
//! What is small and short-lived names nobody and may use everything.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use millstream_types::AccountId;
use parking_lot::Mutex;

/// How many times the bytes that stay free a holder may have.
const SHARE: usize = 4;

/// On whose account bytes are in memory.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Holder {
    /// An account whose key was named, though perhaps not proven yet.
    Account(AccountId),
    /// An address; of version 6, the network of a host.
    Peer(IpAddr),
}

/// A bound in bytes, shared by everything that reserves from it.
#[derive(Debug)]
pub(crate) struct ByteBudget {
    size_bytes: usize,
    free_bytes: AtomicUsize,
    held: Mutex<HashMap<Holder, usize>>,
}

/// Bytes taken from a [`ByteBudget`]; given back when dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: Arc<ByteBudget>,
    holder: Option<Holder>,
    size_bytes: usize,
}

impl Holder {
    /// Whoever is at this address.
    pub(crate) fn peer(address: IpAddr) -> Self {
        Self::Peer(match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(address) => {
                // A host has as many addresses as it likes within its network of 64 bits.
                let network = address.to_bits() & !u128::from(u64::MAX);
                address.to_ipv4_mapped().map_or_else(
                    || Ipv6Addr::from_bits(network).into(),
                    |address| address.into(),
                )
            }
        })
    }
}

impl ByteBudget {
    pub(crate) fn new(size_bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            size_bytes,
            free_bytes: AtomicUsize::new(size_bytes),
            held: Mutex::default(),
        })
    }

    /// Takes `size_bytes` for what is small and soon gone, or nothing if so many are not free.
    pub(crate) fn try_reserve(self: &Arc<Self>, size_bytes: usize) -> Option<Reservation> {
        self.take(size_bytes).then(|| Reservation {
            budget: Arc::clone(self),
            holder: None,
            size_bytes,
        })
    }

    /// Takes `size_bytes`, or nothing if they are not free or more than the holder's share.
    pub(crate) fn try_reserve_for(
        self: &Arc<Self>,
        holder: Holder,
        size_bytes: usize,
    ) -> Option<Reservation> {
        self.take_for(&holder, size_bytes).then(|| Reservation {
            budget: Arc::clone(self),
            holder: Some(holder),
            size_bytes,
        })
    }

    fn take(&self, size_bytes: usize) -> bool {
        self.free_bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| {
                free.checked_sub(size_bytes)
            })
            .is_ok()
    }

    fn take_for(&self, holder: &Holder, size_bytes: usize) -> bool {
        let mut held = self.held.lock();
        let held_bytes = held.get(holder).copied().unwrap_or(0) + size_bytes;
        let free_bytes = self.free_bytes.load(Ordering::Relaxed);
        let is_fair = free_bytes
            .checked_sub(size_bytes)
            .is_some_and(|left_bytes| held_bytes <= left_bytes.saturating_mul(SHARE));
        if !is_fair || !self.take(size_bytes) {
            return false;
        }
        held.insert(holder.clone(), held_bytes);
        true
    }

    fn give_back(&self, holder: Option<&Holder>, size_bytes: usize) {
        if let Some(holder) = holder {
            let mut held = self.held.lock();
            if let Some(held_bytes) = held.get_mut(holder) {
                *held_bytes -= size_bytes;
                if *held_bytes == 0 {
                    held.remove(holder);
                }
            }
        }
        self.free_bytes.fetch_add(size_bytes, Ordering::Relaxed);
    }

    /// How many bytes there are in all.
    pub(crate) fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// How many are taken.
    pub(crate) fn used_bytes(&self) -> usize {
        let free_bytes = self.free_bytes.load(Ordering::Relaxed);
        self.size_bytes.saturating_sub(free_bytes)
    }

    #[cfg(test)]
    pub(crate) fn free_bytes(&self) -> usize {
        self.free_bytes.load(Ordering::Relaxed)
    }
}

impl Reservation {
    pub(crate) fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// Takes `more_bytes` on top; false, and nothing taken, if they are not to be had.
    pub(crate) fn try_grow(&mut self, more_bytes: usize) -> bool {
        let grown = match &self.holder {
            None => self.budget.take(more_bytes),
            Some(holder) => self.budget.take_for(holder, more_bytes),
        };
        if grown {
            self.size_bytes += more_bytes;
        }
        grown
    }

    /// Gives back all but `size_bytes`.
    pub(crate) fn shrink_to(&mut self, size_bytes: usize) {
        let less_bytes = self.size_bytes.saturating_sub(size_bytes);
        self.budget.give_back(self.holder.as_ref(), less_bytes);
        self.size_bytes -= less_bytes;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.give_back(self.holder.as_ref(), self.size_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(number: u64) -> Holder {
        Holder::Account(format!("{number:012}").parse().unwrap())
    }

    #[test]
    fn nothing_is_taken_beyond_the_bound_and_everything_comes_back() {
        let budget = ByteBudget::new(10);
        let mut first = budget.try_reserve(6).unwrap();
        assert!(budget.try_reserve(5).is_none());
        assert!(!first.try_grow(5));
        assert!(first.try_grow(4));
        assert_eq!(budget.free_bytes(), 0);
        assert!(budget.try_reserve(0).is_some());
        first.shrink_to(3);
        assert_eq!(budget.free_bytes(), 7);
        drop(first);
        assert_eq!(budget.free_bytes(), 10);
    }

    #[test]
    fn no_holder_takes_what_another_may_have() {
        let budget = ByteBudget::new(1_000);
        let greedy = |holder: u64| {
            let mut taken = Vec::new();
            while let Some(one) = budget.try_reserve_for(account(holder), 10) {
                taken.push(one);
            }
            taken
        };
        let first = greedy(1);
        assert_eq!(first.len(), 80);
        // Another finds room, though the first took all that it could, and a third after that.
        let second = greedy(2);
        assert_eq!(second.len(), 16);
        let third = greedy(3);
        assert!(!third.is_empty());
        // What is small needs no share.
        assert!(budget.try_reserve(budget.free_bytes()).is_some());
        drop(first);
        // With the first gone, the second grows to what is fair between them.
        let more = greedy(2);
        assert!(second.len() + more.len() > 70);
        drop((second, third, more));
        assert_eq!(budget.free_bytes(), 1_000);
        assert!(budget.held.lock().is_empty());
    }

    #[test]
    fn the_addresses_of_one_host_are_one_holder() {
        let peer = |text: &str| Holder::peer(text.parse().unwrap());
        assert_eq!(peer("2001:db8::1"), peer("2001:db8::ffff:1"));
        assert_ne!(peer("2001:db8::1"), peer("2001:db8:0:1::1"));
        assert_ne!(peer("10.0.0.1"), peer("10.0.0.2"));
        assert_eq!(peer("::ffff:10.0.0.1"), peer("10.0.0.1"));
    }
}
