//! Reads the rules of a programme from TOML (format.md section 7.3).

use serde::Deserialize;
use signer::rule::Refusal;
use signer::value::{Code, Power};

use super::programme::{Programme, RuleKind, RuleOf, Severity};
use super::read::{CODES_MAX, DAYS_MAX, Roster, all_once, codes, level, some, unknown};
use super::{SIGNERS_MIN_MAX, parsed, ranged, wrong};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRule {
    id: String,
    kind: String,
    severity: Option<String>,
    #[serde(default)]
    r#override: bool,
    powers: Option<Vec<String>>,
    steps: Option<Vec<String>>,
    level: Option<String>,
    min: Option<u64>,
    relations: Option<Vec<String>>,
    max_days: Option<u64>,
    max_depth: Option<u64>,
}

pub(super) fn judge_rule(raw: RawRule, roster: &Roster<'_>, programme: &Programme) -> Result<RuleOf, Refusal> {
    let id = parsed("rule", &raw.id, Code::parse)?;
    if programme.rules.iter().any(|rule| rule.id == id) {
        return Err(wrong("each rule once", raw.id));
    }
    let severity = match raw.severity.as_deref() {
        None | Some("refuse") => Severity::Refuse,
        Some("warn") => Severity::Warn,
        Some(other) => return Err(wrong("severity = \"refuse\" or \"warn\"", other)),
    };
    judge_rule_keys(&raw)?;
    let kind = judge_rule_kind(&raw, roster, programme)?;
    let is_single = matches!(kind, RuleKind::ExclusivePowers(_) | RuleKind::Independent | RuleKind::Acting { .. });
    if raw.r#override && (severity == Severity::Warn || is_single) {
        return Err(wrong("override only where a rule of a step refuses", raw.id));
    }
    let same = |rule: &RuleOf| std::mem::discriminant(&rule.kind) == std::mem::discriminant(&kind);
    if is_single && programme.rules.iter().any(same) {
        return Err(wrong(format!("one rule of kind {}", raw.kind), raw.id));
    }
    Ok(RuleOf { id, severity, may_override: raw.r#override, kind })
}

/// A rule has the keys of its kind and no others.
fn judge_rule_keys(raw: &RawRule) -> Result<(), Refusal> {
    let expected: &[&str] = match raw.kind.as_str() {
        "exclusive_powers" => &["powers"],
        "distinct" | "not_own_unit" => &["steps"],
        "mixed" => &["steps", "level", "min"],
        "recuse" => &["steps", "relations"],
        "independent" => &[],
        "acting" => &["max_days", "max_depth"],
        other => return Err(wrong("a kind of rule of format.md section 7.3", other)),
    };
    let found = [
        ("powers", raw.powers.is_some()),
        ("steps", raw.steps.is_some()),
        ("level", raw.level.is_some()),
        ("min", raw.min.is_some()),
        ("relations", raw.relations.is_some()),
        ("max_days", raw.max_days.is_some()),
        ("max_depth", raw.max_depth.is_some()),
    ];
    match found.iter().find(|(key, has)| *has != expected.contains(key)) {
        Some((key, _)) => Err(wrong(format!("the keys {} in rule {}", expected.join(", "), raw.id), *key)),
        None => Ok(()),
    }
}

fn judge_rule_kind(raw: &RawRule, roster: &Roster<'_>, programme: &Programme) -> Result<RuleKind, Refusal> {
    let steps = |least: u64| -> Result<Vec<Code>, Refusal> {
        let all = all_once("steps", raw.steps.as_deref().unwrap_or_default(), |text| {
            let step = parsed("steps", text, Code::parse)?;
            if programme.step(&step).is_some() { Ok(step) } else { Err(unknown(format!("in rule {}: a step", raw.id), text)) }
        })?;
        ranged("number of steps", all.len() as u64, least, CODES_MAX)?;
        Ok(all)
    };
    Ok(match raw.kind.as_str() {
        "exclusive_powers" => {
            let powers = all_once("powers", raw.powers.as_deref().unwrap_or_default(), |text| {
                let power = parsed("power", text, Power::parse)?;
                if roster.powers.contains_key(&power) { Ok(power) } else { Err(unknown("a power of [power]", text)) }
            })?;
            ranged("number of powers", powers.len() as u64, 2, CODES_MAX)?;
            RuleKind::ExclusivePowers(powers)
        }
        "distinct" => RuleKind::Distinct(steps(2)?),
        "not_own_unit" => RuleKind::NotOwnUnit(steps(1)?),
        "mixed" => {
            let named = raw.level.as_deref().unwrap_or_default();
            let min = raw.min.unwrap_or(0);
            ranged("min", min, 1, SIGNERS_MIN_MAX)?;
            RuleKind::Mixed { level: level(named, programme)?, min, steps: steps(1)? }
        }
        "recuse" => {
            let relations = some("relations", codes("relations", raw.relations.as_deref().unwrap_or_default())?)?;
            RuleKind::Recuse { steps: steps(1)?, relations }
        }
        "independent" => RuleKind::Independent,
        _ => {
            let (max_days, max_depth) = (raw.max_days.unwrap_or(0), raw.max_depth.unwrap_or(0));
            ranged("max_days", max_days, 1, DAYS_MAX)?;
            ranged("max_depth", max_depth, 0, 1)?;
            RuleKind::Acting { max_days, max_depth }
        }
    })
}
