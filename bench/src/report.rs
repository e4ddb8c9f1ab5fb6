//! The table that a run prints.

/// The middle value; of an even number the lower one of the two in the middle.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values
        .get(values.len().saturating_sub(1) / 2)
        .copied()
        .unwrap_or(f64::NAN)
}

/// One line of the table.
#[derive(Debug, Clone)]
pub struct Line {
    /// What was measured.
    pub what: String,
    /// What came out.
    pub measured: String,
    /// What it is compared with.
    pub beside: String,
    /// What it should be.
    pub target: String,
    /// Whether the target is met; `None` where there is none.
    pub is_met: Option<bool>,
}

/// Prints a line at once, so that a long run can be watched.
pub fn print(line: &Line) {
    let verdict = match line.is_met {
        Some(true) => "met",
        Some(false) => "MISSED",
        None => "",
    };
    println!(
        "| {} | {} | {} | {} | {verdict} |",
        line.what, line.measured, line.beside, line.target
    );
}

/// The table's head.
pub fn print_head() {
    println!("| what | measured | beside it | target | |\n|---|---|---|---|---|");
}

/// `1234567.0` as `1.23 M`, `54321.0` as `54.3 k`.
pub fn short(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{:.2} M", v / 1e6),
        v if v >= 1e3 => format!("{:.1} k", v / 1e3),
        v => format!("{v:.1}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_short_numbers() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), 2.0);
        assert_eq!(
            (
                short(1_234_567.0).as_str(),
                short(54_321.0).as_str(),
                short(7.0).as_str()
            ),
            ("1.23 M", "54.3 k", "7.0")
        );
    }
}
