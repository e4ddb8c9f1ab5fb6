//! How a process is told to stop: Ctrl-C, SIGTERM, or the end of its standard input.

use std::io::BufRead;
use std::time::Duration;

use anyhow::Context;
use millstream_consumer::StatusBoard;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

const CATCH_UP_POLL: Duration = Duration::from_millis(100);

/// A token that is cancelled when the process is told to stop. A second signal ends the process at once.
pub(crate) fn requested(when_stdin_closes: bool) -> anyhow::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen to SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen to SIGTERM")?;
    let stop = CancellationToken::new();
    if when_stdin_closes {
        cancel_when_stdin_closes(stop.clone());
    }
    let told = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = told.cancelled() => {}
        }
        told.cancel();
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        std::process::exit(130);
    });
    Ok(stop)
}

/// On a thread of its own, which does not keep the process alive as a read on the runtime's threads would.
fn cancel_when_stdin_closes(stop: CancellationToken) {
    std::thread::spawn(move || {
        let mut stdin = std::io::stdin().lock();
        // An error means as much as the end: nobody is there to say anything.
        while stdin.fill_buf().is_ok_and(|bytes| !bytes.is_empty()) {
            let bytes = stdin.fill_buf().map_or(0, <[u8]>::len);
            stdin.consume(bytes);
        }
        stop.cancel();
    });
}

/// A token that is cancelled once `stop` is, and everything that was on the worker's shards by then has been
/// processed; at the latest after `patience`.
pub(crate) fn after_catching_up(
    stop: CancellationToken,
    board: StatusBoard,
    patience: Duration,
) -> CancellationToken {
    let caught_up = CancellationToken::new();
    let stop_now = caught_up.clone();
    tokio::spawn(async move {
        stop.cancelled().await;
        let told_at = Instant::now().into_std();
        let catching_up = async {
            while !board.has_caught_up_since(told_at) {
                sleep(CATCH_UP_POLL).await;
            }
        };
        if timeout(patience, catching_up).await.is_err() && !patience.is_zero() {
            eprintln!(
                "not everything could be processed in {patience:?}; the rest waits on the stream"
            );
        }
        stop_now.cancel();
    });
    caught_up
}
