//! What an entry is about, and what it says besides: for tables and for event logs.

use projector::rows::{BatchDeed, Deed, ListDeed, Related, StepDeed, Subject, Wait};

/// Kind, id and part of everything that a deed names: `case`, `list`, `batch`, `official`, `device`, `unit`.
pub fn objects(deed: &Deed) -> Vec<(&'static str, &str, &'static str)> {
    match deed {
        Deed::Found | Deed::Amend | Deed::Enact { .. } | Deed::Ruling { .. } | Deed::Team { .. } | Deed::Incident { .. } => Vec::new(),
        Deed::Cosigned { .. } | Deed::Index | Deed::Epoch { .. } | Deed::Anchor { .. } | Deed::Answer { .. } => Vec::new(),
        Deed::Enrol { person } | Deed::Rotate { person } | Deed::Rekey { person } | Deed::Revoke { person, .. } => {
            vec![("official", person, "of")]
        }
        Deed::AppointEnd { person, .. } | Deed::Qualify { person, .. } => vec![("official", person, "of")],
        Deed::Appoint { person, unit, .. } => vec![("official", person, "of"), ("unit", unit, "for")],
        Deed::Device { device, unit } => vec![("device", device, "of"), ("unit", unit, "for")],
        Deed::DeviceEnd { device, .. } => vec![("device", device, "of")],
        Deed::Relate { person, to, .. } => {
            let to = match to {
                Related::Case(case) => ("case", case.as_str(), "related"),
                Related::Person(other) => ("official", other.as_str(), "related"),
            };
            vec![("official", person, "of"), to]
        }
        Deed::Import(record) => vec![("case", &record.case, "about")],
        Deed::Step(step) => step_objects(step),
        Deed::Join { completes, .. } => completes.as_deref().map(step_objects).unwrap_or_default(),
        Deed::Sheet { list, .. } => vec![("list", list, "part")],
        Deed::PostUp { list, .. } | Deed::PostDown { list, .. } => vec![("list", &list.list, "of")],
        Deed::Outcome { case, .. } | Deed::Account { case, .. } => vec![("case", case, "about")],
        Deed::Objection { case, .. } | Deed::Dissent { case, .. } | Deed::Appeal { case, .. } => vec![("case", case, "about")],
        Deed::Recuse { case, .. } | Deed::Hold { case, .. } | Deed::Release { case, .. } => vec![("case", case, "about")],
        Deed::Transfer { case, from, to, .. } => vec![("case", case, "about"), ("unit", from, "from"), ("unit", to, "to")],
        Deed::Correct { case, batch, .. } => {
            let case = case.as_deref().map(|case| ("case", case, "about"));
            case.into_iter().chain(batch.as_deref().map(|batch| ("batch", batch, "of"))).collect()
        }
        Deed::Report { about, .. } | Deed::Override { about, .. } => subject(about).into_iter().collect(),
    }
}

/// `case X`, `list X` or `unit X`.
fn subject(about: &str) -> Option<(&'static str, &str, &'static str)> {
    let (kind, id) = about.split_once(' ')?;
    let kind = ["case", "list", "unit"].into_iter().find(|known| *known == kind)?;
    Some((kind, id, "about"))
}

fn step_objects(step: &StepDeed) -> Vec<(&'static str, &str, &'static str)> {
    match &step.on {
        Subject::Case { case, opens, .. } => {
            let unit = opens.as_ref().map(|(unit, ..)| ("unit", unit.as_str(), "for"));
            std::iter::once(("case", case.as_str(), "about")).chain(unit).collect()
        }
        Subject::List { list, seats } => {
            let seats = seats.as_ref().map(|seats| ("list", seats.list.as_str(), "seats"));
            std::iter::once(("list", list.list.as_str(), "of")).chain(seats).collect()
        }
        Subject::Batch(BatchDeed { batch, list, repays, results, .. }) => {
            let results = results.as_ref().map(|(list, ..)| ("list", list.as_str(), "results"));
            let repays = repays.as_deref().map(|batch| ("batch", batch, "repays"));
            [("batch", batch.as_str(), "of"), ("list", list.as_str(), "locked")].into_iter().chain(repays).chain(results).collect()
        }
        Subject::Payment { case, batch } => vec![("case", case, "about"), ("batch", batch, "of")],
    }
}

/// What is done, as event logs name it: the step, the outcome, the record's activity, else the act with which of its kind it is.
pub fn activity(deed: &Deed) -> String {
    match deed {
        Deed::Import(record) => record.activity.clone(),
        Deed::Step(step) => step.step.clone(),
        Deed::Join { step, .. } => step.clone(),
        Deed::PostUp { step, .. } => format!("{step} up"),
        Deed::PostDown { step, .. } => format!("{step} down"),
        other => match other.detail() {
            Some(detail) => format!("{} {detail}", other.name()),
            None => other.name().to_owned(),
        },
    }
}

/// Where the deed is in the life of its step: begun while signers are wanting, resumed by one who joins, completed.
pub fn lifecycle(deed: &Deed) -> &str {
    match deed {
        Deed::Import(record) => &record.lifecycle,
        Deed::Step(step) if step.wait != Wait::No => "start",
        Deed::Join { completes: None, .. } => "resume",
        _ => "complete",
    }
}

