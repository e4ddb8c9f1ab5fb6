//! What the log says of connections that were not taken: once in a while and counted, because whoever causes it can
//! cause it thousands of times a second.

use std::io;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::io::Errno;
use tokio::time::Instant;

/// Each complaint is made at most once in this time.
const INTERVAL: Duration = Duration::from_secs(10);

/// Complaints of a listener.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    not_accepted: Mutex<Complaint>,
    too_many: Mutex<Complaint>,
}

#[derive(Debug, Default)]
struct Complaint {
    made_at: Option<Instant>,
    count: u64,
}

impl Complaint {
    /// Counts one; how many came since the last time that it was said, if it is to be said now.
    fn count(&mut self) -> Option<u64> {
        self.count += 1;
        let now = Instant::now();
        if self.made_at.is_some_and(|made_at| now < made_at + INTERVAL) {
            return None;
        }
        self.made_at = Some(now);
        Some(std::mem::take(&mut self.count))
    }
}

impl Complaints {
    /// The system did not hand a connection over.
    pub(super) fn not_accepted(&self, error: &io::Error) {
        let Some(count) = self.not_accepted.lock().count() else {
            return;
        };
        if is_out_of_descriptors(error) {
            tracing::error!(
                %error,
                count,
                "no file descriptor is free for another connection; data and disks are not concerned. Raise the \
                 limit of open files (ulimit -n, LimitNOFILE=), or lower --connections-max"
            );
        } else {
            tracing::warn!(%error, count, "connections were not accepted");
        }
    }

    /// A connection beyond the most that are taken.
    pub(super) fn one_too_many(&self, max: usize) {
        if let Some(count) = self.too_many.lock().count() {
            tracing::warn!(
                max,
                count,
                "connections too many were closed; --connections-max sets how many are taken"
            );
        }
    }
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    errno.is_some_and(|errno| errno == Errno::MFILE || errno == Errno::NFILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_said_once_in_a_while_and_counted() {
        let mut complaint = Complaint::default();
        assert_eq!(complaint.count(), Some(1));
        for _ in 0..999 {
            assert_eq!(complaint.count(), None);
        }
        tokio::time::advance(INTERVAL).await;
        assert_eq!(complaint.count(), Some(1_000));
    }

    #[test]
    fn want_of_descriptors_is_known_by_its_name() {
        let error = |errno: Errno| io::Error::from_raw_os_error(errno.raw_os_error());
        assert!(is_out_of_descriptors(&error(Errno::MFILE)));
        assert!(is_out_of_descriptors(&error(Errno::NFILE)));
        assert!(!is_out_of_descriptors(&error(Errno::NOSPC)));
    }
}
