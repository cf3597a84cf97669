//! What a ticket's QR code says.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| usher_fuzz_checks::gateway::ticket(bytes));
