//! Single decisions; the simulation has everything at once.

use bytes::Bytes;
use millstream_aggregation::Aggregate;
use proptest::prelude::*;

use super::*;
use crate::{CallError, CallErrorKind, MemoryStream, PutAnswer, PutErrorKind};

/// A pipeline and a stream, with calls that are answered by hand.
struct Bench {
    pipeline: Pipeline<u64>,
    stream: MemoryStream,
    now: Duration,
    put: u64,
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

impl Bench {
    fn new(shards: u32, settings: Settings) -> Self {
        let mut bench = Self::unlisted(shards, settings);
        bench.list();
        bench
    }

    /// While the first list of shards is under way.
    fn unlisted(shards: u32, settings: Settings) -> Self {
        let mut bench = Self {
            pipeline: Pipeline::new(settings, 1, true),
            stream: MemoryStream::new(shards),
            now: Duration::ZERO,
            put: 0,
        };
        assert!(bench.poll().list_shards, "the shards are asked for at once");
        bench
    }

    fn list(&mut self) {
        let shards = self.stream.open_shards();
        self.pipeline.shards_listed(self.now, Ok(shards));
    }

    fn put(&mut self, key: &str, bytes: usize) -> bool {
        self.put += 1;
        let data = Bytes::from(vec![b'x'; bytes]);
        let user = UserRecord::new(key, data);
        let hash_key = user.hash_key();
        self.pipeline
            .put(self.now, user, hash_key, 1, self.put)
            .unwrap()
    }

    fn poll(&mut self) -> Step {
        self.pipeline.poll(self.now, false)
    }

    /// The one call that is made now.
    fn call(&mut self) -> PutCall {
        let mut step = self.poll();
        assert_eq!(step.calls.len(), 1, "{:?}", step.calls);
        step.calls.remove(0)
    }

    fn no_call(&mut self) {
        assert!(self.poll().calls.is_empty());
    }

    fn answer(&mut self, call: &PutCall) {
        let answers = self.stream.put(&call.entries);
        self.pipeline.answered(self.now, call.id, Ok(answers));
    }

    fn answer_with(&mut self, call: &PutCall, answers: Vec<PutAnswer>) {
        self.pipeline.answered(self.now, call.id, Ok(answers));
    }

    fn fail(&mut self, call: &PutCall, kind: CallErrorKind, code: &str) {
        let error = CallError {
            kind,
            code: code.to_owned(),
            message: "as the test says".to_owned(),
        };
        self.pipeline.answered(self.now, call.id, Err(error));
    }

