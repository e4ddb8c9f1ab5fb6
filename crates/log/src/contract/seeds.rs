//! What simulations by seed share, whatever they simulate.

use std::panic::{RefUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use millstream_types::{NoRandomness, Randomness};

/// Tells the story of each seed: `MILLSTREAM_CASES` of them (default `count`), from `MILLSTREAM_SEED` (0) on. Returns what the
/// stories came to, on average.
///
/// # Panics
/// If a story does; the message says how to tell that one again.
pub fn for_each_seed(count: u64, tell: impl Fn(u64) -> usize + RefUnwindSafe) -> u64 {
    let first = setting("MILLSTREAM_SEED").unwrap_or(0);
    let count = setting("MILLSTREAM_CASES").unwrap_or(count);
    println!("MILLSTREAM_SEED={first} MILLSTREAM_CASES={count}");
    let mut told = 0;
    for seed in first..first + count {
        let story = catch_unwind(|| tell(seed));
        told += story
            .unwrap_or_else(|_| panic!("seed {seed}: MILLSTREAM_SEED={seed} MILLSTREAM_CASES=1"))
            as u64;
    }
    println!("{told} in {count} stories");
    told / count
}

/// A number of the environment.
pub(super) fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

/// Bytes that are different each time and the same in each run. The services of one engine share it: what is unique must be
/// so among them all.
#[derive(Debug)]
pub struct CountedRandomness(AtomicU64);

impl CountedRandomness {
    /// Nobody whose `seed` is another one gets the same bytes, before 2^32 words are drawn.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed << 32))
    }
}

impl Randomness for CountedRandomness {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        for part in bytes.chunks_mut(8) {
            let count = self.0.fetch_add(1, Ordering::SeqCst) + 1;
            let spread = count.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
            part.copy_from_slice(&spread[..part.len()]);
        }
        Ok(())
    }
}
