//! The web console at `/`: for a browser that asks for a page, and for nothing that AWS's clients send.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING,
    CONTENT_SECURITY_POLICY, ETAG, HeaderName, IF_NONE_MATCH, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use millstream_console::File;

use crate::edge::{Answer, Service, Site};

/// Everything is the server's own, and no script or style stands in a page. Pictures may be made by scripts; forms go
/// nowhere; nobody frames the page.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const TARGET: HeaderName = HeaderName::from_static("x-amz-target");

/// The console.
#[derive(Debug)]
pub(crate) struct Console;

impl Site for Console {
    fn answer(&self, head: &Parts) -> Option<Answer> {
        if (head.method != Method::GET && head.method != Method::HEAD) || is_a_clients(head) {
            return None;
        }
        let path = head.uri.path();
        // What else is at the root has no name of its own: it is the page only for who can show one.
        if path == "/" && !accepts_html(head) {
            return None;
        }
        millstream_console::file(path).map(|file| answer(file, head))
    }
}

/// Whether a client of AWS's sent a request: it is signed, or names an operation.
fn is_a_clients(head: &Parts) -> bool {
    let query = head.uri.query().unwrap_or("");
    head.headers.contains_key(AUTHORIZATION)
        || head.headers.contains_key(TARGET)
        || query.contains("X-Amz-")
}

fn accepts_html(head: &Parts) -> bool {
    lists(head, &ACCEPT, "text/html")
}

/// Whether a header lists a word, whatever its parameters. Weights of 0 are none of a browser's.
fn lists(head: &Parts, header: &HeaderName, word: &str) -> bool {
    let values = head.headers.get_all(header).iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    texts
        .flat_map(|text| text.split(','))
        .map(|part| part.split(';').next().unwrap_or("").trim())
        .any(|listed| listed.eq_ignore_ascii_case(word))
}

fn answer(file: &File, head: &Parts) -> Answer {
    let is_packed = lists(head, &ACCEPT_ENCODING, "gzip");
    // Two representations, two strong tags.
    let tag = format!(
        "\"{}{}\"",
        file.digest(),
        if is_packed { "-gzip" } else { "" }
    );
    let is_known = is_tagged(head, &tag);
    let mut extra = HeaderMap::new();
    let tag = HeaderValue::try_from(tag).expect("a digest is ASCII");
    extra.insert(ETAG, tag);
    extra.insert(CACHE_CONTROL, keeping(file));
    extra.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    extra.insert(CONTENT_SECURITY_POLICY, POLICY);
    extra.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    extra.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    extra.insert(OPENER_POLICY, HeaderValue::from_static("same-origin"));
    if is_known {
        return Answer {
            service: Service::Bare,
            content_type: None,
            extra: Some(extra.into()),
            ..Answer::plain(StatusCode::NOT_MODIFIED, "", Bytes::new())
        };
    }
    let body = if is_packed {
        extra.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        Cow::Borrowed(file.gzip())
    } else {
        Cow::Owned(file.content().expect("a file of this build opens"))
    };
    let body = match body {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    };
    Answer {
        service: Service::Bare,
        extra: Some(extra.into()),
        ..Answer::plain(StatusCode::OK, file.content_type(), body)
    }
}

/// How long a browser may keep a file without asking.
fn keeping(file: &File) -> HeaderValue {
    HeaderValue::from_static(if file.is_immutable() {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    })
}

/// Whether the browser has this representation already.
fn is_tagged(head: &Parts, tag: &str) -> bool {
    let known = head.headers.get_all(IF_NONE_MATCH).iter();
    known
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','))
        .map(|one| one.trim().trim_start_matches("W/"))
        .any(|one| one == tag || one == "*")
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use crate::http::AnswerBody;

    fn ask(method: Method, uri: &str, headers: &[(&str, &str)]) -> Option<Answer> {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Console.answer(&request.body(()).unwrap().into_parts().0)
    }

    const HTML: (&str, &str) = ("accept", "text/html,application/xhtml+xml,*/*;q=0.8");

    fn body(answer: &Answer) -> &[u8] {
        match &answer.body {
            AnswerBody::Whole(bytes) => bytes,
            AnswerBody::Parts(_) => panic!("files come whole"),
        }
    }

    #[test]
    fn a_browser_gets_the_page_with_a_strict_policy() {
        let page = ask(Method::GET, "/", &[HTML]).unwrap();
        assert_eq!(page.status, StatusCode::OK);
        assert_eq!(page.content_type, Some("text/html; charset=utf-8"));
        assert!(body(&page).starts_with(b"<!doctype html>"));
        let policy = page.extra.as_ref().unwrap()[CONTENT_SECURITY_POLICY]
            .to_str()
            .unwrap();
        assert!(policy.contains("script-src 'self'"));
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(page.extra.as_ref().unwrap()[CACHE_CONTROL], "no-cache");
    }

    #[test]
    fn clients_of_aws_never_see_it() {
        for headers in [
            &[("accept", "*/*")][..],
            &[],
            &[HTML, ("authorization", "AWS4-HMAC-SHA256 Credential=x")],
            &[HTML, ("x-amz-target", "Kinesis_20131202.ListStreams")],
        ] {
            assert!(ask(Method::GET, "/", headers).is_none(), "{headers:?}");
        }
        assert!(ask(Method::POST, "/", &[HTML]).is_none());
        assert!(ask(Method::GET, "/?X-Amz-Signature=1", &[HTML]).is_none());
        assert!(ask(Method::GET, "/no-such-file", &[HTML]).is_none());
        assert!(ask(Method::GET, "/assets/../Cargo.toml", &[HTML]).is_none());
    }

    #[test]
    fn each_representation_has_a_tag_of_its_own_and_is_sent_once() {
        let gzip = ("accept-encoding", "br, gzip;q=0.9");
        let packed = ask(Method::GET, "/", &[HTML, gzip]).unwrap();
        let plain = ask(Method::GET, "/", &[HTML]).unwrap();
        assert_eq!(packed.extra.as_ref().unwrap()[CONTENT_ENCODING], "gzip");
        assert!(!plain.extra.as_ref().unwrap().contains_key(CONTENT_ENCODING));
        assert_ne!(
            packed.extra.as_ref().unwrap()[ETAG],
            plain.extra.as_ref().unwrap()[ETAG]
        );
        let tag = packed.extra.as_ref().unwrap()[ETAG].to_str().unwrap();
        let again = ask(Method::GET, "/", &[HTML, gzip, ("if-none-match", tag)]).unwrap();
        assert_eq!(again.status, StatusCode::NOT_MODIFIED);
        assert!(body(&again).is_empty());
        assert_eq!(
            again.extra.as_ref().unwrap()[ETAG],
            packed.extra.as_ref().unwrap()[ETAG]
        );
        let other = ask(Method::GET, "/", &[HTML, ("if-none-match", tag)]).unwrap();
        assert_eq!(other.status, StatusCode::OK, "that was the other one's");
    }

    #[test]
    fn what_is_named_by_its_digest_is_kept_for_ever() {
        for file in millstream_console::files() {
            let answer = ask(Method::GET, file.path(), &[HTML]).unwrap();
            let kept = answer.extra.as_ref().unwrap()[CACHE_CONTROL]
                .to_str()
                .unwrap();
            assert_eq!(
                kept.contains("immutable"),
                file.path().starts_with("/assets/")
            );
        }
    }
}
