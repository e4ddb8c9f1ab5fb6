//! Answers before they are spelled.

/// A value of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Text.
    Text(String),
    /// A number; finite.
    Number(f64),
    /// Seconds since the epoch.
    Time(u64),
    /// Values in order.
    List(Vec<Output>),
    /// Members with names of the API.
    Structure(Vec<(&'static str, Output)>),
    /// Entries with names of the caller.
    Dictionary(Vec<(String, Output)>),
}

impl Output {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }
}
