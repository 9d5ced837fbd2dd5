//! The counts as tables of eighty columns.

use std::collections::BTreeMap;

use projector::rows::{DeadlineRow, FlagState, Sum};

use super::Status;
use crate::columns::{LINE_COLUMNS, columns, padded, right, wrapped};
use crate::command::print;
use crate::command::trace::{Anchor, shown_time, words};
use crate::lang::{Lang, thousands};

/// Columns of the names of steps and of what stands first in a line.
const NAME_COLUMNS: usize = 12;
/// Columns of a number of cases.
const COUNT_COLUMNS: usize = 7;
/// Columns of an amount.
const AMOUNT_COLUMNS: usize = 15;
/// What waits that is shown.
const WAITING_SHOWN: usize = 20;

/// Prints everything.
pub fn show(status: &Status, anchor: &Anchor, lang: Lang) {
    print(&heading(status, anchor, lang));
    let mut parts = Vec::new();
    for period in &status.periods {
        parts.push(standing(status, *period, lang));
        parts.extend(funnel(status, *period, lang));
    }
    parts.extend([deadlines(status, lang), money(status, lang)]);
    parts.extend(published(status, lang));
    parts.extend([waiting(status, lang), witnesses(status, lang), refusals(status, lang)]);
    parts.extend(incidents(status, lang));
    parts.iter().for_each(|part| print(&format!("\n{part}")));
}

fn heading(status: &Status, anchor: &Anchor, lang: Lang) -> String {
    let (size, of, last) = (thousands(status.at.size), thousands(status.of_size), shown_time(status.counts.received_last_ms));
    let is_whole = status.at.size == status.of_size;
    let which = match (lang, is_whole) {
        (Lang::En, true) => format!("as of {size} entries, the last received {last}"),
        (Lang::En, false) => format!("as of {size} of {of} entries, the last received {last}"),
        (Lang::Zh, true) => format!("截至第 {size} 条，收讫 {last}"),
        (Lang::Zh, false) => format!("截至第 {size} 条（全部 {of} 条），收讫 {last}"),
    };
    let root = format!("{} {}", lang.pick("root", "根值"), status.at.root);
    let checkpoint = match lang {
        Lang::En => format!("{} ({of} entries)", anchor.line(lang)),
        Lang::Zh => format!("{}（至第 {of} 条）", anchor.line(lang)),
    };
    let lines = [which, root, checkpoint].map(|line| wrapped(&line, "  ", "    "));
    format!("{}\n{}", status.at.ledger, lines.join("\n"))
}

fn status_word(status: &str, lang: Lang) -> &str {
    match (status, lang) {
        ("open", Lang::Zh) => "在册",
        ("open", Lang::En) => "in the programme",
        ("suspended", Lang::Zh) => "暂缓",
        ("rejected", Lang::Zh) => "不予确认",
        ("revoked", Lang::Zh) => "取消资格",
        ("exited", Lang::Zh) => "退出",
        ("referred", Lang::Zh) => "请示中",
        (other, _) => other,
    }
}

fn standing(status: &Status, period: u16, lang: Lang) -> String {
    let cases = status.cases(&status.counts.standing, period);
    let total: u64 = cases.values().flat_map(BTreeMap::values).sum();
    let each = cases.iter().map(|(of, by_unit)| {
        let count = thousands(by_unit.values().sum());
        match lang {
            Lang::En => format!("{count} {}", status_word(of, lang)),
            Lang::Zh => format!("{} {count}", status_word(of, lang)),
        }
    });
    let within = status.units.within.as_ref().map_or(String::new(), |unit| match lang {
        Lang::En => format!(" in unit {unit}"),
        Lang::Zh => format!("（辖区 {unit}）"),
    });
    let each: Vec<String> = each.collect();
    let line = match lang {
        Lang::En => format!("Period {period}{within}: {} cases ({})", thousands(total), each.join(", ")),
        Lang::Zh => format!("{period} 年度{within}：共 {} 件（{}）", thousands(total), each.join("、")),
    };
    wrapped(&line, "", "  ")
}

