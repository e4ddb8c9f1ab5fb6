//! Who is told when there is something new in a log.

use tokio::sync::Notify;

/// Rings once for whoever waits.
#[derive(Debug, Default)]
pub(crate) struct Waiter {
    bell: Notify,
}

impl Waiter {
    pub(crate) fn ring(&self) {
        self.bell.notify_one();
    }

    pub(crate) async fn rung(&self) {
        self.bell.notified().await;
    }
}
