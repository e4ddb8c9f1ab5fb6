//! A service in the test, over the loopback.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::task::AbortOnDropHandle;

/// A request as it came.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

type Answerer = dyn FnMut(&Seen) -> (u16, String) + Send;

/// Answers as it is told, and keeps what it was sent.
pub(super) struct StandIn {
    pub(super) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    _task: AbortOnDropHandle<()>,
}

impl StandIn {
    pub(super) async fn start(answer: impl FnMut(&Seen) -> (u16, String) + Send + 'static) -> Self {
        Self::listen(None, answer).await
    }

    /// With encryption, by this certificate for `localhost`.
    pub(super) async fn encrypted(
        tls: tokio_rustls::TlsAcceptor,
        answer: impl FnMut(&Seen) -> (u16, String) + Send + 'static,
    ) -> Self {
        Self::listen(Some(tls), answer).await
    }

    async fn listen(
        tls: Option<tokio_rustls::TlsAcceptor>,
        answer: impl FnMut(&Seen) -> (u16, String) + Send + 'static,
    ) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = match tls {
            Some(_) => format!("https://localhost:{port}"),
            None => format!("http://127.0.0.1:{port}"),
        };
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let kept = Arc::clone(&seen);
        let answer: Arc<Mutex<Answerer>> = Arc::new(Mutex::new(answer));
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (kept, answer, tls) = (Arc::clone(&kept), Arc::clone(&answer), tls.clone());
                connections.spawn(async move {
                    match tls {
                        None => serve(stream, kept, answer).await,
                        // A client that trusts nobody here leaves.
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, kept, answer).await;
                            }
                        }
                    }
                });
            }
        });
        Self {
            url,
            seen,
            _task: AbortOnDropHandle::new(task),
        }
    }

    /// What came since this was asked last.
    pub(super) fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.seen.lock())
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    kept: Arc<Mutex<Vec<Seen>>>,
    answer: Arc<Mutex<Answerer>>,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let seen = Seen {
                method: head.method.to_string(),
                path: head.uri.to_string(),
                headers: head.headers,
                body: String::from_utf8(body.to_vec()).unwrap(),
            };
            let (status, told) = answer.lock()(&seen);
            kept.lock().push(seen);
            let mut response = Response::new(Full::new(Bytes::from(told)));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            Ok::<_, Infallible>(response)
        }
    });
    let http1 = hyper::server::conn::http1::Builder::new();
    // How a connection ends is its client's affair.
    drop(http1.serve_connection(TokioIo::new(stream), service).await);
}
