//! Instructions of the hot paths, which hold still where times do not.
//!
//! This program runs itself under callgrind, for so many times and for twice as many; the
//! difference is what they cost, and all else cancels out, but for some 30,000 instructions with
//! which the allocator begins in one run and not in the other: hence so many times that these are a
//! few of each.

use std::process::Command;

use serde_json::{Value, json};

/// Counts all hot paths.
pub(crate) fn count() -> Value {
    json!({
        "hold": once(&["hold"], 20_000),
        "bestHalfSold": once(&["best", "--free", "50"], 20_000),
        "bestNearlySold": once(&["best", "--free", "1"], 20_000),
    })
}

/// Instructions of one of `times`.
fn once(part: &[&str], times: u32) -> u64 {
    let (some, twice) = (all(part, times), all(part, times * 2));
    (twice - some) / u64::from(times)
}

fn all(part: &[&str], times: u32) -> u64 {
    let ourselves = std::env::current_exe().expect("we were started from somewhere");
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(ourselves);
    // A table that grows is copied by one `rep movsb`, which valgrind counts as an instruction for
    // each byte: no processor does. So the C library is told to copy by vectors, however much.
    valgrind.env("GLIBC_TUNABLES", "glibc.cpu.x86_rep_movsb_threshold=0x7fffffff");
    let output = valgrind.args(part).arg("--times").arg(times.to_string()).output();
    let output = output.expect("valgrind is installed");
    let said = String::from_utf8_lossy(&output.stderr);
    let counted = said.lines().find_map(|line| line.split_once("Collected : "));
    let (_, count) = counted.unwrap_or_else(|| panic!("no count: {said}"));
    count.trim().parse().expect("a number")
}