/// Steps from above to below, units from left to right, in as many tables as it takes.
fn funnel(status: &Status, period: u16, lang: Lang) -> Vec<String> {
    let cases = status.cases(&status.counts.funnel, period);
    let mut units: Vec<&String> = cases.values().flat_map(BTreeMap::keys).collect();
    units.sort_unstable();
    units.dedup();
    let wide = units.iter().map(|unit| columns(unit)).max().unwrap_or(0).max(5) + 1;
    let a_table = ((LINE_COLUMNS - NAME_COLUMNS - COUNT_COLUMNS) / wide).max(1);
    let steps = status.in_order(cases.keys());
    let names = steps.iter().map(|step| columns(step) + 1).max().unwrap_or(0).max(NAME_COLUMNS);
    let table = |units: &[&String]| {
        let title = padded(lang.pick("step", "环节"), names) + &right(lang.pick("all", "合计"), COUNT_COLUMNS);
        let mut lines = vec![title + &units.iter().map(|unit| right(unit, wide)).collect::<String>()];
        for step in &steps {
            let by_unit = &cases[*step];
            let all = right(&thousands(by_unit.values().sum()), COUNT_COLUMNS);
            let each = units.iter().map(|unit| right(&by_unit.get(*unit).map_or("·".to_owned(), |n| thousands(*n)), wide));
            lines.push(padded(step, names) + &all + &each.collect::<String>());
        }
        lines.join("\n")
    };
    let title = lang.pick("Cases that have each step, by unit", "各环节已办结案件数（按辖区）");
    let tables = units.chunks(a_table).map(table);
    tables.enumerate().map(|(number, table)| if number == 0 { format!("{title}\n{table}") } else { table }).collect()
}

fn deadlines(status: &Status, lang: Lang) -> String {
    let mut lines = vec![lang.pick("Deadlines: cases of steps with a date", "时限：有期限的环节（按案件计）").to_owned()];
    let head = |year: &str| {
        padded(lang.pick("step", "环节"), NAME_COLUMNS + 6)
            + &right(year, COUNT_COLUMNS)
            + &right(lang.pick("in time", "按期"), COUNT_COLUMNS + 2)
            + &right(lang.pick("late", "逾期"), COUNT_COLUMNS)
    };
    let line = |name: &str, year: u16, row: &DeadlineRow| {
        padded(name, NAME_COLUMNS + 6)
            + &right(&year.to_string(), COUNT_COLUMNS)
            + &right(&thousands(row.in_time), COUNT_COLUMNS + 2)
            + &right(&thousands(row.late), COUNT_COLUMNS)
    };
    lines.push(head(lang.pick("period", "年度")));
    let deadlines = &status.counts.deadlines;
    let mut steps = status.in_order(deadlines.keys().map(|(step, _)| step));
    steps.dedup();
    for period in &status.periods {
        for step in &steps {
            let row = deadlines.get(&((*step).clone(), *period)).filter(|row| **row != DeadlineRow::default());
            lines.extend(row.map(|row| line(step, *period, row)));
        }
    }
    for ((kind, year), row) in &status.counts.answers {
        let name = match lang {
            Lang::En => format!("answer: {kind}"),
            Lang::Zh => format!("答复：{}", kind_word(kind, lang)),
        };
        lines.push(line(&name, *year, row));
    }
    lines.join("\n")
}

fn kind_word(kind: &str, lang: Lang) -> &str {
    match (kind, lang) {
        ("objection", Lang::Zh) => "异议",
        ("dissent", Lang::Zh) => "不同意见",
        ("report", Lang::Zh) => "举报",
        ("appeal", Lang::Zh) => "申诉",
        ("hold", Lang::Zh) => "暂缓发放",
        (other, _) => other,
    }
}

fn yuan(fen: u64) -> String {
    format!("{}.{:02}", thousands(fen / 100), fen % 100)
}

