//! The stage that the scripts play on. See `script.rs` for their language.

mod inventory;
mod script;
mod stage;
mod text;

pub(crate) use inventory::Watched;
pub(crate) use script::{buyer, document};
pub(crate) use stage::{Setting, Stage, moment, seconds};

/// Plays a script and compares each line. All differences are shown together, so that a table can
/// be read as a whole when it fails.
///
/// A script may begin with `show: …` to change the show; see [`Setting::parse`].
#[track_caller]
pub(crate) fn check(name: &str, script: &str) {
    let mut lines = script.lines().map(str::trim).filter(|line| !line.is_empty()).peekable();
    let setting = match lines.peek().and_then(|line| line.strip_prefix("show:")) {
        Some(words) => {
            let setting = Setting::parse(words);
            lines.next();
            setting
        }
        None => Setting::default(),
    };
    let mut stage = Stage::new(&setting);
    let mut differences = Vec::new();
    for line in lines.filter(|line| !line.starts_with('#')) {
        let (command, expected) = match line.split_once("=>") {
            Some((command, expected)) => (command.trim(), Some(expected.trim())),
            None => (line, None),
        };
        let got = stage.play(command);
        match expected {
            Some(expected) if expected != got => {
                differences.push(format!("{command}\n   expected  {expected}\n        got  {got}"));
            }
            // What is only there to set the stage must work.
            None if got.starts_with("no:") || got.starts_with("again") => {
                differences.push(format!("{command}\n        got  {got}"));
            }
            _ => {}
        }
    }
    assert!(differences.is_empty(), "{name}:\n{}\n", differences.join("\n"));
}
