//! What an operator does to a data directory: look, cut, back up, bring back.
//!
//! ```text
//!   verify   reads the raw files only; says what is there and where it is damaged
//!   cut      gives up everything behind the last good record, keeps the old files aside
//!   backup   snapshot + records + plans into one directory, while the server sells
//!   restore  the same into an empty data directory, ready to start
//! ```
//!
//! These are the functions behind `usher journal verify | cut` and `usher backup | restore`; the
//! commands themselves are the binary's.
//!
//! What always holds: `verify` and `backup` change nothing that they read; `cut` and `restore` can
//! be interrupted anywhere and run again, and no server starts on something half done.

mod backup;
mod cut;
mod verify;

pub use backup::{BackupError, BackupReport, backup, restore};
pub use cut::{CutError, CutReport, cut};
pub use verify::{GenerationReport, StoreVerdict, VerifyReport, verify};

#[cfg(test)]
mod tests;
