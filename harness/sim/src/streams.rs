//! Named random streams: what one peer draws never shifts what another draws.

use gp2gp_model::Sha256;
use rand::SeedableRng;

/// The generator of every stream: portable, with the same output on every platform.
pub type Stream = rand_chacha::ChaCha8Rng;

/// The source of all randomness of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streams {
    seed: u64,
}

impl Streams {
    /// Streams of a seed.
    pub const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The stream of this name, from its beginning.
    pub fn stream(&self, name: &str) -> Stream {
        let digest = Sha256::of(format!("{}/{name}", self.seed).as_bytes());
        Stream::from_seed(digest.into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    #[test]
    fn a_stream_depends_on_seed_and_name_only() {
        let draw = |seed, name| Streams::new(seed).stream(name).next_u64();
        assert_eq!(draw(1, "spine"), draw(1, "spine"));
        assert_ne!(draw(1, "spine"), draw(1, "sending"));
        assert_ne!(draw(1, "spine"), draw(2, "spine"));
    }
}
