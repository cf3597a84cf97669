//! The compact seat map.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| usher_fuzz_checks::wire::seat_map(bytes));
