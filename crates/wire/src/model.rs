//! Shapes of the service's model: what a request may hold.

mod pattern;

pub(crate) use pattern::Pattern;

/// A type with its constraints.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) kind: Kind,
    /// Least value of a number; least length of anything else.
    pub(crate) min: Option<i64>,
    /// Greatest value or length, inclusive.
    pub(crate) max: Option<i64>,
    pub(crate) pattern: Option<Pattern>,
    /// All values of an enum; empty if it is none.
    pub(crate) values: &'static [&'static str],
}

#[derive(Debug)]
pub(crate) enum Kind {
    String,
    /// Of 32 bits.
    Integer,
    Boolean,
    Blob,
    Timestamp,
    List(&'static Shape),
    Map {
        key: &'static Shape,
        value: &'static Shape,
    },
    Structure(&'static [Member]),
}

/// A member of a structure.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: &'static str,
    pub(crate) shape: &'static Shape,
    pub(crate) is_required: bool,
}
