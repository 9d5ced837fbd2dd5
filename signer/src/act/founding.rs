//! Founding and its amendment (format.md sections 5.1 and 5.2).

use super::{Act, ActName, key_value};
use crate::rule::Refusal;
use crate::statement::Times::{Any, Once, Several};
use crate::statement::{LayoutLine, Values, Writer, parts};
use crate::value::{Code, DeviceId, IdentityToken, KeyBytes, KeyName, Nonce, Origin, PersonId, Power, Text, Time, number};

pub(super) const CONSTITUTION: &[LayoutLine] = &[("threshold", Once), ("checkpoint-key", Once), ("witness", Any), ("founder", Several)];

word_type! {
    /// What a ledger is for.
    Purpose {
        /// The record of a real programme.
        Production "production",
        /// A demonstration: simulated clock and witnesses are allowed.
        Demonstration "demonstration",
    }
}

/// A witness that may cosign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// Name of its key.
    pub name: KeyName,
    /// Its public key.
    pub key: KeyBytes,
}

/// What founding and amendment set alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constitution {
    /// How many founders act together.
    pub threshold: u64,
    /// The key that signs checkpoints.
    pub checkpoint_key: KeyBytes,
    /// Who may cosign.
    pub witnesses: Vec<Witness>,
}

/// A founder, as the founding names one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Founder {
    /// The person.
    pub person: PersonId,
    /// The power for which the person stands.
    pub power: Power,
    /// The identity token.
    pub identity: IdentityToken,
    /// The public key.
    pub key: KeyBytes,
    /// The name.
    pub name: Text,
}

/// The founding of a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Founding {
    /// What the ledger is called.
    pub origin: Origin,
    /// Randomness that makes the ledger's id unique.
    pub nonce: Nonce,
    /// Production or demonstration.
    pub purpose: Purpose,
    /// Clock of the device.
    pub at: Time,
    /// The first device.
    pub device: DeviceId,
    /// The body whose identity tokens count.
    pub identity_body: Code,
    /// Threshold, checkpoint key, witnesses.
    pub constitution: Constitution,
    /// The founders, who all sign.
    pub founders: Vec<Founder>,
}

impl Constitution {
    fn read(values: &mut Values<'_>) -> Result<Constitution, Refusal> {
        Ok(Constitution {
            threshold: values.one("a number", number)?,
            checkpoint_key: values.one("ed25519 and a public key", key_value)?,
            witnesses: values.many("witness", "name and public key", |value| {
                let [name, key] = parts(value)?;
                Some(Witness { name: KeyName::parse(name)?, key: KeyBytes::parse(key)? })
            })?,
        })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.line("threshold", self.threshold);
        out.line("checkpoint-key", format_args!("ed25519 {}", self.checkpoint_key));
        for witness in &self.witnesses {
            out.line("witness", format_args!("{} {}", witness.name, witness.key));
        }
    }
}

impl Founding {
    pub(crate) fn read(values: &mut Values<'_>) -> Result<Founding, Refusal> {
        let origin = values.one("an origin such as demo.county.example/benefits", Origin::parse)?;
        values.one("the act", ActName::named)?;
        Ok(Founding {
            origin,
            nonce: values.one("32 bytes in base64", Nonce::parse)?,
            purpose: values.one(Purpose::EXPECTED, Purpose::parse)?,
            at: values.one("a time such as 2013-03-11T09:14:05+08:00", Time::parse)?,
            device: values.one("a device", DeviceId::parse)?,
            identity_body: values.one("a code", Code::parse)?,
            constitution: Constitution::read(values)?,
            founders: values.many_texts("founder", "person, power, identity token, public key and name", |value| {
                let mut rest = value.splitn(5, ' ');
                Some(Founder {
                    person: PersonId::parse(rest.next()?)?,
                    power: Power::parse(rest.next()?)?,
                    identity: IdentityToken::parse(rest.next()?)?,
                    key: KeyBytes::parse(rest.next()?)?,
                    name: Text::parse(rest.next()?)?,
                })
            })?,
        })
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        out.line("ledger", &self.origin);
        out.line("act", ActName::Found.as_str());
        out.line("nonce", self.nonce);
        out.line("purpose", self.purpose);
        out.line("at", self.at);
        out.line("device", &self.device);
        out.line("identity", &self.identity_body);
        self.constitution.write(out);
        for founder in &self.founders {
            out.line("founder", format_args!("{} {} {} {} {}", founder.person, founder.power, founder.identity, founder.key, founder.name));
        }
    }
}

pub(super) fn read_amend(values: &mut Values<'_>) -> Result<Act, Refusal> {
    Ok(Act::Amend {
        constitution: Constitution::read(values)?,
        founders: values.many("founder", "person and power", |value| {
            let [person, power] = parts(value)?;
            Some((PersonId::parse(person)?, Power::parse(power)?))
        })?,
    })
}
