//! The real binary as a child process.

use std::fmt;
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use crate::output::Output;

/// A server that takes longer to say where it listens does not start.
const START_DEADLINE: Duration = Duration::from_secs(60);
/// A server that has not said what a test waits for by then will not say it.
const OUTPUT_DEADLINE: Duration = Duration::from_secs(60);
/// A server that takes longer to end after SIGTERM hangs.
const END_DEADLINE: Duration = Duration::from_secs(60);

/// A running `millstream serve`; killed and reaped when dropped.
///
/// What it says on stdout and stderr is kept (the last 256 KiB) and shown where something fails.
pub struct ServerProcess {
    child: Child,
    address: SocketAddr,
    output: Output,
    is_reaped: bool,
}

impl ServerProcess {
    /// `<binary> serve --listen 127.0.0.1:0`, for more arguments and environment.
    ///
    /// A test of the crate that builds the binary finds its path in `env!("CARGO_BIN_EXE_millstream")`.
    pub fn command(binary: &Path) -> Command {
        let mut command = Command::new(binary);
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        command
    }

    /// Starts the server and waits until it says where it listens: the first `http://<address>:<port>` or
    /// `https://<address>:<port>` in what it says.
    ///
    /// # Panics
    /// If it cannot be run, ends, or says no address within a minute.
    pub fn start(mut command: Command) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not run: {error}"));
        let stdout = child.stdout.take().expect("stdout is piped");
        let stderr = child.stderr.take().expect("stderr is piped");
        let streams: Vec<Box<dyn Read + Send>> = vec![Box::new(stdout), Box::new(stderr)];
        let mut server = Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            output: Output::default(),
            is_reaped: false,
        };
        let address = server
            .output
            .read_until(streams, address_in, START_DEADLINE);
        server.address = address.unwrap_or_else(|| panic!("{command:?} says no address"));
        server
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://<address>:<port>`, as a client's endpoint.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has said so far: right after `start`, perhaps not yet what follows the address.
    pub fn output(&self) -> String {
        self.output.text()
    }

    /// What it has said once `expected` is in it.
    ///
    /// # Panics
    /// If it has not said that after a minute.
    pub fn output_with(&self, expected: &str) -> String {
        let text = self.output.text_with(expected, OUTPUT_DEADLINE);
        text.unwrap_or_else(|| panic!("it never said {expected:?}"))
    }

    /// Ends it at once (SIGKILL) and waits for its end.
    ///
    /// # Panics
    /// If it had ended by itself before.
    pub fn kill(mut self) -> ExitStatus {
        let ended = self.child.try_wait().expect("the child can be waited for");
        assert!(ended.is_none(), "it had ended before: {ended:?}");
        self.child.kill().expect("a child can be killed");
        self.wait(END_DEADLINE)
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    ///
    /// # Panics
    /// If it had ended before, or has not ended after a minute.
    pub fn terminate(mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait(END_DEADLINE)
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// If it has not ended after `deadline`.
    pub fn wait(&mut self, deadline: Duration) -> ExitStatus {
        let process = pidfd_open(self.pid(), PidfdFlags::empty()).expect("the child is not reaped");
        let end = Instant::now() + deadline;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).expect("a deadline of some minutes");
            let mut ended = [PollFd::new(&process, PollFlags::IN)];
            match poll(&mut ended, Some(&left)) {
                Ok(0) => panic!("it has not ended after {deadline:?}"),
                Ok(_) => break,
                Err(Errno::INTR) => {}
                Err(error) => panic!("waiting for it: {error}"),
            }
        }
        let status = self.child.wait().expect("the child can be waited for");
        self.is_reaped = true;
        status
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// If it had ended before.
    pub fn signal(&mut self, signal: Signal) {
        let ended = self.child.try_wait().expect("the child can be waited for");
        assert!(ended.is_none(), "it had ended before: {ended:?}");
        kill_process(self.pid(), signal).expect("a child takes signals");
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        if !self.is_reaped {
            // It may have ended by itself: then there is nothing to kill, and something to reap.
            drop(self.child.kill());
            drop(self.child.wait());
        }
        if std::thread::panicking() {
            eprintln!("the server said:\n{}", self.output.text());
        }
    }
}

impl fmt::Debug for ServerProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerProcess")
            .field("id", &self.child.id())
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line
        .split_once("http://")
        .or_else(|| line.split_once("https://"))?;
    let is_address = |c: char| c.is_ascii_hexdigit() || ".:[]".contains(c);
    let end = rest.find(|c| !is_address(c)).unwrap_or(rest.len());
    let address: SocketAddr = rest[..end].parse().ok()?;
    (address.port() != 0).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_in_lines() {
        let cases = [
            (
                "listening on http://127.0.0.1:4711\n",
                Some("127.0.0.1:4711"),
            ),
            ("{\"at\":\"http://[::1]:80\"}", Some("[::1]:80")),
            ("http://127.0.0.1:4711/health", Some("127.0.0.1:4711")),
            ("listening on 127.0.0.1:4711", None),
            ("see http://example.com:80", None),
            ("http://127.0.0.1:0", None),
        ];
        for (line, address) in cases {
            let expected = address.map(|address| address.parse().unwrap());
            assert_eq!(address_in(line), expected, "{line}");
        }
    }
}
