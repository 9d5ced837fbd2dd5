//! The county's words as values. They are constants of this program: one that does not parse is a mistake in it.

use signer::value::{CaseId, Code, DeviceId, Office, Period, PersonId, Scheme, Text, Unit};

fn known<T>(text: &str, parse: impl Fn(&str) -> Option<T>) -> T {
    parse(text).unwrap_or_else(|| unreachable!("a word of the county: {text}"))
}

pub(super) fn code(text: &str) -> Code {
    known(text, Code::parse)
}

pub(super) fn person(text: &str) -> PersonId {
    known(text, PersonId::parse)
}

pub(super) fn office(text: &str) -> Office {
    known(text, Office::parse)
}

pub(super) fn unit(text: &str) -> Unit {
    known(text, Unit::parse)
}

pub(super) fn device(text: &str) -> DeviceId {
    known(text, DeviceId::parse)
}

pub(super) fn case(text: &str) -> CaseId {
    known(text, CaseId::parse)
}

pub(super) fn scheme(text: &str) -> Scheme {
    known(text, Scheme::parse)
}

pub(super) fn period(text: &str) -> Period {
    known(text, Period::parse)
}

pub(super) fn text(text: &str) -> Text {
    known(text, Text::parse)
}
