//! A value on its way: as its text where only that is wanted, as a tree of members where somebody looks inside.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

/// A JSON value. Clones share it. To look inside, dereference it: one that was made of its text is read then, once, and
/// clones that are made later share that too.
#[derive(Clone)]
pub struct Json(Form);

#[derive(Clone)]
enum Form {
    /// What most items of most pipelines are: their text is all that is taken from the allocator for them.
    Text {
        text: Arc<str>,
        value: OnceLock<Arc<Value>>,
    },
    Tree(Arc<Value>),
}

impl Json {
    /// The value that this text is, which must be JSON as `serde_json` writes it: without spaces, and no name twice in one
    /// object. What it takes in memory once somebody looks inside is the caller's to know.
    pub fn of_text(text: impl Into<Arc<str>>) -> Self {
        Self(Form::Text {
            text: text.into(),
            value: OnceLock::new(),
        })
    }

    /// Its text, if it was made of one.
    pub fn text(&self) -> Option<&str> {
        match &self.0 {
            Form::Text { text, .. } => Some(text),
            Form::Tree(_) => None,
        }
    }
}

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        Self(Form::Tree(Arc::new(value)))
    }
}

impl Deref for Json {
    type Target = Value;

    fn deref(&self) -> &Value {
        let (text, value) = match &self.0 {
            Form::Text { text, value } => (text, value),
            Form::Tree(value) => return value,
        };
        let read = || Arc::new(serde_json::from_str(text).expect("whoever made it wrote JSON"));
        value.get_or_init(read)
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text() {
            Some(text) => f.write_str(text),
            None => (**self).fmt(f),
        }
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_is_the_value_that_it_says() {
        let value = json!({"b": [1, -0.5, "x\n"], "a": null});
        let (of_text, of_value) = (Json::of_text(value.to_string()), Json::from(value.clone()));
        assert_eq!((of_text.text().is_some(), of_value.text()), (true, None));
        assert_eq!(of_text.to_string(), of_value.to_string());
        assert_eq!((&*of_text, &*of_value), (&value, &value));
        assert_eq!(of_text["b"][2], "x\n");
    }
}
