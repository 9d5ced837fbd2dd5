//! What was done, in plain words. Codes of the procedure stand as they are.

use projector::answers::EntryAnswer;
use projector::eligibility::{Eligibility, Grounds};
use projector::rows::{BatchDeed, CasePart, Deed, ListDeed, Related, StepDeed, Subject, Wait};

use crate::lang::{Lang, thousands};

/// An amount.
pub fn yuan(fen: u64, lang: Lang) -> String {
    format!("{}.{:02} {}", thousands(fen / 100), fen % 100, lang.pick("yuan", "元"))
}

/// How a case stands, and the entries from which that follows: officials vouched for it, which does not make it so.
pub fn eligibility(grounds: &Grounds, lang: Lang) -> String {
    let by = |entry: Option<u64>| entry.map(|entry| entry.to_string()).unwrap_or_default();
    let steps: Vec<String> = grounds.marks.iter().map(|mark| format!("{} {}", mark.step, mark.entry)).collect();
    let is = match (grounds.is, lang) {
        (Eligibility::UnderWay, Lang::En) => "eligibility: under way".to_owned(),
        (Eligibility::UnderWay, Lang::Zh) => "资格：办理中".to_owned(),
        (Eligibility::Questioned, Lang::En) => "eligibility: questioned, nothing goes on until that is closed".to_owned(),
        (Eligibility::Questioned, Lang::Zh) => "资格：有未结事项，了结前不得继续".to_owned(),
        (Eligibility::Dropped, Lang::En) => format!("eligibility: dropped from a list, by entry {}", by(grounds.dropped_by)),
        (Eligibility::Dropped, Lang::Zh) => format!("资格：已自名册剔除（第 {} 条）", by(grounds.dropped_by)),
        (Eligibility::Stopped, Lang::En) => format!("eligibility: stopped, by entry {}", by(grounds.stopped_by)),
        (Eligibility::Stopped, Lang::Zh) => format!("资格：已中止（第 {} 条）", by(grounds.stopped_by)),
        (Eligibility::Confirmed, Lang::En) => format!("eligibility: confirmed and locked, by entry {}", by(grounds.locked_by)),
        (Eligibility::Confirmed, Lang::Zh) => format!("资格：已确认并锁定（第 {} 条）", by(grounds.locked_by)),
        (Eligibility::Paid, Lang::En) => format!("eligibility: confirmed, and paid by entry {}", by(grounds.paid_by)),
        (Eligibility::Paid, Lang::Zh) => format!("资格：已确认并发放（第 {} 条）", by(grounds.paid_by)),
    };
    let (period, from) = (grounds.period, steps.join(lang.pick(", ", "、")));
    match lang {
        Lang::En => format!("{is}; it follows, for {period}, from {from}"),
        Lang::Zh => format!("{is}；{period} 年度依据：{from}"),
    }
}

/// An entry.
pub fn entry(number: u64, lang: Lang) -> String {
    match lang {
        Lang::En => format!("entry {number}"),
        Lang::Zh => format!("第 {number} 条"),
    }
}

