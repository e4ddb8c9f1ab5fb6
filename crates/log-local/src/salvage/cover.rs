//! From where each entry of a log is to be read, and which entries are nowhere.

/// From `first` on, up to the next one, a log's entries are in this segment; `None`: nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) first: u64,
    pub(super) segment: Option<u32>,
}

/// Entries that a segment has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) segment: u32,
    pub(super) first: u64,
    pub(super) next: u64,
}

/// The sources of the offsets from `first` to `next`, as few as can be. Parts may overlap: after a compaction the same
/// entries stand in two segments.
pub(super) fn cover(parts: &mut [Part], first: u64, next: u64) -> Vec<Source> {
    parts.sort_by_key(|part| part.first);
    let mut sources: Vec<Source> = Vec::new();
    let mut reachable = parts.iter().peekable();
    let mut furthest: Option<Part> = None;
    let mut position = first;
    while position < next {
        while let Some(part) = reachable.next_if(|part| part.first <= position) {
            if furthest.is_none_or(|furthest| part.next > furthest.next) {
                furthest = Some(*part);
            }
        }
        let (segment, end) = match furthest.filter(|part| part.next > position) {
            Some(part) => (Some(part.segment), part.next),
            None => (None, reachable.peek().map_or(next, |part| part.first)),
        };
        if sources.last().is_none_or(|last| last.segment != segment) {
            sources.push(Source {
                first: position,
                segment,
            });
        }
        position = end;
    }
    sources
}

/// The offsets that are nowhere, without those of `known`, which is in order.
pub(super) fn holes(sources: &[Source], next: u64, known: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let ends = sources.iter().skip(1).map(|source| source.first);
    let mut holes = Vec::new();
    for (source, end) in sources.iter().zip(ends.chain([next])) {
        if source.segment.is_some() {
            continue;
        }
        let mut position = source.first;
        for (first, next) in known {
            if *first < end && *next > position {
                if *first > position {
                    holes.push((position, *first));
                }
                position = *next;
            }
        }
        if position < end {
            holes.push((position, end));
        }
    }
    holes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_offset_has_a_source_that_has_it_or_none_has(
            parts in prop::collection::vec((1u32..6, 0u64..60, 1u64..20), 0..12),
            first in 0u64..40,
            length in 0u64..40,
        ) {
            let next = first + length;
            let mut parts: Vec<Part> = parts
                .into_iter()
                .map(|(segment, first, length)| Part { segment, first, next: first + length })
                .collect();
            let sources = cover(&mut parts, first, next);
            let holes = holes(&sources, next, &[]);
            for offset in first..next {
                let source = sources[sources.partition_point(|source| source.first <= offset) - 1];
                let has = |part: &Part| part.first <= offset && offset < part.next;
                let in_hole = holes.iter().any(|(first, next)| (*first..*next).contains(&offset));
                prop_assert_eq!(in_hole, source.segment.is_none());
                match source.segment {
                    Some(segment) => prop_assert!(
                        parts.iter().any(|part| part.segment == segment && has(part))
                    ),
                    None => prop_assert!(!parts.iter().any(has)),
                }
            }
        }
    }

    #[test]
    fn offsets_that_were_never_given_are_no_holes() {
        let nowhere = |first| Source {
            first,
            segment: None,
        };
        let known = [(5, 10), (20, 30)];
        assert_eq!(
            holes(&[nowhere(0)], 40, &known),
            [(0, 5), (10, 20), (30, 40)]
        );
        assert!(holes(&[nowhere(6)], 9, &known).is_empty());
    }
}
