//! The canonical form of a request, straight into a hash: nothing is built that only the hash would read.

use sha2::{Digest, Sha256};

use super::{SignedRequest, header_names, hex};

/// The SHA-256 of the canonical request; `None` if a signed header is not there.
///
/// `signed_headers` are names with semicolons between them, in the order in which they were signed.
pub(super) fn hash(
    request: &SignedRequest<'_>,
    signed_headers: &str,
    is_presigned: bool,
) -> Option<[u8; 32]> {
    let mut hash = Sha256::new();
    hash.update(request.method.as_bytes());
    hash.update(b"\n");
    put_path(&mut hash, request.path);
    hash.update(b"\n");
    if !request.query.is_empty() {
        hash.update(query(request.query, is_presigned));
    }
    hash.update(b"\n");
    for name in header_names(signed_headers) {
        put_header(&mut hash, request, name)?;
    }
    hash.update(b"\n");
    put_lower(&mut hash, signed_headers.as_bytes());
    hash.update(b"\n");
    hash.update(hex(&request.body.sha256()));
    Some(hash.finalize().into())
}

/// `name:value\n`, several values with commas; nothing if there is none.
fn put_header(hash: &mut Sha256, request: &SignedRequest<'_>, name: &[u8]) -> Option<()> {
    let mut values = request
        .headers
        .iter()
        .filter(|(key, _)| key.as_bytes().eq_ignore_ascii_case(name))
        .map(|(_, value)| *value);
    let first = values.next()?;
    put_lower(hash, name);
    hash.update(b":");
    put_value(hash, first);
    for value in values {
        hash.update(b",");
        put_value(hash, value);
    }
    hash.update(b"\n");
    Some(())
}

/// A value without space at its ends, and with one space where there are several.
fn put_value(hash: &mut Sha256, value: &[u8]) {
    let value = value.trim_ascii();
    if !value.windows(2).any(|pair| pair == b"  ") {
        hash.update(value);
        return;
    }
    let words = value.split(|byte| *byte == b' ');
    for (at, word) in words.filter(|word| !word.is_empty()).enumerate() {
        if at > 0 {
            hash.update(b" ");
        }
        hash.update(word);
    }
}

fn put_lower(hash: &mut Sha256, text: &[u8]) {
    if text.iter().any(u8::is_ascii_uppercase) {
        hash.update(text.to_ascii_lowercase());
    } else {
        hash.update(text);
    }
}

/// The path without `.`, `..` and empty segments, encoded once more than it was sent.
fn put_path(hash: &mut Sha256, path: &str) {
    if path == "/" || path.is_empty() {
        hash.update(b"/");
        return;
    }
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    let mut text = Vec::with_capacity(path.len() + 1);
    for segment in &segments {
        text.push(b'/');
        percent_encode(segment.as_bytes(), &mut text);
    }
    let is_folder = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
    if segments.is_empty() || is_folder {
        text.push(b'/');
    }
    hash.update(text);
}

/// The query's parameters, each encoded in the one right way, in the order of their bytes; without the signature that
/// a presigned query carries.
pub(super) fn query(query: &str, is_presigned: bool) -> Vec<u8> {
    let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (recoded(key), recoded(value))
        })
        .filter(|(key, _)| !(is_presigned && key == b"X-Amz-Signature"))
        .collect();
    pairs.sort_unstable();
    let mut text = Vec::with_capacity(query.len() + 64);
    for (key, value) in &pairs {
        if !text.is_empty() {
            text.push(b'&');
        }
        text.extend_from_slice(key);
        text.push(b'=');
        text.extend_from_slice(value);
    }
    text
}

fn recoded(part: &str) -> Vec<u8> {
    let mut text = Vec::with_capacity(part.len());
    percent_encode(&percent_decoded(part.as_bytes()), &mut text);
    text
}

/// Encodes everything but letters, digits and `-._~`.
pub(super) fn percent_encode(bytes: &[u8], into: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            into.push(byte);
        } else {
            let (high, low) = (usize::from(byte >> 4), usize::from(byte & 15));
            into.extend_from_slice(&[b'%', DIGITS[high], DIGITS[low]]);
        }
    }
}

/// Decodes `%41` and `+`; a percent sign without two digits stands for itself.
pub(super) fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let pair = (digit(text.get(at + 1)), digit(text.get(at + 2)));
        match (byte, pair) {
            (b'%', (Some(high), Some(low))) => {
                bytes.push(u8::try_from(high << 4 | low).expect("two digits of four bits"));
                at += 3;
            }
            (b'+', _) => {
                bytes.push(b' ');
                at += 1;
            }
            _ => {
                bytes.push(byte);
                at += 1;
            }
        }
    }
    bytes
}