/// What an entry did to a case: a title, and further lines.
pub fn told(answer: &EntryAnswer, part: &CasePart, lang: Lang) -> (String, Vec<String>) {
    let mut more = Vec::new();
    let title = match &answer.row.deed {
        Deed::Step(step) => {
            let title = of_step(step, part, &mut more, lang);
            match step.wait {
                Wait::No => {}
                Wait::Waits => more.push(lang.pick("WAITS for more signers: no effect yet", "待会签，尚未生效").to_owned()),
                Wait::CompletedBy(by) => more.push(match lang {
                    Lang::En => format!("waited for more signers; completed by joining in {}", entry(by, lang)),
                    Lang::Zh => format!("曾待会签；{}会签后完成", entry(by, lang)),
                }),
            }
            title
        }
        Deed::Join { step, signed, completes } => {
            let first = signed.first().copied().unwrap_or_default();
            if let Some(step) = completes {
                of_step(step, part, &mut more, lang);
            }
            match (lang, completes.is_some()) {
                (Lang::En, true) => format!("{step}: joined {}, complete now", entry(first, lang)),
                (Lang::En, false) => format!("{step}: joined {}, still waiting", entry(first, lang)),
                (Lang::Zh, true) => format!("会签 {step}（{}），完成", entry(first, lang)),
                (Lang::Zh, false) => format!("会签 {step}（{}），仍待会签", entry(first, lang)),
            }
        }
        Deed::PostUp { step, list, places, overrides } => {
            let title = posted(step, list, part, overrides, &mut more, lang.pick("goes up", "张榜公示"), lang);
            more.push(format!("{} {}", lang.pick("posted at", "张贴于"), places.join(lang.pick(", ", "、"))));
            title
        }
        Deed::PostDown { step, list, overrides } => {
            posted(step, list, part, overrides, &mut more, lang.pick("comes down", "公示期满撤榜"), lang)
        }
        Deed::Outcome { outcome, name, to, reason, .. } => {
            more.push(match lang {
                Lang::En => format!("reason {reason}; the case is {}", status(to, lang)),
                Lang::Zh => format!("理由 {reason}；本案{}", status(to, lang)),
            });
            match lang {
                Lang::En => format!("outcome {outcome} ({name})"),
                Lang::Zh => format!("处理结果 {outcome}（{name}）"),
            }
        }
        Deed::Ruling { clause, issuer, answers } => {
            more.extend(answers.map(|answers| match lang {
                Lang::En => format!("answers the referral of {}", entry(answers, lang)),
                Lang::Zh => format!("答复{}的请示", entry(answers, lang)),
            }));
            match lang {
                Lang::En => format!("ruling on {clause} by {issuer}"),
                Lang::Zh => format!("批复：{issuer} 就 {clause}"),
            }
        }
        Deed::Incident { kind, node, generation, size } => of_incident(kind, node, (*generation, *size), &mut more, lang),
        Deed::Override { step, rule, reason, .. } => {
            more.push(format!("{}{reason}", lang.pick("reason ", "理由 ")));
            match lang {
                Lang::En => format!("OVERRIDE of rule {rule} for {step}"),
                Lang::Zh => format!("破例：{step} 不适用规则 {rule}"),
            }
        }
        Deed::Sheet { list, kind, part, lines } => match lang {
            Lang::En => format!("sheet {} of list {list}: {} lines, {kind}", part + 1, thousands(*lines)),
            Lang::Zh => format!("名册 {list} 第 {} 页：{} 行（{kind}）", part + 1, thousands(*lines)),
        },
        other => of_case(other, part, lang),
    };
    (title, more)
}

/// An incident of a cluster: its generation and the size from which the record goes on.
fn of_incident(kind: &str, node: &str, (generation, size): (u64, u64), more: &mut Vec<String>, lang: Lang) -> String {
    more.push(match lang {
        Lang::En => format!("the record goes on from its first {} entries", thousands(size)),
        Lang::Zh => format!("以账本前 {} 条为准续记", thousands(size)),
    });
    more.extend((generation > 0).then(|| match lang {
        Lang::En => format!("opens generation {generation}"),
        Lang::Zh => format!("启用第 {generation} 代消息流"),
    }));
    match lang {
        Lang::En => format!("INCIDENT at node {node}: {kind}"),
        Lang::Zh => format!("事件：节点 {node}，{}", incident(kind)),
    }
}

/// A list goes up or comes down.
fn posted(step: &str, list: &ListDeed, part: &CasePart, overrides: &[u64], more: &mut Vec<String>, what: &str, lang: Lang) -> String {
    more.push(of_list(list, part, lang));
    overridden(overrides, more, lang);
    match lang {
        Lang::En => format!("{step} · list {} {what}{}", list.list, fate_after_colon(part, lang)),
        Lang::Zh => format!("{step} · 名册 {} {what}{}", list.list, fate_after_colon(part, lang)),
    }
}

fn overridden(entries: &[u64], more: &mut Vec<String>, lang: Lang) {
    more.extend(entries.iter().map(|by| match lang {
        Lang::En => format!("a rule was OVERRIDDEN by {}", entry(*by, lang)),
        Lang::Zh => format!("依{}破例", entry(*by, lang)),
    }));
}

