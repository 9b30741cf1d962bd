//! Derives every random stream of the proxy from one seed; knows names and numbers only.
//!
//! Each toxic on each link draws from a stream of its own, so neither the order in which connections are served nor
//! another toxic changes what it draws: the nth connection of a proxy meets the same fate in every run with one seed. Whether
//! a toxic works on a link at all is drawn apart from what it does there, which depends on how TCP cut the data.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

use super::toxic::Toxic;

/// One link: a direction of the nth connection, counted from 1, that a proxy accepted.
#[derive(Debug, Clone)]
pub struct LinkId {
    pub seed: u64,
    pub proxy: String,
    pub connection: u64,
    pub direction: &'static str,
}

impl LinkId {
    /// The stream of the toxic called `toxic` on this link.
    pub fn stream(&self, toxic: &str) -> ChaCha8Rng {
        ChaCha8Rng::from_seed(self.hash(toxic).finalize().into())
    }

    /// Whether the toxicity of `toxic`, as it is in this revision, chose this link.
    pub fn chosen_by(&self, toxic: &Toxic) -> bool {
        self.fate(&toxic.name, toxic.revision) < toxic.toxicity
    }

    /// A number from 0 to 1, without 1, for the `draw`th time that it is decided.
    fn fate(&self, toxic: &str, draw: u64) -> f32 {
        let hash = self.hash(toxic).chain_update(draw.to_le_bytes());
        ChaCha8Rng::from_seed(hash.finalize().into()).random()
    }

    fn hash(&self, toxic: &str) -> Sha256 {
        let mut hash = Sha256::new();
        hash.update(self.seed.to_le_bytes());
        hash.update(self.connection.to_le_bytes());
        for name in [self.proxy.as_str(), self.direction, toxic] {
            // The length keeps ("ab", "c") and ("a", "bc") apart.
            hash.update((name.len() as u64).to_le_bytes());
            hash.update(name);
        }
        hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(link: &LinkId, toxic: &str) -> u64 {
        link.stream(toxic).random()
    }

    #[test]
    fn a_stream_depends_on_every_part_of_its_address() {
        let link = LinkId { seed: 7, proxy: "db".into(), connection: 1, direction: "upstream" };
        let first = draw(&link, "loss");
        assert_eq!(first, draw(&link.clone(), "loss"));
        assert_ne!(first, draw(&link, "jitter"));
        assert_ne!(first, draw(&LinkId { seed: 8, ..link.clone() }, "loss"));
        assert_ne!(first, draw(&LinkId { proxy: "cache".into(), ..link.clone() }, "loss"));
        assert_ne!(first, draw(&LinkId { connection: 2, ..link.clone() }, "loss"));
        assert_ne!(first, draw(&LinkId { direction: "downstream", ..link }, "loss"));
    }

    #[test]
    fn a_fate_is_drawn_anew_each_time_and_the_same_in_every_run() {
        let link = LinkId { seed: 7, proxy: "db".into(), connection: 1, direction: "upstream" };
        let fates = || (0..100).map(|draw| link.fate("loss", draw)).collect::<Vec<_>>();
        assert_eq!(fates(), fates());
        let chosen = fates().into_iter().filter(|fate| *fate < 0.5).count();
        assert!((30..70).contains(&chosen), "{chosen} of 100 at 0.5");
    }
}
