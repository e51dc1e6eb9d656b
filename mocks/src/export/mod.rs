//! The peers of the export variant (spec 50): the practice that exports, the support desk of its
//! document system, whoever permits to delete by hand, the clearing house through which packages
//! go, and the practice that gets them. The document store is that of every practice.
//!
//! What they say to each other is [`gp2gp_wire::export`]; where an export can stand is
//! [`gp2gp_model::export`].

mod board;
mod clearing_house;
mod desk;
mod importing;
mod inbox;
mod listing;
mod office;
pub(crate) mod outbox;
mod packing;
mod trail;

pub use board::Board;
pub use clearing_house::ClearingHouse;
pub use desk::Desk;
pub use importing::Importing;
pub use office::{Office, OfficeConfig};
