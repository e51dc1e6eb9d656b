//! The socket edge: peers on HTTP/1.1, in the clear or over TLS. [`serve`] gives an endpoint a port
//! and hands over what arrives there; [`post`] sends what a peer wants sent, whatever its method.
//! Which peer answers, and when, is the caller's business. [`serve_store`] gives a document store a port where
//! any HTTP client can use it, [`serve_peer`] any other peer that only answers, [`serve_router`] one that posts too.

mod base;
mod body;
mod cause;
mod client;
mod headers;
mod line;
mod peer;
mod server;
mod store;
mod tls;

pub use base::{Base, NotABase, Scheme};
pub use cause::{Cause, Flaw, Objection, Stage};
pub use client::{Client, Probed, ask, post, post_as, probe};
pub use peer::{Served, serve_peer, serve_router};
pub use server::{Answered, Incoming, Server, TurnedAway, serve, serve_at, serve_guarded};
pub use store::serve_store;
pub use tls::{Authority, Guard, Identity, Security, TlsError, Trust};

/// Largest body taken, in bytes: far above any message, so that peers and not sockets decide
/// what is too large.
pub const BODY_BYTES: usize = 64_000_000;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tls_tests;
