//! What a request says of its sender: its credentials, taken apart but not believed.

use std::borrow::Cow;

use millstream_types::Region;

use super::{AuthenticationError, Header, find_header};

/// Credentials as presented. Nothing about them is true before [`verify`](super::verify) said so.
#[derive(Debug, Clone)]
pub struct Presented<'a> {
    /// The region of the scope.
    pub region: Region,
    /// `<access key>/<day>/<region>/<service>/aws4_request`.
    credential: Cow<'a, str>,
    slashes: Slashes,
    pub(super) algorithm: Cow<'a, str>,
    pub(super) signed_headers: Cow<'a, str>,
    pub(super) signature: Cow<'a, str>,
    pub(super) date: Cow<'a, str>,
    pub(super) token: bool,
    /// In the query string: how long the signature is good for, as given.
    pub(super) expires: Option<Cow<'a, str>>,
    pub(super) is_presigned: bool,
}

/// The parts of a credential.
#[derive(Debug, Clone, Copy)]
pub(super) struct Credential<'a> {
    pub(super) access_key: &'a str,
    pub(super) day: &'a str,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    pub(super) terminator: &'a str,
}

impl<'a> Presented<'a> {
    /// Reads the credentials of a request, from its `Authorization` header or its query string.
    ///
    /// # Errors
    /// What AWS says of credentials that are absent, given twice or not whole. Dates, keys and signatures are not
    /// looked at.
    pub fn of(query: &'a str, headers: &[Header<'a>]) -> Result<Self, AuthenticationError> {
        let algorithm = parameter(query, "X-Amz-Algorithm");
        match (find_header(headers, "authorization"), algorithm) {
            (Some(_), Some(_)) => Err(AuthenticationError::Both),
            (None, None) => Err(AuthenticationError::Missing),
            (Some(header), None) => match text(header) {
                Cow::Borrowed(header) => of_header(header, headers),
                // What is not text holds no credentials that any key could have.
                Cow::Owned(header) => of_header(&header, headers).map(Presented::into_owned),
            },
            (None, Some(algorithm)) => of_query(query, decoded(algorithm)),
        }
    }

    /// The access key id.
    pub fn access_key(&self) -> &str {
        self.credential().access_key
    }

    /// The service of the scope.
    pub fn service(&self) -> &str {
        self.credential().service
    }

    pub(super) fn credential(&self) -> Credential<'_> {
        self.slashes.split(&self.credential)
    }

    /// The same, borrowing nothing.
    fn into_owned<'b>(self) -> Presented<'b> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        Presented {
            region: self.region,
            credential: own(self.credential),
            slashes: self.slashes,
            algorithm: own(self.algorithm),
            signed_headers: own(self.signed_headers),
            signature: own(self.signature),
            date: own(self.date),
            token: self.token,
            expires: self.expires.map(own),
            is_presigned: self.is_presigned,
        }
    }
}

fn of_header<'a>(
    header: &'a str,
    headers: &[Header<'a>],
) -> Result<Presented<'a>, AuthenticationError> {
    let mut words = words(header);
    let algorithm = words.next().unwrap_or("");
    let (mut credential, mut signature, mut signed_headers) = (None, None, None);
    for word in words {
        let value = |name: &str| word.strip_prefix(name).filter(|value| !value.is_empty());
        if let Some(value) = value("Credential=") {
            credential = Some(value);
        } else if let Some(value) = value("Signature=") {
            signature = Some(value);
        } else if let Some(value) = value("SignedHeaders=") {
            signed_headers = Some(value);
        }
    }
    let date = find_header(headers, "x-amz-date").or_else(|| find_header(headers, "date"));
    let (Some(credential), Some(signature), Some(signed_headers), Some(date)) =
        (credential, signature, signed_headers, date)
    else {
        return Err(AuthenticationError::Incomplete(missing_of_header(
            header,
            &[
                ("Credential", credential),
                ("Signature", signature),
                ("SignedHeaders", signed_headers),
            ],
            date.is_some(),
        )));
    };
    let slashes = Slashes::of(credential)?;
    Ok(Presented {
        region: region(slashes.split(credential).region)?,
        credential: credential.into(),
        slashes,
        algorithm: algorithm.into(),
        signed_headers: signed_headers.into(),
        signature: signature.into(),
        date: text(date),
        token: find_header(headers, "x-amz-security-token").is_some(),
        expires: None,
        is_presigned: false,
    })
}

