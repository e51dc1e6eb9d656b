//! The socket edge: peers on loopback HTTP/1.1. [`serve`] gives an endpoint a port and hands
//! over what arrives there; [`post`] sends what a peer wants sent, whatever its method. Which peer
//! answers, and when, is the caller's business. [`serve_store`] gives a document store a port where
//! any HTTP client can use it, [`serve_peer`] any other peer that only answers.

mod body;
mod client;
mod headers;
mod line;
mod peer;
mod server;
mod store;

pub use client::{Client, post, post_as};
pub use peer::{Served, serve_peer};
pub use server::{Answered, Incoming, Server, serve, serve_at};
pub use store::serve_store;

/// Largest body taken, in bytes: far above any message, so that peers and not sockets decide
/// what is too large.
pub const BODY_BYTES: usize = 64_000_000;

#[cfg(test)]
mod tests;
