//! A model of segments that fill up and die, compacted as the selection says.

use proptest::prelude::*;

use super::*;

const TARGET: u64 = 64 << 10;
const OVERHEAD: u64 = 176;

/// Something that dies as a whole: an entry, with how often it was tidied.
#[derive(Debug, Clone)]
struct Item {
    bytes: u64,
    is_live: bool,
    tidied: u32,
}

#[derive(Debug, Clone)]
struct Segment {
    kind: SegmentKind,
    file_bytes: u64,
    items: Vec<Item>,
}

impl Segment {
    fn appended(file_bytes: u64, items: Vec<Item>) -> Self {
        Self {
            kind: SegmentKind::Appended,
            file_bytes,
            items,
        }
    }

    fn live(&self) -> u64 {
        let live = self.items.iter().filter(|item| item.is_live);
        live.map(|item| item.bytes).sum()
    }

    /// As the footer of a true segment would be weighed.
    fn candidate(&self, place: usize) -> Candidate {
        let all: u64 = self.items.iter().map(|item| item.bytes).sum();
        let live = self.live();
        let live_bytes = match self.kind {
            _ if live == 0 => 0,
            SegmentKind::Appended => (live + OVERHEAD).min(self.file_bytes),
            SegmentKind::Compacted => self.file_bytes * live / all,
        };
        let segment = ManifestSegment {
            number: place as u32,
            kind: self.kind,
            directory_entries: 1,
            file_bytes: self.file_bytes,
            data_end: self.file_bytes,
            runs_start: self.file_bytes,
            directory_start: self.file_bytes,
            first_lsn: place as u64,
            last_lsn: place as u64,
        };
        let look = Look {
            changes: 0,
            live_bytes,
            runs: 1,
        };
        Candidate {
            segment,
            look: (live > 0).then_some(look),
        }
    }
}

#[derive(Debug, Default)]
struct Moved {
    /// Written for the sake of room, and freed by it.
    copied: u64,
    freed: u64,
    rounds: usize,
}

/// Compacts until nothing is worth it; dead segments go without a compaction.
fn settle(segments: &mut Vec<Segment>, room: OutputRoom) -> Moved {
    let mut moved = Moved::default();
    loop {
        segments.retain(|segment| segment.live() > 0);
        let places = segments.iter().enumerate();
        let candidates: Vec<_> = places.map(|(place, s)| s.candidate(place)).collect();
        let Some(range) = choose(&candidates, room) else {
            return moved;
        };
        assert!(!range.is_empty());
        let is_tidying = !candidates[range.start].is_mostly_dead();
        let before: u64 = segments[range.clone()].iter().map(|s| s.file_bytes).sum();
        let live = segments[range.clone()].iter().flat_map(|s| &s.items);
        let items: Vec<Item> = live
            .filter(|item| item.is_live)
            .map(|item| Item {
                tidied: item.tidied + u32::from(is_tidying),
                ..*item
            })
            .collect();
        let file_bytes = items.iter().map(|item| item.bytes).sum::<u64>() + OVERHEAD;
        assert!(range.len() == 1 || file_bytes <= room.target_bytes + OVERHEAD);
        if !is_tidying {
            assert!(file_bytes <= room.free_bytes.saturating_add(OVERHEAD));
            moved.copied += file_bytes;
            moved.freed += before - file_bytes;
        }
        let output = Segment {
            kind: SegmentKind::Compacted,
            file_bytes,
            items,
        };
        segments.splice(range, [output]);
        moved.rounds += 1;
        assert!(moved.rounds < 10_000, "compacted for ever");
    }
}

/// A segment full of entries of mixed sizes, or one that was sealed early.
fn filled() -> impl Strategy<Value = Segment> {
    let sizes = prop_oneof![Just(136u64), 160..400u64, 2000..9000u64, Just(30_000)];
    (
        prop::collection::vec(sizes, 1..120),
        12u32..=16,
        any::<bool>(),
    )
        .prop_map(|(sizes, log2, is_large)| {
            let file_bytes = if is_large { TARGET } else { 1 << log2 };
            let mut left = file_bytes - OVERHEAD;
            let fits = |bytes: &u64| {
                let fits = *bytes <= left;
                left -= if fits { *bytes } else { 0 };
                fits
            };
            let mut items: Vec<Item> = sizes
                .into_iter()
                .filter(fits)
                .map(|bytes| Item {
                    bytes,
                    is_live: true,
                    tidied: 0,
                })
                .collect();
            if items.is_empty() {
                items.push(Item {
                    bytes: 136,
                    is_live: true,
                    tidied: 0,
                });
            }
            Segment::appended(file_bytes, items)
        })
}

