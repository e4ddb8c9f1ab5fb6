//! A subscriber that costs little: one HTTP/1.1 connection whose chunked answer is read frame by frame.

use std::net::SocketAddr;

use anyhow::{Context, bail, ensure};
use millstream_wire::event_stream::{Frame, decode_frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An open answer to SubscribeToShard.
#[derive(Debug)]
pub struct Subscription {
    socket: TcpStream,
    /// Bytes of chunks that are not read yet.
    received: Vec<u8>,
    /// Bytes of frames.
    frames: Vec<u8>,
}

impl Subscription {
    /// Sends the request and waits for the first frame, the initial response.
    ///
    /// # Errors
    /// If the answer is not a stream of events.
    pub async fn open(address: SocketAddr, request: &[u8]) -> anyhow::Result<Self> {
        let mut socket = TcpStream::connect(address).await.context("connect")?;
        socket.set_nodelay(true)?;
        socket.write_all(request).await?;
        let mut this = Self {
            socket,
            received: Vec::new(),
            frames: Vec::new(),
        };
        let head_end = loop {
            let found = find(&this.received, b"\r\n\r\n");
            match found {
                Some(found) => break found + 4,
                None => this.fill().await?,
            }
        };
        let head = String::from_utf8_lossy(&this.received[..head_end]).into_owned();
        ensure!(head.starts_with("HTTP/1.1 200"), "{head}");
        this.received.drain(..head_end);
        let first = this.next().await?;
        ensure!(
            first.header(":event-type") == Some("initial-response"),
            "the first frame is {first:?}"
        );
        Ok(this)
    }

    /// The next frame.
    ///
    /// # Errors
    /// If the stream ends or is not one of frames.
    pub async fn next(&mut self) -> anyhow::Result<Frame> {
        loop {
            if let Some((frame, frame_bytes)) = decode_frame(&self.frames)? {
                self.frames.drain(..frame_bytes);
                return Ok(frame);
            }
            if !self.take_chunk()? {
                self.fill().await?;
            }
        }
    }

    /// Moves one chunk to the frames; false if it is not whole yet.
    fn take_chunk(&mut self) -> anyhow::Result<bool> {
        let Some(line_end) = find(&self.received, b"\r\n") else {
            return Ok(false);
        };
        let size = std::str::from_utf8(&self.received[..line_end])?;
        let size = usize::from_str_radix(size.trim(), 16).context("the size of a chunk")?;
        ensure!(size > 0, "the stream of events ended");
        let (start, end) = (line_end + 2, line_end + 2 + size);
        if self.received.len() < end + 2 {
            return Ok(false);
        }
        self.frames.extend_from_slice(&self.received[start..end]);
        self.received.drain(..end + 2);
        Ok(true)
    }

    async fn fill(&mut self) -> anyhow::Result<()> {
        if self.socket.read_buf(&mut self.received).await? == 0 {
            bail!("the server closed the connection");
        }
        Ok(())
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, wanted)
}
