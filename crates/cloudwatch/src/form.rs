//! Forms as trees: `MetricData.member.1.Dimensions.member.2.Name=shard` is a list in a list. Everything in a form is
//! text.

use std::borrow::Cow;
use std::collections::BTreeMap;

use millstream_wire::{DEPTH_MAX, VALUES_MAX, Value};

/// A part of a form while its fields come.
enum Part<'a> {
    Text(Cow<'a, str>),
    Members(BTreeMap<Cow<'a, str>, Part<'a>>),
}

/// The tree of a form; `None` if it is not UTF-8, has a broken escape, a field that is both text and more, or is beyond
/// the limits of depth and number. Of fields with one name the last counts.
pub(crate) fn parse(body: &[u8]) -> Option<Value<'_>> {
    let body = std::str::from_utf8(body).ok()?;
    let mut root = BTreeMap::new();
    let mut values_left = VALUES_MAX;
    for field in body.split('&').filter(|field| !field.is_empty()) {
        let (name, value) = field.split_once('=').unwrap_or((field, ""));
        insert(
            &mut root,
            unescaped(name)?,
            unescaped(value)?,
            &mut values_left,
        )?;
    }
    Some(value_of(Part::Members(root)))
}

fn insert<'a>(
    root: &mut BTreeMap<Cow<'a, str>, Part<'a>>,
    name: Cow<'a, str>,
    text: Cow<'a, str>,
    values_left: &mut usize,
) -> Option<()> {
    // A list is two steps in a name and one in the tree.
    let steps: Vec<Cow<'a, str>> = match name {
        Cow::Borrowed(name) => name
            .splitn(2 * DEPTH_MAX + 1, '.')
            .map(Cow::Borrowed)
            .collect(),
        Cow::Owned(name) => {
            let steps = name.splitn(2 * DEPTH_MAX + 1, '.');
            steps.map(|step| Cow::Owned(step.to_owned())).collect()
        }
    };
    if steps.len() > 2 * DEPTH_MAX {
        return None;
    }
    let mut at = root;
    let mut steps = steps.into_iter();
    let last = steps.next_back()?;
    for step in steps {
        let part = at.entry(step).or_insert_with(|| {
            *values_left = values_left.saturating_sub(1);
            Part::Members(BTreeMap::new())
        });
        match part {
            Part::Members(members) => at = members,
            Part::Text(_) => return None,
        }
    }
    *values_left = values_left.checked_sub(1)?;
    match at.insert(last, Part::Text(text)) {
        Some(Part::Members(_)) => None,
        _ => Some(()),
    }
}

fn value_of(part: Part<'_>) -> Value<'_> {
    let mut members = match part {
        Part::Text(text) => return Value::Text(text),
        Part::Members(members) => members,
    };
    if members.len() == 1
        && let Some(Part::Members(items)) = members.remove("member")
    {
        let place = |name: &str| name.parse::<u32>().unwrap_or(u32::MAX);
        let mut items: Vec<_> = items.into_iter().collect();
        items.sort_by_key(|(name, _)| place(name));
        return Value::List(items.into_iter().map(|(_, item)| value_of(item)).collect());
    }
    let members = members.into_iter();
    Value::Map(members.map(|(name, part)| (name, value_of(part))).collect())
}

fn unescaped(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(text: &str) -> Value<'_> {
        Value::Text(text.into())
    }

    #[test]
    fn members_are_lists_in_order_of_their_numbers() {
        let form = b"Action=Put&A.member.10.N=c&A.member.2.N=b%26&A.member.1.N=a+1&B.member.1=x&C=";
        let value = parse(form).unwrap();
        let Some(Value::List(items)) = value.get("A") else {
            panic!("a list: {value:?}");
        };
        let names: Vec<_> = items
            .iter()
            .map(|item| item.get("N").unwrap().clone())
            .collect();
        assert_eq!(names, [text("a 1"), text("b&"), text("c")]);
        assert_eq!(value.get("B"), Some(&Value::List(vec![text("x")])));
        assert_eq!(
            (value.get("Action"), value.get("C")),
            (Some(&text("Put")), Some(&text("")))
        );
    }

    #[test]
    fn what_is_broken_too_deep_or_too_much_is_refused() {
        let deep = "a.".repeat(40) + "b=1";
        let many: String = (0..=VALUES_MAX).map(|place| format!("{place}=&")).collect();
        for form in [
            "a=%4",
            "a=%zz",
            "a=%ff",
            "a=1&a.b=2",
            "a.b=2&a=1",
            deep.as_str(),
            many.as_str(),
        ] {
            assert_eq!(
                parse(form.as_bytes()),
                None,
                "{:?}",
                &form[..form.len().min(40)]
            );
        }
        assert_eq!(parse(b"\xff=1"), None);
    }

    proptest! {
        #[test]
        fn no_form_makes_the_parser_panic(form in "[a-c.=&%0-9+member]{0,80}") {
            let _parsed = parse(form.as_bytes());
        }
    }
}
