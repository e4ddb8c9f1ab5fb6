//! KEDA's connections: HTTP/2 without TLS, a few at a time.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tonic::codegen::Service;

use super::externalscaler::external_scaler_server::ExternalScalerServer;
use super::scaler::Scaler;
use crate::connections::serve;

/// KEDA's operator has one for each address; further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 32;
/// Each ScaledObject has two calls that stay open, and others for a moment.
const CALLS_MAX: u32 = 256;
/// A ScaledObject's metadata is some hundred bytes.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// Of all headers of a call.
const HEAD_BYTES_MAX: u32 = 16 * 1024;
/// Who connects says something within this...
const FIRST_BYTE_MAX: Duration = Duration::from_secs(10);
/// ... and is asked whether it is there still, and given as long to answer.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

type Answers = ExternalScalerServer<Scaler>;

/// Answers whoever connects. Never ends; dropping it ends its connections.
pub(super) async fn answer(listener: TcpListener, scaler: Scaler) {
    let answers = Answers::new(scaler)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    serve(listener, CONNECTIONS_MAX, |stream| {
        connection(stream, answers.clone())
    })
    .await;
}

async fn connection(stream: TcpStream, answers: Answers) {
    if timeout(FIRST_BYTE_MAX, stream.readable()).await.is_err() {
        return;
    }
    let service = service_fn(move |request| {
        let mut answers = answers.clone();
        answers.call(request)
    });
    let mut protocol = http2::Builder::new(Calls::default());
    protocol
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .max_concurrent_streams(CALLS_MAX)
        .max_header_list_size(HEAD_BYTES_MAX);
    let served = protocol.serve_connection(TokioIo::new(stream), service);
    if let Err(error) = served.await {
        tracing::debug!(%error, "a connection of KEDA's ended");
    }
}

/// The calls of a connection: they end with it.
#[derive(Debug, Clone, Default)]
struct Calls(Arc<Mutex<JoinSet<()>>>);

impl<F> Executor<F> for Calls
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, call: F) {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while calls.try_join_next().is_some() {}
        calls.spawn(call);
    }
}