fn of_step(step: &StepDeed, part: &CasePart, more: &mut Vec<String>, lang: Lang) -> String {
    let id = &step.step;
    let title = match &step.on {
        Subject::Case { opens: Some((unit, scheme, tier, period)), .. } => {
            more.push(match lang {
                Lang::En => format!("unit {unit}, scheme {scheme} {tier}, period {period}"),
                Lang::Zh => format!("单位 {unit}，项目 {scheme} {tier}，{period} 年度"),
            });
            format!("{id}{}", lang.pick(": case opened", "：申报立案"))
        }
        Subject::Case { renews: Some(period), .. } => match lang {
            Lang::En => format!("{id}: period {period} begins"),
            Lang::Zh => format!("{id}：年审，转入 {period} 年度"),
        },
        Subject::Case { .. } => id.clone(),
        Subject::List { list, seats } => {
            if !matches!(part, CasePart::Waits) {
                more.push(of_list(list, part, lang));
            }
            if let Some(seats) = seats {
                let votes = seats.votes;
                more.push(match lang {
                    Lang::En => format!("meeting: {} agree, {} against, {} absent", votes.agree, votes.against, votes.absent),
                    Lang::Zh => format!("评议会：同意 {}，反对 {}，缺席 {}", votes.agree, votes.against, votes.absent),
                });
            }
            format!("{id} · {} {}{}", lang.pick("list", "名册"), list.list, fate_after_colon(part, lang))
        }
        Subject::Batch(batch) => of_batch(id, batch, part, more, lang),
        Subject::Payment { batch, .. } => match lang {
            Lang::En => format!("{id} · payment in batch {batch}"),
            Lang::Zh => format!("{id} · 批次 {batch} 的款项"),
        },
    };
    let said: Vec<String> = step.asserts.iter().map(|(code, said)| format!("{code} {}", assertion(said, lang))).collect();
    let measured = step.measures.iter().map(|(code, measure)| format!("{code} {measure}"));
    let all: Vec<String> = said.into_iter().chain(measured).collect();
    if !all.is_empty() {
        more.push(all.join(lang.pick(", ", "，")));
    }
    overridden(&step.overrides, more, lang);
    title
}

fn assertion(said: &str, lang: Lang) -> &str {
    match said {
        "yes" => lang.pick("yes", "是"),
        "no" => lang.pick("NO", "否"),
        _ => lang.pick("UNCLEAR", "不清"),
    }
}

/// What became of the case's line; nothing where the act is told of no case.
fn fate_after_colon(part: &CasePart, lang: Lang) -> String {
    let fate = fate(part, lang);
    if fate.is_empty() { String::new() } else { format!("{}{fate}", lang.pick(": ", "：")) }
}

/// What became of the case's line, in a word.
fn fate(part: &CasePart, lang: Lang) -> &'static str {
    match part {
        CasePart::Waits => lang.pick("waits", "待会签"),
        CasePart::Kept { .. } => lang.pick("kept", "列入"),
        CasePart::Dropped(_) => lang.pick("DROPPED", "剔除"),
        CasePart::DroppedBefore(_) => lang.pick("DROPPED before", "此前已剔除"),
        CasePart::Omitted(_) => lang.pick("OMITTED", "未列入"),
        _ => "",
    }
}

/// Why, and how the whole list went.
fn of_list(list: &ListDeed, part: &CasePart, lang: Lang) -> String {
    let why = match part {
        CasePart::Kept { fen: Some(fen) } => Some(format!("{}{}", lang.pick("this case: ", "本案："), yuan(*fen, lang))),
        CasePart::Dropped(blame) | CasePart::Omitted(blame) => Some(match lang {
            Lang::En => format!("because of the {} of {}", blame.act, entry(blame.entry, lang)),
            Lang::Zh => format!("因{}的{}", entry(blame.entry, lang), act(&blame.act, lang)),
        }),
        CasePart::DroppedBefore(by) => Some(match lang {
            Lang::En => format!("by {}", entry(*by, lang)),
            Lang::Zh => format!("见{}", entry(*by, lang)),
        }),
        _ => None,
    };
    let counts: Vec<String> = [
        (list.kept, lang.pick("kept", "列入")),
        (list.dropped, lang.pick("dropped", "剔除")),
        (list.omitted, lang.pick("omitted", "未列入")),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| match lang {
        Lang::En => format!("{count} {what}"),
        Lang::Zh => format!("{what} {count}"),
    })
    .collect();
    let whole = format!("{}{}", lang.pick("whole list: ", "全册："), counts.join(lang.pick(", ", "，")));
    why.into_iter().chain([whole]).collect::<Vec<_>>().join(lang.pick("; ", "；"))
}