fn money(status: &Status, lang: Lang) -> String {
    let cells = |name: &str, period: &str, sums: [(String, String); 2], rest: [String; 2]| {
        let [locked, paid] = sums.map(|(people, amount)| right(&people, COUNT_COLUMNS) + &right(&amount, AMOUNT_COLUMNS));
        padded(name, 9) + &right(period, 6) + &locked + &paid + &rest.map(|count| right(&count, COUNT_COLUMNS + 2)).concat()
    };
    let sum = |sum: &Sum| (thousands(sum.cases), yuan(sum.fen));
    let people = lang.pick("people", "人数").to_owned();
    let title = lang.pick("Money by scheme, in yuan", "资金（按项目，元）");
    let head = cells(
        lang.pick("scheme", "项目"),
        lang.pick("period", "年度"),
        [(people.clone(), lang.pick("locked", "锁定").to_owned()), (people, lang.pick("paid", "已发放").to_owned())],
        [lang.pick("in batch", "发放中").to_owned(), lang.pick("failed", "失败").to_owned()],
    );
    let mut lines = vec![title.to_owned(), head];
    for ((scheme, period), row) in status.counts.money.iter().filter(|((_, period), _)| status.periods.contains(period)) {
        let rest = [thousands(row.in_batch.cases), thousands(row.failed.cases)];
        lines.push(cells(scheme, &period.to_string(), [sum(&row.locked), sum(&row.paid)], rest));
    }
    if lines.len() == 2 {
        lines[1] = lang.pick("  nothing locked for payment yet", "  尚无锁定资金").to_owned();
    }
    lines.join("\n")
}

fn published(status: &Status, lang: Lang) -> Option<String> {
    let differences = status.differences.as_ref()?;
    if differences.is_empty() {
        return Some(lang.pick("Published totals: EQUAL to what was paid", "公布数：与账本已发放数相符").to_owned());
    }
    let mut lines = vec![lang.pick("Published totals: DIFFERENT from what was paid", "公布数：与账本已发放数不符").to_owned()];
    for found in differences {
        let shown = |sum: Sum| match lang {
            Lang::En => format!("{} people, {} yuan", thousands(sum.cases), yuan(sum.fen)),
            Lang::Zh => format!("{} 人 {} 元", thousands(sum.cases), yuan(sum.fen)),
        };
        let named = found.period.map_or(found.scheme.clone(), |period| format!("{} {period}", found.scheme));
        let published = found.published.map_or(lang.pick("nothing", "无").to_owned(), shown);
        let line = match lang {
            Lang::En => format!("{named}: published {published}; paid {}", shown(found.paid)),
            Lang::Zh => format!("{named}：公布 {published}；已发放 {}", shown(found.paid)),
        };
        lines.push(wrapped(&line, "  ", "    "));
    }
    Some(lines.join("\n"))
}

