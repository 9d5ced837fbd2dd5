//! What a programme's rules cost: admission beside the audit that contains it, and the daily index beside the cases that it covers.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use ledger::admit::admit;
use ledger::audit::{Question, audit};
use ledger::check::Verified;
use ledger::map::{SparseMap, key_of};
use ledger::policy::Policy;
use ledger::snapshot::Snapshot;
use ledger::state::State;
use ledger::storage::Folder;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use signer::value::UnixMs;

use super::Scratch;
use crate::command::print;
use crate::county::{self, Large, Profile};
use crate::demo_keys::DemoSeed;
use crate::error::Failure;
use crate::lang::{Lang, thousands};

/// Times that each is done; the best counts, since others use the machine as well.
const ROUNDS: usize = 9;
/// Cases that change between two index entries.
const CHANGED: u64 = 2_000;

/// `zeren bench procedure`
#[derive(Args)]
pub struct ProcedureArgs {
    /// Cases of the maps that are measured
    #[arg(long, value_delimiter = ',', default_values_t = [50_000, 1_000_000])]
    cases: Vec<u64>,
    /// Size of the invented county whose year is audited
    #[arg(long, value_enum, default_value = "s")]
    profile: Profile,
    /// Where to make the ledger (default: the system's temporary folder)
    #[arg(long)]
    dir: Option<PathBuf>,
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ProcedureArgs, lang: Lang) -> Result<ExitCode, Failure> {
    let admission = measure_admission(args)?;
    let maps: Vec<Value> = args.cases.iter().map(|cases| measure_map(*cases)).collect();
    let result = json!({ "admission": admission, "maps": maps });
    print(&if args.json { result.to_string() } else { render(&result, lang) });
    Ok(ExitCode::SUCCESS)
}

/// The invented township's year: the time to audit it, and to admit its entries once they are verified.
fn measure_admission(args: &ProcedureArgs) -> Result<Value, Failure> {
    let scratch = Scratch::new(args.dir.as_deref())?;
    let dir = scratch.0.join("ledger");
    let mut county = county::found(&dir, DemoSeed::new("bench"), args.profile, Large::default())?;
    county::live_a_year(&mut county, &mut |_, _| Ok(()))?;
    let policy = Policy::parse(county.policy().as_bytes()).map_err(|error| Failure::malformed(error.to_string()))?;
    drop(county);
    let storage = Folder::open_to_read(&dir).map_err(Failure::file(&dir))?;
    let question = Question { storage: &storage, policy: Some(&policy), is_policy_inside: false, known: &[] };
    let (audited, signatures) = time_audit(&question)?;
    let one_core = rayon::ThreadPoolBuilder::new().num_threads(1).build().map_err(|error| Failure::malformed(error.to_string()))?;
    let (alone, _) = one_core.install(|| time_audit(&question))?;
    let snapshot = Snapshot::open(Folder::open_to_read(&dir).map_err(Failure::file(&dir))?, &mut |_| {})?;
    let mut entries: Vec<(Verified, UnixMs)> = Vec::new();
    snapshot.admitted(0, &mut |entry| {
        entries.push((entry.verified.clone(), entry.received));
        ControlFlow::Continue(())
    })?;
    let mut admitted = f64::MAX;
    for _ in 0..ROUNDS {
        admitted = admitted.min(admit_all(&snapshot, &entries)?);
    }
    Ok(json!({
        "entries": entries.len(), "signatures": signatures, "audit_seconds": audited,
        "audit_seconds_on_one_core": alone, "admission_seconds": admitted, "share": admitted / alone, "share_of_wall": admitted / audited,
        "cores": rayon::current_num_threads(), "entries_per_second": entries.len() as f64 / admitted,
    }))
}

/// The best of some audits, in seconds, and how many signatures each checks.
fn time_audit(question: &Question<'_>) -> Result<(f64, u64), Failure> {
    let (mut best, mut signatures) = (f64::MAX, 0);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        signatures = audit(question, &mut |_, _| {})?.signatures;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok((best, signatures))
}

