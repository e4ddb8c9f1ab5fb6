//! Dead letters in memory, for tests of applications and of this crate.

use std::sync::{Arc, Mutex, PoisonError};

use super::{DeadLetters, ParkFuture, ParkedRecord};

/// Dead letters in memory. Clones share the same letters.
#[derive(Debug, Clone, Default)]
pub struct MemoryDeadLetters(Arc<Mutex<Vec<ParkedRecord>>>);

impl MemoryDeadLetters {
    /// What has been parked, oldest first.
    pub fn parked(&self) -> Vec<ParkedRecord> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl DeadLetters for MemoryDeadLetters {
    fn park(&self, parked: ParkedRecord) -> ParkFuture {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(parked);
        Box::pin(std::future::ready(Ok(())))
    }
}
