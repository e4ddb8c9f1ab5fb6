//! Text in JSON.

/// Appends `text` as a JSON string, quotes included. Stored text is UTF-8; what is not is replaced.
pub(super) fn write_json_text(out: &mut Vec<u8>, text: &[u8]) {
    if is_plain(text) {
        out.push(b'"');
        out.extend_from_slice(text);
        out.push(b'"');
    } else {
        let text = String::from_utf8_lossy(text);
        serde_json::to_writer(out, &*text).expect("text is always written to memory");
    }
}

/// Whether every byte is printable ASCII that stands for itself.
fn is_plain(text: &[u8]) -> bool {
    const EVERY: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * EVERY;
    // In a word without high bits: a byte below 0x20, or one that is zero after the exclusive or, borrows its high bit.
    let has_special = |word: u64| {
        let below_space = word.wrapping_sub(0x20 * EVERY);
        let quote = (word ^ (u64::from(b'"') * EVERY)).wrapping_sub(EVERY);
        let backslash = (word ^ (u64::from(b'\\') * EVERY)).wrapping_sub(EVERY);
        (word | below_space | quote | backslash) & HIGH != 0
    };
    let (words, rest) = text.as_chunks::<8>();
    let are_plain = !words
        .iter()
        .any(|word| has_special(u64::from_le_bytes(*word)));
    let is_special = |byte: &u8| !matches!(byte, 0x20..0x7f) || matches!(byte, b'"' | b'\\');
    are_plain
        && match text.last_chunk() {
            // The rest, and some bytes once more.
            Some(last) => !has_special(u64::from_le_bytes(*last)),
            None => !rest.iter().any(is_special),
        }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::test_cases::cases;

    #[test]
    fn each_byte_at_each_place_is_told_apart() {
        for byte in 0..=255u8 {
            for place in 0..19 {
                let mut text = [b'a'; 19];
                text[place] = byte;
                let stands_for_itself =
                    (0x20..0x80).contains(&byte) && byte != b'"' && byte != b'\\';
                // DEL stands for itself too, but the bytes behind the last word may take the long way.
                assert!(
                    byte == 0x7f || is_plain(&text) == stands_for_itself,
                    "{byte} at {place}"
                );
            }
        }
    }

    proptest! {
        #![proptest_config(cases("JSON text", 2000))]
        #[test]
        fn text_is_read_back(text in prop_oneof![any::<String>(), "[ -~\"\\\\\n\u{0}-\u{1f}é]{0,40}"]) {
            let mut out = Vec::new();
            write_json_text(&mut out, text.as_bytes());
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
