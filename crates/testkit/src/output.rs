//! What a child process says, kept for failure messages.

use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// The end of what is said is kept, up to this many bytes.
const KEPT_BYTES_MAX: usize = 256 * 1024;
/// The longest line that is kept whole.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// Everything said on stdout and stderr, in the order of arrival.
#[derive(Debug, Clone, Default)]
pub(crate) struct Output(Arc<Said>);

#[derive(Debug, Default)]
struct Said {
    text: Mutex<String>,
    grew: Condvar,
}

impl Output {
    /// Reads the streams in threads that end with them, and waits for the first line that `find` accepts: `None` if
    /// the streams end or `wait` passes before.
    pub(crate) fn read_until<T: Send + 'static>(
        &self,
        streams: Vec<Box<dyn Read + Send>>,
        find: fn(&str) -> Option<T>,
        wait: Duration,
    ) -> Option<T> {
        let (found, receiver) = sync_channel(1);
        for stream in streams {
            let (output, found) = (self.clone(), found.clone());
            thread::spawn(move || output.read(stream, find, found));
        }
        drop(found);
        let deadline = Instant::now() + wait;
        receiver
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            .ok()
    }

    fn read<T>(
        &self,
        stream: Box<dyn Read + Send>,
        find: fn(&str) -> Option<T>,
        found: SyncSender<T>,
    ) {
        let mut found = Some(found);
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        while matches!(
            stream
                .by_ref()
                .take(LINE_BYTES_MAX)
                .read_until(b'\n', &mut line),
            Ok(1..)
        ) {
            let text = String::from_utf8_lossy(&line);
            self.keep(&text);
            if found.is_some()
                && let Some(value) = find(&text)
            {
                // Whoever waited may have given up; then nobody wants the value.
                found.take().map(|found| found.try_send(value));
            }
            line.clear();
        }
    }

    fn keep(&self, text: &str) {
        let mut kept = self.0.text.lock();
        kept.push_str(text);
        if kept.len() > KEPT_BYTES_MAX {
            let surplus = kept.len() - KEPT_BYTES_MAX / 2;
            let line_end = kept.bytes().skip(surplus).position(|byte| byte == b'\n');
            let start = line_end.map_or(kept.len(), |position| surplus + position + 1);
            kept.drain(..start);
        }
        self.0.grew.notify_all();
    }

    pub(crate) fn text(&self) -> String {
        self.0.text.lock().clone()
    }

    /// All that is kept, once `expected` is in it; `None` if it is not within `wait`.
    pub(crate) fn text_with(&self, expected: &str, wait: Duration) -> Option<String> {
        let deadline = Instant::now() + wait;
        let mut text = self.0.text.lock();
        while !text.contains(expected) {
            if self.0.grew.wait_until(&mut text, deadline).timed_out() {
                return text.contains(expected).then(|| text.clone());
            }
        }
        Some(text.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_long_output_is_kept() {
        let output = Output::default();
        for number in 0..100_000 {
            output.keep(&format!("line {number}\n"));
            assert!(output.0.text.lock().len() <= KEPT_BYTES_MAX);
        }
        let text = output.text();
        assert!(text.starts_with("line ") && text.ends_with("line 99999\n"));
        assert!(text.len() > KEPT_BYTES_MAX / 4);
    }

    #[test]
    fn the_first_line_that_fits_is_found() {
        let said = "one\ntwo 2\nthree 3\n";
        let streams: Vec<Box<dyn Read + Send>> = vec![Box::new(said.as_bytes())];
        let number = |line: &str| line.split_whitespace().nth(1)?.parse::<u8>().ok();
        let output = Output::default();
        let found = output.read_until(streams, number, Duration::from_secs(10));
        assert_eq!(found, Some(2));
        let nothing = output.read_until(Vec::new(), number, Duration::from_secs(10));
        assert_eq!(nothing, None);
    }
    #[test]
    fn what_is_said_later_is_waited_for() {
        let output = Output::default();
        assert_eq!(output.text_with("two", Duration::ZERO), None);
        output.keep("one\n");
        let speaker = output.clone();
        let speaking = thread::spawn(move || speaker.keep("two\n"));
        let text = output.text_with("two", Duration::from_secs(60));
        assert_eq!(text.as_deref(), Some("one\ntwo\n"));
        speaking.join().unwrap();
    }
}
