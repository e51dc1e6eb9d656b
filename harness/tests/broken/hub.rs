//! Where each broken hub turns red, and why.

use gp2gp_mocks::HubDefect;

/// The scenario that shows it, and what the violation must say was seen.
pub(super) const fn proof(defect: HubDefect) -> (&'static str, &'static str) {
    match defect {
        HubDefect::WritesToOldPractice => {
            ("federation/after-the-transfer", "it was filed at Z99902")
        }
        HubDefect::NeverLooks => ("federation/practice-refuses", "PDS was not seen to name"),
        HubDefect::WritesTwice => (
            "federation/lost-answer",
            "which nobody recorded; it says what",
        ),
        HubDefect::ForgetsWhenRefused => (
            "federation/practice-refuses",
            "no practice said that it has it",
        ),
        HubDefect::ForgetsInACrash => ("federation/hub-crash", "no practice said that it has it"),
        HubDefect::KeepsLateWriteBacks => {
            ("federation/late-write-back", "no other practice got it")
        }
        HubDefect::LeavesEntriesOut => {
            ("federation/before-the-extract", "no other practice got it")
        }
        HubDefect::ReadsOneStyle => (
            "federation/two-makes-of-systems/old=emis",
            "nothing kept the hub from reading it",
        ),
        HubDefect::ReadsTheFirstPage => {
            ("federation/two-makes-of-systems/old=vision", "are missing")
        }
        HubDefect::ShowsNothingAsEmpty => {
            ("federation/read-while-the-practice-is-down", "are missing")
        }
        HubDefect::HidesBookings => (
            "federation/booking-at-each-practice",
            "it is not in the list",
        ),
        HubDefect::GivesSlotsTwice => ("federation/double-booking", "it was given to"),
        HubDefect::CountsAttempts => ("federation/kpi-day", "the hub reports 4"),
        HubDefect::CountsEveryWriteBack => ("federation/kpi-day", "the hub reports 2"),
    }
}
