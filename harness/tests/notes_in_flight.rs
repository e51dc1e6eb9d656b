//! Notes of a hub at random moments around a move, with random faults: whatever happens, each is filed
//! once, and in the extract or at the new practice.

#![cfg(test)]

mod support;

use std::fmt::Write as _;

use gp2gp::driver::Sut;
use gp2gp_mocks::HubDefect;
use gp2gp_model::verdict::{Assessment, Profile};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

const CASES: u32 = 300;

/// A patient registers ten minutes after the start; this happens around it.
#[derive(Debug, Clone)]
struct Flight {
    /// When notes are written, in milliseconds.
    notes: Vec<u32>,
    mishaps: Vec<Mishap>,
    /// The patient returns two hours later.
    returns: bool,
}

#[derive(Debug, Clone)]
enum Mishap {
    /// The nth write-back to a practice arrives so many seconds later.
    Late { at: &'static str, nth: u8, by: u8 },
    /// It is filed, and the answer is lost.
    AnswerLost { at: &'static str, nth: u8 },
    /// Practices take nothing for so many seconds.
    Busy { from: u32, lasts: u16 },
    /// A system is down.
    Down {
        system: &'static str,
        from: u32,
        lasts: u16,
    },
}

fn flights() -> impl Strategy<Value = Flight> {
    let around = 585_000_u32..620_000;
    let practice = prop::sample::select(vec!["sending", "requesting"]);
    let system = prop::sample::select(vec!["sending", "requesting", "hub"]);
    let mishap = prop_oneof![
        (practice.clone(), 1_u8..4, 1_u8..120).prop_map(|(at, nth, by)| Mishap::Late {
            at,
            nth,
            by
        }),
        (practice, 1_u8..4).prop_map(|(at, nth)| Mishap::AnswerLost { at, nth }),
        (around.clone(), 1_u16..900).prop_map(|(from, lasts)| Mishap::Busy { from, lasts }),
        (system, around.clone(), 1_u16..900).prop_map(|(system, from, lasts)| Mishap::Down {
            system,
            from,
            lasts
        }),
    ];
    (
        prop::collection::vec(around, 1..4),
        prop::collection::vec(mishap, 0..4),
        any::<bool>(),
    )
        .prop_map(|(notes, mishaps, returns)| Flight {
            notes,
            mishaps,
            returns,
        })
}

impl Flight {
    /// As a scenario file.
    fn file(&self) -> String {
        let mut text = String::from(
            "title = \"Notes in flight\"\njudges = [\"hub\"]\nrequirements = [\"FED-01\"]\n\
             [requesting]\ndialect = \"vision\"\n[sending]\ndialect = \"emis\"\n\
             [[patient]]\nname = \"ellis\"\n[[step]]\nat = \"10m\"\nregister = \"ellis\"\n",
        );
        for (at, note) in self.notes.iter().enumerate() {
            let _ = write!(
                text,
                "[[step]]\nat = \"{note}ms\"\n\
                 at_hub = {{ wish = \"write\", patient = \"ellis\", text = \"Note {at}.\" }}\n"
            );
        }
        if self.returns {
            text.push_str(
                "[[step]]\nat = \"2h10m\"\nmove_on = { patient = \"ellis\", to = \"sending\" }\n\
                 [[step]]\nat = \"2h20m\"\nat_hub = { wish = \"write\", patient = \"ellis\" }\n",
            );
        }
        for (at, mishap) in self.mishaps.iter().enumerate() {
            let _ = writeln!(
                text,
                "[[fault]]\nname = \"mishap {at}\"\n{}",
                mishap.lines()
            );
        }
        text
    }
}

impl Mishap {
    fn lines(&self) -> String {
        let on = |at: &str| format!("on = {{ federation = \"write-back\", practice = \"{at}\" }}");
        match self {
            Self::Late { at, nth, by } => format!(
                "effect = {{ delay = \"{by}s\" }}\n{}\nwhen = {{ occurrence = {nth} }}",
                on(at)
            ),
            Self::AnswerLost { at, nth } => format!(
                "effect = \"lose-answer\"\n{}\nwhen = {{ occurrence = {nth} }}",
                on(at)
            ),
            Self::Busy { from, lasts } => format!(
                "effect = {{ refuse = 503 }}\non = {{ federation = \"write-back\" }}\n\
                 when = {{ from = \"{from}ms\", lasts = \"{lasts}s\" }}"
            ),
            Self::Down {
                system,
                from,
                lasts,
            } => format!(
                "effect = {{ crash = \"{lasts}s\" }}\non = {{ system = \"{system}\" }}\n\
                 when = {{ from = \"{from}ms\" }}"
            ),
        }
    }
}

/// What is wrong with a flight, if something is.
fn breach(flight: &Flight, sut: &Sut) -> Option<String> {
    let text = flight.file();
    let source = gp2gp_scenarios::load_str("flight", &text).expect("a source");
    let scenarios = gp2gp_scenarios::parse(&source).expect("a scenario");
    let plan = gp2gp_scenarios::lower(&scenarios[0], &support::catalogue(), None);
    let taken = support::run(&plan.expect("a plan"), sut);
    ["FED-01", "FED-02"].into_iter().find_map(|requirement| {
        match taken.assess(requirement, Profile::Strict) {
            Assessment::Broken(violations) => {
                Some(format!("{requirement}: {violations:#?}\n{text}"))
            }
            Assessment::Held { .. } | Assessment::NotExercised(_) => None,
            Assessment::Undecided(why) => Some(why),
        }
    })
}

fn explore(sut: &Sut) -> Result<(), String> {
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let explored = runner.run(&flights(), |flight| match breach(&flight, sut) {
        Some(why) => Err(TestCaseError::fail(why)),
        None => Ok(()),
    });
    explored.map_err(|error| error.to_string())
}

#[test]
fn no_note_is_lost_or_doubled_whatever_happens() {
    if let Err(why) = explore(&Sut::Reference) {
        panic!("{why}");
    }
}

/// The test of the test: chance finds what breaks the rules.
#[test]
fn broken_hubs_are_found_by_chance() {
    for defect in [
        HubDefect::KeepsLateWriteBacks,
        HubDefect::WritesTwice,
        HubDefect::ForgetsInACrash,
        HubDefect::WritesToOldPractice,
    ] {
        let found = explore(&Sut::broken(defect.into()));
        assert!(found.is_err(), "chance does not find {defect:?}");
    }
}
