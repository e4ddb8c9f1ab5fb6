//! How many cases the property tests run.

use std::io::Write as _;

use proptest::test_runner::Config;

/// `cases`, or `MILLSTREAM_CASES` if that is set; says so on the standard output.
pub(crate) fn cases(what: &str, cases: u32) -> Config {
    let cases = std::env::var("MILLSTREAM_CASES")
        .ok()
        .map_or(cases, |text| {
            text.parse().expect("MILLSTREAM_CASES is a number")
        });
    // Past the test harness, which keeps what passing tests print.
    writeln!(std::io::stdout(), "{what}: {cases} cases").expect("printed");
    Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    }
}
