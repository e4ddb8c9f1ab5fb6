//! Where requests may come from. Web pages must be of the server's own origin or of one that the operator named. A
//! server without keys moreover answers to loopback names only. So no other web page can reach the server through its
//! reader, not even one whose name was pointed at it.

use std::net::IpAddr;

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HOST, ORIGIN, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};

use super::{Answer, Service};

const EXPOSED: &str =
    "x-amzn-RequestId,x-amzn-ErrorType,x-amz-request-id,x-amz-id-2,x-amzn-ErrorMessage,Date";
/// How long a browser may remember the answer to its question, in seconds.
const MAX_AGE: &str = "172800";

/// The rules.
#[derive(Debug)]
pub(crate) struct Access {
    origins: Vec<String>,
    is_any_origin: bool,
    /// Whether the host must be a loopback name: without keys nothing else tells a page from a program.
    is_loopback_only: bool,
}

/// Why a request is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// Another machine's name for this address: what a web page sees after its name was pointed here.
    #[error("The Host of a request must be a loopback name such as localhost or 127.0.0.1")]
    Host,
    /// Two hosts, of which others on the way may have looked at the other one, or none where there must be one.
    #[error("A request names its Host, and only one")]
    NotOneHost,
    /// A web page of another origin.
    #[error(
        "Web pages of this Origin may not call this server; --cors-origin names those that may"
    )]
    Origin,
}

/// A web page that may call: what its browser must hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AllowedOrigin(HeaderValue);

impl Access {
    pub(crate) fn new(origins: Vec<String>, is_loopback_only: bool) -> Self {
        Self {
            is_any_origin: origins.iter().any(|origin| origin == "*"),
            origins,
            is_loopback_only,
        }
    }

    /// Checks where a request came from; the origin of the web page that sent it, if one did.
    pub(crate) fn check(&self, head: &Parts) -> Result<Option<AllowedOrigin>, Refusal> {
        check_one_host(head)?;
        let host = match head.uri.authority() {
            Some(authority) => Some(authority.as_str().as_bytes()),
            None => head.headers.get(HOST).map(HeaderValue::as_bytes),
        };
        // Browsers always name a host. What does not, over HTTP/1.0, is no browser.
        if self.is_loopback_only && host.is_some_and(|host| !is_loopback(host)) {
            return Err(Refusal::Host);
        }
        let Some(origin) = head.headers.get(ORIGIN) else {
            return Ok(None);
        };
        if self.is_any_origin {
            return Ok(Some(AllowedOrigin(HeaderValue::from_static("*"))));
        }
        let is_own = host.is_some_and(|host| {
            origin.as_bytes().strip_prefix(b"http://") == Some(host)
                || origin.as_bytes().strip_prefix(b"https://") == Some(host)
        });
        let is_named = || {
            self.origins
                .iter()
                .any(|named| named.as_bytes() == origin.as_bytes())
        };
        if is_own || is_named() {
            Ok(Some(AllowedOrigin(origin.clone())))
        } else {
            Err(Refusal::Origin)
        }
    }

    /// The answer to a browser's question whether a page may call; `None` if the request asks nothing.
    pub(crate) fn preflight(&self, head: &Parts) -> Option<Answer> {
        if head.method != Method::OPTIONS || !head.headers.contains_key(ORIGIN) {
            return None;
        }
        let mut extra = HeaderMap::new();
        extra.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE));
        let mut echo = |asked: HeaderName, allowed: HeaderName| {
            if let Some(value) = head.headers.get(asked) {
                extra.insert(allowed, value.clone());
            }
        };
        echo(ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_ALLOW_HEADERS);
        echo(ACCESS_CONTROL_REQUEST_METHOD, ACCESS_CONTROL_ALLOW_METHODS);
        Some(Answer {
            service: Service::Preflight,
            content_type: None,
            extra: Some(extra.into()),
            ..Answer::plain(StatusCode::OK, "", Bytes::new())
        })
    }
}

impl AllowedOrigin {
    /// Lets the page read the answer.
    pub(crate) fn expose(self, headers: &mut HeaderMap) {
        if !headers.contains_key(ACCESS_CONTROL_MAX_AGE) {
            headers.insert(
                ACCESS_CONTROL_EXPOSE_HEADERS,
                HeaderValue::from_static(EXPOSED),
            );
        }
        if self.0 != "*" {
            headers.insert(VARY, HeaderValue::from_static("Origin"));
        }
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, self.0);
    }
}

