//! Whether what a request says of its sender is true.

use hmac::{Hmac, Mac};
use millstream_types::TimestampMs;
use sha2::Sha256;

use super::date::AmzDate;
use super::presented::Credential;
use super::secret_key::KeyScope;
use super::{
    ALGORITHM, AuthenticationError, Presented, SecretKey, SignedRequest, TERMINATOR, canonical,
    header_names, hex, unhex,
};

/// How far the clocks of client and server may differ, in seconds.
pub const SKEW_MAX_S: u64 = 300;
/// Longest that a presigned request may be good for, in seconds: a week.
const EXPIRES_MAX_S: u64 = 604_800;

/// What the head of a request says rightly of its sender, as far as that can be seen without its body.
struct Plausible<'a> {
    signed: AmzDate,
    key: &'a SecretKey,
    signature: [u8; 32],
}

/// The checks of [`verify`] that need no body: whether it is worth waiting for one. The request's body is not looked at.
///
/// # Errors
/// What [`verify`] would say of it, whatever the body is.
pub fn check_head(
    presented: &Presented<'_>,
    request: &SignedRequest<'_>,
    service: &'static str,
    key: Option<&SecretKey>,
    now: TimestampMs,
) -> Result<(), AuthenticationError> {
    plausible(presented, request, service, key, now).map(|_| ())
}

/// Verifies the signature of a request to `service`, signed with `key` (`None` if the access key is not known), at the
/// time `now`.
///
/// The checks come in this order: the key, its time, the scope, the signed headers, the signature. The body is hashed
/// last. Signatures are compared in constant time.
///
/// # Errors
/// What AWS says of it. No text shows what would have been right.
pub fn verify(
    presented: &Presented<'_>,
    request: &SignedRequest<'_>,
    service: &'static str,
    key: Option<&SecretKey>,
    now: TimestampMs,
) -> Result<(), AuthenticationError> {
    let Plausible {
        signed,
        key,
        signature,
    } = plausible(presented, request, service, key, now)?;
    let credential = presented.credential();
    let hash = canonical::hash(request, &presented.signed_headers, presented.is_presigned)
        .ok_or(AuthenticationError::Mismatch)?;
    let scope = KeyScope {
        day: credential.day,
        region: credential.region,
        service: credential.service,
    };
    let (derived, was_kept) = key.derive(scope);
    to_sign(derived.clone(), &signed, scope, &hash)
        .verify_slice(&signature)
        .map_err(|_| AuthenticationError::Mismatch)?;
    if !was_kept {
        key.keep(scope, derived);
    }
    Ok(())
}

fn plausible<'a>(
    presented: &Presented<'_>,
    request: &SignedRequest<'_>,
    service: &'static str,
    key: Option<&'a SecretKey>,
    now: TimestampMs,
) -> Result<Plausible<'a>, AuthenticationError> {
    let signed = AmzDate::parse(&presented.date).ok_or_else(|| {
        AuthenticationError::Incomplete(format!(
            "Date must be in ISO-8601 'basic format'. Got '{}'. See http://en.wikipedia.org/wiki/ISO_8601",
            presented.date
        ))
    })?;
    if presented.algorithm != ALGORITHM {
        return Err(AuthenticationError::Incomplete(format!(
            "Unsupported AWS 'algorithm': '{}' (only {ALGORITHM} for now).",
            presented.algorithm
        )));
    }
    // Keys here are long-lived: a session token beside one was made by another service.
    let key = key.filter(|_| !presented.token);
    let key = key.ok_or(AuthenticationError::UnknownKey)?;
    check_time(presented, &signed, now)?;
    check_scope(&presented.credential(), &signed, service)?;
    check_signed_headers(presented, request)?;
    let signature = unhex(presented.signature.as_bytes()).ok_or(AuthenticationError::Mismatch)?;
    Ok(Plausible {
        signed,
        key,
        signature,
    })
}

