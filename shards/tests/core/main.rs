//! What a shard promises, without threads: when answers leave, that views come first, that stock
//! moves without loss, that partitions move without anybody noticing.

mod durability;
mod expiry;
mod gathering;
mod moving;
mod panics;
mod recovery;
mod schedule;
mod schedules;
mod stock;
mod world;
