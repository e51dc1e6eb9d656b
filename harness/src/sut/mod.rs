//! A system that is not ours: how it is described, reached, and played.

pub mod config;
