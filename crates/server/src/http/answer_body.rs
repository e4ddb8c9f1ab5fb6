//! What an answer's body can be.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::Stream;
use http_body::{Body, Frame, SizeHint};

use super::Connection;
use super::multiplexed::OpenRequest;

/// An answer to an HTTP/2 request is handed over in parts of at most so many bytes: what is handed over is held until
/// the client takes it, and shows whether it does.
const PART_BYTES_MAX: usize = 64 * 1024;

/// An answer's body on its way.
#[derive(Debug)]
pub(crate) struct SentBody {
    body: AnswerBody,
    /// The HTTP/2 request that it answers.
    open: Option<Arc<OpenRequest>>,
}

impl SentBody {
    pub(super) fn new(body: AnswerBody, open: Option<Arc<OpenRequest>>) -> Self {
        Self { body, open }
    }
}

impl Body for SentBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = &mut *self;
        let Some(open) = &this.open else {
            return Pin::new(&mut this.body).poll_frame(cx);
        };
        if let AnswerBody::Whole(bytes) = &mut this.body
            && bytes.len() > PART_BYTES_MAX
        {
            let part = open.hand_over(bytes.split_to(PART_BYTES_MAX));
            return Poll::Ready(Some(Ok(Frame::data(part))));
        }
        Pin::new(&mut this.body).poll_frame(cx).map(|frame| {
            frame.map(|frame| frame.map(|frame| frame.map_data(|part| open.hand_over(part))))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of an answer.
pub(crate) enum AnswerBody {
    /// All of it; empty once it was taken.
    Whole(Bytes),
    /// Parts that come as they are made, each sent at once.
    Parts(Parts),
}

/// Parts of an answer, and the connection that is at work until there are no more.
pub(crate) struct Parts {
    stream: Pin<Box<dyn Stream<Item = Bytes> + Send>>,
    connection: Option<Arc<Connection>>,
}

impl Drop for Parts {
    fn drop(&mut self) {
        if let Some(connection) = &self.connection {
            connection.end();
        }
    }
}

impl AnswerBody {
    /// No byte and no Content-Length either: HTTP/1.1 sends it chunked.
    pub(crate) fn unsized_and_empty() -> Self {
        Self::parts(futures::stream::empty())
    }

    /// Parts that come as they are made.
    pub(crate) fn parts(stream: impl Stream<Item = Bytes> + Send + 'static) -> Self {
        Self::Parts(Parts {
            stream: Box::pin(stream),
            connection: None,
        })
    }

    /// Its length in bytes, if it is all there; 0 if it comes in parts.
    pub(crate) fn whole_bytes(&self) -> usize {
        match self {
            Self::Whole(bytes) => bytes.len(),
            Self::Parts(_) => 0,
        }
    }

    pub(super) fn is_in_parts(&self) -> bool {
        matches!(self, Self::Parts(_))
    }

    /// The request is answered when the last part is gone.
    pub(super) fn end_with(&mut self, connection: Arc<Connection>) {
        match self {
            Self::Parts(parts) => parts.connection = Some(connection),
            Self::Whole(_) => connection.end(),
        }
    }
}

impl fmt::Debug for AnswerBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(bytes) => write!(f, "Whole({} bytes)", bytes.len()),
            Self::Parts(_) => f.write_str("Parts"),
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Parts(parts) => parts
                .stream
                .as_mut()
                .poll_next(cx)
                .map(|part| part.map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Parts(_) => SizeHint::default(),
        }
    }
}
