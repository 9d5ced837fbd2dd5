//! What a procedure of a programme holds (sections 7.1 to 7.3): each fault is an enactment of the next version.

use signer::Rule;

use super::Table;
use crate::programme::PROGRAMME;
use crate::programme::Stage::Staffed;
use crate::world::World;

pub(super) fn fill(table: &mut Table) {
    for (rule, faults) in [(Rule::ProcedureFormat, FORMAT), (Rule::ProcedureFormat, STEP_FORMAT), (Rule::ProcedureReference, REFERENCES)] {
        for (name, from, to) in faults {
            table.refuses(rule, &format!("procedure of a programme: {name}"), Staffed, |w| enact(w, &second(from, to)));
        }
    }
    for (name, from, to) in GOOD {
        table.admits(&format!("procedure of a programme: {name}"), Staffed, |w| _ = w.enact(&second(from, to)));
    }
    counts(table);
}

/// The programme's procedure in version 2, changed at one place.
fn second(from: &str, to: &str) -> String {
    assert!(PROGRAMME.contains(from), "{from}");
    PROGRAMME.replace("version = 1", "version = 2").replacen(from, to, 1)
}

/// Founders enact it; what follows is under the version before.
fn enact(w: &mut World, text: &str) {
    w.act(&["f1", "f2"], World::enactment(text));
}

type Faults = &'static [(&'static str, &'static str, &'static str)];