/// What a deed says besides, as words `key=value`.
pub fn said(deed: &Deed) -> Vec<String> {
    let pair = |key: &str, value: &str| format!("{key}={value}");
    match deed {
        Deed::Step(step) => step_said(step),
        Deed::Join { completes, signed, .. } => {
            let before = signed.iter().map(|entry| pair("joins", &entry.to_string()));
            before.chain(completes.iter().flat_map(|step| step_said(step))).collect()
        }
        Deed::Enact { id, version } => vec![pair("procedure", id), pair("version", &version.to_string())],
        Deed::Appoint { office, .. } => vec![pair("office", office)],
        Deed::AppointEnd { appointment, reason, .. } => vec![pair("appointment", &appointment.to_string()), pair("reason", reason)],
        Deed::DeviceEnd { reason, .. } | Deed::Outcome { reason, .. } | Deed::Transfer { reason, .. } => vec![pair("reason", reason)],
        Deed::Account { reason, .. } | Deed::Objection { reason, .. } | Deed::Report { reason, .. } => vec![pair("reason", reason)],
        Deed::Hold { reason, .. } => vec![pair("reason", reason)],
        Deed::Revoke { reason, suspected, .. } => {
            let suspected = suspected.map(|at| pair("suspected", &at.to_string()));
            std::iter::once(pair("reason", reason)).chain(suspected).collect()
        }
        Deed::Relate { basis, .. } => vec![pair("basis", basis)],
        Deed::Sheet { part, lines, .. } => vec![pair("part", &part.to_string()), pair("lines", &lines.to_string())],
        Deed::PostUp { list, places, overrides, .. } => {
            [list_said(list), places.iter().map(|place| pair("place", place)).collect(), overridden(overrides)].concat()
        }
        Deed::PostDown { list, overrides, .. } => [list_said(list), overridden(overrides)].concat(),
        Deed::Correct { of, reason, .. } | Deed::Dissent { of, reason, .. } => vec![pair("of", &of.to_string()), pair("reason", reason)],
        Deed::Appeal { of, .. } => vec![pair("of", &of.to_string())],
        Deed::Answer { answers, to, .. } => vec![pair("answers", &answers.to_string()), pair("to", to)],
        Deed::Release { releases, .. } => vec![pair("releases", &releases.to_string())],
        Deed::Override { rule, reason, .. } => vec![pair("rule", rule), pair("reason", reason)],
        Deed::Ruling { issuer, answers, clause } => {
            let answers = answers.map(|entry| pair("answers", &entry.to_string()));
            [pair("clause", &clause.replace(' ', ":")), pair("issuer", issuer)].into_iter().chain(answers).collect()
        }
        Deed::Team { period, members, .. } => vec![pair("period", &period.to_string()), pair("members", &members.to_string())],
        Deed::Incident { node, generation, size, .. } => {
            vec![pair("node", node), pair("generation", &generation.to_string()), pair("size", &size.to_string())]
        }
        Deed::Cosigned { size } => vec![pair("size", &size.to_string())],
        Deed::Anchor { ledger, size } => vec![pair("ledger", ledger), pair("size", &size.to_string())],
        Deed::Epoch { number, node } => vec![pair("epoch", &number.to_string()), pair("node", node)],
        Deed::Import(record) => vec![pair("record", &record.record.to_string()), pair("recorded", &record.recorded)],
        Deed::Found | Deed::Amend | Deed::Enrol { .. } | Deed::Device { .. } | Deed::Rotate { .. } | Deed::Rekey { .. } => Vec::new(),
        Deed::Qualify { .. } | Deed::Recuse { .. } | Deed::Index => Vec::new(),
    }
}

fn list_said(list: &ListDeed) -> Vec<String> {
    vec![format!("kept={}", list.kept), format!("dropped={}", list.dropped), format!("omitted={}", list.omitted)]
}

fn overridden(entries: &[u64]) -> Vec<String> {
    entries.iter().map(|entry| format!("override={entry}")).collect()
}

fn step_said(step: &StepDeed) -> Vec<String> {
    let mut said: Vec<String> = step.asserts.iter().map(|(code, word)| format!("{code}={word}")).collect();
    said.extend(step.measures.iter().map(|(code, measured)| format!("{code}={measured}")));
    said.extend(step.evidence.iter().map(|code| format!("evidence={code}")));
    said.extend(overridden(&step.overrides));
    if let Wait::CompletedBy(entry) = step.wait {
        said.push(format!("completed-by={entry}"));
    }
    match &step.on {
        Subject::Case { opens, renews, .. } => {
            let opened = opens
                .iter()
                .flat_map(|(_, scheme, tier, period)| [format!("scheme={scheme}"), format!("tier={tier}"), format!("period={period}")]);
            said.extend(opened.chain(renews.map(|period| format!("renews={period}"))));
        }
        Subject::List { list, seats } => {
            said.extend(list_said(list));
            said.extend(seats.iter().flat_map(|seats| {
                let votes = seats.votes;
                [format!("agree={}", votes.agree), format!("against={}", votes.against), format!("absent={}", votes.absent)]
            }));
        }
        Subject::Batch(batch) => {
            said.extend([format!("count={}", batch.count), format!("fen={}", batch.fen), format!("less={}", batch.less)]);
            said.extend(batch.cosigned.map(|entry| format!("cosigned={entry}")));
            said.extend(batch.results.iter().flat_map(|(_, _, paid, failed)| [format!("paid={paid}"), format!("failed={failed}")]));
        }
        Subject::Payment { .. } => {}
    }
    said
}
