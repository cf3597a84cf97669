//! Ids of holds, orders, payments, tickets, plans and shows.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| usher_fuzz_checks::gateway::ids(bytes));
