//! Bodies of all requests.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| usher_fuzz_checks::wire::request_body(bytes));
