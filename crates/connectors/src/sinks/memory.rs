//! A sink in memory, for tests: it shows what arrived, and fails when it is told to.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;

use crate::{Cut, Guarantee, Item, Opener, Outcome, Sink, SinkError, SinkFuture};

/// Opens sinks that keep items in memory. Clones show the same items.
#[derive(Debug, Clone)]
pub struct Memory {
    guarantee: Guarantee,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    items: Vec<Item>,
    cuts: BTreeMap<Cut, Vec<Item>>,
    failures_left: u32,
    rejected: Option<Value>,
}

impl Memory {
    /// A sink with this guarantee.
    pub fn new(guarantee: Guarantee) -> Self {
        Self {
            guarantee,
            state: Arc::default(),
        }
    }

    /// The next calls fail, so many of them.
    pub fn fail(&self, calls: u32) {
        self.state.lock().failures_left = calls;
    }

    /// Items of this value are rejected.
    pub fn reject(&self, value: Value) {
        self.state.lock().rejected = Some(value);
    }

    /// What arrived, in order; by cuts for a sink that delivers by cuts.
    pub fn items(&self) -> Vec<Item> {
        let state = self.state.lock();
        match self.guarantee {
            Guarantee::ExactlyOnce => state.cuts.values().flatten().cloned().collect(),
            Guarantee::AtLeastOnce | Guarantee::Idempotent => state.items.clone(),
        }
    }
}

impl Opener for Memory {
    fn open(&self, _: &str) -> Box<dyn Sink> {
        Box::new(MemorySink {
            to: self.clone(),
            held: Vec::new(),
        })
    }

    fn guarantee(&self) -> Guarantee {
        self.guarantee
    }
}

#[derive(Debug)]
struct MemorySink {
    to: Memory,
    held: Vec<Item>,
}

impl MemorySink {
    fn step(&self) -> Result<(), SinkError> {
        let mut state = self.to.state.lock();
        match state.failures_left.checked_sub(1) {
            Some(left) => {
                state.failures_left = left;
                Err(SinkError::new("told to fail"))
            }
            None => Ok(()),
        }
    }
}

impl Sink for MemorySink {
    fn deliver<'a>(
        &'a mut self,
        items: &'a [Item],
    ) -> SinkFuture<'a, Result<Vec<Outcome>, SinkError>> {
        Box::pin(async move {
            self.step()?;
            let mut outcomes = Vec::new();
            for item in items {
                let mut state = self.to.state.lock();
                if state.rejected.as_ref() == Some(&*item.value) {
                    outcomes.push(Outcome::Rejected("told to reject it".to_owned()));
                    continue;
                }
                match self.to.guarantee {
                    Guarantee::ExactlyOnce => self.held.push(item.clone()),
                    Guarantee::AtLeastOnce | Guarantee::Idempotent => {
                        state.items.push(item.clone())
                    }
                }
                outcomes.push(Outcome::Delivered);
            }
            Ok(outcomes)
        })
    }

    fn unflushed_bytes(&self) -> usize {
        self.held.iter().map(|item| item.bytes).sum()
    }

    fn flush<'a>(&'a mut self, cut: &'a Cut) -> SinkFuture<'a, Result<(), SinkError>> {
        Box::pin(async move {
            self.step()?;
            let held = std::mem::take(&mut self.held);
            let mut state = self.to.state.lock();
            if !held.is_empty() {
                state.cuts.entry(cut.clone()).or_insert(held);
            }
            Ok(())
        })
    }
}
