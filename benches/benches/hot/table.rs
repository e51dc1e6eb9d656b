//! What is measured, what it is compared with, and how it is shown.

use std::fmt;
use std::time::Duration;

use crate::server::Kind;

/// No server may ever have more, in megabytes.
const MEMORY_MB: u64 = 150;

/// A kind of work.
pub(crate) struct Work {
    pub(crate) name: &'static str,
    pub(crate) floor: Kind,
    pub(crate) ours: Kind,
    pub(crate) connections: usize,
    /// For each second, on one core.
    target: Option<f64>,
    peers: &'static str,
}

/// Peers were measured on 2026-11-22 on two cores of an EPYC, as here: one for the server, one for
/// the load. None of them understands the message.
pub(crate) const WORKS: &[Work] = &[
    Work {
        name: "6 KB message in, acknowledgment out (floor: canned reply)",
        floor: Kind::Canned,
        ours: Kind::Spine,
        connections: 32,
        target: Some(60_000.0),
        peers: "WireMock 10 800, wiremock 13 900, tornado 7 060, mountebank 2 320",
    },
    Work {
        name: "6 KB message in, acknowledgment out (floor: parts split, id echoed)",
        floor: Kind::Echo,
        ours: Kind::Spine,
        connections: 32,
        target: Some(60_000.0),
        peers: "as above",
    },
    Work {
        name: "6 KB message in and delivered over a socket, deliveries (floor: canned reply)",
        floor: Kind::Canned,
        ours: Kind::Forwarding,
        connections: 32,
        target: None,
        peers: "none does it",
    },
    Work {
        name: "4.5 MB message decoded and digested (floor: split, base64, SHA-256)",
        floor: Kind::Digest,
        ours: Kind::Receiver,
        connections: 2,
        target: Some(300.0),
        peers: "WireMock 76, wiremock 61, mountebank 30, tornado 147, none decoding",
    },
    Work {
        name: "20 MiB document downloaded (floor: from memory)",
        floor: Kind::Memory,
        ours: Kind::Store,
        connections: 2,
        target: Some(240.0),
        peers: "WireMock 37, wiremock 67, tornado 155, nginx 114, mountebank 2",
    },
];

/// What one server did in each round.
#[derive(Default)]
pub(crate) struct Side {
    /// Answers for each second on the core, and for each second of the wall clock.
    rates: Vec<(f64, f64)>,
}

impl Side {
    pub(crate) fn add(&mut self, answered: u64, on_core: Duration, wall: Duration) {
        let answered = answered as f64;
        let rates = (
            answered / on_core.as_secs_f64(),
            answered / wall.as_secs_f64(),
        );
        self.rates.push(rates);
    }

    fn on_core(&self) -> f64 {
        median(self.rates.iter().map(|(on_core, _)| *on_core))
    }

    fn wall(&self) -> f64 {
        median(self.rates.iter().map(|(_, wall)| *wall))
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

pub(crate) struct Row {
    work: &'static Work,
    pub(crate) floor: Side,
    pub(crate) ours: Side,
    /// The load: requests for each second of the core that it is on.
    pub(crate) load: Side,
    /// Of one request.
    pub(crate) bytes: usize,
    pub(crate) peak_kb: Option<u64>,
}

impl Row {
    pub(crate) fn new(work: &'static Work) -> Self {
        Self {
            work,
            floor: Side::default(),
            ours: Side::default(),
            load: Side::default(),
            bytes: 0,
            peak_kb: None,
        }
    }
}

/// Everything that was measured.
pub(crate) struct Table(pub(crate) Vec<Row>);

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.0 {
            let Row {
                work,
                floor,
                ours,
                load,
                ..
            } = row;
            let (below, reached) = (floor.on_core(), ours.on_core());
            writeln!(f, "{}", work.name)?;
            writeln!(
                f,
                "  requests of {} bytes over {} connections",
                row.bytes, work.connections
            )?;
            writeln!(f, "  for each second         on its core   wall clock")?;
            writeln!(
                f,
                "  floor                 {:>13.0} {:>12.0}",
                below,
                floor.wall()
            )?;
            writeln!(
                f,
                "  ours                  {:>13.0} {:>12.0}",
                reached,
                ours.wall()
            )?;
            writeln!(f, "  ratio to the floor    {:>13.2}", reached / below)?;
            writeln!(f, "  the load, on its core {:>13.0}", load.on_core())?;
            if let Some(target) = work.target {
                let word = if reached >= target {
                    "reached"
                } else {
                    "MISSED"
                };
                writeln!(f, "  target                {target:>13.0} {word}")?;
            }
            writeln!(f, "  peers (2026-11-22)    {}", work.peers)?;
            if let Some(kilobytes) = row.peak_kb {
                let megabytes = kilobytes / 1_000;
                let word = if megabytes <= MEMORY_MB {
                    "kept"
                } else {
                    "MISSED"
                };
                writeln!(
                    f,
                    "  peak memory of ours   {megabytes:>10} MB, limit {MEMORY_MB} {word}"
                )?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
