//! A ledger on a cluster of three real servers: nodes, takeovers, projectors, a province, and what is left after faults. One program, so
//! that what mostly waits waits together.
//!
//! `ZEREN_FAULTS=200 cargo test -p zeren --test cluster faults -- --nocapture` for a long campaign; `ZEREN_SEED` replays a schedule.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails should fail loudly")]

mod clustered;
mod counties;
mod damage;
mod faults;
mod load;
mod nats;
mod projectors;
mod takeover;
#[path = "../witnesses/mod.rs"]
mod witnesses;

use clustered::until;