    /// Tickets and results of what is settled, by ticket.
    fn settled(&mut self) -> Vec<(u64, Result<Outcome, PutError>)> {
        let settled = self.pipeline.take_settled().into_iter();
        let mut settled: Vec<_> = settled
            .map(|settled| (settled.ticket, settled.result))
            .collect();
        settled.sort_by_key(|(ticket, _)| *ticket);
        settled
    }
}

fn throttled() -> PutAnswer {
    PutAnswer::Refused {
        code: "ProvisionedThroughputExceededException".into(),
        message: String::new(),
    }
}

fn users_in(entry: &PutEntry) -> usize {
    Aggregate::parse(&entry.data).map_or(1, |aggregate| aggregate.len())
}

/// The first keys `k0`, `k1`, … of the shard at `index`.
fn keys_of(stream: &MemoryStream, index: usize, count: usize) -> Vec<String> {
    let range = stream.open_shards()[index].hash_key_range;
    let keys = (0..).map(|number| format!("k{number}"));
    keys.filter(|key| range.contains(HashKey::of_partition_key(key)))
        .take(count)
        .collect()
}

#[test]
fn records_of_one_shard_travel_together_once_their_time_has_come() {
    let mut bench = Bench::new(2, Settings::default());
    assert!(bench.put("a", 10), "the first one sets the alarm");
    for _ in 0..9 {
        assert!(!bench.put("a", 10));
    }
    let step = bench.poll();
    assert!(step.calls.is_empty());
    assert_eq!(step.wake_at, ms(100));
    bench.now = ms(100);
    let call = bench.call();
    assert_eq!(call.entries.len(), 1);
    assert_eq!(users_in(&call.entries[0]), 10);
    bench.now = ms(120);
    bench.answer(&call);
    let settled = bench.settled();
    for (index, (ticket, result)) in (0..).zip(settled) {
        let outcome = result.unwrap();
        assert_eq!((ticket, outcome.sub_sequence_number()), (index + 1, index));
        assert_eq!(outcome.sequence_number(), "1");
        let attempts = outcome.attempts();
        assert_eq!((attempts[0].delay, attempts[0].duration), (ms(100), ms(20)));
    }
    assert_eq!(bench.pipeline.user_records_pending(), 0);
}

#[test]
fn a_shard_with_256_kib_does_not_wait_for_company() {
    let mut bench = Bench::new(1, Settings::default());
    let mut wakes = 0;
    for _ in 0..320 {
        wakes += usize::from(bench.put("a", 1000));
    }
    assert!(wakes >= 2, "for the alarm, and when enough was ready");
    let call = bench.call();
    let bytes: usize = call.entries.iter().map(|entry| entry.data.len()).sum();
    assert!(bytes >= 256 * 1024 - 51_200, "{bytes}");
    assert!(call.entries.iter().all(|entry| entry.data.len() <= 51_200));
}

#[test]
fn without_a_list_of_shards_nothing_is_aggregated_and_nothing_is_stuck() {
    let mut bench = Bench::new(1, Settings::default());
    bench.pipeline = Pipeline::new(Settings::default(), 1, false);
    bench.poll();
    for _ in 0..3 {
        bench.put("a", 10);
    }
    let denied = CallError {
        kind: CallErrorKind::Denied,
        code: "AccessDeniedException".into(),
        message: String::new(),
    };
    bench.pipeline.shards_listed(bench.now, Err(denied));
    bench.no_call();
    bench.now = ms(100);
    let call = bench.call();
    assert_eq!(call.entries.len(), 3);
    bench.answer(&call);
    assert!(bench.settled().iter().all(|(_, result)| result.is_ok()));
}

#[test]
fn what_waited_for_the_list_of_shards_is_aggregated() {
    let mut bench = Bench::new(2, Settings::default());
    bench.pipeline = Pipeline::new(Settings::default(), 1, false);
    bench.poll();
    for _ in 0..1000 {
        bench.put("a", 10);
    }
    bench.no_call();
    bench.list();
    bench.now = ms(100);
    assert_eq!(bench.call().entries.len(), 1);
}

#[test]
fn only_what_failed_is_sent_again_and_not_at_once() {
    let mut bench = Bench::new(2, Settings::default());
    let (first, second) = (
        keys_of(&bench.stream, 0, 1).remove(0),
        keys_of(&bench.stream, 1, 1).remove(0),
    );
    bench.put(&first, 10);
    bench.put(&second, 10);
    bench.now = ms(100);
    let call = bench.call();
    let mut answers = bench.stream.put(&call.entries);
    let refused = call
        .entries
        .iter()
        .position(|entry| entry.partition_key == second)
        .unwrap();
    answers[refused] = throttled();
    bench.answer_with(&call, answers);
    assert_eq!(bench.settled().len(), 1);
    let step = bench.poll();
    assert!(step.calls.is_empty());
    assert!(step.wake_at > ms(100) && step.wake_at <= ms(150));
    bench.now = step.wake_at;
    let again = bench.call();
    assert_eq!(again.entries.len(), 1);
    assert_eq!(again.entries[0].partition_key, second);
    bench.answer(&again);
    let outcome = bench.settled().remove(0).1.unwrap();
    let attempts = outcome.attempts();
    assert_eq!(attempts.len(), 2);
    let error = attempts[0].error.as_ref().unwrap();
    assert_eq!(&*error.code, "ProvisionedThroughputExceededException");
}

#[test]
fn a_record_that_waits_too_long_expires_and_says_why() {
    let settings = Settings::default().record_ttl(ms(1000));
    let mut bench = Bench::new(1, settings);
    bench.put("a", 10);
    let mut calls = 0;
    loop {
        let step = bench.poll();
        for call in step.calls {
            calls += 1;
            bench.answer_with(&call, vec![throttled()]);
        }
        if let Some((_, result)) = bench.settled().pop() {
            let error = result.unwrap_err();
            assert_eq!(error.kind(), PutErrorKind::Expired);
            assert!(!error.may_be_stored());
            assert_eq!(error.attempts().len(), calls);
            let said = error.to_string();
            assert!(said.contains("split the stream's shards"), "{said}");
            break;
        }
        bench.now = bench.poll().wake_at;
    }
    assert_eq!(bench.now, ms(1000));
    assert!((3..10).contains(&calls), "{calls} calls");
}

#[test]
fn a_record_expires_with_those_that_it_came_with_and_outlives_older_ones() {
    let settings = Settings::default().record_ttl(ms(1000));
    let mut bench = Bench::new(1, settings);
    bench.put("a", 10);
    bench.now = ms(99);
    bench.put("a", 10);
    bench.now = ms(100);
    let call = bench.call();
    bench.fail(&call, CallErrorKind::Unknown, "Exception");
    bench.now = ms(600);
    bench.put("a", 10);
    // A split brings all three together.
    assert!(bench.stream.split(0));
    bench.list();
    let call = bench.call();
    assert_eq!(users_in(&call.entries[0]), 3);
    bench.fail(&call, CallErrorKind::Unknown, "Exception");
    bench.now = ms(1000);
    let call = bench.call();
    let settled = bench.settled();
    let tickets: Vec<u64> = settled.iter().map(|(ticket, _)| *ticket).collect();
    assert_eq!(tickets, [1, 2]);
    for (_, result) in settled {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), PutErrorKind::Expired);
        assert_eq!(error.attempts().len(), 2);
        assert!(error.may_be_stored());
    }
    bench.answer(&call);
    let (ticket, result) = bench.settled().remove(0);
    assert_eq!((ticket, result.unwrap().attempts().len()), (3, 2));
}