const FORMAT: Faults = &[
    ("seven levels", "\"village\"]", "\"village\", \"a\", \"b\", \"c\", \"d\"]"),
    ("a level twice", "\"village\"]", "\"village\", \"village\"]"),
    ("a level with a capital", "levels  = [\"county\"", "levels  = [\"County\""),
    ("an eighth weekday", "index   =", "calendar = { working = [8] }\nindex   ="),
    ("a weekday of zero", "index   =", "calendar = { working = [0] }\nindex   ="),
    ("a weekday twice", "index   =", "calendar = { working = [1, 1] }\nindex   ="),
    ("a holiday with a time", "index   =", "calendar = { holidays = [2026-10-01T00:00:00] }\nindex   ="),
    ("a holiday twice", "index   =", "calendar = { holidays = [2026-10-01, 2026-10-01] }\nindex   ="),
    ("a workday before 1900", "index   =", "calendar = { workdays = [1899-10-01] }\nindex   ="),
    ("an unknown key of the calendar", "index   =", "calendar = { moons = [] }\nindex   ="),
    ("an index without daily", "index   = { daily = false }", "index   = {}"),
    ("an index whose daily is a number", "daily = false", "daily = 0"),
    ("answers by another calendar", "days = 10, calendar = \"working\"", "days = 10, calendar = \"lunar\""),
    ("answers after more than ten years", "days = 10", "days = 3651"),
    ("answers without a calendar", "{ days = 10, calendar = \"working\" }", "{ days = 10 }"),
    ("a standard of nothing", "fen    = 700", "fen    = 0"),
    ("a standard of more than ten thousand million yuan", "fen    = 700", "fen    = 1000000000001"),
    ("a standard without its first year", "to     = 2027\n", "to     = 2025\n"),
    ("a standard of the year 1899", "from   = 2026\nper    = \"area\"", "from   = 1899\nper    = \"area\""),
    ("two standards for one year", "scheme = \"X3\"\ntier   = \"base\"", "scheme = \"X2\"\ntier   = \"base\""),
    ("a scheme with a space", "\"X3\"", "\"X 3\""),
    ("a tier with a capital", "scheme = \"X3\"\ntier   = \"base\"", "scheme = \"X3\"\ntier   = \"Base\""),
    ("an outcome of another kind", "to          = \"rejected\"", "to          = \"forgotten\""),
    ("an outcome without a name", "name        = \"不予确认\"\n", ""),
    ("an outcome by nobody", "by   = [\"director\"]\nto   = \"referred\"", "by   = []\nto   = \"referred\""),
    (
        "an outcome by an office twice",
        "by   = [\"director\"]\nto   = \"referred\"",
        "by   = [\"director\", \"director\"]\nto   = \"referred\"",
    ),
    ("an outcome by no one at the least", "min         = 2", "min         = 0"),
    ("an outcome by seventeen", "min         = 2", "min         = 17"),
    ("a suspension without a way back", "back_to = \"visit\"\n", ""),
    ("a way back from a rejection", "appeal_days = 15", "back_to     = \"visit\""),
    ("an appeal against a suspension", "back_to = \"visit\"", "back_to = \"visit\"\nappeal_days = 3"),
    ("an appeal against a referral", "to   = \"referred\"", "to   = \"referred\"\nappeal_days = 3"),
    ("a reason twice", "\"absent\", \"unclear\"", "\"absent\", \"absent\""),
    ("an unknown key of an outcome", "to   = \"referred\"", "to   = \"referred\"\ncolour = \"red\""),
    ("a rule twice", "id       = \"other-eyes\"", "id       = \"one-purse\""),
    ("a rule of another kind", "kind = \"independent\"", "kind = \"fair\""),
    ("a rule of another severity", "severity = \"warn\"", "severity = \"fatal\""),
    (
        "a rule that warns and may be overridden",
        "steps    = [\"apply\", \"notice\"]",
        "steps    = [\"apply\", \"notice\"]\noverride = true",
    ),
    ("independence that may be overridden", "kind = \"independent\"", "kind = \"independent\"\noverride = true"),
    ("exclusive powers that may be overridden", "powers = [\"F\", \"S\"]", "powers = [\"F\", \"S\"]\noverride = true"),
    ("exclusive powers of one", "powers = [\"F\", \"S\"]", "powers = [\"F\"]"),
    ("exclusive powers of one twice", "powers = [\"F\", \"S\"]", "powers = [\"F\", \"F\"]"),
    ("distinct steps of which there is one", "steps = [\"fund\", \"settle\", \"notice\"]", "steps = [\"fund\"]"),
    ("a distinct step twice", "steps = [\"fund\", \"settle\", \"notice\"]", "steps = [\"fund\", \"fund\"]"),
    ("a rule without its steps", "steps = [\"fund\", \"settle\", \"notice\"]\n", ""),
    ("a rule for no step", "steps    = [\"recheck\"]", "steps    = []"),
    ("relations of which there is none", "relations = [\"kin\"]", "relations = []"),
    ("a mixed rule without a number", "level = \"township\"\nmin   = 1\n", "level = \"township\"\n"),
    ("a mixed rule of nobody", "level = \"township\"\nmin   = 1\n", "level = \"township\"\nmin   = 0\n"),
    ("acting for no day", "max_days  = 90", "max_days  = 0"),
    ("delegations two deep", "max_depth = 1", "max_depth = 2"),
    (
        "a second rule of acting",
        "[[rule]]\nid   = \"own-matter\"",
        "[[rule]]\nid = \"more\"\nkind = \"acting\"\nmax_days = 1\nmax_depth = 0\n\n[[rule]]\nid   = \"own-matter\"",
    ),
    (
        "a second rule of independence",
        "[[rule]]\nid    = \"with-township\"",
        "[[rule]]\nid = \"more\"\nkind = \"independent\"\n\n[[rule]]\nid    = \"with-township\"",
    ),
    ("a key of another kind of rule", "kind = \"independent\"", "kind = \"independent\"\nsteps = [\"visit\"]"),
    (
        "governance of an act that needs none",
        "account     = {",
        "outcome     = { any = [\"clerk\"], min = 1, powers = 0 }\naccount     = {",
    ),
    ("governance of a programme's act by an unknown office", "account     = { any = [\"clerk\"]", "account     = { any = [\"mayor\"]"),
];

