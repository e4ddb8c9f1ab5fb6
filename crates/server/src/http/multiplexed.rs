//! What an HTTP/2 connection holds: requests that are open, and bytes of answers that its client has not taken.
//!
//! A request is open until its answer has left for the socket: until then it costs its stream, its head and a small
//! answer, and counts for [`REQUEST_BYTES`] in a budget. HTTP/2 keeps an answer's bytes for as long as its client's
//! window is closed, after the task that made it has ended. So each part of an answer is told apart by the period in
//! which it was handed over; what is still there when the period after it ends makes the client one that takes nothing.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use bytes::Bytes;
use http::HeaderMap;
use parking_lot::Mutex;

use super::{ByteBudget, Holder, Reservation};

/// What an open request counts for, in bytes: measured, with its head and a small answer, and rounded up.
pub(super) const REQUEST_BYTES: usize = 8 * 1024;
/// What of a head is in that.
const HEAD_BYTES: usize = 2 * 1024;
/// A connection reserves room for at least so many requests at a time.
const STEP: usize = 8;

/// The open requests of a connection.
#[derive(Debug)]
pub(super) struct Multiplexed {
    peer: IpAddr,
    requests: Arc<ByteBudget>,
    open: AtomicUsize,
    begun: AtomicU32,
    /// How many requests there is room for in the reservation.
    room: AtomicUsize,
    reservation: Mutex<Option<Reservation>>,
    period: AtomicUsize,
    /// Parts of answers that wait, by the period in which they were handed over.
    waiting: [AtomicUsize; 2],
}

/// A request that is open until this is dropped.
#[derive(Debug)]
pub(super) struct OpenRequest {
    of: Arc<Multiplexed>,
    _long_head: Option<Reservation>,
}

/// A part of an answer on its way.
struct Waiting {
    bytes: Bytes,
    period: usize,
    open: Arc<OpenRequest>,
}

impl Multiplexed {
    pub(super) fn new(peer: IpAddr, requests: Arc<ByteBudget>) -> Self {
        Self {
            peer,
            requests,
            open: AtomicUsize::new(0),
            begun: AtomicU32::new(0),
            room: AtomicUsize::new(0),
            reservation: Mutex::new(None),
            period: AtomicUsize::new(0),
            waiting: [AtomicUsize::new(0), AtomicUsize::new(0)],
        }
    }

    /// A number that changes with each request, if none is open.
    pub(super) fn idle_since(&self) -> Option<u32> {
        (self.open.load(Ordering::Acquire) == 0).then(|| self.begun.load(Ordering::Relaxed))
    }

    /// Room for bytes of a head that does not come in one piece.
    pub(super) fn reserve_head(&self, size_bytes: usize) -> Option<Reservation> {
        self.requests
            .try_reserve_for(Holder::peer(self.peer), size_bytes)
    }

    pub(super) fn is_anything_waiting(&self) -> bool {
        self.waiting
            .iter()
            .any(|waiting| waiting.load(Ordering::Acquire) > 0)
    }

    /// Ends a period; whether everything of the one before it was taken.
    pub(super) fn end_period(&self) -> bool {
        let present = self.period.load(Ordering::Relaxed);
        let before = 1 - present;
        if self.waiting[before].load(Ordering::Acquire) > 0 {
            return false;
        }
        self.period.store(before, Ordering::Relaxed);
        true
    }

    fn take_room(&self) -> bool {
        let open = self.open.fetch_add(1, Ordering::AcqRel) + 1;
        if open <= self.room.load(Ordering::Acquire) || self.grow(open) {
            return true;
        }
        self.open.fetch_sub(1, Ordering::AcqRel);
        false
    }

    fn grow(&self, open: usize) -> bool {
        let mut reservation = self.reservation.lock();
        let room = self.room.load(Ordering::Acquire);
        if open <= room {
            return true;
        }
        // By steps that grow with what there is, so that most requests find room; by one where that is all there is.
        for wanted in [room.max(STEP), open - room] {
            let bytes = wanted * REQUEST_BYTES;
            let grown = match reservation.as_mut() {
                Some(reservation) => reservation.try_grow(bytes),
                None => {
                    *reservation = self
                        .requests
                        .try_reserve_for(Holder::peer(self.peer), bytes);
                    reservation.is_some()
                }
            };
            if grown {
                self.room.store(room + wanted, Ordering::Release);
                return true;
            }
        }
        false
    }

