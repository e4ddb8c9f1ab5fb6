//! The texts of the embedded database's errors, which repeat what was sent: of any length.

use millstream_wire::{MESSAGE_BYTES_MAX, cut_message};
use serde_json::Value;

/// What stands behind a value that a text repeats. What is wrong with the value comes after it.
const BEHIND_A_VALUE: &str = "' at '";

/// An error's JSON with its texts cut, which repeat what was sent; an item that is a part of the answer stays whole.
pub(super) fn with_cut_texts(json: String) -> String {
    if json.len() <= MESSAGE_BYTES_MAX {
        return json;
    }
    let Ok(mut error) = serde_json::from_str::<Value>(&json) else {
        return json;
    };
    cut_texts(&mut error);
    if let Some(reasons) = error.get_mut("CancellationReasons") {
        let reasons = reasons.as_array_mut().into_iter().flatten();
        reasons.for_each(cut_texts);
    }
    error.to_string()
}

fn cut_texts(error: &mut Value) {
    for name in ["message", "Message"] {
        if let Some(Value::String(text)) = error.get_mut(name) {
            *text = cut(std::mem::take(text));
        }
    }
}

/// A text that says behind a value what is wrong with it keeps that, and loses the end of the value.
fn cut(text: String) -> String {
    let reason = text.rfind(BEHIND_A_VALUE).map(|at| &text[at..]);
    match reason {
        Some(reason) if text.len() > MESSAGE_BYTES_MAX && reason.len() < MESSAGE_BYTES_MAX / 2 => {
            let kept = text.floor_char_boundary(MESSAGE_BYTES_MAX - reason.len() - 3);
            [&text[..kept], "...", reason].concat()
        }
        _ => cut_message(text),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_of_errors_are_cut_and_items_are_not() {
        let long = "a".repeat(100_000);
        let error = json!({
            "__type": "t",
            "message": long,
            "Item": { "k": { "S": long } },
            "CancellationReasons": [{ "Code": "c", "Message": long, "Item": { "k": { "S": long } } }],
        });
        let cut: Value = serde_json::from_str(&with_cut_texts(error.to_string())).unwrap();
        for text in [&cut["message"], &cut["CancellationReasons"][0]["Message"]] {
            assert!(text.as_str().unwrap().len() <= MESSAGE_BYTES_MAX);
        }
        assert_eq!(cut["Item"], error["Item"]);
        assert_eq!(cut["CancellationReasons"][0]["Item"], error["Item"]);
        let short = r#"{"message":"m", "__type":"t"}"#;
        assert_eq!(with_cut_texts(short.into()), short);
    }

    #[test]
    fn what_is_wrong_with_a_long_value_is_told() {
        let reason = "' at 'requestItems' failed to satisfy constraint: Member must have length";
        for value in ["a".repeat(100_000), "日".repeat(100_000)] {
            let text = format!("1 validation error detected: Value '{value}{reason}");
            let cut = cut(text);
            assert!(cut.len() <= MESSAGE_BYTES_MAX && cut.ends_with(reason));
            assert!(cut.starts_with("1 validation error detected: Value '"));
        }
        // The reason is what was sent.
        let odd = format!("Value 'a' at '{}", "b".repeat(100_000));
        assert!(cut(odd).ends_with("bbb..."));
    }
}
