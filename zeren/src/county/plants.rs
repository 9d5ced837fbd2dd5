//! What is planted in the county, and where: decided before anything is signed, and nowhere else.

use std::collections::{BTreeMap, BTreeSet};

use signer::value::CaseId;

use super::County;
use super::plan::{Fate, OWN_UNIT_CASES, Profile, Village, township_official};
use super::truth::{Kind, Mode};

/// The frauds, each with an honest twin that looks like it.
pub const PLANTS: [Kind; 22] = [
    kind(
        1,
        Mode::Admitted,
        "a dead payee is paid and reviewed as met",
        "死亡人员照发并通过年审",
        "outside: register of deaths",
        "died after payment, and left the programme before the review",
        "发放后死亡，年审前已办退出",
    ),
    kind(
        2,
        Mode::Admitted,
        "six meetings written by one hand in one night, with the seats of another village",
        "一人一夜补造六次评议记录",
        "record: one device, seconds apart, seat tokens of another village",
        "a tablet passed round: the overseer joins 25 seconds later",
        "共用平板，监督委员25秒后会签",
    ),
    kind(
        3,
        Mode::Admitted,
        "cash taken back from payees",
        "发放后收回现金",
        "outside: return visits to payees",
        "a village where reports found nothing",
        "有举报但查无此事的村",
    ),
    kind(
        4,
        Mode::Admitted,
        "twenty-four visits in one morning",
        "一上午入户二十四户",
        "record: times of one pair's visits",
        "neighbours in one courtyard, eight minutes apart",
        "同院邻居，间隔八分钟",
    ),
    kind(
        5,
        Mode::Admitted,
        "the village head's kin, without a recusal",
        "村主任亲属未回避",
        "record: a relation found later",
        "a declared relative, with a recusal",
        "已申报并回避的亲属",
    ),
    kind(
        6,
        Mode::Admitted,
        "payees on the public payroll",
        "财政供养人员领取",
        "outside: payroll",
        "payees with names like those on the payroll",
        "与财政供养人员同名者",
    ),
    kind(
        7,
        Mode::Refused,
        "cases forwarded that were never posted",
        "未公示而上报",
        "step-order",
        "a case removed after an objection",
        "因异议不予上报的案件",
    ),
    kind(
        8,
        Mode::Refused,
        "posted for three days, with another village's photo",
        "公示仅三日，照片挪用",
        "posting-days; record: one photo for two lists",
        "posted again after a storm, for the full time",
        "风雨损毁后重新公示满期",
    ),
    kind(
        9,
        Mode::Refused,
        "rechecked by somebody of the own township",
        "复查本乡镇案件",
        "own-unit",
        "the same, allowed by the supervisor in writing",
        "经监督方书面破例",
    ),
    kind(
        10,
        Mode::Admitted,
        "an investigator's key used on a village clerk's device",
        "冒用调查员密钥",
        "record: two devices for one person on one day",
        "an official who moved, and signs on the new post's device",
        "调任后在新单位设备上签署",
    ),
    kind(
        11,
        Mode::Admitted,
        "seventeen payees on one account",
        "十七人共用一个账户",
        "record: one account token",
        "couples on one account",
        "夫妻共用账户",
    ),
    kind(
        12,
        Mode::Refused,
        "results for people who are not on the list, totals kept",
        "回执夹带名册外人员，总额不变",
        "results-lines",
        "returned by the bank and paid again",
        "银行退回后补发",
    ),
    kind(
        13,
        Mode::Refused,
        "suspended cases on a payment list",
        "暂缓人员列入发放名册",
        "case-status",
        "suspended, visited again, and paid",
        "暂缓后补访再发放",
    ),
    kind(
        14,
        Mode::Admitted,
        "paid in two townships after a move",
        "迁居后两地重复领取",
        "outside: vault of identities",
        "moved, with both townships signing",
        "迁居并由两地签署转移",
    ),
    kind(
        15,
        Mode::Admitted,
        "two townships approve each other's kin",
        "两乡互批亲属",
        "record: relations found later, both ways",
        "two investigators who always go together",
        "固定搭档的两名调查员",
    ),
    kind(
        16,
        Mode::Admitted,
        "sixty visits written before an inspection and dated back",
        "迎检前补签并倒签六十次入户",
        "record: a device's clock against the order of its counter",
        "a village offline for days, uploaded later",
        "断网数日后补传",
    ),
    kind(
        17,
        Mode::Copy,
        "somebody with the disk edits, cuts and rewrites the record",
        "数据库管理员改写、删尾、重造",
        "audit",
        "a mistake corrected in the open",
        "公开更正的差错",
    ),
    kind(
        18,
        Mode::Admitted,
        "four reports that nobody answers",
        "四件举报无人答复",
        "record: unanswered, past its day",
        "a report answered in time",
        "按期答复的举报",
    ),
    kind(
        19,
        Mode::Refused,
        "an acting head signs on after the letter ended",
        "代理期满后继续签署",
        "appointment-ended",
        "a letter that came late, and no act before it",
        "任命文件迟到，到前未签",
    ),
    kind(
        20,
        Mode::Admitted,
        "the higher tier for those of the lower",
        "低档人员按高档发放",
        "outside: evidence of the tier",
        "those who are of the higher tier",
        "确属高档者",
    ),
    kind(
        21,
        Mode::Warned,
        "money parked for seventy days",
        "资金滞留七十日",
        "late",
        "held for an inquiry and paid when it ended",
        "因核查暂扣，解除即发",
    ),
    kind(
        22,
        Mode::Admitted,
        "a review of 190 people ticked in an afternoon",
        "半日勾选一百九十人年审",
        "record: seconds between reviews",
        "a township that took two weeks",
        "用两周逐户年审的乡镇",
    ),
];

