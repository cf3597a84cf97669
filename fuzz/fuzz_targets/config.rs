//! The configuration file and the environment.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| usher_fuzz_checks::gateway::config(bytes));
