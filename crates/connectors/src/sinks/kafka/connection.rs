//! A connection to one broker: a request, its answer, and the next.

use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use super::messages::Message;
use super::wire::{Reader, Unreadable, Writer};
use crate::SinkError;

/// An answer that is longer is none.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// What brokers call us in their logs and metrics.
const CLIENT: &str = "millstream";

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Useless after an error, and after a future of [`ask`](Self::ask) was dropped.
pub(super) struct Connection {
    stream: Box<dyn Stream>,
    number: i32,
    /// When it was last asked something, and answered.
    used: Instant,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

impl Connection {
    /// Connects. The caller sees to the time.
    pub(super) async fn to(
        host: &str,
        port: u16,
        tls: Option<&TlsConnector>,
    ) -> Result<Self, SinkError> {
        let stream = TcpStream::connect((host, port)).await;
        let stream = stream.map_err(|error| SinkError::of("no connection", &error))?;
        // Requests are written whole.
        stream.set_nodelay(true).ok();
        let stream: Box<dyn Stream> = match tls {
            None => Box::new(stream),
            Some(connector) => {
                let name = ServerName::try_from(host.to_owned());
                let name = name.map_err(|error| SinkError::of("no connection", &error))?;
                let encrypted = connector.connect(name, stream).await;
                Box::new(encrypted.map_err(|error| SinkError::of("no connection", &error))?)
            }
        };
        Ok(Self {
            stream,
            number: 0,
            used: Instant::now(),
        })
    }

    /// How long nothing was asked.
    pub(super) fn idle_for(&self) -> Duration {
        self.used.elapsed()
    }

    /// Asks, and waits for the answer. The caller sees to the time.
    pub(super) async fn ask<M: Message>(&mut self, message: &M) -> Result<M::Answer, SinkError> {
        let broken = |error: std::io::Error| SinkError::of("the broker", &error);
        self.number = self.number.wrapping_add(1);
        self.stream
            .write_all(&request(message, self.number))
            .await
            .map_err(broken)?;
        self.stream.flush().await.map_err(broken)?;
        let length = self.stream.read_i32().await.map_err(broken)?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if !(4..=ANSWER_BYTES_MAX).contains(&length) {
            return Err(SinkError::new(Unreadable.to_string()));
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer).await.map_err(broken)?;
        self.used = Instant::now();
        let unreadable = |error: Unreadable| SinkError::new(error.to_string());
        let mut reader = Reader(&answer);
        if reader.i32().map_err(unreadable)? != self.number {
            return Err(unreadable(Unreadable));
        }
        M::read(&mut reader).map_err(unreadable)
    }
}

/// The request with its length and header.
fn request<M: Message>(message: &M, number: i32) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.i32(0);
    writer.i16(M::KEY);
    writer.i16(M::VERSION);
    writer.i32(number);
    writer.string(CLIENT);
    message.write(&mut writer);
    let mut bytes = writer.0;
    let length = i32::try_from(bytes.len() - 4).unwrap_or(i32::MAX);
    bytes[..4].copy_from_slice(&length.to_be_bytes());
    bytes
}
