//! Texts of every act of a programme, written by hand, and each way to spoil one.

use super::*;
use crate::rule::Rule;
use crate::statement::{LONG_BYTES_MAX, STATEMENT_BYTES_MAX, Statement, Times};

const HEADER_LINES: usize = 8;

/// `#` in the bodies below.
fn hash() -> String {
    base64(&[5; 32])
}

/// Body of a statement, full or as short as it can be, its lines separated by `/`.
const BODIES: &[(&str, &str)] = &[
    ("step", "step accept"),
    (
        "step",
        "step accept/case case-1 new/open 07-02 DB-1 tier-a 2013 #/period 2013/list l-1 2 9007199254740991 #/seats s-1 5 0 #/batch b-1 l-1 2 60000/\
         repays b-0/less case-2 #/less case-3 #/payment case-1 b-1/results r-1 2 0 #/cosigned 17/total paid 2 60000/total failed 0 0/\
         assert lives-here yes/assert has-car no/assert has-land unclear/measure income 240000/measure persons 3/override #/override #/\
         evidence form #/evidence photo #",
    ),
    ("step", "step visit/case case-1 #/assert lives-here yes"),
    ("join", "joins #"),
    ("sheet", "list l-1/kind cases/part 0/| case-1 #/| case-2 # omit"),
    ("sheet", "list l-1/kind payments/part 1/| case-1 # 30000 #/| case-2 # omit"),
    ("sheet", "list s-1/kind seats/part 1/| v-1 villager agree/| v-2 party against/| v-3 villager absent"),
    ("sheet", "list r-1/kind results/part 1/| case-1 paid/| case-2 failed account-closed"),
    ("post-up", "step post-1/list l-1 1 30000 #/place village #"),
    (
        "post-up",
        "step post-1/list l-1 1 30000 #/place village #/place town #/phone village/phone county/photo village #/photo town #/override #/override #",
    ),
    ("post-down", "step post-1/list l-1 1 30000 #"),
    ("post-down", "step post-1/list l-1 1 30000 #/photo village #/photo town #/override #/override #"),
    ("outcome", "case case-1 #/outcome refused/reason income"),
    ("outcome", "case case-1 #/outcome refused/reason income/evidence letter #/evidence photo #"),
    ("correct", "of #/reason typo/evidence #"),
    ("correct", "case case-1 #/batch b-1/of #/reason typo/evidence #"),
    ("transfer", "case case-1 #/from 07-02/to 08/reason moved"),
    ("account", "case case-1 #/account #/reason lost/evidence #"),
    ("objection", "case case-1 #/reason income/evidence none"),
    ("objection", "case case-1 #/reason income/evidence #"),
    ("dissent", "case case-1 #/of #/reason unseen/evidence none"),
    ("dissent", "case case-1 #/of #/reason unseen/evidence #"),
    ("report", "report #/about case case-1/reason bribe/evidence none"),
    ("report", "report #/about unit 07-02/reason bribe/evidence #"),
    ("appeal", "case case-1 #/of #/evidence none"),
    ("appeal", "case case-1 #/of #/evidence #"),
    ("answer", "answers #/outcome upheld/evidence #"),
    ("answer", "answers #/outcome dismissed/evidence #"),
    ("recuse", "case case-1 #/relation cousin"),
    ("hold", "case case-1 #/reason inquiry/evidence #"),
    ("release", "case case-1 #/releases #/evidence #"),
    ("override", "step pay/rule late/about case case-1/reason flood/evidence #"),
    ("override", "step pay/rule late/about list l-1/reason flood/evidence #"),
    ("ruling", "clause step visit/issuer county/document #/answers none"),
    ("ruling", "clause outcome refused/issuer county/document #/answers #"),
    ("ruling", "clause rule late/issuer county/document #/answers none"),
    ("ruling", "clause scheme DB-1/issuer county/document #/answers none"),
    ("incident", "incident stream-lost/node node-1.county/generation 2/size 9/root #/document #"),
    ("incident", "incident other/node n/generation 0/size 0/root #/document #"),
    ("team", "step visit/period 2013/member g-1 a p-1"),
    ("team", "step visit/period 2013/member g-1 a p-1/member g-1 b p-2/area a 07-02/area b 08"),
];

