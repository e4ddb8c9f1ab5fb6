//! Where the server listens.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpSocket};

use super::OpenError;

/// Connections that the system holds until the server takes them.
const BACKLOG: u32 = 4096;
/// A client that is silent for so long is asked by the system whether it is still there, then each interval.
const KEEPALIVE_TIME: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
const KEEPALIVE_RETRIES: u32 = 4;

/// Listens on an address; connections wait until the server runs.
///
/// # Errors
/// If somebody else listens there, or the system refuses.
pub fn bind(address: SocketAddr) -> Result<TcpListener, OpenError> {
    let listen = || {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        // Without it a port stays taken for a minute after a server with open connections ended.
        socket.set_reuseaddr(true)?;
        // Accepted sockets inherit it: a client whose machine is gone is noticed within two minutes.
        let keepalive = TcpKeepalive::new()
            .with_time(KEEPALIVE_TIME)
            .with_interval(KEEPALIVE_INTERVAL)
            .with_retries(KEEPALIVE_RETRIES);
        SockRef::from(&socket).set_tcp_keepalive(&keepalive)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => OpenError::AddressInUse(address),
        _ => OpenError::Listen { address, source },
    })
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    /// A client whose machine is gone never says so: the system asks, on every connection that is taken.
    #[tokio::test]
    async fn connections_that_are_taken_are_kept_alive() {
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let connecting = TcpStream::connect(listener.local_addr().unwrap());
        let (_client, taken) = tokio::join!(connecting, listener.accept());
        let (taken, _) = taken.unwrap();
        let socket = SockRef::from(&taken);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), KEEPALIVE_TIME);
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), KEEPALIVE_INTERVAL);
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), KEEPALIVE_RETRIES);
    }
}
