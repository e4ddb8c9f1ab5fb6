//! The `millstream` binary: the commands, and nothing of what they do.

mod apps;
mod backup;
mod client;
mod connection;
mod failure;
mod keys;
mod looks;
mod moment;
mod multilang;
mod output;
mod pipeline;
mod progress;
mod records;
mod repair;
mod restore;
mod scale;
mod serve;
mod stop_signals;
mod storm_spout;
mod streams;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Kinesis streams that you run yourself.
#[derive(Debug, Parser)]
#[command(name = "millstream", version, after_help = failure::EXIT_CODES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server
    Serve(Box<serve::Arguments>),
    /// Read all of a backup, or of a data folder on which no server runs, and say what is wrong and what it costs
    Verify(verify::Arguments),
    /// Make a damaged data folder one that a server starts on, with everything in it that can be read
    Repair(repair::Arguments),
    /// Copy everything that a running server keeps, as of one moment
    Backup(backup::Arguments),
    /// Make a data folder of a backup
    Restore(restore::Arguments),
    /// Make, list and revoke access keys in the file that `serve --access-keys` reads
    Keys(keys::Arguments),
    /// Create, list, describe, delete and reshard streams, on Millstream or AWS
    Streams(streams::Arguments),
    /// Write, read and follow records, on Millstream or AWS
    Records(records::Arguments),
    /// List applications, and show how far behind they are, on Millstream or AWS
    Apps(apps::Arguments),
    /// Scale an application's workers and its stream's shards by how long the rest will take
    Scale(scale::Arguments),
    /// Delete what an application made, once nobody uses it
    Finish(apps::FinishArguments),
    /// Run record processors in Python, Node.js, Ruby or .NET: the MultiLangDaemon of the KCL without Java
    Multilang(multilang::Arguments),
    /// Be a spout of a Storm topology, as a ShellSpout starts it
    StormSpout(storm_spout::Arguments),
    /// Check, try, run and watch declared pipelines, on Millstream or AWS
    Pipeline(Box<pipeline::Arguments>),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Serve(arguments) => serve::run(*arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Repair(arguments) => repair::run(&arguments),
        Command::Backup(arguments) => backup::run(&arguments),
        Command::Restore(arguments) => restore::run(&arguments),
        Command::Keys(arguments) => keys::run(arguments),
        Command::Streams(arguments) => client::run(streams::run(arguments)),
        Command::Records(arguments) => client::run(records::run(arguments)),
        Command::Apps(arguments) => client::run(apps::run(arguments)),
        Command::Scale(arguments) => scale::run(arguments),
        Command::Finish(arguments) => client::run(apps::run_finish(arguments)),
        Command::Multilang(arguments) => multilang::run(arguments),
        Command::StormSpout(arguments) => storm_spout::run(arguments),
        Command::Pipeline(arguments) => client::run(pipeline::run(*arguments)),
    }
}
