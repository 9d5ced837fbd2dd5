//! What a trace from kept views costs: opening, and following a payment to everything that it rests on.

use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use serde_json::{Value, json};

use crate::command::print;
use crate::command::trace::{Asked, payment, quick::Ground};
use crate::error::Failure;
use crate::lang::{Lang, thousands};

/// Times that each is done: the middle one counts, the best and the worst are told.
const ROUNDS: usize = 21;

/// `zeren bench trace`
#[derive(Args)]
pub struct TraceArgs {
    #[command(flatten)]
    asked: Asked,
}

pub(super) fn run(args: &TraceArgs, lang: Lang) -> Result<ExitCode, Failure> {
    let asked = &args.asked;
    let in_doubt = || {
        Failure::malformed(lang.pick(
            "no kept views of exactly this record, or the payment does not verify from them: run zeren trace payment with the same --views first",
            "没有与本账本一致的已存视图，或据其核验不通过：请先以同一 --views 运行 zeren trace payment",
        ))
    };
    let (mut opened, mut traced, mut size, mut entries) = (Vec::new(), Vec::new(), 0, 0);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let ground = Ground::open(asked).ok_or_else(in_doubt)?;
        let mut scene = ground.scene(asked, lang).ok_or_else(in_doubt)?;
        opened.push(start.elapsed().as_secs_f64());
        let start = Instant::now();
        let (payment, _) = payment::read(&mut scene).map_err(|_| in_doubt())?;
        traced.push(start.elapsed().as_secs_f64());
        (size, entries) = (scene.size, payment.entries());
    }
    let result = json!({ "entries": size, "entries_of_payment": entries, "open_ms": spread(opened), "trace_ms": spread(traced) });
    print(&if asked.is_json() { result.to_string() } else { render(&result, lang) });
    Ok(ExitCode::SUCCESS)
}

/// Best, middle and worst of some times, in milliseconds.
fn spread(mut seconds: Vec<f64>) -> Value {
    seconds.sort_by(f64::total_cmp);
    let at = |place: usize| seconds.get(place).copied().unwrap_or_default() * 1e3;
    json!({ "best": at(0), "middle": at(seconds.len() / 2), "worst": at(seconds.len().saturating_sub(1)) })
}

fn render(result: &Value, lang: Lang) -> String {
    let float = |of: &str, key: &str| result[of][key].as_f64().unwrap_or(0.0);
    let times = |of: &str| (float(of, "middle"), float(of, "best"), float(of, "worst"));
    let ((open, open_best, open_worst), (trace, trace_best, trace_worst)) = (times("open_ms"), times("trace_ms"));
    let (size, entries) = (thousands(result["entries"].as_u64().unwrap_or(0)), result["entries_of_payment"].as_u64().unwrap_or(0));
    match lang {
        Lang::En => format!(
            "trace   a payment of {entries} entries in a record of {size}\n        opening {open:.1} ms ({open_best:.1} to {open_worst:.1}); following it {trace:.1} ms ({trace_best:.1} to {trace_worst:.1})"
        ),
        Lang::Zh => format!(
            "追溯    账本 {size} 条，该笔款项涉及 {entries} 条\n        打开 {open:.1} 毫秒（{open_best:.1} 至 {open_worst:.1}）；追溯 {trace:.1} 毫秒（{trace_best:.1} 至 {trace_worst:.1}）"
        ),
    }
}
