//! Ten thousand clients that connect and say nothing.

use std::fs;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::commands::World;

const CONNECTIONS: usize = 10_000;
/// What one connection that never said anything may cost the server, all told.
const BYTES_PER_CONNECTION_MAX: u64 = 8 * 1024;

/// Anonymous and shared memory of a process.
fn memory_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let kib = |name: &str| -> u64 {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    (kib("RssAnon:") + kib("RssShmem:")) * 1024
}

#[test]
fn ten_thousand_idle_connections_disturb_nobody_and_cost_little() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).unwrap();
    let world = World::new();
    let address: SocketAddr = world.server().address();
    let before = memory_bytes(world.server().id());

    let idle: Vec<TcpStream> = (0..CONNECTIONS)
        .map(|index| {
            TcpStream::connect(address)
                .unwrap_or_else(|error| panic!("connection {index}: {error}"))
        })
        .collect();
    world.run(&["streams", "create", "beside", "--shards", "1"]);
    world.run(&["records", "put", "beside", "hello", "--partition-key", "k"]);
    assert!(
        world
            .run(&["records", "get", "beside", "--shard", "0"])
            .contains("hello")
    );

    let grown = memory_bytes(world.server().id()).saturating_sub(before);
    // Past the test harness, which keeps what passing tests print.
    let idle = idle.len();
    writeln!(
        std::io::stdout(),
        "{idle} idle connections: {} KiB more",
        grown / 1024
    )
    .unwrap();
    assert!(
        grown <= CONNECTIONS as u64 * BYTES_PER_CONNECTION_MAX,
        "{grown} bytes for {CONNECTIONS} connections"
    );
}
