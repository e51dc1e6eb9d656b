//! `gp2gp serve`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use gp2gp_mocks::serve::Security;
use miette::{IntoDiagnostic as _, WrapErr as _};
use serde::Serialize;
use tokio::sync::mpsc;

use super::output::Output;
use super::run::parse_sut;
use crate::driver::Sut;
use crate::serve::{Binding, Offer, Slowness, Wire, listen, serve, speak_lines};
use crate::sut::Attachment;
use crate::sut::config::TlsFiles;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What is served: `reference`, or `broken:<name>` (see `gp2gp list --broken`).
    #[arg(value_name = "SYSTEM", default_value = "reference", value_parser = parse_sut)]
    sut: Sut,
    /// How it takes commands.
    #[arg(long, value_enum, default_value_t = ControlArg::Http)]
    control: ControlArg,
    /// How its messages travel.
    #[arg(long, value_enum, default_value_t = BindingArg::Spine)]
    binding: BindingArg,
    /// Where it listens for commands over HTTP.
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    listen: IpAddr,
    /// On which port; 0 is any free one, which is printed.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Takes messages over mutual TLS, with the certificates of a folder that `gp2gp init --certs` wrote.
    #[arg(long, value_name = "DIR")]
    tls: Option<PathBuf>,
    /// Waits so many milliseconds before everything that it sends.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0)]
    slow_by: u64,
    /// Holds one lock for so many milliseconds for everything that it sends.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 0)]
    one_lock: u64,
    /// Goes through a whole conversation again with every message of it that comes.
    #[arg(long)]
    begin_anew: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ControlArg {
    /// A POST for each command.
    Http,
    /// A line on stdin for each command, a line on stdout for each answer.
    Stdio,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BindingArg {
    /// As ebXML over HTTP, to and from Spine.
    Spine,
    /// As JSON to a message handler, and from an AMQP 1.0 queue.
    MhsJson,
}

impl From<BindingArg> for Binding {
    fn from(binding: BindingArg) -> Self {
        match binding {
            BindingArg::Spine => Self::Spine,
            BindingArg::MhsJson => Self::MhsJson,
        }
    }
}

pub(super) fn main(args: &Args, output: &Output) -> miette::Result<u8> {
    let runtime = Attachment::runtime()
        .into_diagnostic()
        .wrap_err("starting to serve")?;
    runtime.block_on(serve_it(args, output))?;
    Ok(0)
}

async fn serve_it(args: &Args, output: &Output) -> miette::Result<()> {
    let offer = Offer {
        name: args.sut.name(),
        defects: args.sut.defects().to_vec(),
        wire: wire(args.tls.as_deref())?,
        binding: args.binding.into(),
        slow: Slowness {
            before_sending: Duration::from_millis(args.slow_by),
            one_lock: Duration::from_millis(args.one_lock),
            begins_anew: args.begin_anew,
        },
    };
    let (ask, asked) = mpsc::channel(1);
    match args.control {
        ControlArg::Http => {
            let addr = SocketAddr::new(args.listen, args.port);
            let door = listen(addr, ask)
                .await
                .into_diagnostic()
                .wrap_err_with(|| format!("listening on {addr}"))?;
            let control = format!("http://{}", door.addr());
            let served = Served { control: &control };
            output.result(&served, || format!("control {control}\n"))?;
            serve(offer, asked).await;
        }
        ControlArg::Stdio => {
            let commands = tokio::io::BufReader::new(tokio::io::stdin());
            let lines = speak_lines(commands, tokio::io::stdout(), ask);
            let (spoken, ()) = tokio::join!(lines, serve(offer, asked));
            spoken
                .into_diagnostic()
                .wrap_err("speaking on stdin and stdout")?;
        }
    }
    Ok(())
}

/// The system's side of what `gp2gp init --certs` wrote.
fn wire(folder: Option<&Path>) -> miette::Result<Wire> {
    let Some(folder) = folder else {
        return Ok(Wire::default());
    };
    let files = TlsFiles {
        ca: folder.join("ca.pem"),
        cert: folder.join("sut.pem"),
        key: folder.join("sut.key"),
    };
    let own = files.open().into_diagnostic()?;
    Ok(Wire {
        security: Security::Tls(own.guard().into_diagnostic()?),
        trust: Some(own.trust().into_diagnostic()?),
    })
}

/// What is told once it is ready.
#[derive(Serialize)]
struct Served<'a> {
    control: &'a str,
}
