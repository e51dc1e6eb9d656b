//! A server in a process of its own, on a core of its own.

use std::error::Error;
use std::fs;
use std::future::pending;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::floor::{self, Floor};
use crate::{SERVE, SERVER_CORE, ours};

/// What can be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Floors, see [`Floor`].
    Canned,
    Echo,
    Digest,
    Memory,
    /// Spine, with its recipient in the same process.
    Spine,
    /// Spine, with its recipient on the core of the load.
    Forwarding,
    Receiver,
    Store,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::Canned,
        Self::Echo,
        Self::Digest,
        Self::Memory,
        Self::Spine,
        Self::Forwarding,
        Self::Receiver,
        Self::Store,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Canned => "canned",
            Self::Echo => "echo",
            Self::Digest => "digest",
            Self::Memory => "memory",
            Self::Spine => "spine",
            Self::Forwarding => "forwarding",
            Self::Receiver => "receiver",
            Self::Store => "store",
        }
    }
}

/// Serves what is named, says where in one line, and ends with its input.
pub(crate) async fn serve(name: &str, recipient: Option<&str>) -> Result<(), Box<dyn Error>> {
    let kind = (Kind::ALL.into_iter())
        .find(|kind| kind.name() == name)
        .ok_or("no such server")?;
    let floor = |floor| async move { Ok::<_, Box<dyn Error>>((floor::serve(floor).await?, None)) };
    let (addr, _open) = match kind {
        Kind::Canned => floor(Floor::Canned).await?,
        Kind::Echo => floor(Floor::Echo).await?,
        Kind::Digest => floor(Floor::Digest).await?,
        Kind::Memory => floor(Floor::Document).await?,
        Kind::Spine => opened(ours::spine(None).await?),
        Kind::Forwarding => {
            let recipient = recipient.ok_or("no recipient is named")?;
            opened(ours::spine(Some(recipient.parse()?)).await?)
        }
        Kind::Receiver => opened(ours::receiver().await?),
        Kind::Store => opened(ours::documents().await?),
    };
    println!("{addr}");
    io::stdout().flush()?;
    std::thread::spawn(|| {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    pending().await
}

fn opened(open: ours::Open) -> (SocketAddr, Option<ours::Open>) {
    (open.addr(), Some(open))
}

/// A process that serves. Dropped, it is ended.
pub(crate) struct Server {
    pub(crate) kind: Kind,
    pub(crate) addr: SocketAddr,
    child: Child,
}

impl Server {
    pub(crate) fn start(kind: Kind, recipient: SocketAddr) -> Result<Self, Box<dyn Error>> {
        let own = std::env::current_exe()?;
        let start = |mut command: Command| {
            command
                .args([SERVE, kind.name(), &format!("http://{recipient}")])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
        };
        let mut pinned = Command::new("taskset");
        pinned.args(["-c", &SERVER_CORE.to_string()]).arg(&own);
        let mut child = start(pinned).or_else(|_| start(Command::new(own)))?;
        let mut line = String::new();
        let said = child.stdout.take().ok_or("a server without output")?;
        BufReader::new(said).read_line(&mut line)?;
        Ok(Self {
            kind,
            addr: line.trim().parse().map_err(|_| {
                format!(
                    "server {} says `{}`, not where it is",
                    kind.name(),
                    line.trim()
                )
            })?,
            child,
        })
    }

    /// How long its one thread was on a core.
    pub(crate) fn on_core(&self) -> Result<Duration, Box<dyn Error>> {
        on_core(&self.child.id().to_string())
    }

    /// Most memory that it ever had.
    pub(crate) fn peak_kb(&self) -> Option<u64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.split_whitespace().next()?.parse().ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How long this thread was on a core.
pub(crate) fn own_core() -> Result<Duration, Box<dyn Error>> {
    on_core("thread-self")
}

fn on_core(process: &str) -> Result<Duration, Box<dyn Error>> {
    let text = fs::read_to_string(format!("/proc/{process}/schedstat"))?;
    let nanoseconds = text.split_whitespace().next().ok_or("empty schedstat")?;
    Ok(Duration::from_nanos(nanoseconds.parse()?))
}

/// Puts this process on a core. Whether that was possible.
pub(crate) fn pinned(core: usize) -> bool {
    let own = std::process::id().to_string();
    Command::new("taskset")
        .args(["-a", "-c", "-p", &core.to_string(), &own])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[expect(
    clippy::disallowed_methods,
    reason = "rates are told by the wall clock too"
)]
pub(crate) fn wall() -> Instant {
    Instant::now()
}
