//! What an operation on values costs, in bytes.

use jaq_json::{Num, Val};

/// What an output costs that is one of many of a value.
pub(super) const EACH: u64 = 8;
/// A text that is taken apart becomes values of about so many bytes for each of its own.
const SPREAD: u64 = 32;
/// The same for JSON that is read.
const PARSED: u64 = 16;
/// The same for a search that finds every match, and for one that finds the first.
const MATCHES: u64 = 64;
const MATCH: u64 = 8;
/// A sort looks at each value about so often.
const SORTED: u64 = 4;
/// Largest size of a compiled regular expression: the crate refuses to make larger ones.
const PATTERN_MAX: u64 = 1 << 20;
/// JSON in a text may nest so deeply.
const JSON_DEPTH_MAX: usize = 10_000;

/// The value's own bytes, without what is in it.
pub(super) fn own(value: &Val) -> u64 {
    let bytes = match value {
        Val::Null | Val::Bool(_) => 0,
        Val::Num(Num::BigInt(number)) => return number.bits() / 8,
        Val::Num(Num::Dec(digits)) => digits.len(),
        Val::Num(_) => 0,
        Val::BStr(text) | Val::TStr(text) => text.len(),
        Val::Arr(items) => items.len() * size_of::<Val>(),
        Val::Obj(members) => members.len() * 2 * size_of::<Val>(),
    };
    bytes as u64
}

/// The bytes of all that is in the value, however often it is in it; none if they are more than `left`.
pub(super) fn all(value: &Val, left: u64) -> Option<u64> {
    let mut rest = left;
    take_all(value, &mut rest)?;
    Some(left - rest)
}

fn take_all(value: &Val, left: &mut u64) -> Option<()> {
    let own = own(value);
    let own = match value {
        // Its digits are made in a time that grows with the square.
        Val::Num(Num::BigInt(_)) => own.saturating_add(own.saturating_mul(own) / 64),
        _ => own,
    };
    *left = left.checked_sub(own.saturating_add(1))?;
    match value {
        Val::Arr(items) => items.iter().try_for_each(|item| take_all(item, left)),
        Val::Obj(members) => members.iter().try_for_each(|(key, value)| {
            take_all(key, left)?;
            take_all(value, left)
        }),
        Val::Null | Val::Bool(_) | Val::Num(_) | Val::BStr(_) | Val::TStr(_) => Some(()),
    }
}

/// What an update of a part of the value may copy or move.
pub(super) fn update(value: &Val, left: u64) -> Option<u64> {
    let is_shared = match value {
        Val::Arr(items) => std::sync::Arc::strong_count(items) > 1,
        Val::Obj(members) => std::sync::Arc::strong_count(members) > 1,
        Val::Null | Val::Bool(_) | Val::Num(_) | Val::BStr(_) | Val::TStr(_) => false,
    };
    if is_shared {
        all(value, left)
    } else {
        Some(own(value) / 16 + 1)
    }
}

/// What it costs to sort, group or find the least of the values in it.
pub(super) fn sorted(value: &Val, left: u64) -> Option<u64> {
    all(value, left)?.checked_mul(SORTED)
}

/// What it costs to compare the two.
pub(super) fn compared(one: &Val, other: &Val, left: u64) -> Option<u64> {
    match (one, other) {
        (Val::Arr(ones), Val::Arr(others)) => {
            let mut rest = left.checked_sub(1)?;
            for (one, other) in ones.iter().zip(others.iter()) {
                rest = rest.checked_sub(compared(one, other, rest)?)?;
            }
            Some(left - rest)
        }
        // Both are put in order first.
        (Val::Obj(_), Val::Obj(_)) => {
            let both = all(one, left)?.checked_add(all(other, left)?)?;
            both.checked_mul(SORTED)
        }
        _ => Some(own(one).min(own(other)) + 1),
    }
}

/// A product: a text that is repeated, objects that are joined, large numbers.
pub(super) fn product(one: &Val, other: &Val, left: u64) -> Option<u64> {
    match (one, other) {
        (Val::BStr(text) | Val::TStr(text), Val::Num(times))
        | (Val::Num(times), Val::BStr(text) | Val::TStr(text)) => {
            let times = match times {
                Num::Int(times) => u64::try_from(*times).unwrap_or(0),
                Num::BigInt(_) => u64::MAX,
                Num::Float(_) | Num::Dec(_) => 0,
            };
            Some((text.len() as u64).saturating_mul(times))
        }
        (Val::Num(_), Val::Num(_)) => {
            let (one, other) = (own(one), own(other));
            Some(one + other + one.saturating_mul(other) / 64)
        }
        _ => all(one, left)?.checked_add(all(other, left)?),
    }
}

/// What it costs to look for one in the other.
pub(super) fn searched(one: &Val, other: &Val, left: u64) -> Option<u64> {
    let (one, other) = (all(one, left)?, all(other, left)?);
    Some(one + other + one.saturating_mul(other) / 64)
}

/// A text that is taken apart.
pub(super) fn spread(value: &Val) -> u64 {
    own(value).saturating_mul(SPREAD)
}

/// A text that is read as JSON; none if that nests too deeply.
pub(super) fn parsed(value: &Val) -> Option<u64> {
    let (Val::TStr(text) | Val::BStr(text)) = value else {
        return Some(1);
    };
    let (mut depth, mut digits, mut longest) = (0_usize, 0_u64, 0_u64);
    let (mut in_text, mut is_escaped) = (false, false);
    for byte in text.iter() {
        digits = if byte.is_ascii_digit() { digits + 1 } else { 0 };
        longest = longest.max(digits);
        if in_text {
            in_text = is_escaped || *byte != b'"';
            is_escaped = !is_escaped && *byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > JSON_DEPTH_MAX {
            return None;
        }
    }
    // A number's digits are read in a time that grows with the square.
    let number = longest.saturating_mul(longest) / 1024;
    Some(
        (text.len() as u64)
            .saturating_mul(PARSED)
            .saturating_add(number),
    )
}

/// A search by a regular expression.
pub(super) fn matched(text: &Val, pattern: &Val, flags: &Val) -> u64 {
    let length = own(text);
    let size = pattern_size(pattern).min(PATTERN_MAX);
    let finds_all = matches!(flags, Val::TStr(flags) | Val::BStr(flags) if flags.contains(&b'g'));
    let found = length.saturating_mul(if finds_all { MATCHES } else { MATCH });
    size.saturating_mul(length / 4 + 1).saturating_add(found)
}

/// About how large a pattern is once its counted repetitions are written out.
fn pattern_size(pattern: &Val) -> u64 {
    let (Val::TStr(text) | Val::BStr(text)) = pattern else {
        return 1;
    };
    let mut size = text.len() as u64 + 1;
    // The largest number of the braces in hand, and the number in hand.
    let mut braces: Option<(u64, u64)> = None;
    for byte in text.iter() {
        braces = match (byte, braces) {
            (b'{', _) => Some((1, 0)),
            (b'0'..=b'9', Some((most, number))) => {
                let digit = u64::from(byte - b'0');
                Some((most, number.saturating_mul(10).saturating_add(digit)))
            }
            (b',', Some((most, number))) => Some((most.max(number), 0)),
            (b'}', Some((most, number))) => {
                size = size.saturating_mul(most.max(number));
                None
            }
            _ => None,
        };
    }
    size
}
