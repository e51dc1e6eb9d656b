//! The work of one lap: a scenario with many patients, so that it can be run again by itself.

use std::fmt::Write as _;
use std::num::NonZeroU32;
use std::time::Duration;

use gp2gp_model::plan::{Plan, Role};
use gp2gp_model::requirement::Requirement;
use gp2gp_model::terms::Terms;
use gp2gp_scenarios::{LoadError, ScenarioError, Size};
use gp2gp_sim::{Stream, Streams};
use rand::Rng;

use super::abroad;
use super::profile::{CountryName, National, Profile};
use crate::simulate::{Country, ProfileError};

/// When the patients of a lap register.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Arrivals {
    /// So many are under way at once: one comes to an end, the next begins. The system sets the
    /// pace, so a slow one is never seen to keep anybody waiting.
    Closed {
        /// How many.
        at_once: NonZeroU32,
    },
    /// At random, so many a second in the mean, whatever the system does.
    Open {
        /// The mean.
        per_second: f64,
    },
    /// The same by the hours of a week of the profile's country, of which the lap is a short one. In a profile
    /// without a country, as [`Arrivals::Open`].
    Week {
        /// The mean. In the busiest hour four times as many come.
        per_second: f64,
    },
}

/// Why there is no work.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// The text is no scenario.
    #[error("the work of this profile is no scenario: {0}")]
    Load(#[from] LoadError),
    /// It makes no sense.
    #[error("the work of this profile makes no sense: {0}")]
    Scenario(#[from] Box<ScenarioError>),
    /// What is known of the country cannot be read.
    #[error("the workload of the country: {0}")]
    Country(#[from] ProfileError),
}

/// The plan of a lap. The same seed gives the same patients, documents and times.
pub(super) fn plan(
    profile: &Profile,
    arrivals: Arrivals,
    roles: &[Role],
    catalogue: &[Requirement],
    seed: u64,
    terms: &Terms,
) -> Result<Plan, WorkError> {
    let text = scenario(profile, arrivals, roles, seed)?;
    let id = format!("load/{}", file_name(&profile.name));
    let source = gp2gp_scenarios::load_str(&id, &text)?;
    let scenarios = gp2gp_scenarios::parse(&source).map_err(Box::new)?;
    let lowered = scenarios.iter().map(|scenario| {
        gp2gp_scenarios::lower_under(scenario, catalogue, Some(seed), terms).map_err(Box::new)
    });
    let mut plans = lowered.collect::<Result<Vec<_>, _>>()?;
    let mut plan = plans.swap_remove(0);
    plan.link_delay = Duration::ZERO;
    plan.at_once = match arrivals {
        Arrivals::Closed { at_once } => Some(at_once),
        Arrivals::Open { .. } | Arrivals::Week { .. } => None,
    };
    Ok(plan)
}

/// The last part of a path, as the id of a scenario has it.
fn file_name(name: &str) -> String {
    let stem = name.rsplit('/').next().unwrap_or(name);
    let stem = stem.trim_end_matches(".toml");
    let plain = |c: char| match c.is_ascii_lowercase() || c.is_ascii_digit() {
        true => c,
        false => '-',
    };
    stem.to_ascii_lowercase().chars().map(plain).collect()
}

/// The scenario as an author would write it.
pub fn scenario(
    profile: &Profile,
    arrivals: Arrivals,
    roles: &[Role],
    seed: u64,
) -> Result<String, WorkError> {
    let streams = Streams::new(seed);
    let mut documents = streams.stream("load documents");
    let country = profile.country.map(CountryName::country).transpose()?;
    let judges: Vec<String> = roles.iter().map(|role| format!("\"{role}\"")).collect();
    let mut text = format!(
        "title = \"Load: {}\"\nstory = \"{} transfers. {}\"\njudges = [{}]\nrequirements = [{}]\n",
        profile.name.replace(['"', '\\'], ""),
        profile.transfers,
        profile.about.replace(['"', '\\'], ""),
        judges.join(", "),
        exercised(roles),
    );
    if let Some(country) = &country {
        text.push_str(&abroad::circumstances(
            country,
            profile.transfers,
            roles,
            &streams,
        ));
    }
    text.push_str("[exercised]\ncore_acknowledged = \"AA\"\n");
    let times = times(profile, country.as_ref(), arrivals, &streams);
    let mut unusual = streams.stream("load unusual");
    for (number, at) in (1..).zip(times) {
        let name = format!("patient-{number}");
        let unusual = (country.as_ref()).and_then(|it| it.unusual(share(&mut unusual)));
        let patient = abroad::patient(profile.record, unusual);
        let _ = write!(text, "\n[[patient]]\nname = \"{name}\"\n{patient}");
        for (media_type, size) in contents(profile, &mut documents) {
            let _ = write!(
                text,
                "    [[patient.document]]\n    type = \"{media_type}\"\n    size = \"{}\"\n",
                Size(size)
            );
        }
        let _ = write!(
            text,
            "[[step]]\nat = \"{}ms\"\nregister = \"{name}\"\n",
            at.as_millis()
        );
    }
    Ok(text)
}

/// When each patient registers.
fn times(
    profile: &Profile,
    country: Option<&Country>,
    arrivals: Arrivals,
    streams: &Streams,
) -> Vec<Duration> {
    let mut stream = streams.stream("load arrivals");
    let transfers = profile.transfers;
    match (arrivals, country) {
        (Arrivals::Closed { .. }, _) => vec![Duration::ZERO; transfers as usize],
        (Arrivals::Week { per_second }, Some(country)) => {
            let lasts = f64::from(transfers) / per_second.max(f64::MIN_POSITIVE);
            let week = country.in_a_week(transfers, || share(&mut stream));
            let first = week.first().copied().unwrap_or_default();
            let times = week.into_iter().map(|at| (at - first) * lasts);
            times
                .map(|at| Duration::from_secs_f64(at.min(86_400.0)))
                .collect()
        }
        (Arrivals::Open { per_second } | Arrivals::Week { per_second }, _) => {
            let mut at = Duration::ZERO;
            let times = (0..transfers).map(|_| {
                at += pause(per_second, &mut stream);
                at
            });
            times.collect()
        }
    }
}

/// What every transfer puts to the test; the judge looks at everything besides.
fn exercised(roles: &[Role]) -> String {
    let of = |role: &Role| match role {
        Role::Requesting => "\"RCV-43\"",
        Role::Sending => "\"SND-14\"",
        Role::Exporting | Role::Hub => "",
    };
    let named: Vec<&str> = roles.iter().map(of).filter(|it| !it.is_empty()).collect();
    named.join(", ")
}

/// Types and sizes of the documents of one record.
fn contents(profile: &Profile, stream: &mut Stream) -> Vec<(String, u64)> {
    if let Some(national) = &profile.national {
        return drawn(national, stream);
    }
    let documents = profile.document.iter();
    documents
        .flat_map(|document| {
            let one = (document.media_type.clone(), document.size.0);
            std::iter::repeat_n(one, document.count as usize)
        })
        .collect()
}

fn drawn(national: &National, stream: &mut Stream) -> Vec<(String, u64)> {
    if share(stream) * 100.0 >= national.with_documents_percent {
        return Vec::new();
    }
    let count = log_normal(national.documents_median, national.documents_sigma, stream);
    let count = count.round().clamp(1.0, 2_658.0);
    let median = national.bytes_median.0 as f64;
    let total = log_normal(median, national.bytes_sigma, stream).min(national.bytes_most.0 as f64);
    // A few are large and most are small, as measured: mean 0.31 MB, median 0.04.
    let weights: Vec<f64> = (0..count as usize)
        .map(|_| log_normal(1.0, 2.0, stream))
        .collect();
    let sum: f64 = weights.iter().sum();
    weights
        .iter()
        .map(|weight| {
            let size = (total * weight / sum).max(500.0) as u64;
            (media_type(national, stream), size)
        })
        .collect()
}

fn media_type(national: &National, stream: &mut Stream) -> String {
    let all: f64 = national.types.iter().map(|it| it.percent).sum();
    let mut left = share(stream) * all;
    for kind in &national.types {
        left -= kind.percent;
        if left < 0.0 {
            return kind.media_type.clone();
        }
    }
    "application/octet-stream".to_owned()
}

/// From 0 to 1, exclusively.
pub(super) fn share(stream: &mut Stream) -> f64 {
    const OF: f64 = (1_u64 << 53) as f64;
    (stream.next_u64() >> 11) as f64 / OF
}

fn log_normal(median: f64, sigma: f64, stream: &mut Stream) -> f64 {
    let (one, other) = (1.0 - share(stream), share(stream));
    let normal = (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * other).cos();
    median * (sigma * normal).exp()
}

/// Between two arrivals of a Poisson stream.
fn pause(per_second: f64, stream: &mut Stream) -> Duration {
    let seconds = -(1.0 - share(stream)).ln() / per_second.max(f64::MIN_POSITIVE);
    Duration::from_secs_f64(seconds.min(86_400.0))
}

#[cfg(test)]
mod tests {
    use gp2gp_model::plan::Role;

    use super::*;

    fn open(per_second: f64) -> Arrivals {
        Arrivals::Open { per_second }
    }

    fn planned(name: &str, transfers: u32, arrivals: Arrivals, seed: u64) -> Plan {
        let mut profile = Profile::find(name).unwrap();
        profile.transfers = transfers;
        let catalogue = gp2gp_scenarios::catalogue().unwrap();
        let (roles, terms) = (Role::OF_TRANSFERS, Terms::default());
        plan(&profile, arrivals, &roles, &catalogue, seed, &terms).unwrap()
    }

    #[test]
    fn every_profile_is_a_scenario() {
        for name in Profile::names() {
            let plan = planned(name, 3, open(10.0), 1);
            assert_eq!((plan.patients.len(), plan.steps.len()), (3, 3), "{name}");
            assert_eq!(plan.at_once, None);
        }
    }

    #[test]
    fn the_same_seed_is_the_same_work() {
        let profile = Profile::find("national").unwrap();
        let text = |seed| scenario(&profile, open(5.0), &Role::OF_TRANSFERS, seed).unwrap();
        assert_eq!(text(7), text(7));
        assert_ne!(text(7), text(8));
    }

    #[test]
    fn open_arrivals_come_at_their_rate_and_at_random() {
        let plan = planned("small", 2_000, open(50.0), 3);
        let mut times: Vec<f64> = plan.steps.iter().map(|it| it.at.as_secs_f64()).collect();
        times.sort_by(f64::total_cmp);
        let last = times.last().unwrap();
        assert!(
            (36.0..44.0).contains(last),
            "2000 at 50 a second in {last} s"
        );
        let pauses: Vec<f64> = times.windows(2).map(|it| it[1] - it[0]).collect();
        let short = pauses.iter().filter(|it| **it < 0.01).count();
        // Of a Poisson stream, 1 - 1/sqrt(e) are shorter than half the mean.
        assert!(
            (700..880).contains(&short),
            "{short} pauses below half the mean"
        );
    }

    #[test]
    fn closed_arrivals_wait_for_each_other() {
        let arrivals = Arrivals::Closed {
            at_once: NonZeroU32::new(4).unwrap(),
        };
        let plan = planned("small", 10, arrivals, 1);
        assert_eq!(plan.at_once.map(NonZeroU32::get), Some(4));
        assert!(plan.steps.iter().all(|step| step.at.is_zero()));
    }

    #[test]
    fn only_who_is_not_under_load_writes_as_a_supplier_does() {
        let profile = Profile::find("national").unwrap();
        let text = |roles: &[Role]| scenario(&profile, open(5.0), roles, 1).unwrap();
        assert!(!text(&Role::OF_TRANSFERS).contains("dialect"));
        let sending = text(&[Role::Sending]);
        assert!(sending.contains("[requesting]\ndialect = ") && !sending.contains("[sending]"));
    }

    /// The busiest hour of an English week has four times the mean, and four of ten patients come on two days.
    #[test]
    fn a_national_lap_is_a_week_in_short() {
        let arrivals = Arrivals::Week { per_second: 100.0 };
        let plan = planned("national", 2_000, arrivals, 3);
        let times: Vec<f64> = plan.steps.iter().map(|it| it.at.as_secs_f64()).collect();
        let last = times.iter().copied().fold(0.0, f64::max);
        assert!((14.0..20.0).contains(&last), "20 s are a week: {last}");
        let within =
            |from: f64, to: f64| times.iter().filter(|at| (from..to).contains(*at)).count();
        let day = 20.0 / 7.0;
        // It begins with the first patient, some hours into Monday.
        let (tuesday, weekend) = (within(day * 0.8, day * 1.8), within(day * 4.8, day * 7.0));
        assert!((400..500).contains(&tuesday), "{tuesday}");
        assert!(weekend < 60, "{weekend}");
    }

    /// Spec 70: 49.4 % have documents, then 46 in the median and 9.9 MB together.
    #[test]
    fn a_national_record_is_as_measured() {
        let profile = Profile::find("national").unwrap();
        let mut stream = Streams::new(1).stream("test");
        let records: Vec<_> = (0..4_000)
            .map(|_| contents(&profile, &mut stream))
            .collect();
        let with = records.iter().filter(|it| !it.is_empty());
        let median = |mut values: Vec<u64>| {
            values.sort_unstable();
            values[values.len() / 2]
        };
        let share = with.clone().count() as f64 / 4_000.0;
        assert!((0.47..0.52).contains(&share), "{share}");
        let count = median(with.clone().map(|it| it.len() as u64).collect());
        assert!((43..=49).contains(&count), "{count}");
        let bytes = median(
            with.map(|it| it.iter().map(|(_, size)| size).sum())
                .collect(),
        );
        assert!((9_200_000..10_700_000).contains(&bytes), "{bytes}");
    }
}
