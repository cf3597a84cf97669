//! What people look at after a run: a table on the terminal and a page with plots.

mod html;
mod svg;
mod table;

pub use html::page;
pub use table::{diff_table, table};
