//! Sans-IO peers of a GP2GP transfer, the synthetic records they hold, and `serve`, which puts
//! any of them on loopback HTTP.

pub mod synthetic;

