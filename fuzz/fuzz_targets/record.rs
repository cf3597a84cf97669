//! Payloads of journal records.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| usher_fuzz_checks::disk::record(bytes));
