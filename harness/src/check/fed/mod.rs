//! Checks of federations (FED): what a hub does with consultations, records, appointments and
//! figures. The [history] has read what was said; each file asks one question of it.

mod activity;
mod bookings;
pub mod history;
mod in_flight;
mod reads;
mod registered;
mod write_backs;

use gp2gp_model::verdict::Violation;

use super::Check;
pub use history::Federation;

/// Every check of this family, in the order of the catalogue.
pub fn checks() -> Vec<Check> {
    vec![
        Check {
            requirement: "FED-01",
            assess: write_backs::reach_the_registered_practice,
        },
        Check {
            requirement: "FED-02",
            assess: in_flight::are_in_the_extract_or_forwarded,
        },
        Check {
            requirement: "FED-03",
            assess: reads::show_what_the_practice_holds,
        },
        Check {
            requirement: "FED-04",
            assess: bookings::are_visible_at_the_hub,
        },
        Check {
            requirement: "FED-05",
            assess: activity::agrees_with_the_trace,
        },
    ]
}

/// Why nothing of this family is put to the test where there is no hub.
const NO_HUB: &str = "there is no hub";

fn violation(event: u64, expected: impl Into<String>, seen: impl Into<String>) -> Violation {
    Violation::new(Some(event), expected, seen)
}
