use serde_json::json;

use super::*;
use crate::sinks::memory::Memory;
use crate::{Guarantee, Opener, Origin};

#[derive(Debug, Default)]
struct Kept(parking_lot::Mutex<Vec<String>>);

impl Rejects for Kept {
    fn reject(
        &self,
        sink: &str,
        item: Item,
        cause: String,
    ) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> {
        let kept = format!("{sink} {} {cause}", item.id());
        let answer = if item.id().ends_with(":13") {
            Err(kept.clone())
        } else {
            Ok(())
        };
        self.0.lock().push(kept);
        Box::pin(std::future::ready(answer))
    }
}

fn item(number: u64) -> Item {
    let origin = Origin {
        shard_id: "s".into(),
        sequence_number: "7".into(),
        sub_sequence_number: number,
        partition_key: "k".into(),
        arrived_ms: 0,
        data: Default::default(),
    };
    Item::of_record("t", Arc::new(origin), 0, json!(number), None, 100)
}

fn numbers(sink: &Memory) -> Vec<u64> {
    sink.items()
        .iter()
        .map(|item| item.value.as_u64().unwrap())
        .collect()
}

fn lane(sink: &Memory, settings: LaneSettings, rejects: &Arc<Kept>) -> (Lane, SinkStatus) {
    let status = SinkStatus::default();
    let by_cuts = sink.guarantee() == Guarantee::ExactlyOnce;
    let rejects: Arc<dyn Rejects> = Arc::clone(rejects) as _;
    let lane = Lane::start(
        "sink",
        sink.open("s"),
        by_cuts,
        settings,
        status.clone(),
        rejects,
    );
    (lane, status)
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_is_down_for_an_hour_costs_nothing_but_time() {
    let sink = Memory::new(Guarantee::AtLeastOnce);
    sink.fail(400);
    let (mut lane, status) = lane(&sink, LaneSettings::default(), &Arc::default());
    let began = tokio::time::Instant::now();
    lane.send(vec![item(1), item(2)]).await.unwrap();
    lane.send(vec![]).await.unwrap();
    let last = lane.send(vec![item(3)]).await.unwrap();
    assert_eq!(lane.arrived(), Ok(0));
    lane.drained().await.unwrap();
    assert!(began.elapsed() > Duration::from_secs(1800));
    assert_eq!((numbers(&sink), lane.arrived()), (vec![1, 2, 3], Ok(last)));
    let counts = status.counts();
    assert_eq!(
        (counts.delivered, counts.retried, counts.last_error),
        (3, 400, None)
    );
}

/// Takes the first item of those that it is given.
#[derive(Debug)]
struct OneByOne(Memory);

impl Sink for OneByOne {
    fn deliver<'a>(
        &'a mut self,
        items: &'a [Item],
    ) -> crate::SinkFuture<'a, Result<Vec<Outcome>, crate::SinkError>> {
        Box::pin(async move {
            let (first, rest) = items.split_at(1);
            let mut outcomes = self.0.open("s").deliver(first).await?;
            outcomes.extend(rest.iter().map(|_| Outcome::Again("slowly".to_owned())));
            Ok(outcomes)
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_takes_a_part_each_time_is_not_slowed_down() {
    let (to, status) = (Memory::new(Guarantee::Idempotent), SinkStatus::default());
    let (sink, settings) = (Box::new(OneByOne(to.clone())), LaneSettings::default());
    let rejects = Arc::<Kept>::default();
    let mut lane = Lane::start("sink", sink, false, settings, status.clone(), rejects);
    let began = tokio::time::Instant::now();
    lane.send((1..=101).map(item).collect()).await.unwrap();
    lane.drained().await.unwrap();
    assert_eq!(numbers(&to), (1..=101).collect::<Vec<u64>>());
    // A hundred pauses, each as the first.
    assert!(
        began.elapsed() <= Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(status.counts().retried, 100);
}

#[tokio::test(start_paused = true)]
async fn a_full_lane_holds_the_sender_back_and_an_optional_one_skips() {
    let sink = Memory::new(Guarantee::AtLeastOnce);
    sink.fail(5);
    let settings = LaneSettings {
        bytes_max: 250,
        ..LaneSettings::default()
    };
    let (mut required, _) = lane(&sink, settings.clone(), &Arc::default());
    required.send(vec![item(1), item(2)]).await.unwrap();
    let third = tokio::time::timeout(Duration::from_millis(50), required.send(vec![item(3)]));
    assert!(third.await.is_err(), "no room before something has arrived");
    required.send(vec![item(3)]).await.unwrap();
    required.drained().await.unwrap();
    assert_eq!(numbers(&sink), [1, 2, 3]);

    let other = Memory::new(Guarantee::AtLeastOnce);
    other.fail(5);
    let (mut optional, status) = lane(
        &other,
        LaneSettings {
            is_optional: true,
            ..settings
        },
        &Arc::default(),
    );
    optional.send(vec![item(1), item(2)]).await.unwrap();
    optional.send(vec![item(3)]).await.unwrap();
    optional.drained().await.unwrap();
    assert_eq!((numbers(&other), status.counts().skipped), (vec![1, 2], 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_rejected_is_kept_before_the_lane_goes_on_or_ends_it() {
    let (sink, kept) = (Memory::new(Guarantee::Idempotent), Arc::<Kept>::default());
    sink.reject(json!(2));
    let (mut lane, status) = lane(&sink, LaneSettings::default(), &kept);
    lane.send(vec![item(1), item(2), item(3)]).await.unwrap();
    lane.drained().await.unwrap();
    assert_eq!((numbers(&sink), status.counts().rejected), (vec![1, 3], 1));
    assert_eq!(*kept.0.lock(), ["sink t:s:7:2 told to reject it"]);

    sink.reject(json!(13));
    lane.send(vec![item(13)]).await.unwrap();
    let failed = lane.drained().await.unwrap_err();
    assert!(failed.0.contains("t:s:7:13"), "{failed}");
    assert!(lane.send(vec![item(14)]).await.is_err() && lane.arrived().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_sink_by_cuts_has_nothing_before_the_flush_and_each_cut_once() {
    let sink = Memory::new(Guarantee::ExactlyOnce);
    let (mut first, _) = lane(&sink, LaneSettings::default(), &Arc::default());
    let cut = |first: &str| Cut {
        shard_id: "s".into(),
        first: first.into(),
    };
    let one = first.send(vec![item(1), item(2)]).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((numbers(&sink), first.arrived()), (vec![], Ok(0)));
    sink.fail(3);
    first.flush(&cut("1")).await.unwrap();
    assert_eq!((numbers(&sink), first.arrived()), (vec![1, 2], Ok(one)));
    // Another worker makes the same cut again.
    let (mut second, _) = lane(&sink, LaneSettings::default(), &Arc::default());
    second.send(vec![item(1), item(2)]).await.unwrap();
    second.flush(&cut("1")).await.unwrap();
    second.send(vec![item(3)]).await.unwrap();
    second.flush(&cut("3")).await.unwrap();
    assert_eq!(numbers(&sink), [1, 2, 3]);
}

/// Says nothing of the last item of a batch.
#[derive(Debug)]
struct Forgetful;

impl Sink for Forgetful {
    fn deliver<'a>(
        &'a mut self,
        items: &'a [Item],
    ) -> crate::SinkFuture<'a, Result<Vec<Outcome>, crate::SinkError>> {
        let outcomes = vec![Outcome::Delivered; items.len() - 1];
        Box::pin(std::future::ready(Ok(outcomes)))
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_does_not_say_what_became_of_an_item_ends_the_lane() {
    let mut lane = Lane::start(
        "sink",
        Box::new(Forgetful),
        false,
        LaneSettings::default(),
        SinkStatus::default(),
        Arc::<Kept>::default(),
    );
    lane.send(vec![item(1), item(2)]).await.unwrap();
    let failed = lane.drained().await.unwrap_err();
    assert!(failed.0.contains("2 items and told of 1"), "{failed}");
    assert!(lane.arrived().is_err() && lane.send(vec![item(3)]).await.is_err());
}

/// Never has an answer.
#[derive(Debug)]
struct Stuck;

impl Sink for Stuck {
    fn deliver<'a>(
        &'a mut self,
        _: &'a [Item],
    ) -> crate::SinkFuture<'a, Result<Vec<Outcome>, crate::SinkError>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn an_optional_sink_that_is_stuck_holds_nobody_up_however_small_the_batches() {
    let settings = LaneSettings {
        is_optional: true,
        ..LaneSettings::default()
    };
    let status = SinkStatus::default();
    let mut lane = Lane::start(
        "sink",
        Box::new(Stuck),
        false,
        settings,
        status.clone(),
        Arc::<Kept>::default(),
    );
    for number in 0..1000 {
        let sent = timeout(Duration::from_millis(10), lane.send(vec![item(number)])).await;
        sent.expect("nobody waits for an optional sink").unwrap();
    }
    assert!(
        status.counts().skipped >= 1000 - BATCHES_MAX as u64 - 1,
        "{:?}",
        status.counts()
    );
}

#[tokio::test(start_paused = true)]
async fn a_cut_may_be_larger_than_the_lane() {
    let sink = Memory::new(Guarantee::ExactlyOnce);
    let settings = LaneSettings {
        bytes_max: 250,
        ..LaneSettings::default()
    };
    let (mut lane, status) = lane(&sink, settings, &Arc::default());
    for number in 1..=10 {
        let sent = timeout(Duration::from_secs(5), lane.send(vec![item(number)])).await;
        sent.expect("what was taken makes room").unwrap();
    }
    assert_eq!(status.counts().delivered, 0);
    let cut = Cut {
        shard_id: "s".into(),
        first: "1".into(),
    };
    lane.flush(&cut).await.unwrap();
    assert_eq!((numbers(&sink).len(), status.counts().delivered), (10, 10));
}

/// Wants to stop, so many times.
#[derive(Debug)]
struct Stopping(u32);

impl Sink for Stopping {
    fn deliver<'a>(
        &'a mut self,
        items: &'a [Item],
    ) -> crate::SinkFuture<'a, Result<Vec<Outcome>, crate::SinkError>> {
        let outcome = match self.0 {
            0 => Outcome::Delivered,
            _ => Outcome::Stop("no right".to_owned()),
        };
        self.0 = self.0.saturating_sub(1);
        Box::pin(std::future::ready(Ok(vec![outcome; items.len()])))
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_wants_to_stop_ends_its_lane_unless_it_is_optional() {
    for is_optional in [false, true] {
        let settings = LaneSettings {
            is_optional,
            ..LaneSettings::default()
        };
        let (status, rejects) = (SinkStatus::default(), Arc::new(Kept::default()));
        let sink = Box::new(Stopping(2));
        let mut lane = Lane::start("sink", sink, false, settings, status, rejects);
        lane.send(vec![item(1), item(2)]).await.unwrap();
        let drained = lane.drained().await;
        if is_optional {
            assert_eq!(drained, Ok(()));
        } else {
            let failed = drained.unwrap_err().to_string();
            assert_eq!(failed, "the sink sink: no right");
        }
    }
}
