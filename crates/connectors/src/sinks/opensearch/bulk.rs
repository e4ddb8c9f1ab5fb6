//! One request of the bulk API.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{Request, Uri};
use http_body_util::Full;
use millstream_https::Https;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::answer::outcomes;
use super::{Credentials, Settings};
use crate::sinks::halves::NotWritten;
use crate::{Item, Outcome, SinkError};

/// What is answered of thousands of items that all failed.
const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;
/// What of the answer is asked for.
const FILTER: &str = "filter_path=items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by.reason";
/// Longest id of a document, in bytes.
const ID_BYTES_MAX: usize = 512;

/// Writes to one index.
#[derive(Debug)]
pub(super) struct Bulk {
    https: Https,
    url: Uri,
    credentials: Option<Credentials>,
    timeout: Duration,
}

impl Bulk {
    pub(super) fn new(settings: &Settings) -> Result<Self, SinkError> {
        let (url, index) = (&settings.url, &settings.index);
        let path = format!(
            "{}/{index}/_bulk?{FILTER}",
            url.path().trim_end_matches('/')
        );
        let mut parts = url.clone().into_parts();
        parts.path_and_query = Some(
            path.parse()
                .map_err(|error| SinkError::of("the URL", &error))?,
        );
        let url = Uri::from_parts(parts).map_err(|error| SinkError::of("the URL", &error))?;
        Ok(Self {
            https: Https::to(&url, settings.authorities.as_deref())?,
            url,
            credentials: settings.credentials.clone(),
            timeout: settings.timeout,
        })
    }

    /// Writes so many items by their lines; one outcome for each, in their order. If this future is dropped, they may have
    /// been written.
    pub(super) async fn write(
        &self,
        body: String,
        count: usize,
    ) -> Result<Vec<Outcome>, NotWritten> {
        let request = self.request(body);
        let asked = self.https.ask(request, ANSWER_BYTES_MAX, self.timeout);
        let answer = asked
            .await
            .map_err(|error| NotWritten::Unknown(SinkError::from(error).message))?;
        outcomes(answer.status, &answer.body, count)
    }

    fn request(&self, body: String) -> Request<Full<Bytes>> {
        let mut request = Request::post(self.url.clone())
            .body(Full::new(body.into()))
            .expect("a URL and no headers make a request");
        let headers = request.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-ndjson"),
        );
        headers.insert(USER_AGENT, HeaderValue::from_static("millstream"));
        if let Some(Credentials(value)) = &self.credentials {
            headers.insert(AUTHORIZATION, value.clone());
        }
        request
    }
}

/// The two lines of an item: what is to be done, and the document. Or why there is none.
pub(super) fn lines(item: &Item) -> Result<String, String> {
    if item.raw.is_some() || !matches!(*item.value, Value::Object(_)) {
        return Err("only an object is a document".to_owned());
    }
    let action = json!({"index": {
        "_id": id_of(item),
        // With a version from outside, only a higher one replaces what is there.
        "version": item.revision,
        "version_type": "external",
    }});
    Ok(format!("{action}\n{}\n", item.value))
}

/// The item's id; of one that is too long, its digest.
fn id_of(item: &Item) -> String {
    let id = item.id();
    if id.len() <= ID_BYTES_MAX {
        return id.to_string();
    }
    let digest = Sha256::digest(id.as_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}
