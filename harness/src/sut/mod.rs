//! A system that is not ours: how it is described, reached, and played.

pub mod amqp;
pub mod certs;
pub mod config;
pub mod template;
