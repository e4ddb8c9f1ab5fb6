//! A receiver of requests for tests, over the loopback.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::Value;
use tokio_util::task::AbortOnDropHandle;

/// How a request is answered.
pub(super) enum Answer {
    /// By a status and a body.
    Of(u16, Value),
    /// Not at all: the connection is cut.
    CutOff,
}

/// Answers as it is told, and keeps what it was sent.
pub(super) struct Receiver {
    /// Without a path.
    pub(super) url: Uri,
    pub(super) seen: Arc<Mutex<Vec<(Parts, Bytes)>>>,
    _task: AbortOnDropHandle<()>,
}

impl Receiver {
    pub(super) async fn start(
        answer: impl Fn(&Parts, &[u8]) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (seen, answer) = (Arc::<Mutex<Vec<_>>>::default(), Arc::new(answer));
        let kept = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                let service = service_fn(move |request: Request<Incoming>| {
                    let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                    async move {
                        let (head, body) = request.into_parts();
                        let body = body.collect().await.unwrap().to_bytes();
                        let answer = answer(&head, &body);
                        kept.lock().push((head, body));
                        let Answer::Of(status, told) = answer else {
                            return Err(io::Error::other("cut off"));
                        };
                        let mut response = Response::new(Full::new(Bytes::from(told.to_string())));
                        *response.status_mut() = StatusCode::from_u16(status).unwrap();
                        Ok(response)
                    }
                });
                let http1 = hyper::server::conn::http1::Builder::new();
                connections.spawn(http1.serve_connection(TokioIo::new(stream), service));
            }
        });
        Self {
            url: url.parse().unwrap(),
            seen,
            _task: AbortOnDropHandle::new(task),
        }
    }
}
