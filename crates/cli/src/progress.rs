//! How far a command is that reads or writes a whole folder, where somebody looks.

use std::io::IsTerminal;

/// A bar on stderr; nothing where stderr is no terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    what: &'static str,
    is_watched: bool,
    percent: Option<u64>,
}

/// Characters of a whole bar.
const BAR: usize = 40;

impl Progress {
    pub(crate) fn new(what: &'static str) -> Self {
        Self {
            what,
            is_watched: std::io::stderr().is_terminal(),
            percent: None,
        }
    }

    /// So many bytes of so many are done.
    pub(crate) fn show(&mut self, done: u64, total: u64) {
        let percent = (done.saturating_mul(100) / total.max(1)).min(100);
        if self.is_watched && self.percent != Some(percent) {
            self.percent = Some(percent);
            eprint!("\r{}", line(self.what, percent));
        }
    }

    /// Nothing more is shown of it.
    pub(crate) fn end(&mut self) {
        if self.percent.take().is_some() {
            eprintln!();
        }
    }
}

fn line(what: &str, percent: u64) -> String {
    let full = "#".repeat(BAR * percent as usize / 100);
    format!("{what}: [{full:<BAR$}] {percent:>3} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_fills_up_and_keeps_its_length() {
        assert!(line("x", 0).ends_with("  0 %"));
        assert!(line("x", 100).ends_with(&format!("[{}] 100 %", "#".repeat(BAR))));
        assert!((0..=100).all(|percent| line("x", percent).len() == line("x", 50).len()));
    }
}
