//! The natives of the language behind their checks, and the checks.

use jaq_core::box_iter::box_once;
use jaq_core::data::JustLut;
use jaq_core::native::{Fun, v};
use jaq_core::{Exn, Native};
use jaq_json::Val;

use super::{Checked, bytes, costs, step, too_deep};

/// What calls of a native are charged with: the definition that takes its name. The native itself is `__NAME` then.
pub(super) const GUARDED: &[(&str, usize, &str)] = &[
    (
        "range",
        3,
        "def range($from; $to; $by): __range($from; $to; $by) | __step;",
    ),
    ("explode", 0, "def explode: __spread | __explode;"),
    ("implode", 0, "def implode: __own | __implode;"),
    (
        "ascii_downcase",
        0,
        "def ascii_downcase: __own | __ascii_downcase;",
    ),
    (
        "ascii_upcase",
        0,
        "def ascii_upcase: __own | __ascii_upcase;",
    ),
    ("reverse", 0, "def reverse: __own | __reverse;"),
    ("sort", 0, "def sort: __sorted | __sort;"),
    ("sort_by", 1, "def sort_by(f): __sorted | __sort_by(f);"),
    ("group_by", 1, "def group_by(f): __sorted | __group_by(f);"),
    (
        "min_by_or_empty",
        1,
        "def min_by_or_empty(f): __sorted | __min_by_or_empty(f);",
    ),
    (
        "max_by_or_empty",
        1,
        "def max_by_or_empty(f): __sorted | __max_by_or_empty(f);",
    ),
    (
        "startswith",
        1,
        "def startswith($text): __compared($text) | __startswith($text);",
    ),
    (
        "endswith",
        1,
        "def endswith($text): __compared($text) | __endswith($text);",
    ),
    (
        "ltrimstr",
        1,
        "def ltrimstr($text): __compared($text) | __ltrimstr($text);",
    ),
    (
        "rtrimstr",
        1,
        "def rtrimstr($text): __compared($text) | __rtrimstr($text);",
    ),
    ("trim", 0, "def trim: __own | __trim;"),
    ("ltrim", 0, "def ltrim: __own | __ltrim;"),
    ("rtrim", 0, "def rtrim: __own | __rtrim;"),
    ("escape_sh", 0, "def escape_sh: __own | __escape_sh;"),
    ("escape_html", 0, "def escape_html: __own | __escape_html;"),
    (
        "unescape_html",
        0,
        "def unescape_html: __own | __unescape_html;",
    ),
    ("encode_uri", 0, "def encode_uri: __own | __encode_uri;"),
    ("decode_uri", 0, "def decode_uri: __own | __decode_uri;"),
    (
        "encode_base64",
        0,
        "def encode_base64: __own | __encode_base64;",
    ),
    (
        "decode_base64",
        0,
        "def decode_base64: __own | __decode_base64;",
    ),
    (
        "matches",
        2,
        "def matches($re; $flags): __matched($re; $flags) | __matches($re; $flags);",
    ),
    (
        "split_matches",
        2,
        "def split_matches($re; $flags): __matched($re; $flags) | __split_matches($re; $flags);",
    ),
    (
        "split_",
        2,
        "def split_($re; $flags): __matched($re; $flags) | __split_($re; $flags);",
    ),
    (
        "fromdateiso8601",
        0,
        "def fromdateiso8601: __own | __fromdateiso8601;",
    ),
    (
        "todateiso8601",
        0,
        "def todateiso8601: __own | __todateiso8601;",
    ),
    (
        "strftime",
        1,
        "def strftime($format): __product($format; 1) | __strftime($format);",
    ),
    (
        "strptime",
        1,
        "def strptime($format): __own | __product($format; 1) | __strptime($format);",
    ),
    ("gmtime", 0, "def gmtime: __own | __gmtime;"),
    ("mktime", 0, "def mktime: __own | __mktime;"),
    ("fromjson", 0, "def fromjson: __parsed | __fromjson;"),
    ("tojson", 0, "def tojson: __all | __tojson;"),
    ("tobytes", 0, "def tobytes: __all | __tobytes;"),
    ("length", 0, "def length: __text | __length;"),
    (
        "contains",
        1,
        "def contains($part): __searched($part) | __contains($part);",
    ),
    (
        "indices",
        1,
        "def indices($part): __searched($part) | __indices($part);",
    ),
    ("has", 1, "def has($key): __product($key; 1) | __has($key);"),
    (
        "bsearch",
        1,
        "def bsearch($item): __sorted | __bsearch($item);",
    ),
    (
        "keys_unsorted",
        0,
        "def keys_unsorted: __fanned | __keys_unsorted;",
    ),
    ("key_values", 0, "def key_values: __fanned | __key_values;"),
];

/// Natives that cost the same whatever the values, or whose outputs are charged where they are made.
#[cfg(test)]
pub(super) const FREE: &[&str] = &[
    // Of numbers.
    "floor",
    "round",
    "ceil",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "cbrt",
    "cos",
    "cosh",
    "erf",
    "erfc",
    "exp",
    "exp10",
    "exp2",
    "expm1",
    "fabs",
    "frexp",
    "ilogb",
    "j0",
    "j1",
    "lgamma",
    "log",
    "log10",
    "log1p",
    "log2",
    "modf",
    "nearbyint",
    "rint",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
    "tgamma",
    "trunc",
    "y0",
    "y1",
    "atan2",
    "copysign",
    "fdim",
    "fmax",
    "fmin",
    "fmod",
    "hypot",
    "jn",
    "ldexp",
    "nextafter",
    "pow",
    "remainder",
    "scalbln",
    "yn",
    "fma",
    // The length is known.
    "utf8bytelength",
    // What they run is charged.
    "error_empty",
    "path",
    "path_value",
    "first",
    "last",
    "limit",
    "skip",
];

