//! `millstream serve`: settings, start-up text, signals and exit status around the server.

use std::error::Error;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use millstream_server::{
    Ended, IdleBell, InvalidSettings, OpenError, Reloading, Server, Settings, SettingsSource,
    TlsSettings, bind, log_to_standard_error, raise_open_files_limit, self_signed_certificate,
};
use millstream_types::SystemClock;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// The exit code when settings are wrong, as for a wrong command line.
const SETTINGS_EXIT_CODE: u8 = 2;

/// The exit code when the log takes no more writes and `--log-failure exit` is set: a new start may mend it.
const LOG_FAILED_EXIT_CODE: u8 = 7;

/// The settings: a flag wins over the environment, that over the file, that over the default.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// TOML file of settings; its keys are these flags' names. Unknown keys are refused.
    #[arg(long, env = "MILLSTREAM_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: SettingsSource,
}

/// Runs the server until a signal ends it: SIGTERM or SIGINT lets it finish what it accepted, a second one ends the
/// process at once with 143 or 130.
pub(crate) fn run(arguments: Arguments) -> ExitCode {
    let mut settings = match settings(arguments) {
        Ok(settings) => settings,
        Err(error) => return refuse(&error, SETTINGS_EXIT_CODE),
    };
    log_to_standard_error(settings.log_format);
    let open_files_max = raise_open_files_limit();
    tracing::debug!(open_files_max, "limit of open files");
    let idle_bell = IdleBell::default();
    settings.local.idle_bell = Some(idle_bell.clone());
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .on_thread_park(move || idle_bell.ring())
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return refuse(&error, 1),
    };
    match runtime.block_on(serve(settings)) {
        Ok(Ended::Cleanly) => ExitCode::SUCCESS,
        Ok(Ended::CutOff | Ended::Failed) => ExitCode::FAILURE,
        Ok(Ended::LogFailed) => ExitCode::from(LOG_FAILED_EXIT_CODE),
        Err(error) => refuse(&error, 1),
    }
}

fn settings(arguments: Arguments) -> Result<Settings, InvalidSettings> {
    let file = match &arguments.config {
        Some(path) => SettingsSource::read(path)?,
        None => SettingsSource::default(),
    };
    arguments.settings.or(file).check()
}

async fn serve(settings: Settings) -> Result<Ended, OpenError> {
    // From here on a signal means a stop, also while the data folder is being opened.
    let signals = Signals::new().map_err(OpenError::Signals)?;
    let listener = bind(settings.listen)?;
    let address = listener.local_addr().map_err(|source| OpenError::Listen {
        address: settings.listen,
        source,
    })?;
    let text = start_text(&settings, address);
    let scheme = scheme(&settings);
    let server = Server::open(settings, Arc::new(SystemClock)).await?;
    let reloading = server.reloading();
    let admin = server.admin_address().map_or_else(String::new, |address| {
        format!("  admin         {scheme}://{address}: /health and /metrics without a key\n")
    });
    let encryption = server.encryption_start_text();
    say(&(text
        + &admin
        + &encryption
        + server.connections_start_text()
        + &server.log_start_text()));
    let (stop, stopped) = oneshot::channel::<()>();
    let running = server.run(listener, async {
        // A sender that is gone is a signal too.
        stopped.await.ok();
    });
    tokio::select! {
        ended = running => Ok(ended),
        exit_code = signals.watch(stop, &reloading) => std::process::exit(exit_code),
    }
}

/// The first line is for programs: they wait for it, and find the port in it.
fn start_text(settings: &Settings, address: SocketAddr) -> String {
    let kept = settings.engine_start_text();
    let any_origin = if settings.cors_origin.iter().any(|origin| origin == "*") {
        "  web pages     of any origin may call\n"
    } else {
        ""
    };
    let scheme = scheme(settings);
    let trust = match settings.tls {
        Some(TlsSettings::SelfSigned) => trust_text(&self_signed_certificate(settings)),
        _ => String::new(),
    };
    let credentials = match &settings.access_keys {
        Some(file) => format!("of {}: every request must be signed", file.display()),
        None => "any are accepted on this loopback address".to_owned(),
    };
    let console = match (settings.has_console, settings.serves_console()) {
        (false, _) => String::new(),
        (true, true) => format!("  console       {scheme}://{address}/\n"),
        (true, false) => "  console       not in this build: console/build makes it\n".to_owned(),
    };
    format!(
        "millstream listening on {scheme}://{address}\n{kept}{trust}  account       {} (an access key of 12 digits is its own)\n  \
         credentials   {credentials}\n{any_origin}{console}",
        settings.account_id
    )
}

fn scheme(settings: &Settings) -> &'static str {
    match settings.tls {
        Some(_) => "https",
        None => "http",
    }
}

/// How clients come to trust a certificate that nobody else signed.
fn trust_text(certificate: &Path) -> String {
    let certificate = std::path::absolute(certificate).unwrap_or_else(|_| certificate.to_owned());
    let certificate = certificate.display();
    format!(
        "  certificate   {certificate} (self-signed; clients trust it with)\n                AWS_CA_BUNDLE={certificate}   \
         aws CLI, boto3\n                NODE_EXTRA_CA_CERTS={certificate}   JavaScript\n                SSL_CERT_FILE={certificate}   \
         Go, Rust\n                keytool -importcert -noprompt -alias millstream -file {certificate} -keystore FILE   Java\n"
    )
}

/// A reader of standard output that has left is no reason not to serve.
fn say(text: &str) {
    let mut stdout = std::io::stdout().lock();
    if let Err(error) = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        tracing::warn!(%error, "standard output takes no start-up text");
    }
}

fn refuse(error: &dyn Error, exit_code: u8) -> ExitCode {
    let mut text = format!("millstream: {error}");
    let mut cause = error.source();
    while let Some(source) = cause {
        let source_text = source.to_string();
        // Some errors name their cause in their own text.
        if !text.contains(&source_text) {
            text += &format!(": {source_text}");
        }
        cause = source.source();
    }
    eprintln!("{text}");
    ExitCode::from(exit_code)
}

/// The signals: two that end a server, one at which it reads its access keys and certificate again.
struct Signals {
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Passes the first signal on; ready at the second one, with the exit code that it asks for.
    async fn watch(mut self, stop: oneshot::Sender<()>, reloading: &Reloading) -> i32 {
        self.next(reloading).await;
        stop.send(()).ok();
        self.next(reloading).await
    }

    async fn next(&mut self, reloading: &Reloading) -> i32 {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return 143,
                _ = self.interrupt.recv() => return 130,
                _ = self.hangup.recv() => reloading.reload(),
            }
        }
    }
}
