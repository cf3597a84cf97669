//! The random walk.
