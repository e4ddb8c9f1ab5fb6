//! A line on the terminal that says how far the command is.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use tokio::time::Instant;

const REDRAW: Duration = Duration::from_millis(200);
const BAR_WIDTH: usize = 24;

/// Drawn on stderr if that is a terminal and the records' places do not go to one too.
pub(super) struct Progress {
    is_shown: bool,
    total_bytes: Option<u64>,
    began: Instant,
    drawn_at: Option<Instant>,
}

impl Progress {
    pub(super) fn new(total_bytes: Option<u64>, is_quiet: bool) -> Self {
        let is_free = is_quiet || !std::io::stdout().is_terminal();
        Self {
            is_shown: is_free && std::io::stderr().is_terminal(),
            total_bytes,
            began: Instant::now(),
            drawn_at: None,
        }
    }

    /// Draws, unless it did just now.
    pub(super) fn update(&mut self, read_bytes: u64, written: u64, failed: u64) {
        let is_fresh = self.drawn_at.is_some_and(|at| at.elapsed() < REDRAW);
        if !self.is_shown || is_fresh {
            return;
        }
        self.drawn_at = Some(Instant::now());
        let elapsed = self.began.elapsed();
        let line = line(read_bytes, self.total_bytes, written, failed, elapsed);
        draw(&format!("\r{line}\x1b[K"));
    }

    /// Gives the line back to what is said next.
    pub(super) fn clear(&mut self) {
        if self.drawn_at.take().is_some() {
            draw("\r\x1b[K");
        }
    }
}

fn draw(text: &str) {
    let mut stderr = std::io::stderr().lock();
    // A closed stderr is no reason to fail.
    drop(
        stderr
            .write_all(text.as_bytes())
            .and_then(|()| stderr.flush()),
    );
}

fn line(
    read_bytes: u64,
    total_bytes: Option<u64>,
    written: u64,
    failed: u64,
    elapsed: Duration,
) -> String {
    let rate = written as f64 / elapsed.as_secs_f64().max(0.001);
    let failed = match failed {
        0 => String::new(),
        failed => format!(", {failed} failed"),
    };
    let read_mb = read_bytes as f64 / 1e6;
    let counts = format!("{written} records written{failed}, {rate:.0}/s");
    match total_bytes.filter(|total| *total > 0) {
        None => format!("{counts}, {read_mb:.1} MB read"),
        Some(total) => {
            let share = (read_bytes as f64 / total as f64).min(1.0);
            let full = (share * BAR_WIDTH as f64) as usize;
            let bar: String = "#".repeat(full) + &"-".repeat(BAR_WIDTH - full);
            format!("[{bar}] {:.0} %  {counts}", share * 100.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_shows_a_share_where_the_size_is_known() {
        let second = Duration::from_secs(1);
        assert_eq!(
            line(500, Some(1000), 10, 0, second),
            "[############------------] 50 %  10 records written, 10/s"
        );
        assert_eq!(
            line(1_500_000, None, 10, 2, second * 2),
            "10 records written, 2 failed, 5/s, 1.5 MB read"
        );
        // A file that grew while it was read.
        assert!(line(2000, Some(1000), 0, 0, second).contains("100 %"));
    }
}
