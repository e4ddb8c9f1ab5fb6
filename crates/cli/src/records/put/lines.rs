//! Cuts bytes into lines.

/// A line is longer than any record may be.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("line {number} is longer than {RECORD_BYTES_MAX} bytes, the most that a record can hold")]
pub(super) struct LineTooLong {
    /// Counted from 1.
    pub(super) number: u64,
}

/// The API's largest record.
pub(super) const RECORD_BYTES_MAX: usize = 10 * 1024 * 1024;

/// Takes bytes as they come and gives whole lines, without LF or CR LF.
/// Holds at most one unfinished line of [`RECORD_BYTES_MAX`].
#[derive(Debug, Default)]
pub(super) struct LineCutter {
    unfinished: Vec<u8>,
    finished: u64,
}

impl LineCutter {
    /// The lines that end in `bytes`.
    pub(super) fn cut(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, LineTooLong> {
        let mut lines = Vec::new();
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            self.grow(&rest[..end])?;
            lines.push(self.finish());
            rest = &rest[end + 1..];
        }
        self.grow(rest)?;
        Ok(lines)
    }

    /// The last line, if the input did not end with LF.
    pub(super) fn last(&mut self) -> Option<Vec<u8>> {
        (!self.unfinished.is_empty()).then(|| self.finish())
    }

    fn grow(&mut self, part: &[u8]) -> Result<(), LineTooLong> {
        // One byte more for the CR of a CR LF.
        if self.unfinished.len() + part.len() > RECORD_BYTES_MAX + 1 {
            return Err(LineTooLong {
                number: self.finished + 1,
            });
        }
        self.unfinished.extend_from_slice(part);
        Ok(())
    }

    fn finish(&mut self) -> Vec<u8> {
        self.finished += 1;
        let mut line = std::mem::take(&mut self.unfinished);
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut cutter = LineCutter::default();
        let mut lines = Vec::new();
        for piece in pieces {
            lines.extend(cutter.cut(piece).unwrap());
        }
        lines.extend(cutter.last());
        lines
    }

    #[test]
    fn line_ends_do_not_belong_to_lines() {
        assert_eq!(
            cut(&[b"one\ntwo\r\n\nthr", b"ee\r", b"\nlast"]),
            [&b"one"[..], b"two", b"", b"three", b"last"]
        );
        assert_eq!(cut(&[b"one\n"]), [b"one"]);
        assert!(cut(&[b""]).is_empty());
    }

    #[test]
    fn memory_is_bounded_by_the_largest_record() {
        let mut cutter = LineCutter::default();
        assert_eq!(cutter.cut(b"short\n").unwrap().len(), 1);
        let long = vec![b'x'; RECORD_BYTES_MAX + 2];
        assert_eq!(cutter.cut(&long), Err(LineTooLong { number: 2 }));
    }

    proptest! {
        #[test]
        fn where_the_input_is_cut_does_not_matter(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..200),
            at in 0usize..200,
        ) {
            let at = at.min(bytes.len());
            prop_assert_eq!(cut(&[&bytes[..at], &bytes[at..]]), cut(&[&bytes]));
        }
    }
}