#[test]
fn throttling_ends_a_record_at_once_if_asked() {
    let mut bench = Bench::new(1, Settings::default().fail_if_throttled(true));
    bench.put("a", 10);
    bench.now = ms(100);
    let call = bench.call();
    bench.answer_with(&call, vec![throttled()]);
    let error = bench.settled().remove(0).1.unwrap_err();
    assert_eq!(error.kind(), PutErrorKind::Throttled);
}

#[test]
fn one_invalid_record_costs_no_other() {
    let mut bench = Bench::new(4, Settings::default().aggregation_enabled(false));
    for number in 0..5 {
        bench.put(&format!("k{number}"), 10);
    }
    bench.now = ms(100);
    let call = bench.call();
    assert_eq!(call.entries.len(), 5);
    bench.fail(&call, CallErrorKind::Invalid, "InvalidArgumentException");
    assert!(bench.settled().is_empty());
    let calls = bench.poll().calls;
    assert_eq!(calls.len(), 5, "each alone, to find the one");
    for call in calls {
        assert_eq!(call.entries.len(), 1);
        if call.entries[0].partition_key == "k3" {
            bench.fail(&call, CallErrorKind::Invalid, "InvalidArgumentException");
        } else {
            bench.answer(&call);
        }
    }
    for (ticket, result) in bench.settled() {
        assert_eq!(result.is_err(), ticket == 4);
        if let Err(error) = result {
            assert_eq!(error.kind(), PutErrorKind::Refused);
        }
    }
}

#[test]
fn what_no_call_can_mend_ends_the_record() {
    let mut bench = Bench::new(1, Settings::default());
    bench.put("a", 10);
    bench.now = ms(300);
    let call = bench.call();
    bench.fail(&call, CallErrorKind::Denied, "ResourceNotFoundException");
    let error = bench.settled().remove(0).1.unwrap_err();
    assert_eq!(error.kind(), PutErrorKind::Refused);
    assert!(error.to_string().contains("create the stream"), "{error}");
    assert!(
        bench.poll().list_shards,
        "it may come back with other shards"
    );
}

#[test]
fn an_answer_with_too_few_records_is_none() {
    let mut bench = Bench::new(1, Settings::default());
    bench.put("a", 10);
    bench.now = ms(100);
    let call = bench.call();
    bench.answer_with(&call, Vec::new());
    assert!(bench.settled().is_empty());
    bench.now = bench.poll().wake_at;
    let again = bench.call();
    bench.answer(&again);
    let outcome = bench.settled().remove(0).1.unwrap();
    let error = outcome.attempts()[0].error.clone().unwrap();
    assert_eq!(&*error.code, "Record Count Mismatch");
}

