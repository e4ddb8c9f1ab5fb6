//! A real PostgreSQL.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{fs, io};

use rustix::process::geteuid;

/// A port may be taken between the moment when it was free and the server's start.
const PORTS_TRIED: usize = 5;

/// A PostgreSQL of this machine on loopback, with a database and a superuser called `postgres` and no passwords; ended
/// when dropped. Its folder is the caller's, and must outlive it.
#[derive(Debug)]
pub struct PostgresServer {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
}

impl PostgresServer {
    /// Whether there is one on this machine; if not, says on standard output that this test is skipped.
    pub fn is_here_for(test: &str) -> bool {
        if programs().is_some() {
            return true;
        }
        // Not by a macro: the harness would keep it to itself, as the test passes.
        let line =
            format!("\nSKIPPED {test}: PostgreSQL is not here (Debian's package postgresql)\n");
        io::Write::write_all(&mut io::stdout(), line.as_bytes()).ok();
        false
    }

    /// Makes a database cluster in the folder and starts it. `settings` go into postgresql.conf; `files` are put beside
    /// it, readable for the server alone.
    ///
    /// # Panics
    /// If there is none, or it does not start.
    pub fn start(folder: &Path, settings: &str, files: &[(&str, &str)]) -> Self {
        let programs = programs().expect("see is_here_for");
        let folder = folder.join("postgres");
        fs::create_dir(&folder).expect("a folder");
        if geteuid().is_root() {
            // The server does not run as root.
            allow_through(folder.parent().expect("a parent"));
            ran(Command::new("chown").arg("postgres").arg(&folder));
        }
        let mut server = Self {
            programs,
            folder,
            port: 0,
        };
        let data = server.data();
        let data = data.to_str().expect("a readable path");
        ran(&mut server.program(
            "initdb",
            &["-A", "trust", "-U", "postgres", "--no-sync", "-D", data],
        ));
        for (name, contents) in files {
            let path = server.data().join(name);
            fs::write(&path, contents).expect("a file");
            ran(Command::new("chmod").arg("600").arg(&path));
            if geteuid().is_root() {
                ran(Command::new("chown").arg("postgres").arg(&path));
            }
        }
        let path = server.data().join("postgresql.conf");
        let own = fs::read_to_string(&path).expect("initdb wrote it");
        fs::write(&path, format!("{own}\n{settings}\n")).expect("a file");
        for _ in 0..PORTS_TRIED {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
            server.port = free.local_addr().expect("bound").port();
            drop(free);
            if server.started().status.success() {
                return server;
            }
        }
        let log = fs::read_to_string(server.folder.join("log")).unwrap_or_default();
        panic!("PostgreSQL does not start: {log}");
    }

    /// `postgresql://postgres@127.0.0.1:<port>/postgres`.
    pub fn url(&self) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Ends it at once, without a word to its clients. What is committed is kept.
    pub fn stop(&self) {
        let data = self.data();
        let data = data.to_str().expect("a readable path");
        ran(&mut self.program("pg_ctl", &["-D", data, "-m", "immediate", "-w", "stop"]));
    }

    /// Starts it again, where it was.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start_again(&self) {
        let started = self.started();
        assert!(started.status.success(), "{started:?}");
    }

    /// What psql prints for the statements: a line for each row, the fields with `|` between them.
    ///
    /// # Panics
    /// If one fails.
    pub fn psql(&self, statements: &str) -> String {
        let mut command = Command::new(self.programs.join("psql"));
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d"]);
        let output = ran(command.arg(self.url()).args(["-c", statements]));
        let text = String::from_utf8(output.stdout).expect("psql writes UTF-8");
        text.trim_end().to_owned()
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn started(&self) -> Output {
        let (data, log) = (self.data(), self.folder.join("log"));
        let folder = self.folder.display();
        let options = format!(
            "-p {} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off",
            self.port
        );
        let path = |path: &Path| path.to_str().expect("a readable path").to_owned();
        let arguments = [
            "-D",
            &path(&data),
            "-l",
            &path(&log),
            "-o",
            &options,
            "-w",
            "-t",
            "120",
            "start",
        ];
        let mut command = self.program("pg_ctl", &arguments);
        command.output().expect("pg_ctl runs")
    }

    /// One of its programs, as its user.
    fn program(&self, name: &str, arguments: &[&str]) -> Command {
        let program = self.programs.join(name);
        let mut command = if geteuid().is_root() {
            let mut command = Command::new("setpriv");
            command.args([
                "--reuid",
                "postgres",
                "--regid",
                "postgres",
                "--clear-groups",
            ]);
            command.arg(program);
            command
        } else {
            Command::new(program)
        };
        command.args(arguments).current_dir(&self.folder);
        command
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        let data = self.data();
        let data = data.to_str().unwrap_or_default();
        // A test may have stopped it.
        self.program("pg_ctl", &["-D", data, "-m", "immediate", "-w", "stop"])
            .output()
            .ok();
    }
}

/// Where `initdb` and the others are.
fn programs() -> Option<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let of_path = std::env::split_paths(&paths).map(|folder| folder.join("initdb"));
    // Debian has them outside of PATH, by version.
    let of_debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let of_debian = of_debian.filter_map(|entry| Some(entry.ok()?.path().join("bin/initdb")));
    let initdb = of_path.chain(of_debian).find(|path| path.is_file())?;
    // A link to it stands alone.
    let initdb = initdb.canonicalize().ok()?;
    initdb.parent().map(Path::to_owned)
}

/// Lets another user through a folder of the test.
fn allow_through(folder: &Path) {
    ran(Command::new("chmod").arg("o+x").arg(folder));
}

fn ran(command: &mut Command) -> Output {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}
