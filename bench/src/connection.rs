//! A keep-alive HTTP/1.1 connection that costs the client as little as possible.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One connection; one request at a time.
#[derive(Debug)]
pub struct Connection {
    socket: TcpStream,
    received: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let socket = TcpStream::connect(address).await.context("connect")?;
        socket.set_nodelay(true)?;
        Ok(Self {
            socket,
            received: Vec::with_capacity(64 * 1024),
        })
    }

    /// Sends a whole request and reads the whole answer. The body borrows the connection's buffer.
    ///
    /// # Errors
    /// If the connection breaks or the answer is not HTTP with a content length.
    pub async fn call(&mut self, request: &[u8]) -> anyhow::Result<(u16, &[u8])> {
        self.socket.write_all(request).await?;
        self.received.clear();
        let head_end = loop {
            let searched = self.received.len().saturating_sub(3);
            self.fill().await?;
            if let Some(found) = self.received[searched..]
                .windows(4)
                .position(|window| window == b"\r\n\r\n")
            {
                break searched + found + 4;
            }
        };
        let (status, length) = parse_head(&self.received[..head_end])?;
        let missing = (head_end + length).saturating_sub(self.received.len());
        self.received.reserve(missing);
        while self.received.len() < head_end + length {
            self.fill().await?;
        }
        Ok((status, &self.received[head_end..head_end + length]))
    }

    async fn fill(&mut self) -> anyhow::Result<()> {
        if self.received.capacity() == self.received.len() {
            self.received.reserve(64 * 1024);
        }
        if self.socket.read_buf(&mut self.received).await? == 0 {
            bail!("the server closed the connection");
        }
        Ok(())
    }
}

fn parse_head(head: &[u8]) -> anyhow::Result<(u16, usize)> {
    let head = std::str::from_utf8(head).context("the head is text")?;
    let status = head.get(9..12).context("a status line")?.parse()?;
    for line in head.lines() {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            return Ok((status, value.trim().parse()?));
        }
    }
    bail!("the answer has no content-length")
}