/// An aggregate for the parent lands in a child that holds only half of it, of which the writer has not heard.
#[test]
fn an_aggregate_in_a_shard_that_does_not_hold_all_of_it_is_sent_again_whole() {
    let mut bench = Bench::new(1, Settings::default());
    bench.put("k0", 10);
    let halves = MemoryStream::new(2);
    for key in [keys_of(&halves, 0, 2), keys_of(&halves, 1, 2)].concat() {
        bench.put(&key, 10);
    }
    bench.now = ms(300);
    let call = bench.call();
    assert!(bench.stream.split(0));
    bench.answer(&call);
    assert!(
        bench.settled().is_empty(),
        "nobody knows yet what the shard holds"
    );
    assert!(bench.poll().list_shards);
    bench.list();
    assert!(bench.settled().is_empty());
    let again = bench.call();
    assert_eq!(again.entries.len(), 2, "one for each child");
    bench.answer(&again);
    let settled = bench.settled();
    assert_eq!(settled.len(), 5);
    for (_, result) in settled {
        let outcome = result.unwrap();
        let error = outcome.attempts()[0].error.clone().unwrap();
        assert_eq!(&*error.code, "Wrong Shard");
        assert_eq!(outcome.attempts().len(), 2);
    }
}

/// The same, but the child holds all of the aggregate.
#[test]
fn an_aggregate_in_another_shard_that_holds_all_of_it_is_not_sent_twice() {
    let mut bench = Bench::new(1, Settings::default());
    let halves = MemoryStream::new(2);
    for key in keys_of(&halves, 1, 3) {
        bench.put(&key, 10);
    }
    bench.now = ms(300);
    let call = bench.call();
    assert!(bench.stream.split(0));
    bench.answer(&call);
    assert!(bench.poll().list_shards);
    bench.list();
    let settled = bench.settled();
    assert_eq!(settled.len(), 3);
    assert!(settled.iter().all(|(_, result)| result.is_ok()));
    assert_eq!(bench.stream.records().len(), 1);
}

#[test]
fn a_list_that_lags_behind_does_not_make_a_storm_of_duplicates() {
    let mut bench = Bench::new(1, Settings::default());
    let halves = MemoryStream::new(2);
    for key in [keys_of(&halves, 0, 1), keys_of(&halves, 1, 1)].concat() {
        bench.put(&key, 10);
    }
    let old = bench.stream.open_shards();
    bench.stream.split(0);
    bench.now = ms(100);
    while bench.now < ms(5000) {
        let step = bench.poll();
        for call in step.calls {
            bench.answer(&call);
        }
        if step.list_shards {
            bench.pipeline.shards_listed(bench.now, Ok(old.clone()));
        }
        bench.now = bench.poll().wake_at.max(bench.now + ms(1));
    }
    let stored = bench.stream.records().len();
    assert!((3..12).contains(&stored), "{stored} times in 5 s");
}

#[test]
fn a_throttled_shard_does_not_hold_up_the_others() {
    let settings = Settings::default()
        .shard_bytes_per_second(1000)
        .rate_limit_percent(100);
    let mut bench = Bench::new(2, settings);
    let (slow, fast) = (
        keys_of(&bench.stream, 0, 1).remove(0),
        keys_of(&bench.stream, 1, 1).remove(0),
    );
    for _ in 0..20 {
        bench.put(&slow, 60_000);
    }
    bench.now = ms(100);
    let first = bench.call();
    assert_eq!(first.entries.len(), 1, "a second's worth at once");
    bench.put(&fast, 10);
    bench.now = ms(200);
    let second = bench.call();
    assert_eq!(second.entries.len(), 1);
    assert_eq!(second.entries[0].partition_key, fast);
}

#[test]
fn in_order_the_next_record_of_a_shard_waits_for_the_answer_before() {
    let settings = Settings::default()
        .keep_order_per_key(true)
        .aggregation_max_count(2);
    let mut bench = Bench::new(1, settings);
    for number in 0..6 {
        bench.put("a", 10 + number);
    }
    let first = bench.call();
    assert_eq!(first.entries.len(), 1);
    bench.no_call();
    bench.answer_with(&first, vec![throttled()]);
    bench.now = bench.poll().wake_at;
    let again = bench.call();
    assert_eq!(again.entries, first.entries, "what failed goes first");
    bench.answer(&again);
    assert_eq!(bench.settled().len(), 2);
    let next = bench.call();
    assert_ne!(next.entries, first.entries);
}

#[test]
fn a_flush_sends_everything_and_knows_when_it_is_over() {
    let mut bench = Bench::new(1, Settings::default());
    assert_eq!(bench.pipeline.flush(), 0, "nothing to wait for");
    bench.put("a", 10);
    let flush = bench.pipeline.flush();
    bench.put("a", 10);
    let call = bench.call();
    assert_eq!(users_in(&call.entries[0]), 1);
    assert_eq!(bench.pipeline.flush(), flush + 1);
    assert!(bench.pipeline.flushes_done() < flush);
    bench.answer(&call);
    assert_eq!(bench.pipeline.flushes_done(), flush);
}