const STEP_FORMAT: Faults = &[
    ("a step twice", "id            = \"visit\"", "id            = \"apply\""),
    ("a step on something else", "on       = \"payment\"", "on       = \"person\""),
    ("a step without `on`", "on       = \"payment\"\n", ""),
    (
        "a step by nobody",
        "by       = { any = [\"clerk\"], min = 1 }\nasserts  = [\"informed\"]",
        "by       = { any = [], min = 1 }\nasserts  = [\"informed\"]",
    ),
    ("a step by each of nobody", "each = [\"chair\", \"recorder\"]", "each = []"),
    ("a step by each of one twice", "each = [\"chair\", \"recorder\"]", "each = [\"chair\", \"chair\"]"),
    ("a step by any and each", "each = [\"chair\", \"recorder\"]", "any = [\"chair\"], min = 1, each = [\"recorder\"]"),
    ("a step by seventeen", "any = [\"inspector\"], min = 2", "any = [\"inspector\"], min = 17"),
    ("a step by any without a number", "any = [\"inspector\"], min = 2", "any = [\"inspector\"]"),
    ("an opening that is false", "opens    = true", "opens    = false"),
    ("a team that is false", "team     = true", "team     = false"),
    ("a step that opens and renews", "opens    = true", "opens    = true\nrenews   = true"),
    ("two steps that open", "renews  = true", "opens   = true"),
    ("a step that opens after another", "renews  = true", "renews  = true\nafter   = [\"visit\"]"),
    ("a step after nothing that does not open", "after    = [\"post\"]\n", ""),
    ("a step after another twice", "after    = [\"post\"]", "after    = [\"post\", \"post\"]"),
    ("a step for nobody", "for    = [\"new\"]", "for    = []"),
    ("a step for others", "for    = [\"new\"]", "for    = [\"old\"]"),
    ("a step that opens for continuing cases", "opens    = true", "opens    = true\nfor      = [\"new\", \"continuing\"]"),
    ("a step that renews for new cases", "renews  = true", "renews  = true\nfor     = [\"new\"]"),
    ("an assert twice", "asserts       = [\"in-home\", \"met\"]", "asserts       = [\"met\", \"met\"]"),
    ("asserts on a list", "lists  = \"village\"\nquorum", "asserts = [\"met\"]\nlists  = \"village\"\nquorum"),
    ("measures on a batch", "within   = { days = 3, calendar = \"working\", of = \"lock\" }", "measures = [\"mu\"]"),
    ("evidence on a posting", "posting = {", "evidence = [\"x\"]\nposting = {"),
    ("a due date on 29 February", "due           = \"03-31\"", "due           = \"02-29\""),
    ("a due date on 31 April", "due           = \"03-31\"", "due           = \"04-31\""),
    ("a due date with a single digit", "due           = \"03-31\"", "due           = \"3-31\""),
    ("a due date of a payment", "within   = { days = 4,", "due      = \"12-31\"\nwithin   = { days = 4,"),
    ("a time limit on a case", "cover    =", "within   = { days = 4, calendar = \"natural\", of = \"post\" }\ncover    ="),
    ("a time limit by no calendar", "days = 4, calendar = \"natural\"", "days = 4"),
    ("an allowance above the procedure's", "offline_hours = 48", "offline_hours = 73"),
    ("an allowance of nothing", "offline_hours = 48", "offline_hours = 0"),
    ("a wait of no day", "join_days     = 5", "join_days     = 0"),
    ("a wait of sixty-one days", "join_days     = 5", "join_days     = 61"),
    ("a wait in a posting", "posting = {", "join_days = 5\nposting = {"),
    ("a wait on a batch", "settles = true", "settles = true\njoin_days = 5"),
    ("a cover above the whole", "new = \"1/2\"", "new = \"3/2\""),
    ("a cover that is a fraction", "new = \"1/2\"", "new = 0.5"),
    ("a cover with a denominator of zero", "new = \"1/2\"", "new = \"0/0\""),
    ("a cover with a denominator above a thousand", "new = \"1/2\"", "new = \"1/1001\""),
    ("a list without a level", "for    = [\"new\"]\nlists  = \"village\"\nquorum", "for    = [\"new\"]\nquorum"),
    ("a level of a case step", "team     = true", "team     = true\nlists    = \"village\""),
    ("a quorum of no seat", "villager = 2", "villager = 0"),
    ("a quorum of a hundred and one seats", "villager = 2", "villager = 101"),
    ("a quorum without agreement", "agree = \"1/2\", ", ""),
    ("a quorum of a posting", "posting = {", "quorum  = { present = \"1/2\", agree = \"1/2\", seats = {} }\nposting = {"),
    ("a posting nowhere", "at = [\"village\", \"township\"]", "at = []"),
    ("a posting at one place twice", "at = [\"village\", \"township\"]", "at = [\"village\", \"village\"]"),
    ("a posting for more than ten years", "days = 7", "days = 3651"),
    ("a posting that locks", "posting = {", "locks   = true\nposting = {"),
    ("no witness", "cosigned = 1", "cosigned = 0"),
    ("seventeen witnesses", "cosigned = 1", "cosigned = 17"),
    ("a total of what was paid before it is", "order = \"batch\"", "order = \"paid\""),
    ("a total of something else", "order = \"batch\"", "order = \"order\""),
    (
        "nine totals",
        "order = \"batch\"",
        "order = \"batch\", a = \"batch\", b = \"batch\", c = \"batch\", d = \"batch\", e = \"batch\", f = \"batch\", g = \"batch\"",
    ),
    ("results of a list", "locks = true", "locks = true\nsettles = true"),
    ("an unknown key of a step", "settles = true", "settles = true\ncolour = \"red\""),
];

