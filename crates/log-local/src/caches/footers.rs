//! Parts of footers that readers used recently, in memory, inside a byte budget.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::format::RunRef;

/// One log's part of a sealed segment.
#[derive(Debug)]
pub(crate) struct LogFooter {
    pub(crate) runs: Vec<RunRef>,
}

impl LogFooter {
    fn cost_bytes(&self) -> usize {
        size_of::<Self>() + self.runs.len() * size_of::<RunRef>() + 128
    }
}

/// Segment number and directory index.
type FooterKey = (u32, u32);

#[derive(Debug)]
pub(crate) struct FooterCache {
    bytes_max: usize,
    cached: Mutex<Cached>,
}

#[derive(Debug, Default)]
struct Cached {
    bytes: usize,
    clock: u64,
    footers: HashMap<FooterKey, (Arc<LogFooter>, u64)>,
    by_use: BTreeMap<u64, FooterKey>,
}

impl FooterCache {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            cached: Mutex::new(Cached::default()),
        }
    }

    pub(crate) fn get(&self, key: FooterKey) -> Option<Arc<LogFooter>> {
        let mut guard = self.cached.lock();
        let cached = &mut *guard;
        let (footer, used) = cached.footers.get_mut(&key)?;
        cached.by_use.remove(used);
        cached.clock += 1;
        *used = cached.clock;
        cached.by_use.insert(cached.clock, key);
        Some(Arc::clone(footer))
    }

    pub(crate) fn insert(&self, key: FooterKey, footer: Arc<LogFooter>) {
        let mut guard = self.cached.lock();
        let cached = &mut *guard;
        if cached.footers.contains_key(&key) || footer.cost_bytes() > self.bytes_max {
            return;
        }
        cached.clock += 1;
        cached.bytes += footer.cost_bytes();
        cached.by_use.insert(cached.clock, key);
        cached.footers.insert(key, (footer, cached.clock));
        while cached.bytes > self.bytes_max {
            let Some((_, oldest)) = cached.by_use.pop_first() else {
                return;
            };
            if let Some((footer, _)) = cached.footers.remove(&oldest) {
                cached.bytes -= footer.cost_bytes();
            }
        }
    }
}
