//! `docs/SECURITY.md` says which test shows what. A test that is renamed or dropped must not go on
//! being named there.

use std::collections::BTreeSet;
use std::fs;

use usher_xtask::{root, rust_files};

#[test]
fn the_tests_that_the_document_names_exist() {
    let text = fs::read_to_string(root().join("docs/SECURITY.md")).expect("the document");
    let named: BTreeSet<&str> = text.split('`').skip(1).step_by(2).filter(|t| is_test(t)).collect();
    assert!(named.len() > 20, "it names {} tests only", named.len());
    let known: BTreeSet<String> = rust_files()
        .iter()
        .flat_map(|path| {
            let code = fs::read_to_string(path).expect("a file that can be read");
            code.lines().filter_map(name_of).map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    let missing: Vec<_> = named.iter().filter(|name| !known.contains(**name)).collect();
    assert!(missing.is_empty(), "docs/SECURITY.md names tests that do not exist: {missing:?}");
}

/// Tests are sentences; settings and metrics have fewer words.
fn is_test(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    text.bytes().all(is_word)
        && text.bytes().filter(|&byte| byte == b'_').count() >= 3
        && !["rate_limit_", "usher_", "challenge_", "risk_"].iter().any(|p| text.starts_with(p))
}

/// The function that a line begins.
fn name_of(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let rest = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn "))?;
    rest.split('(').next()
}
