//! The network: a server that may be reached, and lines to it that are slow and break.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use parking_lot::Mutex;
use rand::Rng;
use rand::rngs::StdRng;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::Alone;
use crate::edge::Edge;
use crate::http::Listening;

/// What the socket of either side keeps for the other.
const SOCKET_BYTES: usize = 4 << 10;

/// A server, as the network knows it.
type Listener = Arc<Listening<Edge<Alone>>>;

/// Where clients find the server. Clones are the same network.
#[derive(Clone, Default)]
pub(super) struct Network(Arc<Mutex<Option<Listener>>>);

impl Network {
    /// Who listens from now on.
    pub(super) fn listens(&self, listening: Option<Listener>) {
        *self.0.lock() = listening;
    }

    /// A connection, if anybody listens.
    pub(super) fn connect(&self) -> Option<DuplexStream> {
        let listening = self.0.lock().clone()?;
        let (client, server) = tokio::io::duplex(SOCKET_BYTES);
        listening.take_socket(server, IpAddr::from([127, 0, 0, 1]));
        Some(client)
    }
}

/// A client's end of a connection over which bytes go in pieces, with pauses between some of them, and which breaks after
/// a while. Without dice it is a good one.
pub(super) struct Line {
    socket: DuplexStream,
    dice: Option<StdRng>,
    /// Breaks once these have passed, whatever they are part of.
    bytes_left: usize,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Line {
    pub(super) fn new(socket: DuplexStream, mut dice: Option<StdRng>) -> Self {
        let breaks = dice
            .as_mut()
            .and_then(|dice| dice.random_bool(0.5).then_some(dice));
        let bytes_left = breaks.map_or(usize::MAX, |dice| dice.random_range(0..20_000));
        Self {
            socket,
            dice,
            bytes_left,
            pause: None,
        }
    }

    /// How many bytes may go now, at most.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        if self.bytes_left == 0 {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let piece = self
            .dice
            .as_mut()
            .map_or(1024, |dice| dice.random_range(1..=1024));
        Poll::Ready(Ok(piece.min(self.bytes_left)))
    }

    fn passed(&mut self, bytes: usize) {
        self.bytes_left -= bytes;
        if let Some(dice) = &mut self.dice
            && dice.random_bool(0.1)
        {
            let pause = Duration::from_millis(dice.random_range(1..=40));
            self.pause = Some(Box::pin(sleep(pause)));
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let piece = ready!(this.poll_piece(cx))?.min(buf.remaining());
        let mut bytes = [0; 1024];
        let mut part = ReadBuf::new(&mut bytes[..piece]);
        ready!(Pin::new(&mut this.socket).poll_read(cx, &mut part))?;
        this.passed(part.filled().len());
        buf.put_slice(part.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let piece = ready!(this.poll_piece(cx))?.min(buf.len());
        let written = ready!(Pin::new(&mut this.socket).poll_write(cx, &buf[..piece]))?;
        this.passed(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(cx)
    }
}
