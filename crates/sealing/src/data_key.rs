//! A key that bytes are sealed with.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use ring::error::Unspecified;
use ring::rand::{SecureRandom, SystemRandom};

/// What sealing adds to the length: the nonce before, the tag behind.
pub const SEALED_EXTRA_BYTES: usize = NONCE_LEN + TAG_BYTES;
const TAG_BYTES: usize = 16;
/// How many bytes of a nonce count up; those before are drawn at random for each 2^32 nonces of a process.
const COUNTER_BYTES: usize = 4;
const START_BYTES: usize = NONCE_LEN - COUNTER_BYTES;
/// After so many nonces a process asks for the next key. AES-GCM's bounds stay far away: each of these may seal the
/// largest request, and what an attacker gains is still below 2^-28.
const SEALS_BEFORE_RENEWAL: u64 = 1 << 31;

/// After so many more it asks again, if nothing came of it.
const SEALS_BEFORE_NEXT_TRY: u64 = 1 << 20;

/// Why sealed bytes do not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotOpened {
    /// The key with this id is not there.
    #[error("it is encrypted with data key {0}, which is not among the data folder's keys")]
    NoKey(u32),
    /// They were changed or cut, or sealed with another key or for another place.
    #[error("it is encrypted and does not open: it is damaged, or belongs elsewhere")]
    Damaged,
}

/// AES-256-GCM. A nonce that came twice would give away both texts, so this is why none does:
///
/// * *In one process* there is one `DataKey` for each key, and its counter never gives a number twice. The first 2^32
///   numbers share a random start of eight bytes; each 2^32 after them has another one, from a hash of sixteen random
///   bytes and its number.
/// * *Two processes*, one after the other or, on a copy of the folder, at the same time, draw their starts from the
///   system's random numbers. Of a key that a thousand processes use, two have the same start with a chance of 2^-45.
/// * *Two keys* have nothing to do with each other: a nonce may come with both. No key is derived from another.
pub struct DataKey {
    id: u32,
    cipher: LessSafeKey,
    nonces: Nonces,
    /// How many nonces are given when the next epoch is due.
    renewal_due: AtomicU64,
}

impl DataKey {
    pub(crate) fn new(id: u32, key: &[u8; 32]) -> Result<Self, Unspecified> {
        Ok(Self {
            id,
            cipher: LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key)?),
            nonces: Nonces::draw()?,
            renewal_due: AtomicU64::new(SEALS_BEFORE_RENEWAL),
        })
    }

    /// What names it in its ring; never 0, and never another key's.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Whether it has sealed so often that the next epoch is due. Who is told begins it; somebody else is told later, if
    /// this key is still in use then.
    pub(crate) fn is_to_be_renewed(&self) -> bool {
        let (given, due) = (
            self.nonces.given(),
            self.renewal_due.load(Ordering::Relaxed),
        );
        let is_due = given > due;
        let next = given + SEALS_BEFORE_NEXT_TRY;
        let moved = || {
            let order = Ordering::Relaxed;
            self.renewal_due.compare_exchange(due, next, order, order)
        };
        is_due && moved().is_ok()
    }

    /// As if it had sealed so often.
    #[cfg(test)]
    pub(crate) fn wear_out(&self) {
        self.nonces
            .given
            .store(SEALS_BEFORE_RENEWAL + 1, Ordering::Relaxed);
    }

    /// Replaces what stands behind `plain` bytes of the buffer by `nonce | sealed bytes | tag`; the part before, and
    /// `about`, are not hidden, but nothing opens where they differ. In place: the buffer needs room for
    /// [`SEALED_EXTRA_BYTES`] more, or grows.
    pub fn seal(&self, buffer: &mut Vec<u8>, plain: usize, about: &[u8]) {
        let nonce = self.nonces.next();
        let end = buffer.len();
        buffer.resize(end + NONCE_LEN, 0);
        buffer.copy_within(plain..end, plain + NONCE_LEN);
        buffer[plain..plain + NONCE_LEN].copy_from_slice(&nonce);
        let (head, sealed) = buffer.split_at_mut(plain + NONCE_LEN);
        let aad = Aad::from([&head[..plain], about].concat());
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self
            .cipher
            .seal_in_place_separate_tag(nonce, aad, sealed)
            .expect("far less than the cipher takes");
        buffer.extend_from_slice(tag.as_ref());
    }

    /// Undoes [`seal`](Self::seal): the bytes as they were, with what was plain in front.
    ///
    /// # Errors
    /// If anything of it was changed.
    pub fn open(&self, sealed: &[u8], plain: usize, about: &[u8]) -> Result<Vec<u8>, NotOpened> {
        let (head, rest) = sealed.split_at_checked(plain).ok_or(NotOpened::Damaged)?;
        let (nonce, rest) = rest
            .split_first_chunk::<NONCE_LEN>()
            .ok_or(NotOpened::Damaged)?;
        let length = rest
            .len()
            .checked_sub(TAG_BYTES)
            .ok_or(NotOpened::Damaged)?;
        let aad = Aad::from([head, about].concat());
        let mut opened = Vec::with_capacity(plain + rest.len());
        opened.extend_from_slice(head);
        opened.extend_from_slice(rest);
        let nonce = Nonce::assume_unique_for_key(*nonce);
        self.cipher
            .open_in_place(nonce, aad, &mut opened[plain..])
            .map_err(|Unspecified| NotOpened::Damaged)?;
        opened.truncate(plain + length);
        Ok(opened)
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataKey({})", self.id)
    }
}

/// The nonces of one key in one process. See [`DataKey`].
struct Nonces {
    /// Of the first 2^32.
    start: [u8; START_BYTES],
    /// What the starts of all others are made of.
    seed: [u8; 16],
    given: AtomicU64,
}

