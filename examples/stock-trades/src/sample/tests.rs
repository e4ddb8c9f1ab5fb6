use proptest::prelude::*;

use super::*;
use crate::totals::Totals;
use crate::trade::TradeType;

fn place(n: u64) -> ExtendedSequenceNumber {
    ExtendedSequenceNumber::new(&n.to_string(), 0).unwrap()
}

fn trade(n: u64) -> StockTrade {
    StockTrade {
        ticker_symbol: format!("T{}", n % 7),
        trade_type: if n.is_multiple_of(3) {
            TradeType::Sell
        } else {
            TradeType::Buy
        },
        price: 1.0,
        quantity: n + 1,
        id: n,
    }
}

/// One shard's lease row and the statistics stream, as they survive any crash.
#[derive(Default)]
struct Stored {
    checkpoint: Option<u64>,
    prepared: Option<u64>,
    samples: Vec<Sample>,
}

/// What goes wrong at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Nothing.
    Succeeds,
    /// The step is not taken and the worker goes on.
    Fails,
    /// The step is taken, its answer is lost and the worker goes on.
    AnswerLost,
    /// The worker dies before the step.
    DiesBefore,
    /// The worker dies after the step.
    DiesAfter,
}

fn number(place: &ExtendedSequenceNumber) -> u64 {
    place.sequence_number().parse().unwrap()
}

impl Stored {
    fn cutter(&self) -> Cutter {
        Cutter::new("s", self.checkpoint.map(place), self.prepared.map(place))
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Prepare(up_to) => {
                assert!(self.checkpoint.is_none_or(|last| last <= number(up_to)));
                self.prepared = Some(number(up_to));
            }
            Step::Put(sample) => self.samples.push((**sample).clone()),
            Step::Checkpoint(up_to) => {
                assert!(self.checkpoint.is_none_or(|last| last <= number(up_to)));
                self.checkpoint = Some(number(up_to));
                self.prepared = None;
            }
        }
    }

    /// Takes the cutter's steps until there are none or the worker dies.
    fn finish(&mut self, cutter: &mut Cutter, fates: &mut dyn Iterator<Item = Fate>) -> bool {
        while let Some(step) = cutter.next_step() {
            let fate = fates.next().unwrap_or(Fate::Succeeds);
            if matches!(fate, Fate::Succeeds | Fate::AnswerLost | Fate::DiesAfter) {
                self.take(&step);
            }
            match fate {
                Fate::Succeeds => cutter.step_done(),
                Fate::Fails | Fate::AnswerLost => {}
                Fate::DiesBefore | Fate::DiesAfter => return false,
            }
        }
        true
    }
}

fn any_fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        6 => Just(Fate::Succeeds),
        1 => Just(Fate::Fails),
        1 => Just(Fate::AnswerLost),
        1 => Just(Fate::DiesBefore),
        1 => Just(Fate::DiesAfter),
    ]
}

#[test]
fn a_successor_repeats_the_cut_that_was_prepared() {
    let mut stored = Stored {
        checkpoint: Some(3),
        prepared: Some(5),
        samples: Vec::new(),
    };
    let mut cutter = stored.cutter();
    for n in [4, 5] {
        assert!(!cutter.must_cut() && !cutter.must_cut_before(&place(n)) && !cutter.may_cut());
        cutter.count(&place(n), Some(&trade(n)));
    }
    assert!(cutter.must_cut() && cutter.must_cut_before(&place(6)));
    cutter.begin();
    assert!(matches!(cutter.next_step(), Some(Step::Put(_))));
    assert!(stored.finish(&mut cutter, &mut std::iter::empty()));
    assert_eq!((stored.checkpoint, stored.prepared), (Some(5), None));
    let sample = &stored.samples[0];
    assert_eq!((sample.after.as_deref(), &*sample.up_to), (Some("3"), "5"));
    assert_eq!(sample.tally.trades, 2);
    assert!(cutter.tally.is_empty() && cutter.has_counted(&place(5)));
}

