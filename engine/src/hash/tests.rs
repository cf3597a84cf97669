//! The hasher is the same at every start and in every build, so its values are fixed by example.

use std::hash::Hasher;

use super::FixedHasher;

fn hash(feed: impl FnOnce(&mut FixedHasher)) -> u64 {
    let mut hasher = FixedHasher::default();
    feed(&mut hasher);
    hasher.finish()
}

#[test]
fn hashes_are_what_they_were() {
    // Computed apart from this code.
    let expected = [
        (hash(|h| h.write_u64(0)), 0x1ff5_c292_3a78_8d2c),
        (hash(|h| h.write_u16(1)), 0x38f9_4c43_9ac3_6242),
        (hash(|h| h.write_u32(1)), 0x38f9_4c43_9ac3_6242),
        (hash(|h| h.write_u64(u64::MAX)), 0xdff5_c05a_bb60_6d30),
        (hash(|h| h.write_u128(1 << 64 | 2)), 0x3b68_187e_9c5c_33cb),
        (hash(|h| h.write(&[1, 2, 3, 4, 5, 6, 7, 8, 9])), 0xc713_28ef_478a_e204),
    ];
    for (at, (got, wanted)) in expected.into_iter().enumerate() {
        assert_eq!(got, wanted, "row {at}");
    }
}
