//! Randomness as an argument: who needs what nobody can guess, or what no other process has, takes a [`Randomness`].

use std::fmt;

/// Where random bytes come from: the operating system, or a seed in a simulation.
pub trait Randomness: Send + Sync + fmt::Debug {
    /// Fills all of `bytes`.
    ///
    /// # Errors
    /// There is no randomness: what was to be unguessable or unique must not be made then. `bytes` may hold anything.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness>;
}

/// There are no random bytes, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers: {0}")]
pub struct NoRandomness(pub String);

/// The operating system's randomness, fit for keys. It blocks only in the first moments of a machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the system for random bytes"
    )]
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        getrandom::fill(bytes).map_err(|error| NoRandomness(error.to_string()))
    }
}

/// `N` random bytes.
///
/// # Errors
/// As [`Randomness::fill`].
pub fn random_bytes<const N: usize>(from: &dyn Randomness) -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    from.fill(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Broken;

    impl Randomness for Broken {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
            bytes.fill(7);
            Err(NoRandomness("none is left".into()))
        }
    }

    #[test]
    fn no_bytes_are_made_of_a_source_that_fails() {
        let refused = random_bytes::<16>(&Broken).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the system gives no random numbers: none is left"
        );
    }

    #[test]
    fn the_systems_bytes_differ() {
        let both: [[u8; 16]; 2] = [(); 2].map(|()| random_bytes(&SystemRandomness).unwrap());
        assert_ne!(both[0], both[1]);
    }
}
