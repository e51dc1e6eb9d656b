//! `gp2gp simulate`: the same result on any number of threads, its words, its size, and its page.

#![cfg(test)]

mod support;

use std::num::NonZeroUsize;
use std::process::Command;

use gp2gp::simulate::{ENGLAND, Order, Outcome, Profile, Simulation, simulate};
use proptest::prelude::*;

use crate::support::page::{blocks, fits};

const PAGE: &str = include_str!("../../docs/simulate.md");

fn england() -> Profile {
    Profile::parse("england", ENGLAND).expect("the built-in profile")
}

fn simulated(profile: &Profile, seed: u64, days: u32, transfers: u32, jobs: usize) -> Simulation {
    let order = Order {
        profile,
        seed,
        days,
        transfers,
    };
    simulate(&order, NonZeroUsize::new(jobs).expect("some"))
}

fn bytes(simulation: &Simulation) -> String {
    serde_json::to_string(simulation).expect("it is plain")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads(
        seed: u64,
        days in 1_u32..400,
        transfers in 1_u32..1_500,
        jobs in 2_usize..9,
    ) {
        let england = england();
        let alone = simulated(&england, seed, days, transfers, 1);
        let together = simulated(&england, seed, days, transfers, jobs);
        prop_assert_eq!(bytes(&alone), bytes(&together));
        prop_assert_eq!(alone.transfers, u64::from(transfers));
        let classified: u64 = alone.outcomes.iter().map(|row| row.transfers).sum();
        prop_assert_eq!(classified + alone.unseen_transfers, alone.transfers);
        let printed: u64 = alone.print_states.iter().map(|row| row.transfers).sum();
        prop_assert_eq!(printed, alone.transfers);
    }
}

#[test]
fn another_seed_gives_another_result() {
    let england = england();
    let with_seed = |seed| bytes(&simulated(&england, seed, 30, 500, 1));
    assert_ne!(with_seed(1), with_seed(2));
}

#[test]
fn a_small_simulation_says_what_it_came_to() {
    let simulation = simulated(&england(), 1, 365, 1_000, 1);
    insta::assert_snapshot!(simulation.to_string());
}

/// Counts, not times: what each transfer costs, whatever the machine.
#[test]
fn a_conversation_takes_at_most_600_bytes_and_a_message_three_events() {
    let simulation = simulated(&england(), 1, 3, 60_000, 2);
    let memory = simulation.memory;
    assert!(memory.live_conversations > 20_000, "{memory:?}");
    assert!(memory.bytes_per_conversation <= 600, "{memory:?}");
    let messages = simulation.messages.all;
    assert!(
        simulation.events <= 3 * messages,
        "{} of {messages}",
        simulation.events
    );
    assert!((30 * 60_000..40 * 60_000).contains(&messages), "{messages}");
    // Posts are repeated rarely, and never without end.
    assert!(simulation.posts <= messages + messages / 100);
}

/// The profile names mechanisms; what they come to is near what was measured, and nothing is drawn by its name.
#[test]
fn outcomes_are_near_what_was_measured() {
    let simulation = simulated(&england(), 7, 365, 60_000, 2);
    for row in &simulation.outcomes {
        let measured = row.measured_percent.unwrap_or_default();
        let allowed = match row.outcome {
            // Not all of the codes behind it are known.
            Outcome::FinalError => 1.3,
            Outcome::IntegratedOnTime => 2.5,
            Outcome::IntegratedLate
            | Outcome::AmbiguousCopc
            | Outcome::TransferredWithError
            | Outcome::CopcNotSent
            | Outcome::CopcNotAcknowledged
            | Outcome::TransferredNotIntegrated
            | Outcome::FatalSenderError
            | Outcome::RequestNotAcknowledged
            | Outcome::CoreNotSent => 1.0,
        };
        let apart = (row.percent - measured).abs();
        assert!(apart <= allowed, "{row}");
    }
}

/// Without its mechanism an outcome is gone.
#[test]
fn what_does_not_go_wrong_does_not_fail() {
    let mut text = String::new();
    let mut section = "";
    // Nor does anybody take longer than what is looked at.
    for line in ENGLAND.replace("[1, 700]", "[1, 400]").lines() {
        if line.starts_with('[') {
            section = line;
        }
        let goes_wrong = matches!(
            section,
            "[network]" | "[sending]" | "[requesting]" | "[people]"
        );
        let is_chance = line.split_once(" = ").is_some_and(|(key, value)| {
            !value.starts_with('[') && key != "returning" && key != "suppress"
        });
        match line.split_once(" = ") {
            Some((key, _)) if goes_wrong && is_chance => text += &format!("{key} = 0\n"),
            Some(("large_messaging", _)) => text += "large_messaging = 1\n",
            Some(("outages_per_year", _)) => text += "outages_per_year = 0\n",
            Some(_) | None => text += &format!("{line}\n"),
        }
    }
    let profile = Profile::parse("whole", &text).expect("it is a profile");
    let simulation = simulated(&profile, 1, 365, 5_000, 1);
    for row in &simulation.outcomes {
        let is_filed = matches!(
            row.outcome,
            Outcome::IntegratedOnTime | Outcome::IntegratedLate
        );
        assert!(is_filed || row.transfers == 0, "{row}");
    }
    assert_eq!(simulation.posts, simulation.messages.all);
}

#[test]
fn a_profile_that_makes_no_sense_is_shown_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    std::fs::write(&path, ENGLAND.replace("lost =", "losst =")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_gp2gp"))
        .args(["simulate", "--transfers", "10", "--profile"])
        .arg(&path)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("losst"), "{said}");
}

#[test]
fn every_command_says_what_the_page_says() {
    let mut run = 0;
    for block in blocks(PAGE).iter().filter(|block| block.info == "console") {
        let (command, expected) = block.text.split_once('\n').expect("a command");
        let words = command.strip_prefix("$ gp2gp ").expect("a command of ours");
        let output = Command::new(env!("CARGO_BIN_EXE_gp2gp"))
            .args(words.split(' '))
            .output()
            .expect("it starts");
        let seen = String::from_utf8(output.stdout).expect("stdout is text");
        let expected: Vec<&str> = expected.lines().collect();
        assert!(
            fits(&expected, &seen),
            "line {}: `{command}` says\n{seen}",
            block.line
        );
        run += 1;
    }
    assert!(run >= 2, "only {run}");
}
