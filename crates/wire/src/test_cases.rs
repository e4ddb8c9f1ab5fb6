//! How many cases the property tests run.

use proptest::test_runner::Config;

/// `cases`, or `MILLSTREAM_CASES` if that is set; says so on the standard output.
pub(crate) fn cases(what: &str, cases: u32) -> Config {
    let cases = std::env::var("MILLSTREAM_CASES")
        .ok()
        .map_or(cases, |text| {
            text.parse().expect("MILLSTREAM_CASES is a number")
        });
    println!("{what}: {cases} cases");
    Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    }
}