fn admit_all(snapshot: &Snapshot<Folder>, entries: &[(Verified, UnixMs)]) -> Result<f64, Failure> {
    let mut state = State::new(Some(snapshot.id().clone()));
    let start = Instant::now();
    for (verified, received) in entries {
        let context = verified.names_size().and_then(|size| snapshot.history().context(size));
        let admission = admit(&state, verified, *received, context.as_ref()).map_err(Failure::Refused)?;
        state.apply(verified, *received, admission);
    }
    Ok(start.elapsed().as_secs_f64())
}

/// A map of so many cases, of which some change from one index entry to the next.
fn measure_map(cases: u64) -> Value {
    let value = |case: u64, version: u64| -> [u8; 32] { Sha256::digest(format!("{case} {version}")).into() };
    let mut map = SparseMap::default();
    let start = Instant::now();
    for case in 0..cases {
        map.set(key_of(&format!("case-{case}")), value(case, 0));
    }
    map.root();
    let built = start.elapsed().as_secs_f64();
    let mut daily = f64::MAX;
    for round in 1..=ROUNDS as u64 {
        let start = Instant::now();
        for changed in 0..CHANGED {
            let case = changed * (cases / CHANGED).max(1) % cases;
            map.set(key_of(&format!("case-{case}")), value(case, round));
        }
        map.root();
        daily = daily.min(start.elapsed().as_secs_f64());
    }
    let proof = map.proof(&key_of("case-0"));
    json!({ "cases": cases, "build_ms": built * 1e3, "changed": CHANGED, "daily_ms": daily * 1e3, "proof_hashes": proof.siblings.len() })
}

fn render(result: &Value, lang: Lang) -> String {
    let admission = &result["admission"];
    let float = |value: &Value| value.as_f64().unwrap_or(0.0);
    let count = |value: &Value| thousands(value.as_f64().unwrap_or(0.0) as u64);
    let mut lines = vec![match lang {
        Lang::En => format!(
            "admission  {} entries in {:.1} ms: {} entries/s, {:.1} % of the audit of the same ledger on one core; as nothing of it runs in parallel, {:.1} % on {}",
            count(&admission["entries"]),
            float(&admission["admission_seconds"]) * 1e3,
            count(&admission["entries_per_second"]),
            float(&admission["share"]) * 100.0,
            float(&admission["share_of_wall"]) * 100.0,
            admission["cores"]
        ),
        Lang::Zh => format!(
            "准入    {} 条，用时 {:.1} 毫秒：每秒 {} 条，占同一账本单核审计时间的 {:.1} %；该部分不并行，在 {} 核上占 {:.1} %",
            count(&admission["entries"]),
            float(&admission["admission_seconds"]) * 1e3,
            count(&admission["entries_per_second"]),
            float(&admission["share"]) * 100.0,
            admission["cores"],
            float(&admission["share_of_wall"]) * 100.0
        ),
    }];
    for map in result["maps"].as_array().into_iter().flatten() {
        lines.push(match lang {
            Lang::En => format!(
                "index      {} cases: built in {:.0} ms, then {:.1} ms a day for {} that changed; a proof has {} hashes",
                count(&map["cases"]),
                float(&map["build_ms"]),
                float(&map["daily_ms"]),
                count(&map["changed"]),
                map["proof_hashes"]
            ),
            Lang::Zh => format!(
                "索引    {} 个案件：首建 {:.0} 毫秒，此后每日变动 {} 个需 {:.1} 毫秒；证明含 {} 个哈希",
                count(&map["cases"]),
                float(&map["build_ms"]),
                count(&map["changed"]),
                float(&map["daily_ms"]),
                map["proof_hashes"]
            ),
        });
    }
    lines.join("\n")
}
