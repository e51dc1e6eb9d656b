//! Facts about the sending system.

mod desk;
mod manners;
mod refusing;
mod sizes;
mod transferring;
