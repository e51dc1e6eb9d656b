//! What a country adds to a scenario: who made the systems, what is unusual about some patients, and what
//! happens on the way. All of it is over in seconds, so that a lap can wait for it.

use std::fmt::Write as _;

use gp2gp_model::plan::Role;
use gp2gp_scenarios::Size;
use gp2gp_sim::{Stream, Streams};

use super::work::share;
use crate::simulate::{Country, Network, Unusual};

/// The dialect of a practice that is not under load, and what befalls messages. A system under load writes as it
/// does: what suppliers write is not all as the specification wants it, and would be held against it.
pub(super) fn circumstances(
    country: &Country,
    transfers: u32,
    under_load: &[Role],
    streams: &Streams,
) -> String {
    let mut stream = streams.stream("load suppliers");
    let mut text = String::new();
    if let Some((sending, requesting)) = country.suppliers(share(&mut stream)) {
        let practices = [(Role::Sending, sending), (Role::Requesting, requesting)];
        let others = practices
            .into_iter()
            .filter(|(role, _)| !under_load.contains(role));
        for (practice, supplier) in others {
            let dialect = supplier.to_ascii_lowercase();
            let _ = write!(text, "[{practice}]\ndialect = \"{dialect}\"\n");
        }
    }
    let Network {
        reset,
        answer_lost,
        repeated_core,
    } = country.network();
    let mut stream = streams.stream("load network");
    for (name, effect, leg, chance) in [
        ("a core comes twice", "duplicate", "delivery", repeated_core),
        ("a post is reset", "reset", "posting", reset),
        ("an answer is lost", "lose-answer", "posting", answer_lost),
    ] {
        let occasions = occasions(transfers, chance, &mut stream);
        if occasions.is_empty() {
            continue;
        }
        let _ = write!(
            text,
            "[[fault]]\nname = \"{name}\"\neffect = \"{effect}\"\non = {{ message = \"extract\", leg = \"{leg}\" }}\n\
             when = {{ occurrences = [{}] }}\n",
            occasions.join(", ")
        );
    }
    text
}

/// Which of so many, each with this chance.
fn occasions(of: u32, chance: f64, stream: &mut Stream) -> Vec<String> {
    let drawn = (1..=of).filter(|_| share(stream) < chance);
    drawn.map(|number| number.to_string()).collect()
}

/// What stands of a patient besides the name.
pub(super) fn patient(record: Size, unusual: Option<Unusual>) -> String {
    let (record, more, decision) = match unusual {
        None => (record, "", ""),
        Some(Unusual::PatientUnknown) => (record, "held = false\n", ""),
        // Of an empty record no extract can be made.
        Some(Unusual::NotGenerated) => (Size(0), "", ""),
        Some(Unusual::RegisteredElsewhere) => (record, "current_practice = \"Z99903\"\n", ""),
        Some(Unusual::Rejected) => (record, "", "decision = \"reject\", "),
        Some(Unusual::FailsToIntegrate) => (record, "", "decision = \"fail-to-integrate\", "),
        Some(Unusual::Suppressed) => (record, "returning = true\n", "decision = \"suppress\", "),
    };
    format!("record = \"{record}\"\n{more}people = {{ {decision}after = \"0s\" }}\n")
}
