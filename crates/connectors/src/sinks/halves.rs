//! Finds what is refused: a part that is refused is tried in halves, down to the single one.

use std::ops::Range;
use std::time::Duration;

use tokio::time::Instant;

use crate::Outcome;

/// Why a part was not written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NotWritten {
    /// Something in it will never be taken.
    Refused(String),
    /// It was not taken this time; or it was, and nobody said so.
    Unknown(String),
    /// Nor will anything else be, until somebody mends this.
    Stopped(String),
    /// So many of its first ones were taken; those behind were not, or nobody said so.
    OnlyFirst(usize, String),
}

/// Writes all of `0..count`, by parts of at most `part_max`, in order. Once `time` is over, or when a part could not be
/// written for another reason than its contents, the rest is to come again.
pub(super) async fn in_halves<F: Future<Output = Result<(), NotWritten>>>(
    count: usize,
    part_max: usize,
    time: Duration,
    mut write: impl FnMut(Range<usize>) -> F,
) -> Vec<Outcome> {
    let mut outcomes = vec![Outcome::Delivered; count];
    let began = Instant::now();
    // What is to be written, the next part last.
    let starts = (0..count).step_by(part_max).rev();
    let mut parts: Vec<Range<usize>> = starts
        .map(|start| start..count.min(start + part_max))
        .collect();
    while let Some(part) = parts.pop() {
        let written = if began.elapsed() < time {
            write(part.clone()).await
        } else {
            let cause = "rows that are refused take long to find";
            Err(NotWritten::Unknown(cause.to_owned()))
        };
        match written {
            Ok(()) => {}
            Err(NotWritten::Refused(cause)) if part.len() == 1 => {
                outcomes[part.start] = Outcome::Rejected(cause);
            }
            Err(NotWritten::Refused(_)) => {
                let middle = part.start + part.len() / 2;
                parts.push(middle..part.end);
                parts.push(part.start..middle);
            }
            Err(NotWritten::Unknown(cause)) => {
                come_again(&mut outcomes, part.start, &cause);
                break;
            }
            Err(NotWritten::Stopped(cause)) => {
                outcomes[part.start..].fill(Outcome::Stop(cause));
                break;
            }
            Err(NotWritten::OnlyFirst(taken, cause)) => {
                come_again(&mut outcomes, part.start + taken.min(part.len()), &cause);
                break;
            }
        }
    }
    outcomes
}

/// Parts are written in order, so everything from here on is left.
fn come_again(outcomes: &mut [Outcome], from: usize, cause: &str) {
    outcomes[from..].fill(Outcome::Again(cause.to_owned()));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever is refused, each of it is rejected, and everything else is written once and in order.
        #[test]
        fn what_is_refused_takes_nothing_else_along(
            count in 0_usize..60,
            part_max in 1_usize..20,
            refused in proptest::collection::btree_set(0_usize..60, 0..12),
        ) {
            let (outcomes, written) = run(count, part_max, &refused, usize::MAX);
            let expected: Vec<usize> = (0..count).filter(|one| !refused.contains(one)).collect();
            prop_assert_eq!(&written, &expected);
            for (index, outcome) in outcomes.iter().enumerate() {
                let is_rejected = matches!(outcome, Outcome::Rejected(_));
                prop_assert_eq!(is_rejected, refused.contains(&index));
            }
        }

        /// A server that goes away in between: what was not written comes again, and nothing else.
        #[test]
        fn what_is_not_known_to_be_written_comes_again(
            count in 1_usize..60,
            refused in proptest::collection::btree_set(0_usize..60, 0..12),
            calls in 0_usize..20,
        ) {
            let (outcomes, written) = run(count, 7, &refused, calls);
            let delivered: Vec<usize> = outcomes.iter().enumerate()
                .filter(|(_, outcome)| **outcome == Outcome::Delivered)
                .map(|(index, _)| index)
                .collect();
            prop_assert_eq!(delivered, written);
        }
    }

    /// The outcomes, and what was written, by a server that answers so many calls.
    fn run(
        count: usize,
        part_max: usize,
        refused: &BTreeSet<usize>,
        calls: usize,
    ) -> (Vec<Outcome>, Vec<usize>) {
        let (mut written, mut left) = (Vec::new(), calls);
        let write = |part: Range<usize>| {
            let answer = if left == 0 {
                Err(NotWritten::Unknown("away".to_owned()))
            } else if part.clone().any(|one| refused.contains(&one)) {
                Err(NotWritten::Refused("bad".to_owned()))
            } else {
                written.extend(part);
                Ok(())
            };
            left = left.saturating_sub(1);
            std::future::ready(answer)
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let time = Duration::from_secs(3600);
        let outcomes = runtime.block_on(in_halves(count, part_max, time, write));
        (outcomes, written)
    }

    #[tokio::test(start_paused = true)]
    async fn a_search_that_takes_long_says_what_it_knows() {
        // Everything is refused, and each answer takes a second: at some time the caller would give up on all of it.
        let write = |_| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Err(NotWritten::Refused("bad".to_owned()))
        };
        let outcomes = in_halves(64, 64, Duration::from_secs(15), write).await;
        let rejected = |outcome: &&Outcome| matches!(outcome, Outcome::Rejected(_));
        let count = outcomes.iter().take_while(rejected).count();
        assert!((1..15).contains(&count), "{outcomes:?}");
        let rest = &outcomes[count..];
        assert!(rest.iter().all(|one| matches!(one, Outcome::Again(_))));
    }
}
