//! Builders that tests share. They write ledgers without asking `admit`, so that wrong ones can be made.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a builder of tests that fails should fail loudly")]

pub mod cluster;
pub mod crowd;
pub mod disk;
pub mod drive;
pub mod every_act;
pub mod hamlet;
pub mod kept;
pub mod model;
pub mod order;
pub mod programme;
pub mod recount;
pub mod rules;
pub mod script;
pub mod stream;
pub mod tamper;
pub mod targets;
pub mod trial;
pub mod vectors;
pub mod views;
pub mod world;

pub use world::World;
