//! What became of each transfer of a lap, and when.

use std::collections::{BTreeMap, BTreeSet};

use gp2gp_model::plan::{Decision, PatientPlan, Plan, Role};
use gp2gp_model::requirement::{Level, Requirement};
use gp2gp_model::verdict::{Assessment, Profile, Violation};
use gp2gp_model::{ConversationId, NhsNumber, RequirementId, Time};
use gp2gp_wire::hl7::Acknowledgement;

use crate::check::transfer::{Transfer, accepted_at, transfers};
use crate::check::{Post, View, all};

/// A transfer by the clock of the run. Every moment is that at which Spine had, or gave, a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Timeline {
    /// When the patient should have registered, whatever the system was busy with then.
    pub(super) intended: Time,
    /// When the patient did: later, where only so many may be under way.
    pub(super) registered: Option<Time>,
    /// The request reached the sending practice.
    pub(super) requested: Option<Time>,
    /// Spine took the core.
    pub(super) core: Option<Time>,
    /// The Continue reached the sending practice.
    pub(super) continued: Option<Time>,
    /// Spine took the last fragment.
    pub(super) pieces: Option<Time>,
    /// The positive acknowledgement of the core reached the sending practice; where the record cannot be sent, or people
    /// do not file it, the refusal.
    pub(super) ended: Option<Time>,
    /// Bytes of its messages with documents.
    pub(super) bytes: u64,
    /// What speaks against it.
    pub(super) breaches: Vec<Breach>,
}

/// A MUST that was broken in a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Breach {
    pub(super) requirement: RequirementId,
    pub(super) violation: Violation,
}

impl Timeline {
    /// It came to its end, and nothing speaks against it.
    pub(super) const fn counts(&self) -> bool {
        self.ended.is_some() && self.breaches.is_empty()
    }
}

/// Every transfer of a lap in the order of their intended starts, judged by all checks of these roles.
pub(super) fn timelines(
    plan: &Plan,
    view: &View,
    roles: &[Role],
    catalogue: &[Requirement],
    profile: Profile,
) -> Vec<Timeline> {
    let mut lines = Lines::of(plan, view);
    let transfers = transfers(view);
    for transfer in &transfers {
        lines.tell(view, transfer);
    }
    let whose = Whose::of(view, &transfers);
    for (requirement, violation) in breaches(view, roles, catalogue, profile) {
        let breach = Breach {
            requirement,
            violation,
        };
        match breach.violation.event.and_then(|seq| whose.patient(seq)) {
            Some(patient) => lines.blame(patient, breach),
            // Nobody can say whose it is: then it is everybody's.
            None => lines.blame_all(&breach),
        }
    }
    lines.in_order()
}

/// Breaches of every MUST of these roles.
fn breaches(
    view: &View,
    roles: &[Role],
    catalogue: &[Requirement],
    profile: Profile,
) -> Vec<(RequirementId, Violation)> {
    let mut found = Vec::new();
    for check in all() {
        let mut rows = catalogue.iter();
        let Some(row) = rows.find(|row| row.id.as_str() == check.requirement) else {
            continue;
        };
        let is_asked = row.level == Level::Must
            && crate::judge::role_of(row).is_some_and(|role| roles.contains(&role));
        if !is_asked {
            continue;
        }
        if let Assessment::Broken(violations) = (check.assess)(view, profile) {
            found.extend(violations.into_iter().map(|it| (row.id.clone(), it)));
        }
    }
    found
}

struct Lines {
    of_patient: BTreeMap<NhsNumber, Timeline>,
    /// Whose transfer is meant to end in a refusal.
    refused: BTreeSet<NhsNumber>,
}

impl Lines {
    fn of(plan: &Plan, view: &View) -> Self {
        let mut of_patient = BTreeMap::new();
        for step in &plan.steps {
            if let Some(patient) = step.act.registers() {
                let line = Timeline {
                    intended: plan.starts_at + step.at,
                    registered: None,
                    requested: None,
                    core: None,
                    continued: None,
                    pieces: None,
                    ended: None,
                    bytes: 0,
                    breaches: Vec::new(),
                };
                of_patient.insert(patient, line);
            }
        }
        for acted in &view.acts {
            if let Some(line) = (acted.act.registers()).and_then(|it| of_patient.get_mut(&it)) {
                line.registered.get_or_insert(acted.at);
            }
        }
        let refused = plan.patients.iter().filter(|it| is_refused(plan, it));
        Self {
            of_patient,
            refused: refused.map(|patient| patient.nhs_number).collect(),
        }
    }

    fn tell(&mut self, view: &View, transfer: &Transfer<'_>) {
        let Some(line) = transfer
            .request()
            .and_then(|request| self.of_patient.get_mut(&request.patient))
        else {
            return;
        };
        line.requested = transfer.requests.first().map(|post| post.at);
        line.core = (transfer.cores.first()).and_then(|post| accepted_at(view, post));
        line.continued = transfer.continues.first().map(|post| post.at);
        let pieces = transfer.fragments.iter();
        line.pieces = pieces.filter_map(|post| accepted_at(view, post)).max();
        let is_refused = (transfer.request()).is_some_and(|it| self.refused.contains(&it.patient));
        let mut ends = transfer.outcomes.iter().chain(&transfer.answers);
        line.ended = match is_refused {
            true => ends.find(|post| is_negative(post)).map(|post| post.at),
            false => (transfer.outcomes.iter().find(|post| is_positive(post))).map(|post| post.at),
        };
        let with_documents = transfer.cores.iter().chain(&transfer.fragments);
        line.bytes = with_documents.map(|post| post.body.bytes).sum();
    }

