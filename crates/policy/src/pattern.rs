//! Patterns of actions and resources: `*` is any text, `?` any one character.

/// Whether the whole text fits the pattern. Takes no more steps than their lengths multiplied.
pub(crate) fn fits(pattern: &str, text: &str, equal: impl Fn(u8, u8) -> bool) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut of) = (0, 0);
    // The last star, and how far the text was when it was met: what it swallows grows from there.
    let mut star: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(of) {
            Some(b'*') => {
                star = Some((of, at));
                of += 1;
            }
            Some(&byte) if byte == b'?' || equal(byte, text[at]) => {
                at += 1;
                of += 1;
            }
            _ => {
                let Some((star_of, star_at)) = star else {
                    return false;
                };
                star = Some((star_of, star_at + 1));
                (of, at) = (star_of + 1, star_at + 1);
            }
        }
    }
    pattern[of..].iter().all(|&byte| byte == b'*')
}

/// As actions are compared: upper and lower case are the same.
pub(crate) fn fits_action(pattern: &str, action: &str) -> bool {
    fits(pattern, action, |one, other| {
        one.eq_ignore_ascii_case(&other)
    })
}

/// As resources are compared: to the letter.
pub(crate) fn fits_resource(pattern: &str, resource: &str) -> bool {
    pattern == "*" || fits(pattern, resource, |one, other| one == other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "anything", true),
            ("", "", true),
            ("", "a", false),
            ("a*c", "abbbc", true),
            ("a*c", "ac", true),
            ("a*c", "acd", false),
            ("a*b*c", "a-b-b-c", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("?*", "", false),
            ("**a", "ba", true),
            ("ab", "abc", false),
            ("abc", "ab", false),
        ] {
            assert_eq!(fits_resource(pattern, text), expected, "{pattern} {text}");
        }
        assert!(fits_action("Kinesis:put*", "kinesis:PutRecord"));
        assert!(!fits_resource("A", "a"));
        // A thoughtless matcher takes longer than anybody waits for this one.
        assert!(!fits_resource(&"*a".repeat(500), &"a".repeat(400)));
    }

    /// By recursion, as the rule reads.
    fn plainly(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) => {
                plainly(rest, text) || (!text.is_empty() && plainly(pattern, &text[1..]))
            }
            (Some((b'?', rest)), Some((_, text))) => plainly(rest, text),
            (Some((one, rest)), Some((other, text))) => one == other && plainly(rest, text),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_rule(pattern in "[ab*?]{0,8}", text in "[ab]{0,8}") {
            prop_assert_eq!(
                fits_resource(&pattern, &text),
                plainly(pattern.as_bytes(), text.as_bytes())
            );
        }
    }
}