#[test]
fn a_flush_before_the_first_list_sends_aggregates_once_it_is_there() {
    for is_known in [true, false] {
        let mut bench = Bench::unlisted(1, Settings::default());
        bench.put("a", 10);
        bench.put("b", 10);
        let flush = bench.pipeline.flush();
        bench.no_call();
        match is_known {
            true => bench.list(),
            false => bench.pipeline.shards_listed(bench.now, Ok(Vec::new())),
        }
        let call = bench.call();
        assert_eq!(call.entries.len(), if is_known { 1 } else { 2 });
        bench.answer(&call);
        assert_eq!(bench.pipeline.flushes_done(), flush);
    }
}

#[test]
fn while_puts_wait_for_room_nothing_waits_for_company() {
    let mut bench = Bench::new(1, Settings::default());
    bench.put("a", 10);
    bench.no_call();
    let step = bench.pipeline.poll(bench.now, true);
    assert_eq!(step.calls.len(), 1);
    bench.put("a", 10);
    let step = bench.pipeline.poll(bench.now, true);
    assert!(step.calls.is_empty(), "the answer will make room");
}

#[test]
fn what_is_measured_adds_up() {
    let mut bench = Bench::new(1, Settings::default());
    for _ in 0..10 {
        bench.put("a", 10);
    }
    bench.now = ms(100);
    let call = bench.call();
    bench.answer(&call);
    let measures = bench.pipeline.take_measures();
    let sum = |metric| -> f64 {
        let of_it = measures.iter().filter(|measure| measure.metric == metric);
        of_it.map(|measure| measure.sum).sum()
    };
    use crate::Metric::{
        BufferingTime, KinesisRecordsPut, UserRecordsPending, UserRecordsPerKinesisRecord,
        UserRecordsPut, UserRecordsReceived,
    };
    assert_eq!(sum(UserRecordsReceived), 10.0);
    assert_eq!(sum(UserRecordsPut), 10.0);
    assert_eq!(sum(KinesisRecordsPut), 1.0);
    assert_eq!(sum(UserRecordsPerKinesisRecord), 10.0);
    assert_eq!(sum(BufferingTime), 1000.0);
    assert_eq!(sum(UserRecordsPending), 0.0);
    assert!(bench.pipeline.take_measures().is_empty());
}

proptest! {
    /// Whatever is put, every user record is in exactly one record of the stream, of its own shard.
    #[test]
    fn everything_put_is_sent_once_where_it_belongs(
        puts in prop::collection::vec((0u32..40, 0usize..3000), 1..200),
        size_max in 64usize..5000,
        shards in 1u32..5,
        is_ordered: bool,
    ) {
        let settings = Settings::default()
            .aggregation_max_size_bytes(size_max)
            .keep_order_per_key(is_ordered);
        let mut bench = Bench::new(shards, settings);
        for (key, bytes) in &puts {
            bench.put(&format!("k{key}"), *bytes);
        }
        bench.pipeline.flush();
        while bench.pipeline.user_records_pending() > 0 {
            let step = bench.poll();
            for call in &step.calls {
                for entry in &call.entries {
                    let is_single = users_in(entry) == 1;
                    prop_assert!(is_single || entry.data.len() <= size_max);
                }
                bench.answer(call);
            }
            if step.calls.is_empty() {
                bench.now = step.wake_at;
            }
        }
        prop_assert_eq!(bench.settled().len(), puts.len());
        let mut stored: Vec<_> = bench.stream.user_records().into_iter()
            .map(|user| (user.partition_key, user.data.len())).collect();
        let mut expected: Vec<_> = puts.iter()
            .map(|(key, bytes)| (format!("k{key}"), *bytes)).collect();
        if is_ordered {
            stored.sort_by(|a, b| a.0.cmp(&b.0));
            expected.sort_by(|a, b| a.0.cmp(&b.0));
        } else {
            stored.sort();
            expected.sort();
        }
        prop_assert_eq!(stored, expected);
        for record in bench.stream.records() {
            let range = bench.stream.range(&record.shard_id).unwrap();
            for user in record.user_records() {
                prop_assert!(range.contains(user.hash_key()));
            }
        }
    }
}