fn of_batch(id: &str, batch: &BatchDeed, part: &CasePart, more: &mut Vec<String>, lang: Lang) -> String {
    more.extend(match (part, lang) {
        (CasePart::Own, _) => None,
        (CasePart::Paid, _) => Some(lang.pick("this case: PAID, says the bank", "本案：银行回执已发放").to_owned()),
        (CasePart::Failed(reason), Lang::En) => Some(format!("this case: NOT PAID, the bank says {reason}")),
        (CasePart::Failed(reason), Lang::Zh) => Some(format!("本案：发放失败，银行回执 {reason}")),
        (CasePart::HeldBack(blame), Lang::En) => Some(format!("this case: HELD BACK by the hold of {}", entry(blame.entry, lang))),
        (CasePart::HeldBack(blame), Lang::Zh) => Some(format!("本案：依{}暂扣，未列入批次", entry(blame.entry, lang))),
        (_, _) => Some(lang.pick("this case: in the batch", "本案：在批次内").to_owned()),
    });
    let sum = yuan(batch.fen, lang);
    more.push(match lang {
        Lang::En if batch.count == 1 => format!("batch of 1 payment, {sum}, of list {}", batch.list),
        Lang::En => format!("batch of {} payments, {sum}, of list {}", thousands(batch.count), batch.list),
        Lang::Zh => format!("批次共 {} 笔，{sum}，依名册 {}", thousands(batch.count), batch.list),
    });
    if let Some((_, _, paid, failed)) = &batch.results {
        more.push(match lang {
            Lang::En => format!("the bank: {} paid, {} failed", thousands(*paid), thousands(*failed)),
            Lang::Zh => format!("银行回执：发放成功 {} 笔，失败 {} 笔", thousands(*paid), thousands(*failed)),
        });
    }
    if let Some(repays) = &batch.repays {
        more.push(format!("{} {repays}", lang.pick("pays again what failed in batch", "重新发放失败批次")));
    }
    format!("{id} · {} {}", lang.pick("batch", "批次"), batch.batch)
}

fn of_case(deed: &Deed, part: &CasePart, lang: Lang) -> String {
    match (deed, lang) {
        (Deed::Correct { of, batch: Some(batch), reason, .. }, Lang::En) => {
            format!("CORRECTION: batch {batch} of {} is taken back: {reason}", entry(*of, lang))
        }
        (Deed::Correct { of, batch: Some(batch), reason, .. }, Lang::Zh) => {
            format!("更正：撤回批次 {batch}（{}），理由 {reason}", entry(*of, lang))
        }
        (Deed::Correct { of, reason, .. }, Lang::En) => format!("CORRECTION: {} is taken back: {reason}", entry(*of, lang)),
        (Deed::Correct { of, reason, .. }, Lang::Zh) => format!("更正：撤回{}，理由 {reason}", entry(*of, lang)),
        (Deed::Transfer { from, to, reason, .. }, Lang::En) => format!("transfer from unit {from} to {to}: {reason}"),
        (Deed::Transfer { from, to, reason, .. }, Lang::Zh) => format!("转移：由单位 {from} 转至 {to}，理由 {reason}"),
        (Deed::Account { reason, .. }, Lang::En) => format!("another account: {reason}"),
        (Deed::Account { reason, .. }, Lang::Zh) => format!("变更收款账户，理由 {reason}"),
        (Deed::Relate { person, relation, basis, to }, Lang::En) => {
            let to = if let Related::Case(_) = to { "to the case" } else { "to a person" };
            format!("RELATED {to}: {person}, {relation} ({basis})")
        }
        (Deed::Relate { person, relation, .. }, Lang::Zh) => format!("关系申报：{person} 与本案为 {relation}"),
        (other, _) => of_flag(other, part, lang),
    }
}

