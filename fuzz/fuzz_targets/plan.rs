//! Seating plans, as organisers upload them.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| usher_fuzz_checks::gateway::plan(bytes));