fn waiting(status: &Status, lang: Lang) -> String {
    let overdue = status.waits.iter().filter(|waits| waits.is_overdue()).count();
    let mut lines = vec![match (lang, status.waits.len()) {
        (_, 0) => lang.pick("Open flags and reports: none", "未结事项：无").to_owned(),
        (Lang::En, n) => format!("Open flags and reports: {n}, of which overdue {overdue}"),
        (Lang::Zh, n) => format!("未结事项：{n} 件，其中逾期 {overdue} 件"),
    }];
    for waits in status.waits.iter().take(WAITING_SHOWN) {
        let row = &waits.row;
        let since = shown_time(row.received_ms);
        let about = row.case.as_deref().or(row.unit.as_deref()).unwrap_or("-");
        let awaited = match (row.state, lang) {
            (FlagState::Upheld(_), Lang::En) => "found right; awaits an outcome or correction".to_owned(),
            (FlagState::Upheld(_), Lang::Zh) => "已查实，待处理结果或更正".to_owned(),
            (_, Lang::En) => format!("awaits {}", waits.awaits.join(", ")),
            (_, Lang::Zh) => format!("待 {}", waits.awaits.join("、")),
        };
        let within = waits.within.map(|within| match (lang, within.are_working) {
            (Lang::En, true) => format!(" within {} working days", within.days),
            (Lang::En, false) => format!(" within {} days", within.days),
            (Lang::Zh, true) => format!("，限 {} 个工作日", within.days),
            (Lang::Zh, false) => format!("，限 {} 日", within.days),
        });
        let mut within = within.unwrap_or_default();
        if let Some(gone) = waits.gone.filter(|_| waits.is_overdue()) {
            within += &match (lang, waits.within.is_some_and(|within| within.are_working)) {
                (Lang::En, true) => format!(": OVERDUE, {gone} working days have gone by"),
                (Lang::En, false) => format!(": OVERDUE, {gone} days have gone by"),
                (Lang::Zh, true) => format!("，已逾期（已过 {gone} 个工作日）"),
                (Lang::Zh, false) => format!("，已逾期（已过 {gone} 日）"),
            };
        }
        let line = match lang {
            Lang::En => format!("{} on {about}, entry {}, since {since}: {awaited}{within}", row.kind, waits.entry),
            Lang::Zh => format!("{}（{about}），第 {} 条，自 {since}：{awaited}{within}", kind_word(&row.kind, lang), waits.entry),
        };
        lines.push(wrapped(&line, "  ", "    "));
    }
    if let Some(more) = status.waits.len().checked_sub(WAITING_SHOWN).filter(|more| *more > 0) {
        lines.push(match lang {
            Lang::En => format!("  … and {more} more: --json has them"),
            Lang::Zh => format!("  …… 另有 {more} 件，见 --json"),
        });
    }
    lines.join("\n")
}

fn witnesses(status: &Status, lang: Lang) -> String {
    let counts = &status.counts;
    if counts.witnesses.is_empty() {
        return lang.pick("Witnesses: nobody has cosigned yet", "见证：尚无见证方签署").to_owned();
    }
    let mut lines = vec![lang.pick("Witnesses, and how old their word is at the last entry", "见证方（签署距末条时长）").to_owned()];
    for (name, last) in &counts.witnesses {
        let minutes = (counts.received_last_ms.div_euclid(1000) - last.unix_seconds as i64).max(0) / 60;
        let (hours, minutes) = (minutes / 60, minutes % 60);
        let line = match lang {
            Lang::En => format!("{name}: {} entries, {hours} h {minutes:02} min (entry {})", thousands(last.size), last.entry),
            Lang::Zh => format!("{name}：涵盖 {} 条，{hours} 小时 {minutes:02} 分（第 {} 条）", thousands(last.size), last.entry),
        };
        lines.push(wrapped(&line, "  ", "    "));
    }
    lines.join("\n")
}

fn refusals(status: &Status, lang: Lang) -> String {
    let refusals = &status.refusals;
    let total: u64 = refusals.by_rule.values().map(|refused| refused.notes).sum();
    let title = match lang {
        Lang::En => format!("Refused: {} (signed notes beside the log, not in it)", thousands(total)),
        Lang::Zh => format!("拒绝入账：{} 次（另存的签名回执，不在账本条目内）", thousands(total)),
    };
    let each = refusals.by_rule.iter().map(|(rule, refused)| format!("  {} {}", padded(rule, 24), thousands(refused.notes)));
    let unreadable = (refusals.unreadable > 0).then(|| match lang {
        Lang::En => format!("  {} files there are no refusals of this ledger", refusals.unreadable),
        Lang::Zh => format!("  另有 {} 个文件不是本账本的拒绝回执", refusals.unreadable),
    });
    std::iter::once(title).chain(each).chain(unreadable).collect::<Vec<_>>().join("\n")
}

/// Incidents of a ledger on a cluster, if there were any.
fn incidents(status: &Status, lang: Lang) -> Option<String> {
    let (entry, kind, node) = status.counts.incident_last.as_ref()?;
    let number = thousands(status.counts.incidents);
    let line = match lang {
        Lang::En => format!("Incidents: {number}, the last at node {node}: {kind} (entry {entry})"),
        Lang::Zh => format!("事件：{number} 起，最近一起在节点 {node}：{}（第 {entry} 条）", words::incident(kind)),
    };
    Some(wrapped(&line, "", "  "))
}
