//! The patterns of the model, each with a matcher that reads its text once.
//!
//! A text matches if the whole of it does, whether or not the pattern is anchored. As in the service's own regular
//! expressions, `.` is anything but a line terminator, `\d` and `\S` know only ASCII.

/// A pattern of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pattern {
    Word,
    HashKey,
    SequenceNumber,
    StreamId,
    StreamArn,
    ConsumerArn,
    ResourceArn,
}

impl Pattern {
    /// The pattern as error texts show it: as the model writes it, but where the model anchors a number with `^(…)$`
    /// the service was only ever seen to print what is between.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Word => r"[a-zA-Z0-9_.-]+",
            Self::HashKey => r"0|([1-9]\d{0,38})",
            Self::SequenceNumber => r"0|([1-9]\d{0,128})",
            Self::StreamId => r"[a-z0-9]{20}-[a-z0-9]{3}",
            Self::StreamArn => r"arn:aws.*:kinesis:.*:\d{12}:stream/\S+",
            Self::ConsumerArn => {
                r"^(arn):aws.*:kinesis:.*:\d{12}:.*stream\/[a-zA-Z0-9_.-]+\/consumer\/[a-zA-Z0-9_.-]+:[0-9]+"
            }
            Self::ResourceArn => r"arn:aws.*:kinesis:.*:\d{12}:.*(stream|channel|queue)/\S+",
        }
    }

    /// Whether all of `text` matches.
    pub(crate) fn matches(self, text: &str) -> bool {
        match self {
            Self::Word => is_word(text),
            Self::HashKey => is_decimal(text, 39),
            Self::SequenceNumber => is_decimal(text, 129),
            Self::StreamId => is_stream_id(text),
            Self::StreamArn => is_stream_arn(text),
            Self::ConsumerArn => is_consumer_arn(text),
            Self::ResourceArn => is_resource_arn(text),
        }
    }
}

