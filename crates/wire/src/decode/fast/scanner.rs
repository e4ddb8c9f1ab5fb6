//! A place in a JSON text that was checked to be UTF-8.

const EVERY: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x80 * EVERY;

#[derive(Debug)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// Of the last string of base64: the next one is mostly as long.
    base64_bytes: usize,
}

impl<'a> Scanner<'a> {
    /// At the begin of `body`; `None` if it is not UTF-8.
    pub(super) fn new(body: &'a [u8]) -> Option<Self> {
        let text = simdutf8::basic::from_utf8(body).ok()?;
        Some(Self {
            text,
            at: 0,
            base64_bytes: 0,
        })
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// The next byte.
    pub(super) fn first(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next byte that is no blank.
    fn first_after_blanks(&mut self) -> Option<u8> {
        loop {
            match self.first()? {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Some(byte),
            }
        }
    }

    /// Passes blanks and the byte `expected`.
    pub(super) fn begin(&mut self, expected: u8) -> Option<()> {
        let is_there = self.first_after_blanks()? == expected;
        self.at += 1;
        is_there.then_some(())
    }

    /// Passes a comma, or `end`; whether it was `end`.
    pub(super) fn is_at_end(&mut self, end: u8) -> Option<bool> {
        let byte = self.first_after_blanks()?;
        self.at += 1;
        (byte == b',' || byte == end).then_some(byte == end)
    }

    /// Whether the text goes on with exactly `expected`.
    pub(super) fn is_before(&self, expected: &[u8]) -> bool {
        self.rest().starts_with(expected)
    }

    /// Passes the rest of a member's name, its closing quote and the colon.
    pub(super) fn name(&mut self, rest_of_name: &[u8]) -> Option<()> {
        if !self.is_before(rest_of_name) {
            return None;
        }
        self.at += rest_of_name.len();
        self.begin(b':')
    }

    /// A string without escapes.
    pub(super) fn text(&mut self) -> Option<&'a str> {
        self.begin(b'"')?;
        let start = self.at;
        let length = plain_length(self.rest());
        self.at = start + length;
        if self.first()? != b'"' {
            return None;
        }
        self.at += 1;
        self.text.get(start..start + length)
    }

    /// A string of standard, padded base64.
    pub(super) fn base64(&mut self) -> Option<&'a [u8]> {
        self.begin(b'"')?;
        let rest = self.rest();
        // What must be escaped in JSON is not base64 either.
        let checked = |length| {
            let text = rest.get(..length)?;
            base64_simd::STANDARD.check(text).ok().map(|()| text)
        };
        let base64 = match rest.get(self.base64_bytes) {
            Some(b'"') => checked(self.base64_bytes),
            Some(_) | None => None,
        };
        // Otherwise the quote there is not the first one.
        let base64 = match base64 {
            Some(base64) => base64,
            None => checked(memchr::memchr(b'"', rest)?)?,
        };
        self.base64_bytes = base64.len();
        self.at += base64.len() + 1;
        Some(base64)
    }

    /// A number of at most nine digits.
    pub(super) fn digits(&mut self) -> Option<u32> {
        let first = self.first_after_blanks()?;
        let length = self
            .rest()
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if !(1..=9).contains(&length) || (first == b'0' && length > 1) {
            return None;
        }
        let digits = self.text.get(self.at..self.at + length)?;
        self.at += length;
        // The number ends here, and is not the begin of a fraction or an exponent.
        matches!(self.first()?, b',' | b'}' | b' ' | b'\n' | b'\r' | b'\t')
            .then(|| digits.parse().ok())
            .flatten()
    }

    /// Passes blanks to the end of the text.
    pub(super) fn finish(mut self) -> Option<()> {
        self.first_after_blanks().is_none().then_some(())
    }
}

/// How many bytes come before the first quote, backslash or control character.
fn plain_length(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (place, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let zeros = |word: u64| word.wrapping_sub(EVERY) & !word;
        let quote = zeros(word ^ (u64::from(b'"') * EVERY));
        let backslash = zeros(word ^ (u64::from(b'\\') * EVERY));
        let control = word.wrapping_sub(0x20 * EVERY) & !word;
        // Borrows spoil only bytes above the first one found, so that the lowest is right.
        let found = (quote | backslash | control) & HIGH;
        if found != 0 {
            return place * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let is_plain = |byte: &u8| *byte >= 0x20 && *byte != b'"' && *byte != b'\\';
    words.len() * 8 + rest.iter().take_while(|byte| is_plain(byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_base64_end_at_their_first_quote_whatever_the_one_before_was_like() {
        // The second one ends before, the third behind; behind the second and the fourth a quote stands where one of the
        // length before would end.
        let mut scanner =
            Scanner::new(br#""AAAAAAAA" "AAAA":"x" "AAAAAAAA" "AAAA" ,," ""#).unwrap();
        for length in [8, 4] {
            assert_eq!(scanner.base64().map(<[u8]>::len), Some(length));
        }
        scanner.begin(b':').unwrap();
        assert_eq!(scanner.text(), Some("x"));
        for length in [8, 4] {
            assert_eq!(scanner.base64().map(<[u8]>::len), Some(length));
        }
        scanner.begin(b',').unwrap();
        scanner.begin(b',').unwrap();
        assert_eq!(scanner.text(), Some(" "));
        assert_eq!(Scanner::new(br#""AA"A""#).unwrap().base64(), None);
    }

    #[test]
    fn each_byte_at_each_place_is_told_apart() {
        for byte in 0..=255u8 {
            for filler in [b'a', b' ', b'!', 0x7f, 0x80, 0xff] {
                for place in 0..20 {
                    let mut text = [filler; 20];
                    text[place] = byte;
                    let is_plain = byte >= 0x20 && byte != b'"' && byte != b'\\';
                    assert_eq!(
                        plain_length(&text),
                        if is_plain { 20 } else { place },
                        "{byte} at {place}"
                    );
                }
            }
        }
    }

    #[test]
    fn numbers_are_plain_digits() {
        for (text, number) in [
            ("0}", Some(0)),
            (" 10000 ,", Some(10_000)),
            ("999999999}", Some(999_999_999)),
            ("1000000000}", None),
            ("01}", None),
            ("1.0}", None),
            ("1e3}", None),
            ("-1}", None),
            ("1", None),
            ("\"1\"", None),
        ] {
            assert_eq!(
                Scanner::new(text.as_bytes()).unwrap().digits(),
                number,
                "{text}"
            );
        }
    }
}
