//! An endpoint that answers as the test says: for what a healthy server does not do.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use serde_json::Value;

/// When the answers are given, by the service's clock.
const DATE: &str = "Sat, 28 Nov 2026 16:00:02 GMT";

/// One answer per request, in order; the last one again for every further request.
pub(crate) struct ScriptedService {
    pub(crate) endpoint: String,
    requests: mpsc::Receiver<Value>,
}

impl ScriptedService {
    /// Answers are statuses and bodies.
    pub(crate) fn start(answers: Vec<(u16, Value)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (sender, requests) = mpsc::channel();
        thread::spawn(move || {
            let mut answers = answers.into_iter().peekable();
            let mut last = None;
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                let request = read_request(&connection);
                let answer = answers.next().or(last).unwrap();
                answer_with(&mut connection, &answer);
                last = Some(answer);
                if sender.send(request).is_err() {
                    return;
                }
            }
        });
        Self { endpoint, requests }
    }

    /// The bodies of the requests so far.
    pub(crate) fn requests(&self) -> Vec<Value> {
        self.requests.try_iter().collect()
    }
}

fn read_request(connection: &TcpStream) -> Value {
    let mut reader = BufReader::new(connection);
    let mut body_bytes = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            body_bytes = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; body_bytes];
    reader.read_exact(&mut body).unwrap();
    serde_json::from_slice(&body).unwrap()
}

fn answer_with(connection: &mut TcpStream, (status, body): &(u16, Value)) {
    let body = body.to_string();
    write!(
        connection,
        "HTTP/1.1 {status} Scripted\r\ndate: {DATE}\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        body.len(),
    )
    .unwrap();
}
