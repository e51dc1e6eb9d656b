//! Checks of exporting systems (EXP): each reads its rule from the [ledger](ledger::Ledger), which
//! has gone through the trace event by event.

pub mod history;
pub mod ledger;
pub mod rule;

use gp2gp_model::export::ExportTerms;
use gp2gp_model::trace::{Bodies, Event, Trace, What};
use gp2gp_model::verdict::{Assessment, Violation};

use super::{Check, View};
use history::Happening;
use ledger::Ledger;
use rule::Rule;

/// An export, read and gone through.
pub struct Export {
    /// What happened, in order.
    pub happenings: Vec<Happening>,
    /// Where everything was at every moment, and which rules were broken.
    pub ledger: Ledger,
    /// Requests that crossed the wire, and the bytes in them.
    pub requests: (usize, u64),
}

impl Export {
    /// Reads a trace; `None` where nobody exports.
    pub fn of(trace: &Trace, bodies: &dyn Bodies) -> Option<Self> {
        let terms: &ExportTerms = trace.header.export.as_ref()?;
        let happenings = history::of(trace, bodies);
        let ledger = Ledger::of(&happenings, terms, trace.header.started);
        let posted = |event: &&Event| matches!(event.what, What::Post { .. });
        let requests = trace.events.iter().filter(posted).filter_map(Event::body);
        let requests = requests.map(|body| body.bytes);
        let requests = requests.fold((0, 0), |(count, sum), bytes| (count + 1, sum + bytes));
        Some(Self {
            happenings,
            ledger,
            requests,
        })
    }
}

/// Every check of this family, in the order of the catalogue.
pub fn checks() -> Vec<Check> {
    macro_rules! checks {
        ($($rule:ident)+) => {
            vec![$(Check {
                requirement: Rule::$rule.requirement(),
                assess: |view, _| assess(view, Rule::$rule),
            },)+]
        };
    }
    checks!(
        Refresh NoExportWhileLeft Ticket ProofBeforeDelete OnlyTheMissing Permission
        ArrivalsBeforeClosing FollowingDay RepeatWithoutTheBox NothingLostOrDoubled
        LargeAndWhole DuplicateStopped Roles
    )
}

fn assess(view: &View, rule: Rule) -> Assessment {
    let Some(Export { ledger, .. }) = &view.export else {
        return Assessment::NotExercised("nobody exports here");
    };
    let broken = ledger.breaches().iter().filter(|it| it.rule == rule);
    let violations: Vec<Violation> = broken
        .map(|breach| {
            Violation::new(
                Some(breach.event),
                match rule.invariant() {
                    Some(number) => format!("{} (safety invariant {number})", breach.expected),
                    None => breach.expected.clone(),
                },
                breach.seen.clone(),
            )
            .with(breach.with.iter().copied())
        })
        .collect();
    if !violations.is_empty() {
        return Assessment::Broken(violations);
    }
    if rule == Rule::Roles && ledger.unrecorded() > 0 {
        return Assessment::Undecided(format!(
            "{} attempts were refused, and nobody read the audit trail",
            ledger.unrecorded()
        ));
    }
    match ledger.occasions(rule) {
        0 => Assessment::NotExercised(unexercised(rule)),
        occasions => Assessment::Held {
            occasions,
            note: None,
        },
    }
}

const fn unexercised(rule: Rule) -> &'static str {
    match rule {
        Rule::Refresh => "no export was accepted",
        Rule::NoExportWhileLeft => "no document was left, and no ticket was open",
        Rule::Ticket => "no ticket was due",
        Rule::ProofBeforeDelete => "nothing was deleted",
        Rule::OnlyTheMissing => "nothing was left that the export lacked",
        Rule::Permission => "nothing was deleted by hand",
        Rule::ArrivalsBeforeClosing => "no document came while a ticket was open",
        Rule::FollowingDay => "nothing was exported after a good export",
        Rule::RepeatWithoutTheBox => "no export was made or repeated",
        Rule::NothingLostOrDoubled => "nothing was exported",
        Rule::LargeAndWhole => "no document of 20 MB or more was exported",
        Rule::DuplicateStopped => "no duplicate reached the clearing house",
        Rule::Roles => "nobody tried what is not theirs to do",
    }
}