#[allow(clippy::too_many_arguments, reason = "a row of the table above")]
const fn kind(
    number: u8,
    mode: Mode,
    en: &'static str,
    zh: &'static str,
    known_by: &'static str,
    twin_en: &'static str,
    twin_zh: &'static str,
) -> Kind {
    Kind { number, mode, en, zh, known_by, twin_en, twin_zh }
}

/// Where each is.
#[derive(Clone, Debug, Default)]
pub(super) struct Plants {
    /// False in a county too small for them.
    pub(super) are_planted: bool,
    /// Dead, paid and reviewed all the same (1).
    pub(super) dead: Vec<CaseId>,
    /// Dead, and out of the programme before the review (1's twin).
    pub(super) left: Vec<CaseId>,
    /// Those who had to give cash back (3).
    pub(super) gave_back: Vec<CaseId>,
    /// Village heads, and cases that are their kin (5).
    pub(super) kin: Vec<(String, CaseId)>,
    /// Declared relatives of an investigator, who steps aside (5's twin).
    pub(super) declared: BTreeMap<CaseId, String>,
    /// On the public payroll (6).
    pub(super) payroll: Vec<CaseId>,
    /// Of the same names as somebody on the payroll (6's twin).
    pub(super) namesakes: Vec<CaseId>,
    /// Cases at home with a checker of the own township (9).
    pub(super) own_unit: Vec<CaseId>,
    /// Cases on the account of the first of them (11).
    pub(super) one_account: Vec<CaseId>,
    /// Couples, on the account of one of them (11's twin).
    pub(super) couples: Vec<[CaseId; 2]>,
    /// The same person as two cases of two townships (14).
    pub(super) twice: Vec<[CaseId; 2]>,
    /// An official, and a case of the other township that is the official's kin (15).
    pub(super) ring: Vec<(String, CaseId)>,
    /// Paid by the higher tier, and entitled to the lower (20).
    pub(super) wrong_tier: Vec<CaseId>,
    /// Those whose money is parked (21).
    pub(super) parked: Vec<CaseId>,
    /// Those whose payments the bank returns (12's twin).
    pub(super) returned: Vec<CaseId>,
}

/// Villages whose meetings one hand wrote.
pub(super) const FORGED: std::ops::RangeInclusive<usize> = 1..=6;
// Townships, by what is planted there.
pub(super) const FORGED_TOWNSHIP: usize = 2;
pub(super) const SHORT_TOWNSHIP: usize = 3;
pub(super) const SHAM_TOWNSHIPS: [usize; 3] = [4, 5, 6];
pub(super) const BORROWED_TOWNSHIPS: [usize; 2] = [9, 10];
pub(super) const BACKDATED_TOWNSHIP: usize = 15;
pub(super) const ACTING_TOWNSHIP: usize = 16;
pub(super) const LAPSE_TOWNSHIPS: [usize; 2] = [18, 19];
pub(super) const CASHED_TOWNSHIP: usize = 20;
pub(super) const PAIRED_TOWNSHIP: usize = 21;
pub(super) const DEAD_TOWNSHIP: usize = 22;
/// Townships whose leaders forward what was not posted.
pub(super) const SWAP_TOWNSHIPS: [usize; 5] = [20, 21, 22, 1, 16];
/// Acts signed with a borrowed key, in each township.
pub(super) const BORROWED_ACTS: usize = 70;
/// Visits of a sham morning.
pub(super) const SHAM_VISITS: usize = 24;
/// Visits dated back.
pub(super) const BACKDATED_VISITS: usize = 60;
/// Reviews ticked in bulk, in each township.
pub(super) const TICKED: usize = 95;
/// Sheets signed after an acting head's letter ended.
pub(super) const OVERDUE_SHEETS: usize = 38;

