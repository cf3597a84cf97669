//! Bodies that are wrong, and how their faults are told.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| usher_fuzz_checks::gateway::fault(bytes));