type Filter = Native<JustLut<Val>>;

/// A check that looks at its input and lets it pass, wherever it stands.
macro_rules! check {
    ($check:expr) => {{
        const CHECK: fn(&Val) -> Checked = $check;
        let filter: Filter = Native::new(|cv| box_once(CHECK(&cv.1).map(|()| cv.1)))
            .with_paths(|cv| box_once(CHECK(&cv.1.0).map(|()| cv.1)))
            .with_update(|cv, update| match CHECK(&cv.1) {
                Ok(()) => update(cv.1),
                Err(halted) => box_once(Err(halted)),
            });
        filter
    }};
}

/// A check of its input and its arguments, last one first.
macro_rules! check_with {
    ($arguments:expr, $check:expr) => {{
        const CHECK: fn(&Val, [Val; $arguments]) -> Checked = $check;
        let filter: Filter = Native::new(|mut cv| {
            let arguments = std::array::from_fn(|_| cv.0.pop_var());
            box_once(CHECK(&cv.1, arguments).map(|()| cv.1))
        });
        filter
    }};
}

/// The natives under the names that their guarded forms call, and the checks.
pub(in crate::jq) fn natives(
    natives: impl Iterator<Item = Fun<JustLut<Val>>>,
) -> impl Iterator<Item = Fun<JustLut<Val>>> {
    natives.map(renamed).chain(checks())
}

fn renamed((name, arguments, native): Fun<JustLut<Val>>) -> Fun<JustLut<Val>> {
    let guarded = GUARDED
        .iter()
        .find(|(guarded, arity, _)| *guarded == name && *arity == arguments.len());
    let name = match guarded {
        // The name of the native as it stands in the definition.
        Some((name, _, definition)) => hidden(name, definition),
        None => name,
    };
    (name, arguments, native)
}

/// `__NAME`, as the definition writes it.
fn hidden(name: &str, definition: &'static str) -> &'static str {
    let length = name.len() + 2;
    let found = definition
        .match_indices("__")
        .map(|(at, _)| &definition[at..])
        .find(|rest| rest[2..].starts_with(name) && !rest[length..].starts_with(is_of_a_name));
    let found = found.expect("the definition calls the native");
    &found[..length]
}

fn is_of_a_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn checks() -> [Fun<JustLut<Val>>; 15] {
    [
        ("__step", v(0), check!(|_| step())),
        ("__each", v(0), check!(|_| bytes(|_| Some(costs::EACH)))),
        (
            "__own",
            v(0),
            check!(|value| bytes(|_| Some(costs::own(value)))),
        ),
        (
            "__all",
            v(0),
            check!(|value| bytes(|left| costs::all(value, left))),
        ),
        (
            "__update",
            v(0),
            check!(|value| bytes(|left| costs::update(value, left))),
        ),
        (
            "__sorted",
            v(0),
            check!(|value| bytes(|left| costs::sorted(value, left))),
        ),
        (
            "__spread",
            v(0),
            check!(|value| bytes(|_| Some(costs::spread(value)))),
        ),
        (
            "__fanned",
            v(0),
            check!(|value| bytes(|_| costs::own(value).checked_mul(4))),
        ),
        ("__text", v(0), check!(text)),
        ("__parsed", v(0), check!(parsed)),
        (
            "__compared",
            v(1),
            check_with!(1, |value, [other]| bytes(|left| costs::compared(
                value, &other, left
            ))),
        ),
        (
            "__searched",
            v(1),
            check_with!(1, |value, [other]| bytes(|left| costs::searched(
                value, &other, left
            ))),
        ),
        (
            "__matched",
            v(2),
            check_with!(2, |text, [flags, pattern]| bytes(|_| Some(costs::matched(
                text, &pattern, &flags
            )))),
        ),
        (
            "__product",
            v(2),
            check_with!(2, |_, [right, left]| bytes(|rest| costs::product(
                &left, &right, rest
            ))),
        ),
        (
            "__compare",
            v(2),
            check_with!(2, |_, [right, left]| bytes(|rest| costs::compared(
                &left, &right, rest
            ))),
        ),
    ]
}

/// A text's letters are counted; all else knows its length.
fn text(value: &Val) -> Checked {
    match value {
        Val::TStr(text) => bytes(|_| Some(text.len() as u64)),
        Val::Null | Val::Bool(_) | Val::Num(_) | Val::BStr(_) | Val::Arr(_) | Val::Obj(_) => Ok(()),
    }
}

fn parsed(value: &Val) -> Result<(), Exn<'static, Val>> {
    match costs::parsed(value) {
        Some(cost) => bytes(|_| Some(cost)),
        None => too_deep(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_native_is_charged_or_is_known_to_be_free() {
        let natives = jaq_core::funs::<JustLut<Val>>()
            .chain(jaq_std::funs())
            .chain(jaq_json::funs());
        let unknown: Vec<String> = natives
            .filter(|(name, arguments, _)| {
                let is_guarded = GUARDED
                    .iter()
                    .any(|(guarded, arity, _)| guarded == name && *arity == arguments.len());
                let is_left_out = crate::jq::LEFT_OUT.contains(name);
                !is_guarded && !FREE.contains(name) && !is_left_out
            })
            .map(|(name, arguments, _)| format!("{name}/{}", arguments.len()))
            .collect();
        assert!(unknown.is_empty(), "{unknown:?}");
        for (name, _, definition) in GUARDED {
            assert_eq!(hidden(name, definition), format!("__{name}"));
        }
    }
}
