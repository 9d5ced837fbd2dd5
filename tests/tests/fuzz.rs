//! A short smoke of every fuzz target; `fuzz/README.md` says how to run long ones.
#![allow(clippy::unwrap_used, reason = "a test that fails should fail loudly")]

use std::collections::BTreeMap;

use tests::disk::Random;
use tests::targets::{TARGETS, Target, mutated, seeds, tally};

#[test]
fn officials_of_the_admit_target_do_right_and_wrong_things_of_every_kind() {
    let mut whole: BTreeMap<&str, [u64; 2]> = BTreeMap::new();
    let mut random = Random::new(1);
    for _ in 0..250 {
        let choices: Vec<u8> = (0..256).map(|_| random.below(256) as u8).collect();
        for (act, counts) in tally(&choices) {
            let sum = whole.entry(act).or_default();
            *sum = [sum[0] + counts[0], sum[1] + counts[1]];
        }
    }
    println!("act, admitted, refused: {whole:?}");
    assert_eq!(whole.len(), 14);
    for (act, [admitted, refused]) in whole {
        assert!(admitted > 0 && refused > 0, "{act}: {admitted} admitted, {refused} refused");
    }
}

fn smoke(Target { name, run, smoke_runs }: &Target) {
    let seed = std::env::var("ZEREN_SEED").ok().map_or(1, |seed| seed.parse().unwrap());
    let runs = std::env::var("ZEREN_FUZZ_RUNS").ok().map_or(*smoke_runs, |runs| runs.parse().unwrap());
    let seeds = seeds(name);
    seeds.iter().for_each(|good| run(good));
    let mut random = Random::new(seed);
    for _ in 0..runs {
        let good = &seeds[random.below(seeds.len() as u64) as usize];
        let bytes = mutated(good, &mut random);
        let case = std::panic::catch_unwind(|| run(&bytes));
        assert!(case.is_ok(), "{name}, ZEREN_SEED={seed}: {:?}", bytes.escape_ascii().to_string());
    }
}

macro_rules! smokes {
    ($($name:ident)*) => {
        $(#[test] fn $name() { smoke(TARGETS.iter().find(|target| target.name == stringify!($name)).unwrap()); })*

        #[test]
        fn every_target_has_a_smoke_and_a_file() {
            let smokes = [$(stringify!($name)),*];
            assert_eq!(smokes.to_vec(), TARGETS.iter().map(|target| target.name).collect::<Vec<_>>());
            for name in smokes {
                let file = format!("{}/../fuzz/fuzz_targets/{name}.rs", env!("CARGO_MANIFEST_DIR"));
                assert!(std::fs::read_to_string(&file).unwrap().contains(&format!("targets::{name}")), "{file}");
            }
        }
    };
}

smokes!(note statement entry slot policy receipt procedure keyfile refusal check admit audit programme evidence fork block);