/// Values that their lines do not take: act, line, values.
const BAD: &[(&str, &str, &[&str])] = &[
    ("step", "case", &["case-1", "case-1 none", "case-1  new", "case-1 new ", "110101199003070011 new"]),
    (
        "step",
        "open",
        &["07 DB-1 tier-a 1899 #", "07 - tier-a 2013 #", "07 DB-1 Tier 2013 #", "07 DB-1 tier-a 2013 6222", "07 DB-1 tier-a 2013"],
    ),
    ("step", "period", &["1899", "10000", "02013"]),
    ("step", "list", &["l-1 2 60000", "l-1 02 60000 #", "l-1 2 9007199254740992 #", "l-1 2 -1 #", "L 2 60000 #"]),
    ("step", "batch", &["b-1 l-1 2", "b-1 l-1 2 0.5", "b-1 l-1 2 60000 #"]),
    ("step", "less", &["case-2", "case-2 new", "case-2 # omit"]),
    ("step", "cosigned", &["-1", "1 2"]),
    ("step", "total", &["paid 2", "paid 2 1 1"]),
    ("step", "assert", &["lives-here maybe", "lives-here", "lives-here Yes"]),
    ("step", "measure", &["income", "income 2.5"]),
    ("step", "evidence", &["#", "form none"]),
    ("join", "joins", &["none", "# #"]),
    ("sheet", "part", &["01", "one"]),
    ("sheet", "kind", &["case", "Cases"]),
    ("post-up", "place", &["village", "village none"]),
    ("outcome", "case", &["case-1 new", "case-1"]),
    ("transfer", "to", &["08 09", "08_9"]),
    ("account", "account", &["6222020200112233445", "none"]),
    ("objection", "evidence", &["None", "# none"]),
    ("report", "about", &["case-1", "person p-1", "case 07 08", "unit 07_2"]),
    ("answer", "outcome", &["Upheld", "refused"]),
    ("override", "about", &["unit 07", "list L"]),
    ("ruling", "clause", &["step", "section 3", "scheme -", "step Visit"]),
    ("ruling", "answers", &["new", "# #"]),
    ("incident", "incident", &["lost", "Other", "stream-lost other"]),
    ("incident", "node", &["1", "Node", "-n", "n_1", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]),
    ("incident", "generation", &["none", "02", "-1"]),
    ("incident", "size", &["new", "09"]),
    ("incident", "root", &["none", "# #"]),
    ("incident", "document", &["none"]),
    ("team", "member", &["g-1 a", "g-1 a P1", "g-1 a p-1 p-2"]),
    ("team", "area", &["a", "a 07 08"]),
];

/// Lines that a sheet of this kind does not take.
const BAD_SHEET_LINES: &[(&str, &[&str])] = &[
    ("cases", &["|", "| ", "| case-1", "| case-1 new", "| case-1 # 30000 #", "| case-1 #  omit", "| case-1 # omit omit"]),
    ("payments", &["|", "| case-1 #", "| case-1 # 030 #", "| case-1 # 30000 6222", "| case-1 # 30000 # omit", "| case-1 omit"]),
    ("seats", &["|", "| v-1 villager", "| v-1 villager yes", "| V villager agree", "| v-1 villager agree omit"]),
    (
        "results",
        &["|", "| case-1", "| case-1 failed", "| case-1 failed ", "| case-1 paid yes", "| case-1 failed Closed", "| case-1 # omit"],
    ),
];

fn text(act: &str, body: &[String]) -> String {
    let hash = hash();
    let header = format!(
        "zeren statement v1\nledger demo.county.example/archive/5f0c2a9be41d7703\nact {act}\nprocedure p 1 {hash}\nby p1 clerk 07 {hash}\n\
         device d1 7\nat 2013-03-11T09:14:05+08:00\nseen 9 {hash} {hash}\n"
    );
    assert_eq!(header.lines().count(), HEADER_LINES);
    body.iter().fold(header, |text, line| text + line + "\n")
}

fn body(lines: &str) -> Vec<String> {
    // A hash in base64 holds no slash here.
    lines.split('/').map(|line| line.replace('#', &hash())).collect()
}

fn key(line: &str) -> &str {
    line.split(' ').next().unwrap_or_default()
}

fn times(act: &str, line: &str) -> Times {
    let layout = ActName::named(act).unwrap().body_layout();
    layout.iter().find(|(name, _)| *name == key(line)).unwrap().1
}

fn refusal(act: &str, body: &[String]) -> (Rule, Option<usize>) {
    let refusal = Statement::parse(&text(act, body)).unwrap_err();
    (refusal.rule, refusal.line)
}

#[test]
fn acts_read_as_they_were_written() {
    for (act, lines) in BODIES {
        let text = text(act, &body(lines));
        let statement = Statement::parse(&text).unwrap_or_else(|refusal| panic!("{refusal}\n{text}"));
        assert_eq!((statement.act_name().as_str(), statement.encode()), (*act, text));
    }
}

#[test]
fn every_act_of_a_programme_is_among_them_with_every_line() {
    for act in ActName::ALL.iter().skip_while(|act| **act != ActName::Step) {
        let named = || BODIES.iter().filter(|(name, _)| *name == act.as_str());
        let lines: Vec<String> = named().flat_map(|(_, lines)| body(lines)).collect();
        for (wanted, _) in act.body_layout() {
            assert!(lines.iter().any(|line| key(line) == *wanted), "{} {wanted}", act.as_str());
        }
    }
}

