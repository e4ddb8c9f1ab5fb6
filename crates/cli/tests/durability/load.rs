//! Writers that never wait between two puts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use tokio::task::JoinSet;

use crate::ledger::Ledger;

/// More writers than requests that must be in flight when the end comes.
const WRITERS: usize = 32;
pub(crate) const IN_FLIGHT_MIN: usize = 16;

/// Running writers.
pub(crate) struct Load {
    tasks: JoinSet<()>,
    in_flight: Arc<AtomicUsize>,
}

impl Load {
    /// Starts the writers. Each puts until its first failure, which is how the server's end looks to a client.
    /// `round` keeps payloads apart.
    pub(crate) fn start(
        client: &Client,
        stream: &'static str,
        ledger: &Arc<Ledger>,
        round: usize,
    ) -> Self {
        let in_flight = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        for index in 0..WRITERS {
            let (client, ledger, in_flight) =
                (client.clone(), Arc::clone(ledger), Arc::clone(&in_flight));
            tasks.spawn(async move {
                let writer = format!("round-{round}-writer-{index}");
                for count in 0u64.. {
                    let payload = format!("{writer}/{count}");
                    let put = client
                        .put_record()
                        .stream_name(stream)
                        .partition_key(&writer);
                    in_flight.fetch_add(1, Ordering::SeqCst);
                    let answer = put.data(Blob::new(payload.as_bytes())).send().await;
                    in_flight.fetch_sub(1, Ordering::SeqCst);
                    let Ok(answer) = answer else { break };
                    ledger.acknowledge(payload, answer.shard_id(), answer.sequence_number());
                }
            });
        }
        Self { tasks, in_flight }
    }

    /// Waits until `acknowledged` puts are in the ledger and at least [`IN_FLIGHT_MIN`] are in flight; gives how many.
    pub(crate) async fn until(&self, ledger: &Ledger, acknowledged: usize) -> usize {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let in_flight = self.in_flight.load(Ordering::SeqCst);
            if ledger.len() >= acknowledged && in_flight >= IN_FLIGHT_MIN {
                return in_flight;
            }
            assert!(
                Instant::now() < deadline,
                "{} acknowledged, {in_flight} in flight after 60 s",
                ledger.len()
            );
            tokio::task::yield_now().await;
        }
    }

    /// Waits until every writer has met the server's end.
    pub(crate) async fn join(mut self) {
        let all = async {
            while self
                .tasks
                .join_next()
                .await
                .transpose()
                .expect("writers do not panic")
                .is_some()
            {}
        };
        tokio::time::timeout(Duration::from_secs(60), all)
            .await
            .expect("writers end with the server");
    }
}
