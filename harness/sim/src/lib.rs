//! Simulation kernel: a virtual clock with an ordered queue, named random streams, links,
//! and the triggers of planned faults.
//!
//! Knows no protocol. Nothing here reads a clock or an ambient random source: time is what was
//! scheduled, and the same seed gives the same bytes.

mod crowd;
mod ids;
mod link;
mod queue;
mod streams;
mod timeline;
mod trigger;

pub use crowd::{Chance, Crowd, Dice};
pub use ids::Ids;
pub use link::Link;
pub use queue::Queue;
pub use streams::{Stream, Streams};
pub use timeline::Timeline;
pub use trigger::Trigger;