#[test]
fn a_prepared_cut_whose_record_is_gone_is_made_before_the_next_one() {
    let stored = Stored {
        checkpoint: Some(3),
        prepared: Some(5),
        samples: Vec::new(),
    };
    let mut cutter = stored.cutter();
    assert!(cutter.must_cut_before(&place(9)));
    cutter.begin();
    let Some(Step::Put(sample)) = cutter.next_step() else {
        panic!("the sample is put")
    };
    assert_eq!((sample.after.as_deref(), &*sample.up_to), (Some("3"), "5"));
    assert_eq!(sample.tally.trades, 0);
}

#[test]
fn a_sample_with_many_ticker_symbols_is_cut_early() {
    let mut cutter = Cutter::new("s", None, None);
    let mut n = 0;
    while !cutter.must_cut() {
        n += 1;
        let trade = StockTrade {
            ticker_symbol: "x".repeat(250) + &n.to_string(),
            ..trade(n)
        };
        cutter.count(&place(n), Some(&trade));
    }
    cutter.begin();
    cutter.step_done();
    let Some(Step::Put(sample)) = cutter.next_step() else {
        panic!("the sample is put")
    };
    assert!(serde_json::to_vec(&sample).unwrap().len() < 1 << 20);
}

#[test]
fn the_sample_on_the_stream_names_its_range() {
    let mut cutter = Cutter::new("shardId-000000000001", Some(place(7)), None);
    cutter.count(&place(8), Some(&trade(9)));
    cutter.count(&place(9), None);
    cutter.begin();
    cutter.step_done();
    let Some(Step::Put(sample)) = cutter.next_step() else {
        panic!("the sample is put")
    };
    let json = serde_json::to_string(&sample).unwrap();
    assert_eq!(
        json,
        r#"{"shardId":"shardId-000000000001","after":"7","upTo":"9","trades":1,"unreadable":1,"buys":{},"sells":{"T2":1},"boughtQuantity":0,"soldQuantity":10,"largestSale":{"tickerSymbol":"T2","tradeType":"SELL","price":1.0,"quantity":10,"id":9}}"#
    );
    assert_eq!(serde_json::from_str::<Sample>(&json).unwrap(), *sample);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Workers die, fail and lose answers between any two steps, and cut wherever their timers say; a dead worker's
    /// samples arrive again, late. The totals are what was written.
    #[test]
    fn every_trade_counts_once(
        written in 1u64..60,
        cuts in prop::collection::vec(any::<bool>(), 0..400),
        fates in prop::collection::vec(any_fate(), 0..120),
        deaths in prop::collection::vec(prop::bool::weighted(0.05), 0..300),
        late in prop::collection::vec((0usize..100, 0usize..100), 0..20),
    ) {
        let mut stored = Stored::default();
        let (mut cuts, mut fates, mut deaths) = (cuts.into_iter(), fates.into_iter(), deaths.into_iter());
        'worker: loop {
            let mut cutter = stored.cutter();
            let from = stored.checkpoint.unwrap_or(0) + 1;
            for n in from..=written {
                if deaths.next().unwrap_or(false) {
                    continue 'worker;
                }
                prop_assert!(!cutter.must_cut_before(&place(n)));
                cutter.count(&place(n), Some(&trade(n)));
                let wanted = cuts.next().unwrap_or(false) && cutter.may_cut();
                if cutter.must_cut() || wanted {
                    cutter.begin();
                    if !stored.finish(&mut cutter, &mut fates) {
                        continue 'worker;
                    }
                }
            }
            cutter.begin();
            if stored.finish(&mut cutter, &mut fates) && stored.checkpoint == Some(written) {
                break;
            }
        }
        // A put of a dead worker that was under way arrives after others.
        for (which, at) in late {
            let sample = stored.samples[which % stored.samples.len()].clone();
            let first = stored.samples.iter().position(|other| *other == sample).unwrap();
            let at = first + 1 + at % (stored.samples.len() - first);
            stored.samples.insert(at, sample);
        }
        let mut totals = Totals::default();
        for sample in &stored.samples {
            totals.add(sample).unwrap();
        }
        let mut expected = Tally::default();
        for n in 1..=written {
            expected.add(&trade(n));
        }
        let expected = serde_json::to_value(&expected).unwrap();
        let mut counted: serde_json::Value = serde_json::from_str(&totals.json(0)).unwrap();
        let members = counted.as_object_mut().unwrap();
        prop_assert_eq!(members.remove("isComplete"), Some(true.into()));
        members.remove("shards");
        prop_assert_eq!(counted, expected);
    }
}