    fn blame(&mut self, patient: NhsNumber, breach: Breach) {
        if let Some(line) = self.of_patient.get_mut(&patient) {
            line.breaches.push(breach);
        }
    }

    fn blame_all(&mut self, breach: &Breach) {
        for line in self.of_patient.values_mut() {
            line.breaches.push(breach.clone());
        }
    }

    fn in_order(self) -> Vec<Timeline> {
        let mut lines: Vec<Timeline> = self.of_patient.into_values().collect();
        lines.sort_by_key(|line| (line.intended, line.registered));
        lines
    }
}

/// Whether a good sending or requesting system says no to this patient's transfer.
fn is_refused(plan: &Plan, patient: &PatientPlan) -> bool {
    let files = match patient.habit.decision {
        Some(Decision::Integrate) | None => true,
        Some(Decision::Reject | Decision::Suppress | Decision::FailToIntegrate) => false,
    };
    !files || !plan.is_sent(patient)
}

fn is_positive(post: &Post) -> bool {
    (post.seen())
        .and_then(|seen| seen.acknowledgement())
        .is_some_and(|ack| !ack.is_negative())
}

fn is_negative(post: &Post) -> bool {
    (post.seen())
        .and_then(|seen| seen.acknowledgement())
        .is_some_and(Acknowledgement::is_negative)
}

/// Of whose transfer an event is.
struct Whose<'v> {
    conversations: BTreeMap<u64, &'v ConversationId>,
    patients: BTreeMap<&'v ConversationId, NhsNumber>,
    acts: BTreeMap<u64, NhsNumber>,
}

impl<'v> Whose<'v> {
    fn of(view: &'v View, transfers: &[Transfer<'v>]) -> Self {
        let conversations = view.posts.iter().filter_map(|post| {
            let conversation = &post.seen()?.header.conversation_id;
            Some((post.seq, conversation))
        });
        let patients = transfers.iter().filter_map(|transfer| {
            let patient = transfer.request()?.patient;
            Some((transfer.conversation, patient))
        });
        let acts = view.acts.iter().filter_map(|acted| {
            let decided = acted.act.decides().map(|(patient, _)| patient);
            Some((acted.seq, acted.act.registers().or(decided)?))
        });
        Self {
            conversations: conversations.collect(),
            patients: patients.collect(),
            acts: acts.collect(),
        }
    }

    fn patient(&self, seq: u64) -> Option<NhsNumber> {
        let conversation = self.conversations.get(&seq);
        let of_message = conversation.and_then(|it| self.patients.get(it));
        of_message.or_else(|| self.acts.get(&seq)).copied()
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use gp2gp_mocks::defect::Defect;
    use gp2gp_scenarios::Size;

    use super::*;
    use crate::bodies::BodyStore;
    use crate::driver::{self, Sut, Transport};
    use crate::load::abroad;
    use crate::simulate::Unusual;

    /// A lap of one usual patient and one of every other kind, the usual one last.
    fn national_lap(sut: &Sut) -> Vec<Timeline> {
        let mut text = "title = \"Load\"\njudges = [\"requesting\", \"sending\"]\nrequirements = [\"SND-14\"]\n\
                        [exercised]\ncore_acknowledged = \"AA\"\n"
            .to_owned();
        let kinds = Unusual::ALL.into_iter().map(Some).chain([None]);
        for (number, unusual) in kinds.enumerate() {
            let patient = abroad::patient(Size(12_000), unusual);
            let _ = write!(
                text,
                "[[patient]]\nname = \"p{number}\"\n{patient}[[step]]\nat = \"{number}s\"\nregister = \"p{number}\"\n"
            );
        }
        let source = gp2gp_scenarios::load_str("load/test", &text).unwrap();
        let scenario = gp2gp_scenarios::parse(&source).unwrap().remove(0);
        let catalogue = gp2gp_scenarios::catalogue().unwrap();
        let plan = gp2gp_scenarios::lower(&scenario, &catalogue, None).unwrap();
        let bodies = BodyStore::temporary();
        let (trace, bodies) = driver::run(&plan, sut, Transport::Virtual, bodies).unwrap();
        let view = View::new(&trace, &bodies);
        let roles = Role::OF_TRANSFERS;
        timelines(&plan, &view, &roles, &catalogue, Profile::Strict)
    }

    #[test]
    fn a_transfer_that_is_to_be_refused_counts_once_it_is_refused() {
        for (line, unusual) in national_lap(&Sut::Reference).iter().zip(Unusual::ALL) {
            assert!(line.ended.is_some(), "{unusual:?} does not come to its end");
            assert!(line.breaches.is_empty(), "{unusual:?}: {:?}", line.breaches);
        }
    }

    #[test]
    fn a_record_that_is_filed_where_it_is_to_be_refused_does_not_count() {
        let defect = Defect::from_name("suppressed-as-filed").unwrap();
        let lines = national_lap(&Sut::broken(defect));
        let wrong: Vec<usize> = (0..lines.len()).filter(|at| !lines[*at].counts()).collect();
        let suppressed = Unusual::ALL
            .iter()
            .position(|it| *it == Unusual::Suppressed);
        assert_eq!(wrong, [suppressed.unwrap()]);
        assert_eq!(lines[wrong[0]].ended, None);
    }
}
