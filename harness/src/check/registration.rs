//! Patients who registered at the requesting practice: what the directories held of them then, and
//! what the system made of it.

use std::collections::BTreeMap;

use gp2gp_model::pds::GeneralPractitioner;
use gp2gp_model::plan::{Act, Role};
use gp2gp_model::registry::PractitionerLink;
use gp2gp_model::trace::{Endpoint, Observation};
use gp2gp_model::verdict::{Assessment, Violation};
use gp2gp_model::{GpCode, NhsNumber, OdsCode, Time};

use super::national::{Asked, NationalCall, Told};
use super::ruling::Ruling;
use super::view::{Acted, Post, Truth, View};
use super::violation;

/// A patient who registered.
pub(super) struct Registration<'v> {
    view: &'v View,
    pub(super) seq: u64,
    at: Time,
    pub(super) patient: NhsNumber,
    /// With whom the patient was before, as PDS had it; `None`: no PDS takes part.
    pub(super) before: Option<GeneralPractitioner>,
    /// The next registration of the same patient: what comes then belongs to that one.
    until: u64,
}

/// Where the record is, by what the directories held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OldPractice {
    /// In no other system: why.
    Nowhere(String),
    /// There.
    At(OdsCode),
    /// The GP's code stands for several practices.
    Ambiguous(GpCode, Vec<OdsCode>),
    /// The registry does not know the GP's code.
    UnknownGp(GpCode),
}

/// Holds every registration against a rule.
pub(super) fn judge(
    view: &View,
    unexercised: &'static str,
    rule: impl Fn(&Registration<'_>, &mut Ruling),
) -> Assessment {
    if !view.has_real_times() {
        return Assessment::NotExercised("a recording does not show who registered");
    }
    let mut ruling = Ruling::default();
    for registration in registrations(view) {
        rule(&registration, &mut ruling);
    }
    ruling.assess(unexercised)
}

/// Every registration that the system was told of, in order.
pub(super) fn registrations(view: &View) -> Vec<Registration<'_>> {
    let known = Known::of(view);
    let mut found: Vec<Registration<'_>> = Vec::new();
    let mut last: BTreeMap<NhsNumber, usize> = BTreeMap::new();
    for acted in &view.acts {
        let Act::Register { patient, .. } = &acted.act else {
            continue;
        };
        if acted.not_supported {
            continue;
        }
        let earlier = last.insert(*patient, found.len());
        let earlier = earlier.and_then(|at| found.get_mut(at));
        let earlier = earlier.map(|earlier| {
            earlier.until = acted.seq;
            let was_fruitless = earlier.request().is_none();
            earlier.before.clone().filter(|_| was_fruitless)
        });
        found.push(Registration {
            view,
            seq: acted.seq,
            at: acted.at,
            patient: *patient,
            before: known.before(acted, *patient, earlier.flatten()),
            until: u64::MAX,
        });
    }
    found
}

/// Where the registry has a GP working at an event, in order.
pub(super) fn practices_of(view: &View, gp: GpCode, (seq, at): (u64, Time)) -> Vec<OdsCode> {
    let links = view.header.registry.links_of(gp);
    let mut practices: Vec<OdsCode> = links
        .filter(|link| PractitionerLink::holds(link, at))
        .map(|link| link.practice.clone())
        .collect();
    for acted in view.acts.iter().filter(|acted| acted.seq < seq) {
        if let Act::Relink { gp: who, from, to } = &acted.act
            && *who == gp
        {
            practices.retain(|practice| Some(practice) != from.as_ref());
            practices.extend(to.clone());
        }
    }
    practices.sort();
    practices.dedup();
    practices
}

