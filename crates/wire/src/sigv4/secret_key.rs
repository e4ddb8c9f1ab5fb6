//! A secret access key, and the keys derived from it for a day, region and service.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use parking_lot::RwLock;
use sha2::Sha256;

use super::TERMINATOR;

/// Most derived keys that one secret keeps: two days, a few regions, two services.
const DERIVED_MAX: usize = 16;

/// A secret access key. It is in no text that this type makes.
pub struct SecretKey {
    secret: Box<str>,
    /// Oldest first. Only keys that made a right signature get in, so strangers cannot push them out.
    derived: RwLock<Vec<Derived>>,
}

struct Derived {
    scope: Box<str>,
    key: Hmac<Sha256>,
}

/// The part of a credential that a derived key is for: `20150830/us-east-1/kinesis`.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyScope<'a> {
    pub(super) day: &'a str,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
}

impl KeyScope<'_> {
    fn is<'a>(&self, text: &'a str) -> bool {
        let behind = |text: &'a str, part| text.strip_prefix(part)?.strip_prefix('/');
        let service = behind(text, self.day).and_then(|text| behind(text, self.region));
        service == Some(self.service)
    }

    fn text(&self) -> Box<str> {
        format!("{}/{}/{}", self.day, self.region, self.service).into()
    }
}

impl SecretKey {
    /// Keeps a secret.
    pub fn new(secret: impl Into<Box<str>>) -> Self {
        Self {
            secret: secret.into(),
            derived: RwLock::new(Vec::new()),
        }
    }

    /// The derived key, ready to take the string to sign; and whether it was kept.
    pub(super) fn derive(&self, scope: KeyScope<'_>) -> (Hmac<Sha256>, bool) {
        let kept = self
            .derived
            .read()
            .iter()
            .rev()
            .find(|derived| scope.is(&derived.scope))
            .map(|derived| derived.key.clone());
        match kept {
            Some(key) => (key, true),
            None => (self.compute(scope), false),
        }
    }

    /// Keeps a derived key that made a right signature.
    pub(super) fn keep(&self, scope: KeyScope<'_>, key: Hmac<Sha256>) {
        let mut derived = self.derived.write();
        if derived.iter().any(|derived| scope.is(&derived.scope)) {
            return;
        }
        if derived.len() == DERIVED_MAX {
            derived.remove(0);
        }
        derived.push(Derived {
            scope: scope.text(),
            key,
        });
    }

    fn compute(&self, scope: KeyScope<'_>) -> Hmac<Sha256> {
        let mut first = Vec::with_capacity(4 + self.secret.len());
        first.extend_from_slice(b"AWS4");
        first.extend_from_slice(self.secret.as_bytes());
        let steps = [scope.day, scope.region, scope.service, TERMINATOR];
        steps.iter().fold(keyed(&first), |mut key, step| {
            key.update(step.as_bytes());
            keyed(&key.finalize().into_bytes())
        })
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(not shown)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(day: &str) -> KeyScope<'_> {
        KeyScope {
            day,
            region: "us-east-1",
            service: "kinesis",
        }
    }

    #[test]
    fn no_text_shows_the_secret() {
        let key = SecretKey::new("very-secret");
        assert!(!format!("{key:?} {key:#?}").contains("very"));
    }

    #[test]
    fn derived_keys_are_kept_and_bounded() {
        let key = SecretKey::new("s");
        assert!(!key.derive(scope("20150830")).1);
        for day in 0..3 * DERIVED_MAX {
            let day = format!("{day:08}");
            let (derived, _) = key.derive(scope(&day));
            key.keep(scope(&day), derived.clone());
            key.keep(scope(&day), derived.clone());
            let (kept, was_kept) = key.derive(scope(&day));
            assert!(was_kept);
            assert_eq!(
                kept.finalize().into_bytes(),
                derived.finalize().into_bytes()
            );
        }
        assert_eq!(key.derived.read().len(), DERIVED_MAX);
        assert!(!key.derive(scope("00000000")).1);
    }
}