const REFERENCES: Faults = &[
    ("after a step that there is not", "after    = [\"post\"]", "after    = [\"paste\"]"),
    ("after a step that comes later", "after    = [\"post\"]", "after    = [\"confirm\"]"),
    ("after itself", "after    = [\"post\"]", "after    = [\"recheck\"]"),
    ("by an office that there is not", "any = [\"inspector\"]", "any = [\"mayor\"]"),
    ("by founders", "any = [\"inspector\"]", "any = [\"founder\"]"),
    ("each of an office that there is not", "each = [\"chair\", \"recorder\"]", "each = [\"chair\", \"mayor\"]"),
    ("a list of a level that there is not", "lists  = \"village\"", "lists  = \"hamlet\""),
    ("a posting at a level that there is not", "at = [\"village\", \"township\"]", "at = [\"village\", \"province\"]"),
    ("a telephone of a level that there is not", "phones = [\"township\", \"county\"]", "phones = [\"township\", \"province\"]"),
    ("rates of a step that there is not", "step = \"visit\", shares", "step = \"inspect\", shares"),
    (
        "rates of a step that is not counted",
        "step = \"visit\", shares = { in-home = \"3/4\", met = \"1/2\" }",
        "step = \"apply\", shares = { informed = \"1/1\" }",
    ),
    ("rates of an assert that there is not", "in-home = \"3/4\"", "at-home = \"3/4\""),
    ("a time limit of a step that does not come before", "of = \"fund\"", "of = \"lock\""),
    (
        "a case step after a batch",
        "after    = [\"post\"]\nby       = { any = [\"inspector\"], min = 2 }",
        "after    = [\"visit\", \"pay\"]\nby       = { any = [\"inspector\"], min = 2 }",
    ),
    ("a batch after a lock and another", "after    = [\"lock\"]", "after    = [\"lock\", \"confirm\"]"),
    ("a batch after a list that does not lock", "after    = [\"lock\"]", "after    = [\"confirm\"]"),
    ("a payment after a batch that does not settle", "after    = [\"settle\"]", "after    = [\"pay\"]"),
    ("a way back to a step that there is not", "back_to = \"visit\"", "back_to = \"inspect\""),
    ("a way back to a list", "back_to = \"visit\"", "back_to = \"post\""),
    ("an outcome by an office that there is not", "by   = [\"director\"]\nto   = \"referred\"", "by   = [\"mayor\"]\nto   = \"referred\""),
    ("a rule for a step that there is not", "steps    = [\"recheck\"]", "steps    = [\"inspect\"]"),
    ("a rule of a power that there is not", "powers = [\"F\", \"S\"]", "powers = [\"F\", \"X\"]"),
    ("a rule of a level that there is not", "level = \"township\"\nmin   = 1", "level = \"province\"\nmin   = 1"),
];