fn of_flag(deed: &Deed, part: &CasePart, lang: Lang) -> String {
    match (deed, lang) {
        (Deed::Objection { reason, .. }, _) => format!("{}{reason}", lang.pick("OBJECTION: ", "异议：")),
        (Deed::Dissent { of, reason, .. }, Lang::En) => format!("DISSENT from {}: {reason}", entry(*of, lang)),
        (Deed::Dissent { of, reason, .. }, Lang::Zh) => format!("不同意见：对{}，{reason}", entry(*of, lang)),
        (Deed::Report { reason, .. }, _) => format!("{}{reason}", lang.pick("REPORT by the public: ", "举报：")),
        (Deed::Appeal { of, .. }, Lang::En) => format!("APPEAL against {}", entry(*of, lang)),
        (Deed::Appeal { of, .. }, Lang::Zh) => format!("申诉：对{}", entry(*of, lang)),
        (Deed::Answer { answers, to, outcome }, Lang::En) => {
            let outcome = if outcome == "upheld" { "UPHELD" } else { outcome };
            format!("answer to the {to} of {}: {outcome}", entry(*answers, lang))
        }
        (Deed::Answer { answers, to, outcome }, Lang::Zh) => {
            let outcome = if outcome == "upheld" { "成立" } else { "不成立" };
            format!("答复{}的{}：{outcome}", entry(*answers, lang), act(to, lang))
        }
        (Deed::Recuse { relation, .. }, Lang::En) => format!("RECUSED: the signer steps aside, {relation}"),
        (Deed::Recuse { relation, .. }, Lang::Zh) => format!("回避：签名人与本案为 {relation}"),
        (Deed::Hold { reason, .. }, _) => format!("{}{reason}", lang.pick("HOLD on the payment: ", "暂扣：")),
        (Deed::Release { releases, .. }, Lang::En) => format!("hold of {} released", entry(*releases, lang)),
        (Deed::Release { releases, .. }, Lang::Zh) => format!("解除{}的暂扣", entry(*releases, lang)),
        (Deed::Anchor { ledger, size }, Lang::En) => format!("anchors ledger {ledger} at {} entries", thousands(*size)),
        (Deed::Anchor { ledger, size }, Lang::Zh) => format!("锚定账本 {ledger}（{} 条）", thousands(*size)),
        (Deed::Epoch { number, node }, Lang::En) => format!("epoch {number}: node {node} sequences"),
        (Deed::Epoch { number, node }, Lang::Zh) => format!("第 {number} 任期：由节点 {node} 定序"),
        (other, _) => {
            debug_assert!(matches!(part, CasePart::Own));
            act(other.name(), lang).to_owned()
        }
    }
}

/// That a correction took back what an entry did.
pub fn taken_back(by: u64, lang: Lang) -> String {
    match lang {
        Lang::En => format!("TAKEN BACK by {}", entry(by, lang)),
        Lang::Zh => format!("已由{}更正撤回", entry(by, lang)),
    }
}

/// What an outcome makes of a case.
pub fn status(to: &str, lang: Lang) -> &str {
    match to {
        "suspended" => lang.pick("suspended", "暂缓"),
        "rejected" => lang.pick("rejected", "不予确认"),
        "revoked" => lang.pick("revoked", "取消资格"),
        "exited" => lang.pick("exited", "退出"),
        "referred" => lang.pick("referred upward", "请示上级"),
        other => other,
    }
}

/// An act's name.
pub fn act(name: &str, lang: Lang) -> &str {
    if lang == Lang::En {
        return name;
    }
    match name {
        "found" => "创设",
        "amend" => "修订创设",
        "enact" => "颁行办法",
        "enrol" => "登记人员",
        "device" => "登记设备",
        "device-end" => "停用设备",
        "appoint" => "任职",
        "appoint-end" => "免职",
        "rotate" => "换钥",
        "rekey" => "补发密钥",
        "revoke" => "吊销密钥",
        "relate" => "关系申报",
        "qualify" => "资质",
        "import" => "转录",
        "step" => "步骤",
        "join" => "会签",
        "sheet" => "名册页",
        "post-up" => "张榜公示",
        "post-down" => "撤榜",
        "outcome" => "处理结果",
        "correct" => "更正",
        "transfer" => "转移",
        "account" => "变更账户",
        "objection" => "异议",
        "dissent" => "不同意见",
        "report" => "举报",
        "appeal" => "申诉",
        "answer" => "答复",
        "recuse" => "回避",
        "hold" => "暂扣",
        "release" => "解除暂扣",
        "override" => "破例",
        "ruling" => "批复",
        "team" => "编组",
        "incident" => "事件",
        "cosigned" => "共签",
        "index" => "索引",
        "epoch" => "任期",
        "anchor" => "锚定",
        other => other,
    }
}

/// What happened to a copy, in Chinese.
pub fn incident(kind: &str) -> &str {
    match kind {
        "stream-lost" => "消息流丢失",
        "stream-damaged" => "消息流受损",
        "segments-damaged" => "账本分段受损",
        "node-restored" => "节点由副本恢复",
        "other" => "其他",
        other => other,
    }
}

/// A capacity, where it is worth a word.
pub fn capacity(capacity: &str, lang: Lang) -> &'static str {
    match capacity {
        "acting" => lang.pick(" (ACTING)", "（代理）"),
        "delegated" => lang.pick(" (DELEGATED)", "（委托）"),
        _ => "",
    }
}

