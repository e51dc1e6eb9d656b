//! Facts about the sending system.

mod desk;
mod refusing;
mod sizes;
mod transferring;
