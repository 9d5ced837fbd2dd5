//! The way in, beside the ledger's own rules: closed from the start until the witnesses were asked once, and for as long as one of
//! them says that it knows another ledger than this. A folder that was set back cannot tell by itself; its first new entry would be
//! a fork (docs/decisions/0018).

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;

use crate::http::problem::Problem;
use crate::lang::Lang;

/// How long nobody gets in while witnesses are asked for the first time: somewhat more than a witness that is slow. One that does
/// not answer at all keeps no county waiting for longer.
pub const ASKING_TIME_MAX: Duration = Duration::from_secs(30);
/// When to come again, while they are asked.
const RETRY: Duration = Duration::from_secs(2);

/// Open, or why not.
pub struct Gate(Mutex<State>);

enum State {
    Open,
    /// Another node takes statements: witnesses are asked when it is this one's turn.
    Elsewhere,
    /// Since then, the witnesses have been asked, and none of the answers is known.
    Asking(Instant),
    /// These witnesses say that they cosigned what this ledger has not, and do not show what could be judged.
    Contradicted(Vec<String>),
}

impl Gate {
    /// A gate that is open unless there are witnesses who must be asked first, from now on or, by a node of a cluster, when it is its
    /// turn.
    pub const fn new(has_witnesses: bool, is_node: bool, now: Instant) -> Gate {
        Gate(Mutex::new(match (has_witnesses, is_node) {
            (false, _) => State::Open,
            (true, false) => State::Asking(now),
            (true, true) => State::Elsewhere,
        }))
    }

    /// It is this node's turn: from now on the witnesses are asked.
    pub fn begin(&self, now: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = State::Asking(now);
    }

    /// Every witness was asked; these contradict.
    pub fn asked(&self, contradicting: Vec<String>) {
        let state = if contradicting.is_empty() { State::Open } else { State::Contradicted(contradicting) };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// Whether statements are taken.
    ///
    /// # Errors
    /// Why not.
    pub fn ask(&self, now: Instant, lang: Lang) -> Result<(), Problem> {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Open => Ok(()),
            State::Asking(since) if now.saturating_duration_since(*since) > ASKING_TIME_MAX => Ok(()),
            State::Asking(_) | State::Elsewhere => Err(asking(lang)),
            State::Contradicted(names) => Err(contradicted(names, lang)),
        }
    }
}

fn asking(lang: Lang) -> Problem {
    let expected = lang.pick("witnesses that were asked since the service began", "服务启动后已询问过各见证方");
    let found = lang.pick("they are being asked", "正在询问");
    let advice = lang.pick(
        "Send it again in a moment; nothing of it was taken. It takes half a minute at most.",
        "请稍候重新提交，至多半分钟；本次未受理任何内容。",
    );
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "witnesses-first", expected, found, advice).after(RETRY)
}

fn contradicted(names: &[String], lang: Lang) -> Problem {
    let expected = lang.pick("witnesses that have cosigned nothing which this ledger has not", "见证方未共签过本账本所没有的内容");
    let found = format!("{}: {}", lang.pick("they say otherwise", "另有说法"), names.join(", "));
    let advice = lang.pick(
        "Keep what you signed; nothing of it was taken. Whoever runs this service must find out whether the ledger was set back.",
        "请保留已签署内容，本次未受理。请服务管理人员查明账本是否被回滚。",
    );
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "witness-contradicts", expected, found, advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_gets_in_before_the_witnesses_were_asked_nor_while_one_contradicts() {
        let start = Instant::now();
        let rule = |gate: &Gate, now| gate.ask(now, Lang::En).err().map(|problem| problem.to_json()["rule"].clone());
        assert_eq!(rule(&Gate::new(false, false, start), start), None);
        let gate = Gate::new(true, false, start);
        assert_eq!(rule(&gate, start + ASKING_TIME_MAX), Some("witnesses-first".into()));
        // One that never answers does not stop a ledger.
        assert_eq!(rule(&gate, start + ASKING_TIME_MAX + Duration::from_secs(1)), None);
        gate.asked(vec!["w1.example".to_owned()]);
        assert_eq!(rule(&gate, start + Duration::from_secs(3_600)), Some("witness-contradicts".into()));
        gate.asked(Vec::new());
        assert_eq!(rule(&gate, start), None);
    }

    #[test]
    fn a_node_asks_the_witnesses_when_it_is_its_turn() {
        let start = Instant::now();
        let rule = |gate: &Gate, now| gate.ask(now, Lang::En).err().map(|problem| problem.to_json()["rule"].clone());
        assert_eq!(rule(&Gate::new(false, true, start), start), None);
        let gate = Gate::new(true, true, start);
        let much_later = start + Duration::from_secs(3_600);
        assert_eq!(rule(&gate, much_later), Some("witnesses-first".into()), "however long another sequenced");
        gate.begin(much_later);
        assert_eq!(rule(&gate, much_later + ASKING_TIME_MAX), Some("witnesses-first".into()));
        gate.asked(Vec::new());
        assert_eq!(rule(&gate, much_later), None);
    }
}
