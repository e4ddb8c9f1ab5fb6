//! The socket in the data folder by which the machine's own programs ask a running server for what is not the clients'
//! to ask for. Who may write it is the owner of the data folder, and root.
//!
//! One request, a line of JSON, then the answer, lines of JSON until one says the end.

use std::error::Error;
use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use millstream_log::EngineError;
use millstream_log_local::Pinned;
use millstream_sealing::KeyRing;
use millstream_tables::TableService;
use millstream_types::WallClock;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{oneshot, watch};

use super::make::make;
use super::{BackupError, Made};

/// The socket's name.
const SOCKET: &str = "control";
/// Longest path that the system takes for a socket, with room to spare.
const PATH_BYTES_MAX: usize = 100;
/// Longest request.
const REQUEST_BYTES_MAX: u64 = 64 << 10;
/// How long a request may take, and a line of an answer to be taken.
const LINE_TIMEOUT: Duration = Duration::from_secs(10);
/// How often whoever asked is told how far it is.
const TELL_INTERVAL: Duration = Duration::from_millis(200);
/// How long a backup may take to end once it is given up.
const GIVE_UP_TIMEOUT: Duration = Duration::from_secs(1);

/// What can be asked for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Request {
    /// A backup, in a folder with an absolute path.
    Backup { to: PathBuf },
}

/// A line of the answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Answer {
    Progress { done_bytes: u64, total_bytes: u64 },
    Done { files: u64, bytes: u64 },
    Failed { reason: String },
}

/// A socket's path that the system takes, however long the folder's is; and what must stay open while it is used.
pub(super) fn socket_path(folder: &Path) -> io::Result<(PathBuf, Option<File>)> {
    let path = folder.join(SOCKET);
    if path.as_os_str().len() <= PATH_BYTES_MAX {
        return Ok((path, None));
    }
    let opened = File::open(folder)?;
    let path = format!("/proc/self/fd/{}/{SOCKET}", opened.as_raw_fd());
    Ok((path.into(), Some(opened)))
}

/// What backups are made of.
pub(crate) struct Backups {
    pub(crate) folder: PathBuf,
    pub(crate) pin: Arc<dyn Fn() -> Result<Pinned, EngineError> + Send + Sync>,
    /// Of a folder that is encrypted.
    pub(crate) keys: Option<Arc<KeyRing>>,
    pub(crate) tables: TableService,
    pub(crate) clock: Arc<dyn WallClock>,
}

impl std::fmt::Debug for Backups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backups")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

/// The listening socket; gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Control {
    listener: UnixListener,
    backups: Arc<Backups>,
}

impl Drop for Control {
    fn drop(&mut self) {
        // Best effort: the next server removes what is left.
        if let Ok((path, _folder)) = socket_path(&self.backups.folder) {
            drop(fs::remove_file(path));
        }
    }
}

impl Control {
    /// Listens in the data folder, whose lock is held: what is left of an earlier server goes.
    ///
    /// # Errors
    /// If the socket cannot be made.
    pub(crate) fn bind(backups: Backups) -> io::Result<Self> {
        let (path, _folder) = socket_path(&backups.folder)?;
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        Ok(Self {
            listener,
            backups: Arc::new(backups),
        })
    }