/// One host, as RFC 9112 §3.2 and RFC 9113 §8.3.1 demand; HTTP/1.0 knows requests without.
fn check_one_host(head: &Parts) -> Result<(), Refusal> {
    let mut named = head.headers.get_all(HOST).iter();
    let (first, second) = (named.next(), named.next());
    let authority = match head.version {
        Version::HTTP_2 => head.uri.authority(),
        // A target in absolute form says again what the header says, or overrides it.
        _ => None,
    };
    let is_one = match (first, authority) {
        (Some(host), Some(authority)) => host.as_bytes() == authority.as_str().as_bytes(),
        (None, None) => head.version <= Version::HTTP_10,
        (Some(_), None) | (None, Some(_)) => true,
    };
    if is_one && second.is_none() {
        Ok(())
    } else {
        Err(Refusal::NotOneHost)
    }
}

fn is_loopback(host: &[u8]) -> bool {
    let Ok(host) = std::str::from_utf8(host) else {
        return false;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let is_name = |name: &str| {
        let name = name.strip_suffix('.').unwrap_or(name);
        let below = name.len().checked_sub("localhost".len());
        below.is_some_and(|below| {
            name.is_char_boundary(below)
                && name[below..].eq_ignore_ascii_case("localhost")
                && (below == 0 || name[..below].ends_with('.'))
        })
    };
    let bare = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    match bare.unwrap_or(name).parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => is_name(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn head(headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(Method::POST).uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_host_is_a_loopback_name() {
        let access = Access::new(Vec::new(), true);
        for good in [
            "localhost",
            "localhost:4566",
            "LocalHost:1",
            "kinesis.localhost:4566",
            "localhost.:80",
            "127.0.0.1",
            "127.9.8.7:4566",
            "[::1]:4566",
            "[::1]",
        ] {
            assert_eq!(access.check(&head(&[("host", good)])), Ok(None), "{good}");
        }
        for bad in [
            "",
            "example.com",
            "example.com:4566",
            "notlocalhost",
            "localhost.example.com",
            "127.0.0.1.example.com",
            "10.0.0.1:4566",
            "[::2]:1",
            "0.0.0.0:4566",
        ] {
            let refused = access.check(&head(&[("host", bad)]));
            assert_eq!(refused, Err(Refusal::Host), "{bad:?}");
        }
        let with_keys = Access::new(Vec::new(), false);
        assert_eq!(with_keys.check(&head(&[("host", "example.com")])), Ok(None));
        let page = [("host", "example.com"), ("origin", "https://other.com")];
        assert_eq!(with_keys.check(&head(&page)), Err(Refusal::Origin));
    }

    #[test]
    fn a_request_names_one_host() {
        let access = Access::new(Vec::new(), false);
        let check = |version, uri: &str, hosts: &[&str]| {
            let hosts: Vec<_> = hosts.iter().map(|host| ("host", *host)).collect();
            let mut head = head(&hosts);
            head.version = version;
            head.uri = uri.parse().unwrap();
            access.check(&head)
        };
        let refused = Err(Refusal::NotOneHost);
        for version in [Version::HTTP_10, Version::HTTP_11, Version::HTTP_2] {
            assert_eq!(check(version, "/", &["a"]), Ok(None));
            assert_eq!(check(version, "/", &["a", "a"]), refused);
            assert_eq!(check(version, "/", &["a", "b"]), refused);
        }
        assert_eq!(check(Version::HTTP_10, "/", &[]), Ok(None));
        assert_eq!(check(Version::HTTP_11, "/", &[]), refused);
        assert_eq!(check(Version::HTTP_2, "/", &[]), refused);
        assert_eq!(check(Version::HTTP_2, "http://a/", &[]), Ok(None));
        assert_eq!(check(Version::HTTP_2, "http://a/", &["a"]), Ok(None));
        assert_eq!(check(Version::HTTP_2, "http://a/", &["b"]), refused);
    }

    #[test]
    fn pages_of_the_same_and_of_named_origins_get_in() {
        let access = Access::new(vec!["http://localhost:5173".into()], true);
        let from =
            |origin: &str| access.check(&head(&[("host", "127.0.0.1:4566"), ("origin", origin)]));
        for good in ["http://127.0.0.1:4566", "http://localhost:5173"] {
            assert!(from(good).unwrap().is_some(), "{good}");
        }
        for bad in [
            "null",
            "http://localhost:4566",
            "http://127.0.0.1:4567",
            "http://localhost:51730",
            "https://example.com",
        ] {
            assert_eq!(from(bad), Err(Refusal::Origin), "{bad}");
        }
        let open = Access::new(vec!["*".into()], true);
        let allowed = open
            .check(&head(&[("host", "localhost"), ("origin", "null")]))
            .unwrap();
        let mut headers = HeaderMap::new();
        allowed.unwrap().expose(&mut headers);
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert_eq!(headers[ACCESS_CONTROL_EXPOSE_HEADERS], EXPOSED);
        assert!(!headers.contains_key(VARY));
    }
}