    fn give_room(&self) {
        let open = self.open.fetch_sub(1, Ordering::AcqRel) - 1;
        let room = self.room.load(Ordering::Acquire);
        if room <= STEP || open > room / 4 {
            return;
        }
        let mut reservation = self.reservation.lock();
        let room = (self.room.load(Ordering::Acquire) / 2).max(STEP);
        // One that begins meanwhile sees the smaller room and asks for more.
        self.room.store(room, Ordering::Release);
        if let Some(reservation) = reservation.as_mut() {
            reservation.shrink_to(room * REQUEST_BYTES);
        }
    }
}

impl OpenRequest {
    /// Opens a request; `None` if there is no room for it.
    pub(super) fn begin(multiplexed: &Arc<Multiplexed>, headers: &HeaderMap) -> Option<Arc<Self>> {
        let head_bytes: usize = headers
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len())
            .sum();
        let long_head = match head_bytes.checked_sub(HEAD_BYTES) {
            None | Some(0) => None,
            Some(more_bytes) => Some(multiplexed.reserve_head(more_bytes)?),
        };
        multiplexed.begun.fetch_add(1, Ordering::Relaxed);
        multiplexed.take_room().then(|| {
            Arc::new(Self {
                of: Arc::clone(multiplexed),
                _long_head: long_head,
            })
        })
    }

    /// A part of the request's answer, which counts as waiting until nobody has it any more.
    pub(super) fn hand_over(self: &Arc<Self>, bytes: Bytes) -> Bytes {
        if bytes.is_empty() {
            return bytes;
        }
        let period = self.of.period.load(Ordering::Relaxed);
        self.of.waiting[period].fetch_add(1, Ordering::AcqRel);
        Bytes::from_owner(Waiting {
            bytes,
            period,
            open: Arc::clone(self),
        })
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.of.give_room();
    }
}

impl AsRef<[u8]> for Waiting {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.open.of.waiting[self.period].fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn multiplexed(requests: &Arc<ByteBudget>) -> Arc<Multiplexed> {
        let peer = [127, 0, 0, 1].into();
        Arc::new(Multiplexed::new(peer, Arc::clone(requests)))
    }

    #[test]
    fn open_requests_are_in_the_budget_until_the_last_byte_of_their_answers_is_gone() {
        let requests = ByteBudget::new(100 * REQUEST_BYTES);
        let multiplexed = multiplexed(&requests);
        let none = HeaderMap::new();
        let mut open = Vec::new();
        while let Some(request) = OpenRequest::begin(&multiplexed, &none) {
            open.push(request);
        }
        assert_eq!(open.len(), 80, "the share of one address");
        assert_eq!(requests.free_bytes(), 20 * REQUEST_BYTES);
        assert!(multiplexed.idle_since().is_none());
        let part = open[0].hand_over(Bytes::from_static(b"answer"));
        let rest = part.slice(3..);
        drop((open, part));
        assert!(multiplexed.idle_since().is_none());
        assert!(multiplexed.is_anything_waiting());
        drop(rest);
        assert!(multiplexed.idle_since().is_some());
        assert!(!multiplexed.is_anything_waiting());
        assert_eq!(requests.free_bytes(), (100 - STEP) * REQUEST_BYTES);
        drop(multiplexed);
        assert_eq!(requests.free_bytes(), 100 * REQUEST_BYTES);
    }

    #[test]
    fn a_long_head_counts_for_what_it_is() {
        let requests = ByteBudget::new(100 * REQUEST_BYTES);
        let multiplexed = multiplexed(&requests);
        let mut headers = HeaderMap::new();
        headers.insert("x", vec![b'a'; 50_000].try_into().unwrap());
        let open = OpenRequest::begin(&multiplexed, &headers).unwrap();
        let free_bytes = 100 * REQUEST_BYTES - STEP * REQUEST_BYTES - (50_001 - HEAD_BYTES);
        assert_eq!(requests.free_bytes(), free_bytes);
        drop(open);
        assert_eq!(requests.free_bytes(), (100 - STEP) * REQUEST_BYTES);
    }

    #[test]
    fn what_a_client_does_not_take_is_seen_after_one_to_two_periods() {
        let multiplexed = multiplexed(&ByteBudget::new(1 << 20));
        let open = OpenRequest::begin(&multiplexed, &HeaderMap::new()).unwrap();
        let part = open.hand_over(Bytes::from_static(b"a"));
        assert!(multiplexed.end_period());
        let younger = open.hand_over(Bytes::from_static(b"b"));
        drop(part);
        assert!(multiplexed.end_period(), "the first was taken in time");
        assert!(!multiplexed.end_period(), "the second was not");
        drop(younger);
        assert!(multiplexed.end_period());
    }
}
