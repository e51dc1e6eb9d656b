//! Facts about the sending system.

mod desk;
mod fetching;
mod manners;
mod refusing;
mod sizes;
mod transferring;