fn is_word(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

/// Whether `text` is a decimal number without leading zeros.
fn is_decimal(text: &str, digits_max: usize) -> bool {
    let is_canonical = text == "0" || !text.starts_with('0');
    is_canonical && (1..=digits_max).contains(&text.len()) && is_digits(text)
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_stream_id(text: &str) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.len() == 24
        && bytes[20] == b'-'
        && bytes[..20].iter().all(is_plain)
        && bytes[21..].iter().all(is_plain)
}

fn is_line_terminator(char: char) -> bool {
    matches!(char, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_space(char: char) -> bool {
    matches!(char, ' ' | '\t' | '\n' | '\u{b}' | '\u{c}' | '\r')
}

fn has_no_line_terminator(text: &str) -> bool {
    !text.contains(is_line_terminator)
}

/// Where the part after `arn:aws.*:kinesis:` begins, leftmost.
fn after_service(text: &str) -> Option<usize> {
    const SERVICE: &str = ":kinesis:";
    let partition = text.strip_prefix("arn:aws")?;
    Some("arn:aws".len() + partition.find(SERVICE)? + SERVICE.len())
}

/// Every place after `:\d{12}:` from `from` on, from left to right.
fn after_account(text: &str, from: usize) -> impl Iterator<Item = usize> {
    text[from..]
        .match_indices(':')
        .filter_map(move |(colon, _)| {
            let start = from + colon;
            let field = text.as_bytes().get(start + 1..start + 14)?;
            let (account, end) = field.split_at(12);
            (end == b":" && account.iter().all(u8::is_ascii_digit)).then_some(start + 14)
        })
}

fn is_stream_arn(text: &str) -> bool {
    let Some(from) = after_service(text) else {
        return false;
    };
    let first_line_end = text.find(is_line_terminator).unwrap_or(text.len());
    let last_space_end = text.rfind(is_space).map_or(0, |at| at + 1);
    after_account(text, from).any(|account_end| {
        let resource = account_end + "stream/".len();
        text[account_end..].starts_with("stream/")
            && account_end <= first_line_end
            && last_space_end <= resource
            && resource < text.len()
    })
}

fn is_resource_arn(text: &str) -> bool {
    let account_end = after_service(text).and_then(|from| after_account(text, from).next());
    let Some(account_end) = account_end else {
        return false;
    };
    let first_line_end = text.find(is_line_terminator).unwrap_or(text.len());
    let last_space_end = text.rfind(is_space).map_or(0, |at| at + 1);
    text[account_end..].match_indices('/').any(|(slash, _)| {
        let slash = account_end + slash;
        let kind = ["stream", "channel", "queue"]
            .into_iter()
            .find(|kind| text[account_end..slash].ends_with(kind));
        let resource = slash + 1;
        kind.is_some_and(|kind| slash - kind.len() <= first_line_end)
            && last_space_end <= resource
            && resource < text.len()
    })
}

fn is_consumer_arn(text: &str) -> bool {
    // Nothing after the account can hold a line terminator: the pattern ends in plain characters.
    let parts = || {
        let (rest, created) = text.rsplit_once(':')?;
        let (rest, consumer) = rest.rsplit_once('/')?;
        let (rest, stream) = rest.strip_suffix("/consumer")?.rsplit_once('/')?;
        let head = rest.strip_suffix("stream")?;
        Some((head, stream, consumer, created))
    };
    let Some((head, stream, consumer, created)) = parts() else {
        return false;
    };
    let has_account =
        after_service(head).is_some_and(|from| after_account(head, from).next().is_some());
    let has_time = !created.is_empty() && is_digits(created);
    has_account && has_no_line_terminator(head) && is_word(stream) && is_word(consumer) && has_time
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;

    use super::*;
    use crate::test_cases::cases;

    const ALL: [Pattern; 7] = [
        Pattern::Word,
        Pattern::HashKey,
        Pattern::SequenceNumber,
        Pattern::StreamId,
        Pattern::StreamArn,
        Pattern::ConsumerArn,
        Pattern::ResourceArn,
    ];

    /// The pattern in the dialect of the regex crate, anchored, with the service's meaning of `.`, `\d` and `\S`.
    fn reference(pattern: Pattern) -> Regex {
        let text = pattern
            .text()
            .replace(r"[a-zA-Z0-9_.-]", "[a-zA-Z0-9_@-]")
            .replace(".*", r"[^\n\r\x{85}\x{2028}\x{2029}]*")
            .replace(r"\S", r"[^ \t\n\x0b\x0c\r]")
            .replace(r"\d", "[0-9]")
            .replace('@', ".");
        Regex::new(&format!(r"\A(?:{text})\z")).unwrap()
    }

    fn any_text() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            8 => prop::sample::select(vec![
                "arn:aws", "arn:aws-cn", ":kinesis:", "eu-west-1", ":210987654321:", ":", "stream/", "channel/", "queue/",
                "stream", "/consumer/", "meters", "1793620900", "0", "7", "00", "-", "abcdefghij0123456789-abc", "/",
            ]).prop_map(str::to_owned),
            1 => prop::sample::select(vec!["\n", "\r", "\u{85}", "\u{2028}", " ", "\t", "\u{b}", "é", ""]).prop_map(str::to_owned),
            1 => "[a-z0-9_.-]{0,5}",
        ];
        let nearly = prop_oneof![
            Just("arn:aws:kinesis:eu-west-1:210987654321:stream/meters".to_owned()),
            Just(
                "arn:aws:kinesis:eu-west-1:210987654321:stream/meters/consumer/billing:1793620900"
                    .to_owned()
            ),
            "[1-9][0-9]{36,40}",
            "[1-9][0-9]{126,130}",
            "[a-z0-9]{19,21}-[a-z0-9]{2,4}",
        ];
        let changed =
            (nearly, any::<prop::sample::Index>(), piece.clone()).prop_map(|(text, at, piece)| {
                let at = at.index(text.len() + 1);
                format!("{}{piece}{}", &text[..at], &text[at..])
            });
        prop_oneof![
            prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat()),
            changed
        ]
    }

    proptest! {
        #![proptest_config(cases("patterns match as regular expressions do", 4000))]
        #[test]
        fn matchers_agree_with_regular_expressions(text in any_text()) {
            thread_local!(static REFERENCES: Vec<Regex> = ALL.into_iter().map(reference).collect());
            for (index, pattern) in ALL.into_iter().enumerate() {
                let expected = REFERENCES.with(|references| references[index].is_match(&text));
                prop_assert_eq!(pattern.matches(&text), expected, "{:?} on {:?}", pattern, text);
            }
        }
    }

    #[test]
    fn ordinary_names_match() {
        let arn = "arn:aws:kinesis:eu-west-1:210987654321:stream/meters";
        assert!(Pattern::StreamArn.matches(arn) && Pattern::ResourceArn.matches(arn));
        assert!(Pattern::ConsumerArn.matches(&format!("{arn}/consumer/billing:1793620900")));
        assert!(Pattern::StreamArn.matches("arn:aws-cn:kinesis::210987654321:stream/x"));
        assert!(Pattern::HashKey.matches("340282366920938463463374607431768211456"));
        assert!(
            !Pattern::HashKey.matches("-1")
                && !Pattern::HashKey.matches("01")
                && !Pattern::HashKey.matches("")
        );
    }
}
