//! A programme at every stage of its life, in which nothing is found.

use super::Table;
use crate::every_act::whole_programme;
use crate::programme::Stage;
use crate::world::World;

pub(super) fn fill(table: &mut Table) {
    for stage in Stage::ALL {
        table.holds(&format!("a programme at the stage {stage:?}"), World::run_to(*stage), |_| {});
    }
    table.holds("a programme with every act of a programme", whole_programme(), |_| {});
}
