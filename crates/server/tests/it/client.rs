//! HTTP/1.1 by hand, so that a test can send what no client library would.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::test_server::PATIENCE;

/// Credentials as a client sends them: any will do.
pub(crate) const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/eu-west-1/kinesis/aws4_request, \
                                        SignedHeaders=host;x-amz-date, Signature=00";

/// One connection.
pub(crate) struct Client {
    pub(crate) socket: TcpStream,
    received: Vec<u8>,
}

/// One answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// A header's value; empty if it is absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map_or("", |(_, value)| value)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// The error's name, from the body; empty where there is none.
    pub(crate) fn error(&self) -> String {
        if self.body.is_empty() {
            return String::new();
        }
        self.json()["__type"].as_str().unwrap_or("").to_owned()
    }
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).await.unwrap();
        socket.set_nodelay(true).unwrap();
        Self::from_socket(socket)
    }

    pub(crate) fn from_socket(socket: TcpStream) -> Self {
        Self {
            socket,
            received: Vec::new(),
        }
    }

    /// Calls an operation of the stream service.
    pub(crate) async fn call(&mut self, operation: &str, body: &str) -> Answer {
        self.post(
            &[
                ("x-amz-target", &format!("Kinesis_20131202.{operation}")),
                ("content-type", "application/x-amz-json-1.1"),
                ("authorization", AUTHORIZATION),
                ("x-amz-date", "20261123T120000Z"),
            ],
            body.as_bytes(),
        )
        .await
    }

    /// Calls an operation of the table service.
    pub(crate) async fn tables(&mut self, operation: &str, body: &serde_json::Value) -> Answer {
        self.post(
            &[
                ("x-amz-target", &format!("DynamoDB_20120810.{operation}")),
                ("content-type", "application/x-amz-json-1.0"),
                ("authorization", AUTHORIZATION),
                ("x-amz-date", "20261123T120000Z"),
            ],
            body.to_string().as_bytes(),
        )
        .await
    }

    pub(crate) async fn post(&mut self, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.request("POST", "/", headers, body).await
    }

    pub(crate) async fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        self.try_request(method, path, headers, body)
            .await
            .unwrap_or_else(|| panic!("closed without an answer to {method} {headers:?}"))
    }

    /// Sends a request; the answer, or `None` if the connection is closed instead.
    pub(crate) async fn try_request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, impl AsRef<str>)],
        body: &[u8],
    ) -> Option<Answer> {
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        if !headers.iter().any(|(name, _)| *name == "host") {
            head += "host: localhost\r\n";
        }
        for (name, value) in headers {
            head += &format!("{name}: {}\r\n", value.as_ref());
        }
        if method == "POST" || !body.is_empty() {
            head += &format!("content-length: {}\r\n", body.len());
        }
        let mut bytes = (head + "\r\n").into_bytes();
        bytes.extend_from_slice(body);
        self.send(&bytes).await;
        self.answer(method == "HEAD").await
    }

    /// Sends bytes as they are. That the server has closed the connection is no failure.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let sent = tokio::time::timeout(PATIENCE, self.socket.write_all(bytes)).await;
        sent.expect("the server takes bytes or closes the connection")
            .ok();
    }

    /// The next answer; `None` if the connection is closed instead.
    pub(crate) async fn answer(&mut self, has_no_body: bool) -> Option<Answer> {
        let head_end = loop {
            if let Some(at) = find(&self.received, b"\r\n\r\n") {
                break at + 4;
            }
            self.receive().await?;
        };
        let head: Vec<u8> = self.received.drain(..head_end).collect();
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let headers: Vec<_> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let mut answer = Answer {
            status: status.parse().unwrap(),
            headers,
            body: Vec::new(),
        };
        if has_no_body {
            return Some(answer);
        }
        if answer.header("transfer-encoding") == "chunked" {
            answer.body = self.chunks().await?;
        } else {
            let length: usize = answer.header("content-length").parse().unwrap_or(0);
            while self.received.len() < length {
                self.receive().await?;
            }
            answer.body = self.received.drain(..length).collect();
        }
        Some(answer)
    }

    async fn chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let chunk = self.chunk().await?;
            if chunk.is_empty() {
                return Some(body);
            }
            body.extend(chunk);
        }
    }

    /// The head of the next answer, whose body comes in chunks.
    pub(crate) async fn head(&mut self) -> Answer {
        let answer = self.answer(true).await;
        answer.expect("the server answers")
    }

    /// The next chunk of an answer; an empty one is the last. `None` if the connection is closed instead.
    pub(crate) async fn chunk(&mut self) -> Option<Vec<u8>> {
        let line_end = loop {
            if let Some(at) = find(&self.received, b"\r\n") {
                break at;
            }
            self.receive().await?;
        };
        let line: Vec<u8> = self.received.drain(..line_end + 2).collect();
        let size = std::str::from_utf8(&line[..line_end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        while self.received.len() < size + 2 {
            self.receive().await?;
        }
        let chunk = self.received.drain(..size).collect();
        self.received.drain(..2);
        Some(chunk)
    }

    /// Waits for an HTTP/2 frame of a kind, on a connection that has received nothing else but frames.
    pub(crate) async fn frame(&mut self, kind: u8) {
        let mut at = 0;
        loop {
            while self.received.len() < at + 9 {
                self.receive().await.expect("the server sends frames");
            }
            let head = &self.received[at..at + 9];
            if head[3] == kind {
                return;
            }
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            at += 9 + usize::try_from(length).unwrap();
        }
    }

    async fn receive(&mut self) -> Option<()> {
        self.received.reserve(16 * 1024);
        let read = tokio::time::timeout(PATIENCE, self.socket.read_buf(&mut self.received)).await;
        match read.expect("the server answers or closes the connection") {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(()),
        }
    }

    /// Waits until the server closes the connection; what it said before.
    pub(crate) async fn closed(mut self) -> Vec<u8> {
        while self.receive().await.is_some() {}
        self.received
    }
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes
        .windows(pattern.len())
        .position(|window| window == pattern)
}
