//! Processors that cannot go on, and begin again at the last checkpoint.

use super::*;
use crate::{CheckpointPolicy, FailurePolicy, StartOver};

/// What processors have done, in order: `+` begins one, a number is a record.
type Events = Arc<Mutex<Vec<String>>>;

/// Dies at one record, so often; checkpoints every third record.
struct Dies {
    events: Events,
    at: u64,
    deaths_left: Arc<AtomicU32>,
}

impl Dies {
    fn dies(&self) -> bool {
        let left = self.deaths_left.load(Ordering::Relaxed);
        self.deaths_left
            .store(left.saturating_sub(1), Ordering::Relaxed);
        left > 0
    }
}

impl RecordProcessor for Dies {
    async fn started(&mut self, start: &ShardStart, _: &Checkpointer) -> Result<(), BoxError> {
        self.events
            .lock()
            .unwrap()
            .push(format!("+{}", start.checkpoint.text()));
        Ok(())
    }

    async fn process(
        &mut self,
        batch: &RecordBatch,
        checkpointer: &Checkpointer,
    ) -> Result<(), Failure> {
        for record in batch.records() {
            let number: u64 = record.sequence_number().parse()?;
            if number == self.at && self.dies() {
                return Err(StartOver::because("died").into());
            }
            self.events.lock().unwrap().push(number.to_string());
            if number.is_multiple_of(3) {
                checkpointer.checkpoint_at(&record.place).await?;
            }
        }
        Ok(())
    }
}

async fn run(
    at: u64,
    deaths: u32,
    policy: FailurePolicy,
) -> (Vec<String>, Result<(), ConsumerError>) {
    let (stream, table) = (MemoryStream::new(1), MemoryLeaseTable::default());
    for key in 0..7 {
        stream.put(&format!("key-{key}"), "");
    }
    let events = Events::default();
    let (told, deaths_left) = (Arc::clone(&events), Arc::new(AtomicU32::new(deaths)));
    let settings = Settings::new()
        .checkpoints(CheckpointPolicy::Manual)
        .on_failure(policy)
        .records_max(2);
    let run = Consumer::builder("tested", "stream")
        .source(stream)
        .lease_table(table)
        .settings(settings)
        .build()
        .unwrap()
        .process(move |_| Dies {
            events: Arc::clone(&told),
            at,
            deaths_left: Arc::clone(&deaths_left),
        });
    let ended = run.until(sleep(FAILOVER * 2)).await;
    let events = events.lock().unwrap().clone();
    (events, ended)
}

#[tokio::test(start_paused = true)]
async fn a_processor_that_cannot_go_on_begins_again_at_the_last_checkpoint() {
    let (events, ended) = run(6, 2, FailurePolicy::retry()).await;
    ended.unwrap();
    // The shard itself has the number 1.
    let expected = [
        "+TRIM_HORIZON",
        "2",
        "3",
        "4",
        "5",
        "+3",
        "4",
        "5",
        "+3",
        "4",
        "5",
        "6",
        "7",
        "8",
    ];
    assert_eq!(events, expected);
}

#[tokio::test(start_paused = true)]
async fn a_processor_that_never_goes_on_halts_the_worker_if_the_policy_says_so() {
    let (events, ended) = run(6, u32::MAX, FailurePolicy::halt_after(3)).await;
    let Err(ConsumerError::Halted { shard_id, source }) = ended else {
        panic!("{ended:?}")
    };
    assert_eq!(shard_id, "shardId-000000000000");
    assert!(source.is::<StartOver>());
    let starts: Vec<&String> = events
        .iter()
        .filter(|event| event.starts_with('+'))
        .collect();
    // The first one got on to a checkpoint, and so did not begin in vain.
    assert_eq!(starts, ["+TRIM_HORIZON", "+3", "+3"]);
}
