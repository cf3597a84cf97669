//! Images of inventories, as snapshots hold them.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| usher_fuzz_checks::disk::image(bytes));