fn missing_of_header(header: &str, parts: &[(&str, Option<&str>)], has_date: bool) -> String {
    let mut text = String::new();
    for (name, value) in parts {
        if value.is_none() {
            text += &format!("Authorization header requires '{name}' parameter. ");
        }
    }
    if !has_date {
        text +=
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
    }
    format!("{text}Authorization={header}")
}

fn of_query<'a>(
    query: &'a str,
    algorithm: Cow<'a, str>,
) -> Result<Presented<'a>, AuthenticationError> {
    let mut missing = String::new();
    let mut take = |name: &str| {
        let value = parameter(query, name).unwrap_or("");
        if value.is_empty() {
            missing += &format!("AWS query-string parameters must include '{name}'. ");
        }
        decoded(value)
    };
    take("X-Amz-Algorithm");
    let (credential, signature) = (take("X-Amz-Credential"), take("X-Amz-Signature"));
    let (signed_headers, date) = (take("X-Amz-SignedHeaders"), take("X-Amz-Date"));
    if !missing.is_empty() {
        return Err(AuthenticationError::Incomplete(
            missing + "Re-examine the query-string parameters.",
        ));
    }
    let slashes = Slashes::of(&credential)?;
    Ok(Presented {
        region: region(slashes.split(&credential).region)?,
        credential,
        slashes,
        algorithm,
        signed_headers,
        signature,
        date,
        token: parameter(query, "X-Amz-Security-Token").is_some(),
        expires: parameter(query, "X-Amz-Expires").map(decoded),
        is_presigned: true,
    })
}

/// What stands between commas and blanks, which may be nothing.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let ends = memchr::memchr2_iter(b',', b' ', text.as_bytes());
    let mut from = 0;
    ends.chain(std::iter::once(text.len())).map(move |end| {
        let word = &text[from..end];
        from = end + 1;
        word
    })
}

/// Text, with what is none replaced.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    // The lossy conversion looks at each byte by itself.
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

fn region(text: &str) -> Result<Region, AuthenticationError> {
    text.parse().map_err(|_| AuthenticationError::Region)
}

/// Where the four slashes of `<access key>/<day>/<region>/<service>/aws4_request` are: its parts are asked for again and
/// again.
#[derive(Debug, Clone, Copy)]
struct Slashes([usize; 4]);

impl Slashes {
    fn of(credential: &str) -> Result<Self, AuthenticationError> {
        let mut found = memchr::memchr_iter(b'/', credential.as_bytes());
        let mut next = || found.next();
        let four = match (next(), next(), next(), next(), next()) {
            (Some(first), Some(second), Some(third), Some(fourth), None) => {
                Some(Self([first, second, third, fourth]))
            }
            _ => None,
        };
        four.ok_or_else(|| {
            AuthenticationError::Incomplete(format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got \
                 '{credential}'"
            ))
        })
    }

    fn split(self, credential: &str) -> Credential<'_> {
        let Self([first, second, third, fourth]) = self;
        Credential {
            access_key: &credential[..first],
            day: &credential[first + 1..second],
            region: &credential[second + 1..third],
            service: &credential[third + 1..fourth],
            terminator: &credential[fourth + 1..],
        }
    }
}

/// The value of the first parameter of this name, still encoded.
fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    if query.is_empty() {
        return None;
    }
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (key == name).then_some(value)
    })
}

fn decoded(value: &str) -> Cow<'_, str> {
    if !value.contains(['%', '+']) {
        return Cow::Borrowed(value);
    }
    let bytes = super::canonical::percent_decoded(value.as_bytes());
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}
