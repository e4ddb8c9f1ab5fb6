//! `stdout`: items on standard output. At least once.

use std::io::Write;

use crate::format::Lines;
use crate::{Guarantee, Item, Opener, Outcome, Sink, SinkError, SinkFuture};

/// Opens sinks that write to standard output.
#[derive(Debug, Clone)]
pub struct Stdout {
    /// How items are written.
    pub format: Lines,
}

impl Opener for Stdout {
    fn open(&self, _: &str) -> Box<dyn Sink> {
        Box::new(StdoutSink(self.format.clone()))
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::AtLeastOnce
    }
}

#[derive(Debug)]
struct StdoutSink(Lines);

impl Sink for StdoutSink {
    fn deliver<'a>(
        &'a mut self,
        items: &'a [Item],
    ) -> SinkFuture<'a, Result<Vec<Outcome>, SinkError>> {
        let mut text = Vec::new();
        let outcomes = items
            .iter()
            .map(|item| match self.0.append(item, &mut text) {
                Ok(()) => Outcome::Delivered,
                Err(error) => Outcome::Rejected(error.to_string()),
            });
        let outcomes: Vec<Outcome> = outcomes.collect();
        Box::pin(async move {
            // On a thread that may wait: whoever reads may be slow.
            let written = tokio::task::spawn_blocking(move || {
                let mut stdout = std::io::stdout().lock();
                stdout.write_all(&text).and_then(|()| stdout.flush())
            });
            match written.await {
                Ok(Ok(())) => Ok(outcomes),
                Ok(Err(error)) => Err(SinkError::of("standard output", &error)),
                Err(error) => Err(SinkError::of("standard output", &error)),
            }
        })
    }
}
