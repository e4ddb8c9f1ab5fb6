//! Cuts bytes into records, each behind its length: 4 bytes, big-endian.

use super::lines::RECORD_BYTES_MAX;

const PREFIX_BYTES: usize = 4;

/// What is wrong with the input.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum BadLength {
    /// No record may be so long.
    #[error(
        "record {number} would have {bytes} bytes, more than the {RECORD_BYTES_MAX} that a record can hold: is every record behind its length, 4 bytes big-endian?"
    )]
    TooLong {
        /// Counted from 1.
        number: u64,
        bytes: u32,
    },
    /// The input ended inside a record.
    #[error("the input ends within record {0}")]
    Unfinished(u64),
}

/// Takes bytes as they come and gives whole records.
/// Holds at most one unfinished record of [`RECORD_BYTES_MAX`].
#[derive(Debug, Default)]
pub(super) struct LengthCutter {
    unfinished: Vec<u8>,
    finished: u64,
}

impl LengthCutter {
    /// The records that end in `bytes`.
    pub(super) fn cut(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, BadLength> {
        self.unfinished.extend_from_slice(bytes);
        let mut records = Vec::new();
        let mut rest = &self.unfinished[..];
        while let Some((prefix, behind)) = rest.split_first_chunk::<PREFIX_BYTES>() {
            let length = u32::from_be_bytes(*prefix);
            if length as usize > RECORD_BYTES_MAX {
                return Err(BadLength::TooLong {
                    number: self.finished + 1,
                    bytes: length,
                });
            }
            let Some((record, behind)) = behind.split_at_checked(length as usize) else {
                break;
            };
            records.push(record.to_vec());
            self.finished += 1;
            rest = behind;
        }
        let taken = self.unfinished.len() - rest.len();
        self.unfinished.drain(..taken);
        Ok(records)
    }

    /// The input has ended.
    pub(super) fn end(&self) -> Result<(), BadLength> {
        if self.unfinished.is_empty() {
            Ok(())
        } else {
            Err(BadLength::Unfinished(self.finished + 1))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_length_that_no_record_has_is_refused_before_it_is_read() {
        let mut cutter = LengthCutter::default();
        assert_eq!(
            cutter.cut(b"\0\0\0\x02hi{\"a\":1}").unwrap_err(),
            BadLength::TooLong {
                number: 2,
                bytes: u32::from_be_bytes(*b"{\"a\"")
            }
        );
        let mut cutter = LengthCutter::default();
        assert_eq!(cutter.cut(b"\0\0\0\x02hi\0\0").unwrap(), [b"hi"]);
        assert_eq!(cutter.end(), Err(BadLength::Unfinished(2)));
    }

    proptest! {
        #[test]
        fn where_the_input_is_cut_does_not_matter(
            records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20),
            chunk in 1usize..50,
        ) {
            let input: Vec<u8> = records.iter().flat_map(|record| {
                let length = u32::try_from(record.len()).unwrap().to_be_bytes();
                length.into_iter().chain(record.iter().copied())
            }).collect();
            let mut cutter = LengthCutter::default();
            let mut cut = Vec::new();
            for part in input.chunks(chunk) {
                cut.extend(cutter.cut(part).unwrap());
            }
            prop_assert_eq!(cutter.end(), Ok(()));
            prop_assert_eq!(cut, records);
        }
    }
}
