//! Frames of journal records, and the chain that they make.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| usher_fuzz_checks::disk::frame(bytes));