/// A derived key that has taken the string to sign.
pub(super) fn to_sign(
    mut key: Hmac<Sha256>,
    signed: &AmzDate,
    scope: KeyScope<'_>,
    canonical_hash: &[u8; 32],
) -> Hmac<Sha256> {
    let (day, region, service) = (scope.day, scope.region, scope.service);
    for part in [ALGORITHM, "\n", signed.as_str(), "\n"] {
        key.update(part.as_bytes());
    }
    for part in [day, "/", region, "/", service, "/", TERMINATOR, "\n"] {
        key.update(part.as_bytes());
    }
    key.update(&hex(canonical_hash));
    key
}

fn check_time(
    presented: &Presented<'_>,
    signed: &AmzDate,
    now: TimestampMs,
) -> Result<(), AuthenticationError> {
    let allowed_s = lifetime_s(presented)?;
    let (signed_s, now_s) = (signed.time.as_secs(), now.as_secs());
    let earliest_s = now_s.saturating_sub(allowed_s);
    let latest_s = now_s + SKEW_MAX_S;
    let text = |seconds: u64| AmzDate::of(TimestampMs(seconds.saturating_mul(1000))).to_string();
    if signed_s < earliest_s {
        return Err(AuthenticationError::Expired {
            signed: signed.to_string(),
            earliest: text(earliest_s),
            now: text(now_s),
            allowed: minutes(allowed_s),
        });
    }
    if signed_s > latest_s {
        return Err(AuthenticationError::NotYetCurrent {
            signed: signed.to_string(),
            latest: text(latest_s),
            now: text(now_s),
            allowed: minutes(SKEW_MAX_S),
        });
    }
    Ok(())
}

/// How old a signature may be, in seconds.
fn lifetime_s(presented: &Presented<'_>) -> Result<u64, AuthenticationError> {
    let Some(expires) = &presented.expires else {
        return Ok(SKEW_MAX_S);
    };
    let is_number = expires.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = expires.parse().ok().filter(|_| is_number);
    let seconds = seconds.filter(|seconds| (1..=EXPIRES_MAX_S).contains(seconds));
    seconds.ok_or_else(|| {
        AuthenticationError::Incomplete(format!(
            "X-Amz-Expires must be a number of seconds between 1 and {EXPIRES_MAX_S}. Re-examine the query-string \
             parameters."
        ))
    })
}

fn minutes(seconds: u64) -> String {
    if seconds.is_multiple_of(60) {
        format!("{} min", seconds / 60)
    } else {
        format!("{seconds} sec")
    }
}

fn check_scope(
    credential: &Credential<'_>,
    signed: &AmzDate,
    service: &'static str,
) -> Result<(), AuthenticationError> {
    if credential.service != service {
        return Err(AuthenticationError::Service(service));
    }
    if credential.terminator != TERMINATOR {
        return Err(AuthenticationError::Terminator(
            credential.terminator.to_owned(),
        ));
    }
    if credential.day != signed.day() {
        return Err(AuthenticationError::Date {
            scope: credential.day.to_owned(),
            day: signed.day().to_owned(),
            signed: signed.to_string(),
        });
    }
    Ok(())
}

/// `host`, or HTTP/2's `:authority`, and every `x-amz-` header must be covered: each changes what the request means.
fn check_signed_headers(
    presented: &Presented<'_>,
    request: &SignedRequest<'_>,
) -> Result<(), AuthenticationError> {
    let is_signed = |name: &str| {
        let mut signed = header_names(&presented.signed_headers);
        signed.any(|signed| signed.eq_ignore_ascii_case(name.as_bytes()))
    };
    // The SDK for JavaScript signs the one that its protocol has.
    if !is_signed("host") && !is_signed(":authority") {
        return Err(AuthenticationError::HostNotSigned);
    }
    let unsigned = request
        .headers
        .iter()
        .map(|(name, _)| *name)
        .find(|name| is_amz(name) && !is_signed(name));
    match unsigned {
        Some(name) => Err(AuthenticationError::HeaderNotSigned(
            name.to_ascii_lowercase(),
        )),
        None => Ok(()),
    }
}

fn is_amz(name: &str) -> bool {
    name.get(..6)
        .is_some_and(|start| start.eq_ignore_ascii_case("x-amz-"))
}
