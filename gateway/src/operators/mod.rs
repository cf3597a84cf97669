//! Operators. See the note in buyers/mod.rs about who writes what.
