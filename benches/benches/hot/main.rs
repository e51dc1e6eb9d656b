//! How fast the harness serves, beside the floor: what a server costs that does the same without
//! understanding it. Both are measured in one run, by turns, the server on one core and the load on
//! the other.
//!
//! `cargo bench -p gp2gp-benches --bench hot`, or `cargo xtask bench`. A word behind it picks rows by
//! name. The figures are for each second that the server was on its core, by the kernel's own
//! accounting, so that other programs on the machine disturb them less than the wall clock.

#![expect(clippy::print_stdout, reason = "its output is its purpose")]

mod floor;
mod load;
mod ours;
mod server;
mod table;

use std::env;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gp2gp_benches::traffic::Traffic;
use ours::DELIVERED;
use server::{Kind, Server, pinned};
use table::{Row, Work};

/// For floors and ours alike; the binary has the allocator of the system.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Calls this program as a server.
const SERVE: &str = "--serve";
/// Each server is measured so often, and its median taken.
const ROUNDS: usize = 3;
const LASTS: Duration = Duration::from_millis(1_500);
const WARM_UP: Duration = Duration::from_millis(300);
/// Cores of the load and of the server.
const LOAD_CORE: usize = 1;
const SERVER_CORE: usize = 0;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    if let Some(at) = args.iter().position(|arg| arg == SERVE) {
        let name = args.get(at + 1).ok_or("no server is named")?;
        return runtime.block_on(server::serve(name, args.get(at + 2).map(String::as_str)));
    }
    let picked: Vec<&String> = (args.iter()).filter(|arg| !arg.starts_with("--")).collect();
    let is_picked = |work: &Work| {
        picked.is_empty() || picked.iter().any(|word| work.name.contains(word.as_str()))
    };
    if !pinned(LOAD_CORE) {
        println!("not pinned: `taskset` is not here, or there is one core only\n");
    }
    let mut rows = Vec::new();
    for work in table::WORKS.iter().filter(|work| is_picked(work)) {
        rows.push(runtime.block_on(measure(work))?);
    }
    print!("{}", table::Table(rows));
    Ok(())
}

/// Measures floor and ours by turns.
async fn measure(work: &'static Work) -> Result<Row, Box<dyn Error>> {
    let numbers = Arc::new(AtomicU64::new(1));
    let mut row = Row::new(work);
    let practice = ours::practice().await?;
    let mut servers = Vec::new();
    for kind in [work.floor, work.ours] {
        let server = Server::start(kind, practice.addr())?;
        let traffic = Arc::new(match kind {
            Kind::Canned => Traffic::small()?.answered_blindly(),
            Kind::Echo | Kind::Spine | Kind::Forwarding => Traffic::small()?,
            Kind::Digest | Kind::Receiver => Traffic::large()?,
            Kind::Memory | Kind::Store => Traffic::document(&format!("http://{}", server.addr))?,
        });
        load::run(server.addr, &traffic, work.connections, WARM_UP, &numbers).await?;
        servers.push((server, traffic));
    }
    for _ in 0..ROUNDS {
        let sides = [&mut row.floor, &mut row.ours];
        for ((server, traffic), side) in servers.iter().zip(sides) {
            let (before, load_before) = (server.on_core()?, server::own_core()?);
            let delivered = DELIVERED.load(Ordering::Relaxed);
            let began = server::wall();
            let answered =
                load::run(server.addr, traffic, work.connections, LASTS, &numbers).await?;
            let on_core = server.on_core()? - before;
            let answered = match server.kind {
                Kind::Forwarding => DELIVERED.load(Ordering::Relaxed) - delivered,
                Kind::Canned
                | Kind::Echo
                | Kind::Digest
                | Kind::Memory
                | Kind::Spine
                | Kind::Receiver
                | Kind::Store => answered,
            };
            side.add(answered, on_core, began.elapsed());
            if server.kind == work.floor {
                let load_on_core = server::own_core()? - load_before;
                row.load.add(answered, load_on_core, began.elapsed());
            }
        }
    }
    row.bytes = servers
        .last()
        .map_or(0, |(_, traffic)| traffic.request_bytes());
    row.peak_kb = servers.last().and_then(|(server, _)| server.peak_kb());
    Ok(row)
}