/// What became of a line, and why.
pub fn line_fate(part: &CasePart, lang: Lang) -> String {
    let why = match (part, lang) {
        (CasePart::Dropped(blame) | CasePart::Omitted(blame) | CasePart::HeldBack(blame), Lang::En) => {
            format!(" because of the {} of {}", blame.act, entry(blame.entry, lang))
        }
        (CasePart::Dropped(blame) | CasePart::Omitted(blame) | CasePart::HeldBack(blame), Lang::Zh) => {
            format!("：因{}的{}", entry(blame.entry, lang), act(&blame.act, lang))
        }
        (CasePart::DroppedBefore(by), Lang::En) => format!(" by {}", entry(*by, lang)),
        (CasePart::DroppedBefore(by), Lang::Zh) => format!("（{}）", entry(*by, lang)),
        (CasePart::Failed(reason), _) => format!("{}{reason}", lang.pick(": ", "：")),
        _ => String::new(),
    };
    let fate = match part {
        CasePart::HeldBack(_) => lang.pick("HELD BACK", "暂扣"),
        CasePart::Paid => lang.pick("paid", "已发放"),
        CasePart::Failed(_) => lang.pick("NOT PAID", "发放失败"),
        CasePart::InBatch => lang.pick("in the batch", "在批次内"),
        other => fate(other, lang),
    };
    format!("{fate}{why}")
}

/// A capacity, always with its word.
pub fn capacity_in_full(capacity: &str, lang: Lang) -> &str {
    match capacity {
        "regular" => lang.pick("regular", "正式任职"),
        "acting" => lang.pick("ACTING", "代理"),
        "delegated" => lang.pick("DELEGATED", "委托"),
        "founder" => lang.pick("founder", "创设人"),
        other => other,
    }
}

/// So many acts of which that became.
pub fn counted_fate(fate: &str, count: u64, lang: Lang) -> String {
    let shown = match fate {
        "paid" => lang.pick("case paid later", "所涉案件其后已发放"),
        "stands" => lang.pick("stand", "有效"),
        "stopped" => lang.pick("case stopped later", "所涉案件后经处理终止"),
        "taken-back" => lang.pick("TAKEN BACK", "已更正撤回"),
        "upheld" => lang.pick("UPHELD", "认定成立"),
        "dismissed" => lang.pick("DISMISSED", "被驳回"),
        "ended" => lang.pick("ended", "已了结"),
        _ => lang.pick("WAIT for an answer", "待答复"),
    };
    match lang {
        Lang::En => format!("{} {shown}", thousands(count)),
        Lang::Zh => format!("{shown} {}", thousands(count)),
    }
}

#[cfg(test)]
mod tests {
    use projector::rows::EntryRow;

    use super::*;

    fn shown(deed: Deed, lang: Lang) -> String {
        let row = EntryRow { received_ms: 0, hash: None, at: None, signers: Vec::new(), deed, warnings: 0 };
        let (title, more) = told(&EntryAnswer { entry: 7, row, signed_by: Vec::new() }, &CasePart::Own, lang);
        std::iter::once(title).chain(more).collect::<Vec<_>>().join(" / ")
    }

    #[test]
    fn what_a_cluster_brings_is_told_in_both_languages() {
        let epoch = || Deed::Epoch { number: 3, node: "n-2".to_owned() };
        let anchor = || Deed::Anchor { ledger: "demo.county.example/roll/9936db9822455a74".to_owned(), size: 1_200 };
        let incident = |generation| Deed::Incident { kind: "stream-lost".to_owned(), node: "n-1".to_owned(), generation, size: 1_200 };
        for (deed, en, zh) in [
            (epoch(), "epoch 3: node n-2 sequences", "第 3 任期：由节点 n-2 定序"),
            (
                anchor(),
                "anchors ledger demo.county.example/roll/9936db9822455a74 at 1,200 entries",
                "锚定账本 demo.county.example/roll/9936db9822455a74（1,200 条）",
            ),
            (
                incident(2),
                "INCIDENT at node n-1: stream-lost / the record goes on from its first 1,200 entries / opens generation 2",
                "事件：节点 n-1，消息流丢失 / 以账本前 1,200 条为准续记 / 启用第 2 代消息流",
            ),
            (
                incident(0),
                "INCIDENT at node n-1: stream-lost / the record goes on from its first 1,200 entries",
                "事件：节点 n-1，消息流丢失 / 以账本前 1,200 条为准续记",
            ),
        ] {
            assert_eq!((shown(deed.clone(), Lang::En).as_str(), shown(deed, Lang::Zh).as_str()), (en, zh));
        }
        assert_eq!(["epoch", "anchor", "incident"].map(|name| act(name, Lang::Zh)), ["任期", "锚定", "事件"]);
    }
}
