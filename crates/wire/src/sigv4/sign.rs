//! Making signatures: for tests, benchmarks and whatever calls the API without an SDK.

use hmac::Mac;
use millstream_types::TimestampMs;

use super::canonical::{self, percent_encode};
use super::date::AmzDate;
use super::secret_key::KeyScope;
use super::verify::to_sign;
use super::{ALGORITHM, SecretKey, SignedRequest, TERMINATOR, hex};

/// Who signs, and for what.
#[derive(Debug, Clone, Copy)]
pub struct Signer<'a> {
    /// The access key's id.
    pub access_key: &'a str,
    /// Its secret.
    pub secret: &'a SecretKey,
    /// The region of the scope.
    pub region: &'a str,
    /// The service of the scope: `kinesis`, say.
    pub service: &'a str,
}

impl Signer<'_> {
    /// The value of the `Authorization` header. Every header of the request is signed: give it `host`, `x-amz-date`
    /// (as [`amz_date`](super::amz_date) writes `time`) and `x-amz-target`, and no header that changes on its way.
    ///
    /// # Panics
    /// If the request has no header at all.
    pub fn authorization(&self, request: &SignedRequest<'_>, time: TimestampMs) -> String {
        let (signed, names) = (AmzDate::of(time), header_names(request));
        let signature = self.signature(request, &names, &signed, false);
        format!(
            "{ALGORITHM} Credential={}, SignedHeaders={names}, Signature={signature}",
            self.credential(&signed)
        )
    }

    /// The query string of a presigned request that is good for `expires_s` seconds. Every header is signed; the
    /// request's own query comes first.
    ///
    /// # Panics
    /// If the request has no header at all.
    pub fn presigned_query(
        &self,
        request: &SignedRequest<'_>,
        time: TimestampMs,
        expires_s: u64,
    ) -> String {
        let (signed, names) = (AmzDate::of(time), header_names(request));
        let mut query = request.query.to_owned();
        let (credential, expires) = (self.credential(&signed), expires_s.to_string());
        for (name, value) in [
            ("X-Amz-Algorithm", ALGORITHM),
            ("X-Amz-Credential", &credential),
            ("X-Amz-Date", signed.as_str()),
            ("X-Amz-Expires", &expires),
            ("X-Amz-SignedHeaders", &names),
        ] {
            if !query.is_empty() {
                query.push('&');
            }
            let mut encoded = Vec::with_capacity(value.len());
            percent_encode(value.as_bytes(), &mut encoded);
            query += name;
            query.push('=');
            query += &String::from_utf8_lossy(&encoded);
        }
        let request = SignedRequest {
            query: &query,
            ..*request
        };
        let signature = self.signature(&request, &names, &signed, true);
        query + "&X-Amz-Signature=" + &signature
    }

    fn credential(&self, signed: &AmzDate) -> String {
        let (key, day) = (self.access_key, signed.day());
        let (region, service) = (self.region, self.service);
        format!("{key}/{day}/{region}/{service}/{TERMINATOR}")
    }

    fn signature(
        &self,
        request: &SignedRequest<'_>,
        names: &str,
        signed: &AmzDate,
        is_presigned: bool,
    ) -> String {
        let scope = KeyScope {
            day: signed.day(),
            region: self.region,
            service: self.service,
        };
        let hash = canonical::hash(request, names, is_presigned)
            .expect("the names are those of the request's own headers");
        let (derived, was_kept) = self.secret.derive(scope);
        let signature = to_sign(derived.clone(), signed, scope, &hash).finalize();
        if !was_kept {
            self.secret.keep(scope, derived);
        }
        let digits = hex(&signature.into_bytes().into());
        String::from_utf8_lossy(&digits).into_owned()
    }
}

/// The names of all headers but `Authorization`, in lower case and order.
fn header_names(request: &SignedRequest<'_>) -> String {
    let names = request.headers.iter();
    let mut names: Vec<_> = names.map(|(name, _)| name.to_ascii_lowercase()).collect();
    names.retain(|name| name != "authorization");
    names.sort_unstable();
    names.dedup();
    assert!(!names.is_empty(), "a request has a host header at least");
    names.join(";")
}
