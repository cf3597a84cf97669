//! Style that matters is a test: a rule that nobody checks is a wish.

use std::fs;
use std::path::Path;

use usher_xtask::{dependencies_of, root, rust_files};

/// Longer files hide a seam. Tests and tables may be longer.
const LINES_MAX: usize = 600;

/// `rustfmt` keeps code below this; comments and strings are ours to keep.
const COLUMNS_MAX: usize = 100;

fn check(rule: &str, holds: impl Fn(&Path, &str) -> Result<(), String>) {
    let broken: Vec<String> = rust_files()
        .iter()
        .filter_map(|path| {
            let text = fs::read_to_string(path).expect("a file that can be read");
            let shown = path.strip_prefix(root()).expect("below the root").display().to_string();
            holds(path, &text).err().map(|why| format!("{shown}: {why}"))
        })
        .collect();
    assert!(broken.is_empty(), "{rule}:\n{}", broken.join("\n"));
}

fn is_test(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs")
}

#[test]
fn the_crates_depend_downwards_only() {
    let check = |folder: &str, allowed: &[&str]| {
        for dependency in dependencies_of(folder) {
            assert!(allowed.contains(&&*dependency), "{folder} must not depend on {dependency}");
        }
    };
    check("engine", &[]);
    check("persistence", &["usher-engine"]);
    check("shards/shared", &["usher-engine"]);
    check("shards", &["usher-engine", "usher-persistence", "usher-shared"]);
    check("gateway/wire", &[]);
    check("gateway", &["usher-engine", "usher-persistence", "usher-shards", "usher-wire"]);
    check("loadgen/audit", &[]);
    check("loadgen/linear", &[]);
    check("loadgen/simulate", &["usher-engine", "usher-persistence", "usher-shards"]);
    check("loadgen", &["usher-audit", "usher-linear", "usher-simulate", "usher-wire"]);
}

#[test]
fn every_file_says_what_it_is_for() {
    check("a file opens with `//!`", |_, text| {
        let opens = text.lines().find(|line| !line.is_empty() && !line.starts_with("#!["));
        match opens {
            Some(line) if line.starts_with("//!") => Ok(()),
            _ => Err("no `//!` at the head".into()),
        }
    });
}

#[test]
fn files_stay_small() {
    check("files stay small", |path, text| match text.lines().count() {
        lines if lines > LINES_MAX && !is_test(path) => Err(format!("{lines} lines")),
        _ => Ok(()),
    });
}

#[test]
fn lines_stay_short() {
    // Texts and pictures would only be harder to read in pieces.
    let may_be_long = |line: &str| line.contains(['"', '─', '│', '►']) || line.contains("://");
    check("lines stay short", |_, text| {
        let mut lines = text.lines().enumerate();
        let is_long = |line: &str| line.chars().count() > COLUMNS_MAX && !may_be_long(line);
        match lines.find(|(_, line)| is_long(line)) {
            Some((n, line)) => Err(format!("line {} has {}", n + 1, line.chars().count())),
            None => Ok(()),
        }
    });
}

#[test]
fn nothing_is_left_open() {
    check("nothing is left open", |path, text| {
        let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), "unimplemented!", "dbg!("];
        match marks.iter().find(|mark| text.contains(**mark)) {
            Some(mark) if !path.ends_with("tidy.rs") => Err(format!("`{mark}`")),
            _ => Ok(()),
        }
    });
}