    /// Does what is asked for, one after the other, until `stop` is ready; what is being done then is given up.
    pub(crate) async fn serve(&self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = &mut stop => return,
            };
            let is_given_up = Arc::new(AtomicBool::new(false));
            let answer = async {
                match accepted {
                    Ok((stream, _)) => self.answer(stream, &is_given_up).await,
                    Err(error) => {
                        tracing::warn!(%error, "the socket in the data folder takes no requests");
                        tokio::time::sleep(LINE_TIMEOUT).await;
                    }
                }
            };
            tokio::pin!(answer);
            tokio::select! {
                () = &mut answer => {}
                () = &mut stop => {
                    is_given_up.store(true, Ordering::Relaxed);
                    // It removes what it wrote; what is not done by then is marked as unfinished.
                    tokio::time::timeout(GIVE_UP_TIMEOUT, answer).await.ok();
                    return;
                }
            }
        }
    }

    async fn answer(&self, stream: UnixStream, is_given_up: &Arc<AtomicBool>) {
        let is_owner = stream
            .peer_cred()
            .is_ok_and(|peer| peer.uid() == 0 || peer.uid() == rustix::process::geteuid().as_raw());
        let (read, mut write) = stream.into_split();
        let answer = match is_owner {
            false => Answer::Failed {
                reason: "only the owner of the server's process and root may ask".to_owned(),
            },
            true => match self.do_as_asked(read, &mut write, is_given_up).await {
                Ok(Made { files, bytes }) => Answer::Done { files, bytes },
                Err(reason) => Answer::Failed { reason },
            },
        };
        tell(&mut write, &answer).await;
    }

    async fn do_as_asked(
        &self,
        read: OwnedReadHalf,
        write: &mut OwnedWriteHalf,
        is_given_up: &Arc<AtomicBool>,
    ) -> Result<Made, String> {
        let mut read = BufReader::new(read.take(REQUEST_BYTES_MAX));
        let mut line = String::new();
        let arrived = tokio::time::timeout(LINE_TIMEOUT, read.read_line(&mut line)).await;
        match arrived {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(error.to_string()),
            Err(_) => return Err("no request came".to_owned()),
        }
        let request = serde_json::from_str(&line);
        let Request::Backup { to } =
            request.map_err(|error| format!("this version does not know the request: {error}"))?;
        self.back_up(to, read.into_inner().into_inner(), write, is_given_up)
            .await
    }

    async fn back_up(
        &self,
        to: PathBuf,
        mut read: OwnedReadHalf,
        write: &mut OwnedWriteHalf,
        is_given_up: &Arc<AtomicBool>,
    ) -> Result<Made, String> {
        tracing::info!(to = %to.display(), "a backup begins");
        let has_left = Arc::new(AtomicBool::new(false));
        let flags = [Arc::clone(is_given_up), Arc::clone(&has_left)];
        let (mut made, progress) = self.start(&to, flags)?;
        let mut rest = [0; 1];
        let result = loop {
            let is_there = !has_left.load(Ordering::Relaxed);
            tokio::select! {
                made = &mut made => break made,
                // Nothing more is to come: whoever asked has left.
                _ = read.read(&mut rest), if is_there => has_left.store(true, Ordering::Relaxed),
                () = tokio::time::sleep(TELL_INTERVAL) => {
                    let (done_bytes, total_bytes) = *progress.borrow();
                    let answer = Answer::Progress { done_bytes, total_bytes };
                    if !tell(write, &answer).await {
                        has_left.store(true, Ordering::Relaxed);
                    }
                }
            }
        };
        match result {
            Ok(Ok(made)) => {
                tracing::info!(to = %to.display(), bytes = made.bytes, "the backup is whole");
                Ok(made)
            }
            Ok(Err(error)) => {
                let reason = with_causes(&error);
                tracing::warn!(to = %to.display(), reason, "the backup failed");
                Err(reason)
            }
            Err(_) => Err("the thread that made it has failed".to_owned()),
        }
    }

    /// On a thread of its own, which ends with the process whatever it waits for.
    fn start(&self, to: &Path, is_given_up: [Arc<AtomicBool>; 2]) -> Result<Making, String> {
        let (ended, end) = oneshot::channel();
        let (progress, so_far) = watch::channel((0, 0));
        let (backups, to) = (Arc::clone(&self.backups), to.to_owned());
        let work = move || {
            let mut tell = |done, total| {
                progress.send_replace((done, total));
                !is_given_up.iter().any(|flag| flag.load(Ordering::Relaxed))
            };
            // Whoever asked may have left.
            drop(ended.send(backups.make(&to, &mut tell)));
        };
        let thread = std::thread::Builder::new().name("backup".to_owned());
        thread.spawn(work).map_err(|error| error.to_string())?;
        Ok((end, so_far))
    }
}

type Outcome = Result<Made, BackupError>;

/// The end of a backup, and how many bytes of how many are done until then.
type Making = (oneshot::Receiver<Outcome>, watch::Receiver<(u64, u64)>);

impl Backups {
    fn make(&self, to: &Path, tell: &mut dyn FnMut(u64, u64) -> bool) -> Outcome {
        let begun = self.clock.now();
        let above = to.ancestors().find(|folder| folder.exists());
        let above = above.unwrap_or(to).canonicalize();
        let own = self.folder.canonicalize();
        let own = own.map_err(BackupError::reading(&self.folder))?;
        if above
            .map_err(BackupError::writing(to, to))?
            .starts_with(own)
        {
            return Err(BackupError::Inside(to.to_owned()));
        }
        make(to, &|| self.pin(), &self.tables, begun, tell)
    }

    /// The log as of a moment, and the file of data keys of that moment: of a stream that is deleted meanwhile both its
    /// records and its keys are there, of one that is encrypted meanwhile neither.
    fn pin(&self) -> Result<(Pinned, Option<Vec<u8>>), BackupError> {
        let Some(keys) = &self.keys else {
            let pinned = (self.pin)().map_err(BackupError::Log)?;
            return Ok((pinned, None));
        };
        let (pinned, file) = keys.while_unchanged(|| (self.pin)())?;
        Ok((pinned.map_err(BackupError::Log)?, Some(file)))
    }
}

/// False if nobody takes it.
async fn tell(write: &mut OwnedWriteHalf, answer: &Answer) -> bool {
    let mut line = serde_json::to_vec(answer).expect("texts and numbers");
    line.push(b'\n');
    let written = tokio::time::timeout(LINE_TIMEOUT, write.write_all(&line)).await;
    matches!(written, Ok(Ok(())))
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        text += &format!(": {source}");
        cause = source.source();
    }
    text
}