/// What is known of patients, found by patient.
struct Known<'v> {
    truths: BTreeMap<NhsNumber, &'v Truth>,
    /// Where they moved on to, in order.
    moves: BTreeMap<NhsNumber, Vec<(u64, &'v OdsCode)>>,
    /// What PDS held after it was told a new practice, in the order of the questions.
    updates: BTreeMap<NhsNumber, Vec<(u64, &'v GeneralPractitioner)>>,
}

impl<'v> Known<'v> {
    fn of(view: &'v View) -> Self {
        let mut known = Self {
            truths: BTreeMap::new(),
            moves: BTreeMap::new(),
            updates: BTreeMap::new(),
        };
        for truth in &view.patients {
            known.truths.entry(truth.patient).or_insert(truth);
        }
        for acted in &view.acts {
            if let Some((patient, practice)) = acted.act.move_on() {
                let moves = known.moves.entry(patient).or_default();
                moves.push((acted.seq, practice));
            }
        }
        for call in &view.national_calls {
            if let (
                Asked::Update(patient),
                Told::Patient {
                    general_practitioner,
                    ..
                },
            ) = (&call.asked, &call.answer)
            {
                let updates = known.updates.entry(*patient).or_default();
                updates.push((call.answered, general_practitioner));
            }
        }
        known
    }

    /// With whom PDS had the patient. A registration that led to nothing before left the own practice
    /// there: then the record is where it was.
    fn before(
        &self,
        acted: &Acted,
        patient: NhsNumber,
        of_fruitless: Option<GeneralPractitioner>,
    ) -> Option<GeneralPractitioner> {
        let planned = self.truths.get(&patient)?.pds.as_ref()?;
        let moves = self.moves.get(&patient).into_iter().flatten();
        let moved = moves.rev().find(|(seq, _)| *seq < acted.seq);
        let updates = self.updates.get(&patient).into_iter().flatten();
        let updated = updates.rev().find(|(seq, _)| *seq < acted.seq);
        Some(match (moved, updated) {
            (Some((moved, practice)), updated) if updated.is_none_or(|it| it.0 < *moved) => {
                GeneralPractitioner::Practice((*practice).clone())
            }
            (_, Some((_, own))) => of_fruitless.unwrap_or_else(|| (*own).clone()),
            (_, None) => planned.general_practitioner.clone(),
        })
    }
}

impl<'v> Registration<'v> {
    /// Where the record is.
    pub(super) fn old_practice(&self) -> Option<OldPractice> {
        let practice = match self.before.as_ref()? {
            GeneralPractitioner::Nobody => {
                return Some(OldPractice::Nowhere(
                    "PDS names no previous practice".to_owned(),
                ));
            }
            GeneralPractitioner::Practice(practice) => practice.clone(),
            GeneralPractitioner::Gp(gp) => {
                let mut practices = self.practices_of(*gp);
                match (practices.pop(), practices.is_empty()) {
                    (None, _) => return Some(OldPractice::UnknownGp(*gp)),
                    (Some(practice), true) => practice,
                    (Some(last), false) => {
                        practices.push(last);
                        return Some(OldPractice::Ambiguous(*gp, practices));
                    }
                }
            }
        };
        let directory = &self.view.header.directory;
        let own = self.view.header.practices.as_ref()?.requesting.clone();
        Some(if practice == own {
            OldPractice::Nowhere(format!(
                "the previous practice {practice} is the requesting practice itself"
            ))
        } else if directory.share_a_database(&own, &practice) {
            OldPractice::Nowhere(format!(
                "the previous practice {practice} shares the database of {own}: an internal transfer"
            ))
        } else {
            OldPractice::At(practice)
        })
    }

    /// The practices for which what PDS had may stand, whether they may be asked or not.
    pub(super) fn named_practices(&self) -> Vec<OdsCode> {
        match &self.before {
            None | Some(GeneralPractitioner::Nobody) => Vec::new(),
            Some(GeneralPractitioner::Practice(practice)) => vec![practice.clone()],
            Some(GeneralPractitioner::Gp(gp)) => self.practices_of(*gp),
        }
    }

    /// Whether PDS has the patient at the requesting practice, in either era.
    pub(super) fn is_own(&self, with: &GeneralPractitioner, own: Option<&OdsCode>) -> bool {
        match with {
            GeneralPractitioner::Practice(practice) => Some(practice) == own,
            GeneralPractitioner::Gp(gp) => {
                let truth = self.view.patients.iter();
                let mut truth = truth.filter(|truth| truth.patient == self.patient);
                truth.any(|truth| truth.registers_with == Some(*gp))
            }
            GeneralPractitioner::Nobody => false,
        }
    }

    /// Where the registry has the GP working then, in order.
    pub(super) fn practices_of(&self, gp: GpCode) -> Vec<OdsCode> {
        practices_of(self.view, gp, (self.seq, self.at))
    }

    /// Why the list of a practice has no GP yet.
    pub(super) fn is_pooled(&self, practice: &OdsCode) -> bool {
        let pooled = self.view.header.registry.pooled_list(practice);
        pooled.is_some_and(|pooled| !pooled.dealt_with)
            && !self.acts_before().any(|acted| {
                matches!(&acted.act, Act::DealWithPooledList { practice: dealt_with } if dealt_with == practice)
            })
    }

    /// How often SDS lists a practice then.
    pub(super) fn entries(&self, practice: &OdsCode) -> usize {
        let relisted = self.acts_before().filter_map(|acted| {
            if let Act::Relist {
                practice: which,
                entries,
            } = &acted.act
            {
                (which == practice).then(|| usize::from(*entries))
            } else {
                None
            }
        });
        let planned = self.view.header.directory.entries(practice).count();
        relisted.last().unwrap_or(planned)
    }

    fn acts_before(&self) -> impl Iterator<Item = &'v Acted> + use<'v> {
        let seq = self.seq;
        let acts = self.view.acts.iter();
        acts.take_while(move |acted| acted.seq < seq)
    }

    /// What the system asked the national services from then on, and before the next registration of
    /// this patient. Of two patients who register at the same time, both have the questions to SDS.
    pub(super) fn calls(&self) -> impl Iterator<Item = &'v NationalCall> + use<'v> {
        let window = self.seq..self.until;
        let calls = self.view.national_calls.iter();
        calls.filter(move |call| call.from == Endpoint::Requesting && window.contains(&call.seq))
    }

    /// What came of the last question of a kind: repeats of a failed one follow it. What is asked once
    /// somebody else registers later may be asked for them: the practice may be the same.
    pub(super) fn last(&self, is_it: impl Fn(&Asked) -> bool) -> Option<&'v NationalCall> {
        let mut later = self
            .view
            .acts
            .iter()
            .filter(|acted| acted.at > self.at && matches!(acted.act, Act::Register { .. }));
        let until = later.next().map_or(u64::MAX, |acted| acted.seq);
        self.calls()
            .filter(|call| call.seq < until && is_it(&call.asked))
            .last()
    }

    /// The request of this patient, if one was sent.
    pub(super) fn request(&self) -> Option<&'v Post> {
        let window = self.seq..self.until;
        self.view.sent_by(Role::Requesting).find(|post| {
            window.contains(&post.seq)
                && (post.seen().and_then(|seen| seen.request()))
                    .is_some_and(|request| request.patient == self.patient)
        })
    }

    /// A request for this patient all the same.
    pub(super) fn asked_all_the_same(&self, why: &str) -> Option<Violation> {
        let request = self.request()?;
        let seen = request.seen()?;
        let asked = &seen.request()?.destination;
        Some(
            violation(
                request,
                format!("no request for NHS number {}: {why}", self.patient),
                format!("request {} to practice {asked}", seen.header.message_id),
            )
            .with(self.calls().map(|call| call.seq)),
        )
    }

    /// What the system says became of it at the end.
    pub(super) fn told(&self) -> Option<&'v str> {
        let observed = self.view.observed.iter();
        let mut of_patient = observed.filter_map(|(by, observation)| match observation {
            Observation::Transfer { patient, state, .. }
                if *by == Endpoint::Requesting && *patient == self.patient =>
            {
                Some(state.as_str())
            }
            Observation::Transfer { .. }
            | Observation::Stored { .. }
            | Observation::InStore { .. } => None,
        });
        of_patient.next()
    }

    /// Whether this is the last registration of the patient: the state at the end is of it.
    pub(super) const fn is_last(&self) -> bool {
        self.until == u64::MAX
    }

    /// The system says nothing of this patient, or not what staff have to see.
    pub(super) fn unrecorded(&self, why: &str, code: Option<&str>) -> Option<Violation> {
        let told = self.told();
        let is_told = told.is_some_and(|told| code.is_none_or(|code| told.contains(code)));
        let with = code.map_or_else(String::new, |code| format!(" with {code}"));
        (!is_told).then(|| {
            Violation::new(
                Some(self.seq),
                format!(
                    "a recorded failure{with} for NHS number {} that staff can see: {why}",
                    self.patient
                ),
                told.map_or_else(
                    || "no state of this patient's transfer".to_owned(),
                    |told| format!("`{told}`"),
                ),
            )
            .with(self.calls().map(|call| call.seq))
        })
    }
}

/// Whether the system was never asked for what it says of its transfers (that needs level L2).
pub(super) fn is_silent(view: &View) -> bool {
    !(view.observed.iter()).any(|(by, _)| *by == Endpoint::Requesting)
}
