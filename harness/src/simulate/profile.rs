//! What is moved and what goes wrong, as a file says it: figures with their sources, and no outcome.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::outcome::Outcome;
use super::quantiles::Quantiles;

/// The built-in profile.
pub const ENGLAND: &str = include_str!("england.toml");

/// A profile that can be simulated.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// What it is a profile of.
    pub title: String,
    pub(super) volume: Volume,
    pub(super) supplier: Vec<Supplier>,
    pub(super) pair: Vec<Pair>,
    pub(super) records: Records,
    pub(super) contracts: Contracts,
    pub(super) network: Network,
    pub(super) sending: SendingPractices,
    pub(super) requesting: RequestingPractices,
    pub(super) people: People,
    pub(super) outages: OutageLengths,
    /// What was measured in the real world, in per cent, for comparison.
    #[serde(default)]
    pub(super) measured: BTreeMap<Outcome, f64>,
}

/// A profile cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// It cannot be read.
    #[error("{name}: {why}")]
    Unreadable {
        /// The file.
        name: String,
        /// What is wrong, with its line.
        why: String,
    },
    /// It can be read, and makes no sense.
    #[error("{name}: {what}")]
    Senseless {
        /// The file.
        name: String,
        /// What makes no sense.
        what: String,
    },
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Volume {
    pub(super) transfers_per_year: u32,
    pub(super) weekdays: [f64; 7],
    pub(super) hours: [f64; 24],
    pub(super) months: [f64; 12],
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Supplier {
    pub(super) name: String,
    pub(super) answers_before_core: bool,
    pub(super) large_messaging: f64,
    pub(super) outages_per_year: f64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pair {
    pub(super) sending: String,
    pub(super) requesting: String,
    pub(super) share: f64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Records {
    pub(super) bytes: Quantiles,
    pub(super) with_attachments: f64,
    pub(super) attachments: Quantiles,
    pub(super) attachment_bytes: Quantiles,
    pub(super) types: Vec<(String, f64)>,
    pub(super) undeliverable: f64,
    pub(super) attachment_limit: u32,
    pub(super) message_limit: u32,
    pub(super) core_attachment_limit: u32,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Contracts {
    pub(super) link_ms: u32,
    pub(super) retries: u8,
    pub(super) retry_interval_s: u32,
    pub(super) persist_extract_s: u32,
    pub(super) persist_copc_s: u32,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Network {
    pub(super) silence: f64,
    pub(super) reset: f64,
    pub(super) answer_lost: f64,
    pub(super) refused: f64,
    pub(super) refused_for_now: f64,
    pub(super) lost: f64,
    pub(super) late: f64,
    pub(super) late_s: Quantiles,
    pub(super) malformed: f64,
    pub(super) spoilt: f64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SendingPractices {
    pub(super) preparation_s: Quantiles,
    pub(super) patient_unknown: f64,
    pub(super) switched_off: f64,
    pub(super) not_generated: f64,
    pub(super) registered_elsewhere: f64,
    pub(super) national_services_silent: f64,
    pub(super) no_address: f64,
    pub(super) unforeseen: f64,
    pub(super) large_messaging_fails: f64,
    pub(super) hangs: f64,
    pub(super) hangs_after_answer: f64,
    pub(super) repeats_core: f64,
    pub(super) repeats_core_h: Quantiles,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestingPractices {
    pub(super) hangs: f64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct People {
    pub(super) returning: f64,
    pub(super) suppress: f64,
    pub(super) reject: f64,
    pub(super) fail_to_integrate: f64,
    pub(super) forget: f64,
    pub(super) integrate_h: Quantiles,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OutageLengths {
    pub(super) lasting_h: Quantiles,
}

impl Profile {
    /// Reads a profile; `name` is for errors.
    pub fn parse(name: &str, text: &str) -> Result<Self, ProfileError> {
        let profile: Self = toml::from_str(text).map_err(|error| ProfileError::Unreadable {
            name: name.to_owned(),
            why: error.to_string(),
        })?;
        match profile.nonsense() {
            None => Ok(profile),
            Some(what) => Err(ProfileError::Senseless {
                name: name.to_owned(),
                what,
            }),
        }
    }

    /// Transfers that fall into so many days.
    pub fn transfers_in(&self, days: u32) -> u32 {
        let per_year = u64::from(self.volume.transfers_per_year);
        u32::try_from(per_year * u64::from(days) / 365).unwrap_or(u32::MAX)
    }

    pub(super) fn supplier(&self, name: &str) -> Option<u8> {
        let at = self.supplier.iter().position(|it| it.name == name)?;
        u8::try_from(at).ok()
    }

    /// The first thing that makes no sense.
    fn nonsense(&self) -> Option<String> {
        let weights: [(&str, &[f64]); 3] = [
            ("volume.weekdays", &self.volume.weekdays),
            ("volume.hours", &self.volume.hours),
            ("volume.months", &self.volume.months),
        ];
        let pairs: Vec<f64> = self.pair.iter().map(|pair| pair.share).collect();
        let types: Vec<f64> = self.records.types.iter().map(|(_, share)| *share).collect();
        let weights =
            (weights.into_iter()).chain([("pair.share", &*pairs), ("records.types", &*types)]);
        for (name, weights) in weights {
            let is_sound = |weight: &f64| weight.is_finite() && *weight >= 0.0;
            if !weights.iter().all(is_sound) || weights.iter().sum::<f64>() <= 0.0 {
                return Some(format!("`{name}` has to be shares, not all of them 0"));
            }
        }
        let unknown = (self.pair.iter())
            .flat_map(|pair| [&pair.sending, &pair.requesting])
            .find(|name| self.supplier(name).is_none());
        if let Some(name) = unknown {
            return Some(format!("there is no supplier `{name}`"));
        }
        let mut chances = self.chances().into_iter();
        if let Some((name, chance)) = chances.find(|(_, chance)| !(0.0..=1.0).contains(chance)) {
            return Some(format!("`{name}` is {chance}, and no probability"));
        }
        self.unbearable().or_else(|| self.unsendable())
    }

    /// What would take more time or memory than anybody has.
    fn unbearable(&self) -> Option<String> {
        let mut suppliers = self.supplier.iter();
        let is_unbearable = |it: &&Supplier| !(0.0..=MOST_OUTAGES).contains(&it.outages_per_year);
        if let Some(supplier) = suppliers.find(is_unbearable) {
            return Some(format!(
                "{} has {} outages a year, at most {MOST_OUTAGES} can be",
                supplier.name, supplier.outages_per_year
            ));
        }
        let attachments = self.records.attachments.largest();
        (attachments > MOST_ATTACHMENTS).then(|| {
            format!("a record has {attachments} attachments, at most {MOST_ATTACHMENTS} can be")
        })
    }

    fn unsendable(&self) -> Option<String> {
        (self.records.message_limit < 20_000 || self.records.attachment_limit < 1_000)
            .then(|| "no message fits into the limits of `records`".to_owned())
    }

    fn chances(&self) -> Vec<(&'static str, f64)> {
        let (network, sending, people) = (&self.network, &self.sending, &self.people);
        let mut chances = vec![
            ("records.with_attachments", self.records.with_attachments),
            ("records.undeliverable", self.records.undeliverable),
            ("network.silence", network.silence),
            ("network.reset", network.reset),
            ("network.answer_lost", network.answer_lost),
            ("network.refused", network.refused),
            ("network.refused_for_now", network.refused_for_now),
            ("network.lost", network.lost),
            ("network.late", network.late),
            ("network.malformed", network.malformed),
            ("network.spoilt", network.spoilt),
            ("sending.patient_unknown", sending.patient_unknown),
            ("sending.switched_off", sending.switched_off),
            ("sending.not_generated", sending.not_generated),
            ("sending.registered_elsewhere", sending.registered_elsewhere),
            (
                "sending.national_services_silent",
                sending.national_services_silent,
            ),
            ("sending.no_address", sending.no_address),
            ("sending.unforeseen", sending.unforeseen),
            (
                "sending.large_messaging_fails",
                sending.large_messaging_fails,
            ),
            ("sending.hangs", sending.hangs),
            ("sending.hangs_after_answer", sending.hangs_after_answer),
            ("sending.repeats_core", sending.repeats_core),
            ("requesting.hangs", self.requesting.hangs),
            ("people.returning", people.returning),
            ("people.suppress", people.suppress),
            ("people.reject", people.reject),
            ("people.fail_to_integrate", people.fail_to_integrate),
            ("people.forget", people.forget),
        ];
        let suppliers = self.supplier.iter();
        chances.extend(suppliers.map(|it| ("supplier.large_messaging", it.large_messaging)));
        chances
    }
}

const MOST_OUTAGES: f64 = 1_000.0;
const MOST_ATTACHMENTS: f64 = 100_000.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_profile_makes_sense() {
        let england = Profile::parse("england", ENGLAND).unwrap();
        assert_eq!(england.transfers_in(365), 2_530_000);
        assert_eq!(england.transfers_in(0), 0);
    }

    fn refused(from: &str, to: &str) -> String {
        assert!(ENGLAND.contains(from), "{from}");
        let text = ENGLAND.replacen(from, to, 1);
        Profile::parse("mine.toml", &text).unwrap_err().to_string()
    }

    #[test]
    fn what_makes_no_sense_is_told_by_its_name() {
        assert_eq!(
            refused("forget = 0.0", "forget = 7.0"),
            "mine.toml: `people.forget` is 7.072, and no probability"
        );
        assert_eq!(
            refused("sending = \"Vision\"", "sending = \"Vison\""),
            "mine.toml: there is no supplier `Vison`"
        );
        assert_eq!(
            refused("weekdays = [18.6,", "weekdays = [-18.6,"),
            "mine.toml: `volume.weekdays` has to be shares, not all of them 0"
        );
        assert_eq!(
            refused("outages_per_year = 2.0", "outages_per_year = 1e9"),
            "mine.toml: EMIS has 1000000000 outages a year, at most 1000 can be"
        );
        assert_eq!(
            refused("[1, 2_658]", "[1, 1e9]"),
            "mine.toml: a record has 1000000000 attachments, at most 100000 can be"
        );
        let unreadable = refused("silence =", "silense =");
        assert!(
            unreadable.contains("unknown field `silense`"),
            "{unreadable}"
        );
        let falling = refused("[0.9, 140]", "[0.9, 14]");
        assert!(falling.contains("rise"), "{falling}");
    }
}
