//! A small random number generator whose seed is printed, so that a failure can be run again.

/// Marsaglia's xorshift64*.
pub struct Random(u64);

impl Random {
    /// Seeded by `PILLARBOX_TEST_SEED`, or by the clock; says so on stderr.
    pub fn announced(what: &str) -> Random {
        let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
        let seed = std::env::var("PILLARBOX_TEST_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(clock);
        eprintln!("{what}: PILLARBOX_TEST_SEED={seed}");
        Random(seed | 1)
    }

    /// Another one, for work beside this.
    pub fn fork(&mut self) -> Random {
        Random(self.next() | 1)
    }

    /// The next number, all 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