/// Takes cases of a township that will be paid, in order, none twice.
struct Picker<'a> {
    county: &'a County,
    taken: BTreeSet<CaseId>,
}

impl Picker<'_> {
    fn of(&mut self, unit: &str, count: usize) -> Vec<CaseId> {
        self.such(unit, count, |_| true)
    }

    fn such(&mut self, unit: &str, count: usize, is_so: impl Fn(&super::Applicant) -> bool) -> Vec<CaseId> {
        let all = self.county.cases_of(unit).into_iter().filter(|case| !self.taken.contains(case));
        let fits = |case: &CaseId| self.county.applicants.get(case).is_some_and(|one| one.fate == Fate::Paid && is_so(one));
        let found: Vec<CaseId> = all.filter(fits).take(count).collect();
        self.taken.extend(found.iter().cloned());
        found
    }
}

fn pairs(cases: Vec<CaseId>) -> Vec<[CaseId; 2]> {
    cases.chunks_exact(2).filter_map(|two| <[CaseId; 2]>::try_from(two.to_vec()).ok()).collect()
}

fn village(township: usize, number: usize) -> String {
    Village { township, number }.unit()
}

impl Plants {
    /// Chooses places and people, once everybody who will apply is known. `told` are cases of the stories.
    pub(super) fn choose(county: &County, told: &dyn Fn(&CaseId) -> bool) -> Plants {
        if county.profile != Profile::M {
            return Plants::default();
        }
        let own_unit: Vec<CaseId> = OWN_UNIT_CASES.iter().map(|id| super::words::case(id)).collect();
        let mut taken: BTreeSet<CaseId> = county.applicants.keys().filter(|case| told(case)).cloned().collect();
        taken.extend(own_unit.iter().cloned());
        let mut pick = Picker { county, taken };
        let dead = pick.of("22", 9);
        let left = pick.of("22", 3);
        let mut gave_back = pick.of(&village(CASHED_TOWNSHIP, 1), 31);
        gave_back.extend(pick.of(&village(CASHED_TOWNSHIP, 2), 12));
        let kin_of = |number: usize| Village { township: 8, number }.official("head");
        let mut kin: Vec<(String, CaseId)> = pick.of(&village(8, 1), 11).into_iter().map(|case| (kin_of(1), case)).collect();
        kin.extend(pick.of(&village(8, 2), 5).into_iter().map(|case| (kin_of(2), case)));
        let mut declared = BTreeMap::new();
        for township in county.profile.townships().into_iter().filter(|of| *of != PAIRED_TOWNSHIP) {
            let relatives = pick.of(&format!("{township:02}"), 4);
            declared.extend(relatives.into_iter().map(|case| (case, township_official(township, 1))));
        }
        let payroll = pick.of("03", 14);
        let namesakes = pick.of("03", 3);
        let one_account = pick.of("12", 17);
        let couples = pairs(pick.of("12", 6));
        let (here, there) = (pick.of("11", 10), pick.of("17", 10));
        let twice = here.into_iter().zip(there).map(|(one, other)| [one, other]).collect();
        let ring_of = |pick: &mut Picker<'_>, at: &str, kin_of: usize| -> Vec<(String, CaseId)> {
            pick.of(at, 7).into_iter().map(|case| (township_official(kin_of, 4), case)).collect()
        };
        let mut ring = ring_of(&mut pick, "13", 14);
        ring.extend(ring_of(&mut pick, "14", 13));
        let wrong_tier = pick.such("-", 5, |one| one.tier.as_str() == "tier-1");
        let parked = pick.of("17", 12);
        let returned = pick.such("-", 67, |one| one.tier.as_str() != "tier-1");
        Plants {
            are_planted: true,
            dead,
            left,
            gave_back,
            kin,
            declared,
            payroll,
            namesakes,
            own_unit,
            one_account,
            couples,
            twice,
            ring,
            wrong_tier,
            parked,
            returned,
        }
    }

    /// Whose account a case has.
    pub(super) fn account_of<'a>(&'a self, case: &'a CaseId) -> &'a CaseId {
        let shared = self.one_account.first().filter(|_| self.one_account.contains(case));
        let couple = || self.couples.iter().find(|couple| couple.contains(case)).map(|couple| &couple[0]);
        shared.or_else(couple).unwrap_or(case)
    }

    /// Which of the three pairs of investigators goes to a case: the first investigator steps aside for declared relatives, so the
    /// second pair goes.
    pub(super) fn pair_of(&self, case: &CaseId, choice: usize) -> usize {
        if self.declared.contains_key(case) { 1 } else { choice }
    }
}
