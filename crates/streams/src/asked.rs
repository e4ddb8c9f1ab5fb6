//! What a caller's policies were asked about, kept for whoever has to tell it.

use std::sync::Arc;

use parking_lot::Mutex;

/// The resource that permission was last asked for while a call was answered: what the operation looked up, never what
/// else stands in the request. Clones share it, so that who gives one away with a [`Caller`](crate::Caller) can read it
/// when the call is over.
#[derive(Debug, Clone, Default)]
pub struct Asked(Option<Arc<Kept>>);

#[derive(Debug)]
struct Kept {
    is_of_denials: bool,
    resource: Mutex<Option<String>>,
}

impl Asked {
    /// Keeps every resource that is asked about.
    pub fn of_every_call() -> Self {
        Self::of(false)
    }

    /// Keeps the resource only if it is denied: calls that are allowed then cost nothing.
    pub fn of_denials() -> Self {
        Self::of(true)
    }

    fn of(is_of_denials: bool) -> Self {
        Self(Some(Arc::new(Kept {
            is_of_denials,
            resource: Mutex::new(None),
        })))
    }

    /// The ARN that was asked about, or `*` for what is about no stream in particular; `None` if the call was over
    /// before anything was asked, or nothing was to be kept.
    pub fn resource(&self) -> Option<String> {
        self.0.as_ref()?.resource.lock().clone()
    }

    pub(crate) fn allowed(&self, arn: impl FnOnce() -> String) {
        if let Some(kept) = self.0.as_ref().filter(|kept| !kept.is_of_denials) {
            *kept.resource.lock() = Some(arn());
        }
    }

    pub(crate) fn denied(&self, arn: String) {
        if let Some(kept) = &self.0 {
            *kept.resource.lock() = Some(arn);
        }
    }
}
