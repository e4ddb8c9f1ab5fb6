//! Credentials of a request: that they are there and well formed. Which they are is not checked: the server
//! is reachable from its own machine only, and accepts any.

use http::header::{AUTHORIZATION, DATE};
use http::request::Parts;
use millstream_types::{AccountId, Region};
use millstream_wire::ErrorCode;

/// What credentials say of their sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    /// The account that the access key is, if it is one.
    pub(crate) account: Option<AccountId>,
    /// Where the request is meant for.
    pub(crate) region: Region,
}

/// Why a request is not authenticated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AuthenticationError {
    #[error(
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
    )]
    Both,
    #[error("Missing Authentication Token")]
    Missing,
    #[error("{0}")]
    Incomplete(String),
    #[error("Credential should be scoped to a valid region.")]
    Region,
}

impl AuthenticationError {
    /// The error's name.
    pub(crate) fn code(&self) -> ErrorCode {
        match self {
            Self::Both | Self::Region => ErrorCode::InvalidSignature,
            Self::Missing => ErrorCode::MissingAuthenticationToken,
            Self::Incomplete(_) => ErrorCode::IncompleteSignature,
        }
    }
}

impl Credentials {
    /// The credentials of a request, from its Authorization header or its query string.
    pub(crate) fn of(head: &Parts) -> Result<Self, AuthenticationError> {
        let query = head.uri.query().unwrap_or("");
        let in_query = query_parameter(query, "X-Amz-Algorithm");
        match (head.headers.get(AUTHORIZATION), in_query) {
            (Some(_), Some(_)) => Err(AuthenticationError::Both),
            (None, None) => Err(AuthenticationError::Missing),
            (Some(header), None) => {
                let header = String::from_utf8_lossy(header.as_bytes());
                scope(credential_of_header(head, &header)?)
            }
            (None, Some(_)) => scope(&credential_of_query(query)?),
        }
    }
}

fn credential_of_header<'a>(head: &Parts, header: &'a str) -> Result<&'a str, AuthenticationError> {
    let (mut credential, mut signature, mut signed_headers) = (None, None, None);
    for part in header.split([',', ' ']).skip(1) {
        if let Some((name, value)) = part.split_once('=').filter(|(_, value)| !value.is_empty()) {
            match name {
                "Credential" => credential = Some(value),
                "Signature" => signature = Some(value),
                "SignedHeaders" => signed_headers = Some(value),
                _ => {}
            }
        }
    }
    let has_date = head.headers.contains_key("x-amz-date") || head.headers.contains_key(DATE);
    if let (Some(credential), Some(_), Some(_), true) =
        (credential, signature, signed_headers, has_date)
    {
        return Ok(credential);
    }
    let mut text = String::new();
    for (name, value) in [
        ("Credential", credential),
        ("Signature", signature),
        ("SignedHeaders", signed_headers),
    ] {
        if value.is_none() {
            text += &format!("Authorization header requires '{name}' parameter. ");
        }
    }
    if !has_date {
        text +=
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
    }
    Err(AuthenticationError::Incomplete(format!(
        "{text}Authorization={header}"
    )))
}

fn credential_of_query(query: &str) -> Result<String, AuthenticationError> {
    let mut text = String::new();
    for name in [
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Signature",
        "X-Amz-SignedHeaders",
        "X-Amz-Date",
    ] {
        if query_parameter(query, name).is_none_or(str::is_empty) {
            text += &format!("AWS query-string parameters must include '{name}'. ");
        }
    }
    if !text.is_empty() {
        return Err(AuthenticationError::Incomplete(
            text + "Re-examine the query-string parameters.",
        ));
    }
    let credential = query_parameter(query, "X-Amz-Credential").unwrap_or("");
    Ok(credential.replace("%2F", "/").replace("%2f", "/"))
}

fn query_parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (key == name).then_some(value)
    })
}

/// Splits `<access key>/<date>/<region>/<service>/aws4_request`.
fn scope(credential: &str) -> Result<Credentials, AuthenticationError> {
    let mut parts = credential.split('/');
    let (access_key, _date) = (parts.next().unwrap_or(""), parts.next());
    let (region, _service, _end) = (parts.next(), parts.next(), parts.next());
    let (Some(region), Some(_end), None) = (region, _end, parts.next()) else {
        return Err(AuthenticationError::Incomplete(format!(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got \
             '{credential}'"
        )));
    };
    Ok(Credentials {
        account: access_key.parse().ok(),
        region: region.parse().map_err(|_| AuthenticationError::Region)?,
    })
}

#[cfg(test)]
mod tests;