const GOOD: Faults = &[
    ("six levels", "\"village\"]", "\"village\", \"a\", \"b\", \"c\"]"),
    ("no index", "index   = { daily = false }\n", ""),
    (
        "a calendar of its own",
        "index   =",
        "calendar = { working = [7, 1], holidays = [2026-10-01], workdays = [2026-10-01, 2026-10-04] }\nindex   =",
    ),
    ("no working day", "index   =", "calendar = { working = [] }\nindex   ="),
    ("the largest standard", "fen    = 700", "fen    = 1000000000000"),
    ("a standard for one year", "to     = 2027\n", "to     = 2026\n"),
    (
        "a standard and the next, year by year",
        "scheme = \"X3\"\ntier   = \"base\"\nfen    = 700\nfrom   = 2026",
        "scheme = \"X1\"\ntier   = \"base\"\nfen    = 700\nfrom   = 2028",
    ),
    ("answers at once", "days = 10", "days = 0"),
    ("answers in ten years", "days = 10", "days = 3650"),
    ("an appeal on the same day", "appeal_days = 15", "appeal_days = 0"),
    ("a total of nothing", "match    = { budget = \"batch\" }", "match    = {}"),
    (
        "a batch with eight totals",
        "order = \"batch\"",
        "order = \"batch\", a = \"batch\", b = \"batch\", c = \"batch\", d = \"batch\", e = \"batch\", f = \"batch\"",
    ),
    ("an allowance of the procedure's own length", "offline_hours = 48", "offline_hours = 72"),
    ("a wait of sixty days", "join_days     = 5", "join_days     = 60"),
    ("a due date on 28 February", "due           = \"03-31\"", "due           = \"02-28\""),
    ("a cover of a thousandth", "new = \"1/2\"", "new = \"1/1000\""),
    ("a cover of nothing", "new = \"1/2\"", "new = \"0/1\""),
    ("a quorum without categories", "seats = { villager = 2 }", "seats = {}"),
    ("an uncounted step that says so", "asserts  = [\"informed\"]", "asserts  = [\"informed\"]\ncounted  = false"),
    (
        "a rule that refuses and says so",
        "steps = [\"fund\", \"settle\", \"notice\"]",
        "steps = [\"fund\", \"settle\", \"notice\"]\nseverity = \"refuse\"",
    ),
];

/// Many of one thing.
fn many(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect()
}

fn counts(table: &mut Table) {
    let standard = |n: usize| format!("[[standard]]\nscheme = \"Y{n}\"\ntier = \"a\"\nfen = 1\nfrom = 2026\n");
    let outcome = |n: usize| format!("[outcome.o{n}]\nname = \"x\"\nby = [\"director\"]\nto = \"exited\"\n");
    let rule = |n: usize| format!("[[rule]]\nid = \"r{n}\"\nkind = \"not_own_unit\"\nsteps = [\"lock\"]\n");
    let step =
        |n: usize| format!("[[step]]\nid = \"s{n}\"\non = \"payment\"\nafter = [\"settle\"]\nby = {{ any = [\"clerk\"], min = 1 }}\n");
    let at = |key: &str, before: &str, text: String| (key.to_owned(), second(before, &format!("{text}\n{before}")));
    let counted = [
        (at("standards", "[[standard]]", many(497, standard)), at("standards", "[[standard]]", many(498, standard))),
        (at("outcomes", "[outcome.refer]", many(27, outcome)), at("outcomes", "[outcome.refer]", many(28, outcome))),
        (at("rules", "[[rule]]\nid   = \"own-matter\"", many(54, rule)), at("rules", "[[rule]]\nid   = \"own-matter\"", many(55, rule))),
        (at("steps", "[[step]]\nid      = \"annual\"", many(52, step)), at("steps", "[[step]]\nid      = \"annual\"", many(53, step))),
    ];
    for ((key, most), (_, more)) in counted {
        table.admits(&format!("procedure of a programme: as many {key} as there may be"), Staffed, |w| _ = w.enact(&most));
        table.refuses(Rule::ProcedureFormat, &format!("procedure of a programme: one more of the {key} than there may be"), Staffed, |w| {
            enact(w, &more)
        });
    }
}
