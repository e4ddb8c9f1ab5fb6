//! The query protocol's requests: forms, as `Action=GetCallerIdentity&Version=2011-06-15`.

use std::borrow::Cow;

/// The value of a form's first field of this name; `None` if it is absent or not UTF-8.
pub(crate) fn form_field<'a>(form: &'a [u8], name: &str) -> Option<Cow<'a, str>> {
    let form = std::str::from_utf8(form).ok()?;
    let value = form.split('&').find_map(|field| {
        let (key, value) = field.split_once('=').unwrap_or((field, ""));
        (key == name).then_some(value)
    })?;
    if !value.contains(['%', '+']) {
        return Some(Cow::Borrowed(value));
    }
    let mut decoded = Vec::with_capacity(value.len());
    let mut bytes = value.bytes();
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
    use super::*;

    #[test]
    fn fields_are_decoded_and_broken_ones_are_none() {
        let form = b"Action=Get%43aller+Identity&Version=&Version=2&Bad=%4&Worse=%zz&Worst=%ff";
        let field = |name| form_field(form, name);
        assert_eq!(field("Action").as_deref(), Some("GetCaller Identity"));
        assert_eq!(field("Version").as_deref(), Some(""));
        for absent in ["Bad", "Worse", "Worst", "action", ""] {
            assert_eq!(field(absent), None, "{absent}");
        }
        assert_eq!(form_field(b"\xff=1&Action=a", "Action"), None);
    }
}
