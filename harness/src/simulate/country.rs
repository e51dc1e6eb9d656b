//! What a load takes of the profile of a country: when patients register, whose systems write to each other, and
//! what is unusual about a transfer. What takes hours cannot be waited for under load, and is left out: messages
//! that are lost, systems that hang or are down, people who forget.

use std::time::Duration;

use gp2gp_model::Time;

use super::calendar::Calendar;
use super::profile::{ENGLAND, Profile, ProfileError};

/// A country.
pub(crate) struct Country {
    profile: Profile,
}

/// What is not as usual about a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unusual {
    /// The old practice does not know the patient.
    PatientUnknown,
    /// It cannot make an extract of the record.
    NotGenerated,
    /// PDS names another practice than the one that asks.
    RegisteredElsewhere,
    /// People see the wrong person.
    Rejected,
    /// Filing fails.
    FailsToIntegrate,
    /// The patient was here before, and people keep the record that they have.
    Suppressed,
}

#[cfg(test)]
impl Unusual {
    pub(crate) const ALL: [Self; 6] = [
        Self::PatientUnknown,
        Self::NotGenerated,
        Self::RegisteredElsewhere,
        Self::Rejected,
        Self::FailsToIntegrate,
        Self::Suppressed,
    ];
}

/// What happens on the way and is over in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Network {
    /// Of each post to Spine, the share whose connection is reset ...
    pub(crate) reset: f64,
    /// ... and the share whose answer is lost.
    pub(crate) answer_lost: f64,
    /// Of cores, the share that comes twice.
    pub(crate) repeated_core: f64,
}

/// Days of a week.
const DAYS: u32 = 7;
const YEAR: Duration = Duration::from_secs(365 * 86_400);

impl Country {
    /// England from 2019 to 2022.
    pub(crate) fn england() -> Result<Self, ProfileError> {
        Profile::parse("england", ENGLAND).map(|profile| Self { profile })
    }

    /// Registrations of the whole country, in the mean.
    pub(crate) fn per_second(&self) -> f64 {
        f64::from(self.profile.volume.transfers_per_year) / YEAR.as_secs_f64()
    }

    /// When in a week, from 0 to 1, so many patients register. `share`, from 0 to 1, is drawn for each.
    pub(crate) fn in_a_week(&self, transfers: u32, mut share: impl FnMut() -> f64) -> Vec<f64> {
        let start = Time::from_micros(0);
        let calendar = Calendar::new(&self.profile.volume, start, DAYS, transfers);
        let week = Duration::from_secs(u64::from(DAYS) * 86_400);
        let begins = (0..transfers).map(|number| {
            let at = calendar.begins(number, share()).since(start);
            at.as_secs_f64() / week.as_secs_f64()
        });
        begins.collect()
    }

    /// The suppliers of the old and of the new practice, by a share from 0 to 1.
    pub(crate) fn suppliers(&self, share: f64) -> Option<(&str, &str)> {
        let pairs = &self.profile.pair;
        let all: f64 = pairs.iter().map(|pair| pair.share).sum();
        let mut left = share * all;
        let drawn = pairs.iter().find(|pair| {
            left -= pair.share;
            left < 0.0
        });
        let drawn = drawn.or(pairs.last())?;
        Some((&drawn.sending, &drawn.requesting))
    }

    /// What is unusual about a transfer, by a share from 0 to 1; mostly nothing.
    pub(crate) fn unusual(&self, share: f64) -> Option<Unusual> {
        let (sending, people) = (&self.profile.sending, &self.profile.people);
        let all = [
            (Unusual::PatientUnknown, sending.patient_unknown),
            (Unusual::NotGenerated, sending.not_generated),
            (Unusual::RegisteredElsewhere, sending.registered_elsewhere),
            (Unusual::Rejected, people.reject),
            (Unusual::FailsToIntegrate, people.fail_to_integrate),
            (Unusual::Suppressed, people.returning * people.suppress),
        ];
        let mut left = share;
        let drawn = all.into_iter().find(|(_, chance)| {
            left -= chance;
            left < 0.0
        });
        drawn.map(|(unusual, _)| unusual)
    }

    /// What happens on the way.
    pub(crate) const fn network(&self) -> Network {
        Network {
            reset: self.profile.network.reset,
            answer_lost: self.profile.network.answer_lost,
            repeated_core: self.profile.sending.repeats_core,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Shares that lie evenly between 0 and 1.
    fn evenly(count: u32) -> impl Iterator<Item = f64> {
        (0..count).map(move |nth| (f64::from(nth) + 0.5) / f64::from(count))
    }

    #[test]
    fn a_week_is_busy_on_tuesday_and_quiet_on_sunday() {
        let england = Country::england().unwrap();
        let week = england.in_a_week(10_000, || 0.5);
        assert!(week.is_sorted());
        let on = |day: u32| {
            let (from, to) = (f64::from(day) / 7.0, f64::from(day + 1) / 7.0);
            week.iter().filter(|at| (from..to).contains(*at)).count()
        };
        assert!((2_200..2_280).contains(&on(1)), "Tuesday {}", on(1));
        assert!((40..60).contains(&on(6)), "Sunday {}", on(6));
    }

    #[test]
    fn suppliers_write_to_each_other_as_often_as_measured() {
        let england = Country::england().unwrap();
        let mut found = BTreeMap::new();
        for share in evenly(1_000) {
            *found.entry(england.suppliers(share).unwrap()).or_insert(0) += 1;
        }
        // 58.7 and 17.6 of 98.2 %, to a thousandth.
        assert_eq!(found[&("EMIS", "EMIS")], 598);
        assert_eq!(found[&("TPP", "EMIS")], 180);
        assert_eq!(found.len(), 5);
    }

    #[test]
    fn most_transfers_are_as_usual() {
        let england = Country::england().unwrap();
        let mut found = BTreeMap::new();
        for share in evenly(100_000) {
            *found.entry(england.unusual(share)).or_insert(0) += 1;
        }
        assert_eq!(found[&Some(Unusual::PatientUnknown)], 84);
        assert_eq!(found[&Some(Unusual::NotGenerated)], 250);
        assert_eq!(found[&Some(Unusual::Suppressed)], 6_600);
        assert!(found[&None] > 92_000);
    }

    #[test]
    fn the_country_registers_a_patient_every_twelve_seconds() {
        let england = Country::england().unwrap();
        assert!((12.0..13.0).contains(&england.per_second().recip()));
    }
}
