//! A system that is not ours: how it is described, reached, and played.

pub mod amqp;
mod attachment;
mod behind;
pub mod certs;
pub mod config;
pub mod control;
pub mod doctor;
mod meet;
mod open;
pub mod openapi;
mod party;
pub(crate) mod prepare;
pub mod process;
pub mod template;
pub(crate) mod wall;

pub use attachment::Attachment;
pub use meet::{Described, meet};
pub use open::{OpenError, open};
pub(crate) use party::mishap_of;
pub use party::{Party, Patience, Reach};