impl Nonces {
    fn draw() -> Result<Self, Unspecified> {
        let (mut start, mut seed) = ([0; START_BYTES], [0; 16]);
        SystemRandom::new().fill(&mut start)?;
        SystemRandom::new().fill(&mut seed)?;
        Ok(Self {
            start,
            seed,
            given: AtomicU64::new(0),
        })
    }

    fn given(&self) -> u64 {
        self.given.load(Ordering::Relaxed)
    }

    fn next(&self) -> [u8; NONCE_LEN] {
        let number = self.given.fetch_add(1, Ordering::Relaxed);
        let mut nonce = [0; NONCE_LEN];
        let (start, counter) = nonce.split_at_mut(START_BYTES);
        match number >> (8 * COUNTER_BYTES) {
            0 => start.copy_from_slice(&self.start),
            part => {
                let hash = digest(&SHA256, &[&self.seed[..], &part.to_le_bytes()].concat());
                start.copy_from_slice(&hash.as_ref()[..START_BYTES]);
            }
        }
        counter.copy_from_slice(&number.to_le_bytes()[..COUNTER_BYTES]);
        nonce
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn key(id: u32) -> DataKey {
        DataKey::new(id, &[id as u8; 32]).unwrap()
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_as_it_was_and_not_once_a_bit_of_it_is_another(
            head in proptest::collection::vec(any::<u8>(), 0..20),
            body in proptest::collection::vec(any::<u8>(), 0..200),
            bit in any::<prop::sample::Index>(),
        ) {
            let key = key(1);
            let whole = [&head[..], &body].concat();
            let mut sealed = whole.clone();
            key.seal(&mut sealed, head.len(), b"here");
            prop_assert_eq!(sealed.len(), whole.len() + SEALED_EXTRA_BYTES);
            prop_assert_eq!(&sealed[..head.len()], &head[..]);
            prop_assert_eq!(key.open(&sealed, head.len(), b"here"), Ok(whole));
            prop_assert_eq!(key.open(&sealed, head.len(), b"elsewhere"), Err(NotOpened::Damaged));
            prop_assert_eq!(super::tests::key(2).open(&sealed, head.len(), b"here"), Err(NotOpened::Damaged));
            let bit = bit.index(sealed.len() * 8);
            sealed[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(key.open(&sealed, head.len(), b"here"), Err(NotOpened::Damaged));
        }

        /// However many processes have the key, and however often each of them has used up 2^32 nonces.
        #[test]
        fn no_nonce_comes_twice_whatever_was_sealed_before_and_in_how_many_processes(
            processes in proptest::collection::vec(
                (
                    proptest::collection::hash_set(0..6u64, 1..4),
                    prop_oneof![0..100u64, (1u64 << 32) - 100..1 << 32],
                ),
                1..4,
            ),
        ) {
            let mut given = HashSet::new();
            for (parts, offset) in processes {
                let key = key(1);
                // Each number comes once, as the counter gives it.
                for part in parts {
                    key.nonces.given.store((part << 32) + offset, Ordering::Relaxed);
                    for _ in 0..150 {
                        let mut sealed = b"the same".to_vec();
                        key.seal(&mut sealed, 0, b"");
                        prop_assert!(given.insert(sealed[..NONCE_LEN].to_vec()));
                    }
                }
            }
        }
    }

    #[test]
    fn no_nonce_comes_twice_to_threads_that_seal_at_the_same_time() {
        let key = key(1);
        let seal = || {
            let mut nonces = Vec::new();
            for _ in 0..1000 {
                nonces.push(key.nonces.next());
            }
            nonces
        };
        let given: Vec<_> = std::thread::scope(|scope| {
            let threads = [0; 4].map(|_| scope.spawn(seal));
            threads
                .into_iter()
                .flat_map(|thread| thread.join().unwrap())
                .collect()
        });
        assert_eq!(given.iter().collect::<HashSet<_>>().len(), given.len());
    }

    #[test]
    fn nothing_that_is_too_short_opens() {
        let key = key(1);
        let mut sealed = b"head".to_vec();
        key.seal(&mut sealed, 4, b"");
        for end in 0..sealed.len() {
            assert_eq!(
                key.open(&sealed[..end], 4, b""),
                Err(NotOpened::Damaged),
                "{end}"
            );
        }
    }

    /// What is on disks opens with every later version.
    #[test]
    fn sealed_bytes_are_frozen() {
        let mut sealed = b"head".to_vec();
        sealed.extend(*b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b");
        sealed.extend(FROZEN);
        let opened = key(7).open(&sealed, 4, b"place");
        assert_eq!(opened.as_deref(), Ok(&b"headsecret"[..]));
    }
    /// As another implementation made it.
    const FROZEN: [u8; 22] = [
        107, 228, 138, 2, 120, 125, 212, 146, 52, 224, 29, 180, 47, 134, 108, 192, 232, 39, 235,
        252, 218, 164,
    ];

    #[test]
    fn a_worn_key_says_so_once_and_again_if_it_is_still_in_use() {
        let key = key(1);
        let has_given = |count| key.nonces.given.store(count, Ordering::Relaxed);
        assert!(!key.is_to_be_renewed());
        has_given(SEALS_BEFORE_RENEWAL + 1);
        assert!(key.is_to_be_renewed() && !key.is_to_be_renewed());
        has_given(SEALS_BEFORE_RENEWAL + SEALS_BEFORE_NEXT_TRY + 2);
        assert!(key.is_to_be_renewed() && !key.is_to_be_renewed());
    }
}
