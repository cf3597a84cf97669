//! A fixed number of bits in 64-bit words.
//!
//! Bits beyond the length are always 0, so counting and comparing need no special case for the
//! last word.

/// Bits numbered from 0, all 0 at first. Methods panic on a number that is not below the length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bitmap {
    words: Vec<u64>,
    len: u32,
}

impl Bitmap {
    /// `len` bits, all 0.
    #[must_use]
    pub fn new(len: u32) -> Self {
        Bitmap { words: vec![0; len.div_ceil(64) as usize], len }
    }

    /// Whether bit `i` is 1.
    #[must_use]
    pub fn get(&self, i: u32) -> bool {
        assert!(i < self.len, "bit {i} of {}", self.len);
        self.words[word_of(i)] & mask_of(i) != 0
    }

    /// Makes bit `i` 1.
    pub fn set(&mut self, i: u32) {
        assert!(i < self.len, "bit {i} of {}", self.len);
        self.words[word_of(i)] |= mask_of(i);
    }

    /// Makes bit `i` 0 and tells whether it was 1.
    pub fn take(&mut self, i: u32) -> bool {
        assert!(i < self.len, "bit {i} of {}", self.len);
        let word = &mut self.words[word_of(i)];
        let was_set = *word & mask_of(i) != 0;
        *word &= !mask_of(i);
        was_set
    }

    /// 64 bits from bit `first` on; 0 beyond the last.
    #[inline]
    pub(super) fn window(&self, first: u32) -> u64 {
        let i = word_of(first);
        let word = |i: usize| self.words.get(i).copied().unwrap_or(0);
        let pair = u128::from(word(i + 1)) << 64 | u128::from(word(i));
        // Truncation takes the 64 that were asked for.
        (pair >> (first % 64)) as u64
    }

    /// How many bits are 1.
    #[must_use]
    pub fn count_ones(&self) -> u32 {
        self.words.iter().map(|word| word.count_ones()).sum()
    }

    /// The numbers of the bits that are 1, in order.
    pub fn iter_ones(&self) -> impl Iterator<Item = u32> + '_ {
        ones(self.words.iter().copied())
    }

    /// The words, lowest bits first; bits beyond the length are 0.
    #[must_use]
    pub fn words(&self) -> &[u64] {
        &self.words
    }
}

/// The numbers of the bits that are 1 in a series of words, in order.
pub(super) fn ones(words: impl Iterator<Item = u64>) -> impl Iterator<Item = u32> {
    (0_u32..).zip(words).flat_map(|(i, word)| {
        let with_lowest_cleared = |word: &u64| Some(word & (word - 1)).filter(|&rest| rest != 0);
        std::iter::successors(Some(word).filter(|&word| word != 0), with_lowest_cleared)
            .map(move |rest| i * 64 + rest.trailing_zeros())
    })
}

fn word_of(i: u32) -> usize {
    (i / 64) as usize
}

fn mask_of(i: u32) -> u64 {
    1 << (i % 64)
}
