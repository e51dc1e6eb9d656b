//! The peers of a federation: a hub, the people before its screens, what a practice's system does for
//! a hub ([`MemberPractice`] stands before any practice's system), and the mailboxes of practices
//! outside.
//!
//! What they say to each other is [`gp2gp_wire::federation`].

mod activity;
mod appointments;
mod clinic;
mod faults;
mod hub;
mod look_up;
mod mailbox;
mod member;
mod reading;
mod reception;
#[cfg(test)]
mod tests;
mod wire;
mod write_back;

pub use clinic::Clinic;
pub use hub::Hub;
pub use mailbox::Mailbox;
pub use member::{Chart, HandedOver, MemberPractice, PracticeSystem};