#[test]
fn lines_are_there_once_and_in_order() {
    for (act, lines) in BODIES {
        let body = body(lines);
        for (at, line) in body.iter().enumerate() {
            let is_only = body.iter().filter(|other| key(other) == key(line)).count() == 1;
            let mut without = body.clone();
            without.remove(at);
            let result = Statement::parse(&text(act, &without)).map(drop).map_err(|refusal| refusal.rule);
            let is_missed = times(act, line).is_required() && is_only;
            assert_eq!(result, if is_missed { Err(Rule::LineMissing) } else { Ok(()) }, "{act} without {line}");
            let mut twice = body.clone();
            twice.insert(at, line.clone());
            let result = Statement::parse(&text(act, &twice)).map(drop).map_err(|refusal| refusal.rule);
            assert_eq!(result, if times(act, line).is_single() { Err(Rule::LineRepeated) } else { Ok(()) }, "{act} with {line} twice");
        }
        for at in 1..body.len() {
            let mut swapped = body.clone();
            swapped.swap(at - 1, at);
            if key(&body[at - 1]) != key(&body[at]) {
                assert_eq!(refusal(act, &swapped).0, Rule::LineOrder, "{act}: {} before {}", body[at], body[at - 1]);
            }
        }
        let mut other = body.clone();
        other.push("other x".to_owned());
        assert_eq!(refusal(act, &other), (Rule::LineUnknown, Some(HEADER_LINES + other.len())), "{act}");
    }
}

#[test]
fn values_keep_their_grammar() {
    for (act, lines) in BODIES {
        let body = body(lines);
        for at in 0..body.len() {
            for (value, rule) in [("", Rule::Value), (" ?", Rule::Value), (" 乡", Rule::Character)] {
                let mut spoilt = body.clone();
                spoilt[at] = format!("{}{value}", key(&body[at]));
                assert_eq!(refusal(act, &spoilt), (rule, Some(HEADER_LINES + at + 1)), "{act}: {}", spoilt[at]);
            }
        }
    }
    for (act, line, values) in BAD {
        let lines = BODIES.iter().filter(|(name, _)| name == act).max_by_key(|(_, lines)| lines.len()).unwrap().1;
        let body = body(lines);
        let at = body.iter().position(|present| key(present) == *line).unwrap();
        for value in *values {
            let mut spoilt = body.clone();
            spoilt[at] = format!("{line} {}", value.replace('#', &hash()));
            assert_eq!(refusal(act, &spoilt), (Rule::Value, Some(HEADER_LINES + at + 1)), "{act}: {}", spoilt[at]);
        }
    }
}

#[test]
fn sheets_hold_lines_of_their_kind() {
    for (kind, bad) in BAD_SHEET_LINES {
        for line in *bad {
            let body = vec!["list l-1".to_owned(), format!("kind {kind}"), "part 1".to_owned(), line.replace('#', &hash())];
            assert_eq!(refusal("sheet", &body), (Rule::Value, Some(HEADER_LINES + 4)), "{kind}: {line}");
        }
    }
}

#[test]
fn a_sheet_gives_the_lines_that_its_list_is_hashed_over() {
    for (_, lines) in BODIES.iter().filter(|(act, _)| *act == "sheet") {
        let body = body(lines);
        let Ok(Statement::Act { act: Act::Sheet(sheet), .. }) = Statement::parse(&text("sheet", &body)) else { panic!("{lines}") };
        let wanted: Vec<&str> = body.iter().filter_map(|line| line.strip_prefix("| ")).collect();
        assert_eq!(sheet.lines.texts(), wanted);
        assert_eq!(format!("kind {}", sheet.kind), body[1]);
    }
}

#[test]
fn a_sheet_may_be_long_and_a_step_not() {
    let mut sheet = body("list r-1/kind results/part 1");
    sheet.extend((0..3_000).map(|n| format!("| c{n:04} paid")));
    assert!(text("sheet", &sheet).len() > STATEMENT_BYTES_MAX && Statement::parse(&text("sheet", &sheet)).is_ok());
    sheet.extend((3_000..5_000).map(|n| format!("| c{n:04} paid")));
    assert!(text("sheet", &sheet).len() > LONG_BYTES_MAX);
    assert_eq!(refusal("sheet", &sheet).0, Rule::StatementTooLong);
    let mut step = body("step accept");
    step.extend((0..200).map(|n| format!("measure m-{n} 1")));
    assert_eq!(refusal("step", &step).0, Rule::StatementTooLong);
}
