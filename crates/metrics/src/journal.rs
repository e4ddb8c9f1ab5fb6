//! The journal's entries: what was put, and now and then a checkpoint of everything else.
//!
//! Samples: `1 | 1 | count of series | each series | count of samples | for each: which series, minute, aggregate`.
//! Checkpoint: `1 | 2 | see` [`Checkpoint`].

use std::collections::HashMap;

use bytes::Bytes;

use crate::checkpoint::Checkpoint;
use crate::codec::{Malformed, Reader, Writer};
use crate::{Aggregate, Minute, Sample, Series};

const VERSION: u8 = 1;
const SAMPLES: u8 = 1;
const CHECKPOINT: u8 = 2;

/// An entry, read.
#[derive(Debug)]
pub(crate) enum JournalEntry {
    Samples(Vec<Sample>),
    Checkpoint(Box<Checkpoint>),
}

/// The entry of some samples.
pub(crate) fn samples_entry(samples: &[Sample]) -> Bytes {
    let mut out = Writer::default();
    out.byte(VERSION);
    out.byte(SAMPLES);
    let mut names = Vec::new();
    let mut places = HashMap::new();
    for sample in samples {
        places.entry(&sample.series).or_insert_with(|| {
            names.push(&sample.series);
            names.len() - 1
        });
    }
    out.length(names.len());
    for series in names {
        series.write(&mut out);
    }
    out.length(samples.len());
    for sample in samples {
        out.length(places[&sample.series]);
        out.unsigned(sample.minute.0.into());
        sample.aggregate.write(&mut out);
    }
    out.finish()
}

/// The entry of a checkpoint.
pub(crate) fn checkpoint_entry(write: impl FnOnce(&mut Writer)) -> Bytes {
    let mut out = Writer::default();
    out.byte(VERSION);
    out.byte(CHECKPOINT);
    write(&mut out);
    out.finish()
}

impl JournalEntry {
    pub(crate) fn read(payload: &[u8]) -> Result<Self, Malformed> {
        let mut from = Reader::new(payload);
        if from.byte()? != VERSION {
            return Err(Malformed);
        }
        let entry = match from.byte()? {
            SAMPLES => Self::Samples(read_samples(&mut from)?),
            CHECKPOINT => Self::Checkpoint(Box::new(Checkpoint::read(&mut from)?)),
            _ => return Err(Malformed),
        };
        if from.is_at_end() {
            Ok(entry)
        } else {
            Err(Malformed)
        }
    }
}

fn read_samples(from: &mut Reader<'_>) -> Result<Vec<Sample>, Malformed> {
    let count = from.length(usize::MAX)?;
    let names: Vec<Series> = (0..count)
        .map(|_| Series::read(from))
        .collect::<Result<_, _>>()?;
    let count = from.length(usize::MAX)?;
    let mut samples = Vec::new();
    for _ in 0..count {
        let place = usize::try_from(from.unsigned()?).map_err(|_| Malformed)?;
        samples.push(Sample {
            series: names.get(place).ok_or(Malformed)?.clone(),
            minute: Minute(u32::try_from(from.unsigned()?).map_err(|_| Malformed)?),
            aggregate: Aggregate::read(from)?,
        });
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::aggregate::tests::aggregates;
    use crate::series::tests::series;

    proptest! {
        #[test]
        fn samples_come_back_as_they_were_written(
            samples in proptest::collection::vec((0..4_u8, any::<u32>(), aggregates()), 0..40),
        ) {
            let samples: Vec<_> = samples
                .into_iter()
                .map(|(name, minute, aggregate)| Sample {
                    series: series(&format!("m{name}")),
                    minute: Minute(minute),
                    aggregate,
                })
                .collect();
            let entry = samples_entry(&samples);
            let JournalEntry::Samples(read) = JournalEntry::read(&entry).unwrap() else {
                panic!("samples were written");
            };
            prop_assert_eq!(read, samples);
            for length in 0..entry.len() {
                prop_assert!(JournalEntry::read(&entry[..length]).is_err());
            }
        }
    }
}