/// What dies in a round: large ones, small ones, the oldest, all but some, by a number that is drawn for each.
fn kill(segments: &mut [Segment], how: u8, draw: u64) {
    let oldest = segments.len() / 3;
    for (place, segment) in segments.iter_mut().enumerate() {
        for (number, item) in segment.items.iter_mut().enumerate() {
            let drawn = (place as u64 * 31 + number as u64).wrapping_mul(draw | 1) >> 3;
            item.is_live &= match how % 5 {
                0 => item.bytes < 1000,
                1 => item.bytes >= 1000 || drawn.is_multiple_of(3),
                2 => place >= oldest,
                3 => drawn.is_multiple_of(10),
                _ => !drawn.is_multiple_of(4),
            };
        }
    }
}

proptest! {
    /// Mixed retention, mixed sizes, deletes, with and without room: what is sealed is at most twice what is alive,
    /// no more is copied than is freed, and it comes to an end.
    #[test]
    fn sealed_bytes_are_at_most_twice_what_is_alive(
        rounds in prop::collection::vec(
            (prop::collection::vec(filled(), 0..12), any::<u8>(), any::<u64>(), any::<bool>()),
            1..8,
        ),
    ) {
        let mut segments = Vec::new();
        for (more, how, draw, is_ample) in rounds {
            segments.extend(more);
            kill(&mut segments, how, draw);
            let room = OutputRoom {
                target_bytes: TARGET,
                free_bytes: TARGET / 2,
                is_ample,
            };
            let moved = settle(&mut segments, room);
            prop_assert!(moved.copied <= moved.freed + OVERHEAD * moved.rounds as u64, "{moved:?}");
            for (place, segment) in segments.iter().enumerate() {
                let live = segment.candidate(place).live_bytes();
                prop_assert!(segment.file_bytes <= 2 * live, "{segment:?}");
            }
            let tidied = segments.iter().flat_map(|s| &s.items).map(|item| item.tidied).max();
            // log2 of the longest segment over the shortest, with what a compaction for room makes short again.
            prop_assert!(tidied.unwrap_or(0) <= 16);
        }
    }
}

fn items(count: usize, bytes: u64, is_live: bool) -> impl Iterator<Item = Item> {
    let item = Item {
        bytes,
        is_live,
        tidied: 0,
    };
    std::iter::repeat_n(item, count)
}

const AMPLE: OutputRoom = OutputRoom {
    target_bytes: TARGET,
    free_bytes: u64::MAX,
    is_ample: true,
};

#[test]
fn many_small_live_entries_do_not_hold_a_few_large_dead_ones() {
    let mixed = items(20, 100, true).chain(items(3, 20_000, false));
    let mut segments = vec![Segment::appended(TARGET, mixed.collect())];
    settle(&mut segments, AMPLE);
    assert_eq!(segments[0].file_bytes, 20 * 100 + OVERHEAD);
}

#[test]
fn a_segment_of_nothing_but_overhead_is_compacted_once() {
    let mut segments = vec![Segment::appended(TARGET, items(1, 90, true).collect())];
    assert_eq!(settle(&mut segments, AMPLE).rounds, 1);
    assert_eq!(settle(&mut segments, AMPLE).rounds, 0);
}

#[test]
fn with_little_room_the_ones_that_fit_come_first_and_make_room_for_the_others() {
    let half_dead = |live: u64| {
        let items = items(1, live, true).chain(items(1, 30_000, false));
        Segment::appended(TARGET, items.collect())
    };
    let segments = [half_dead(30_000), half_dead(1000), half_dead(20_000)];
    let candidates: Vec<_> = segments
        .iter()
        .enumerate()
        .map(|(p, s)| s.candidate(p))
        .collect();
    let room = |free_bytes| OutputRoom {
        free_bytes,
        is_ample: false,
        ..AMPLE
    };
    assert_eq!(choose(&candidates, room(2000)), Some(1..2));
    assert_eq!(choose(&candidates, room(22_000)), Some(1..3));
    assert_eq!(choose(&candidates, room(100)), None);
}
