//! What happens between a patient at the reception desk and a request: PDS is asked and told, the
//! practice that has the record is found, and its address (S17, TD10, TD12).

use std::collections::BTreeSet;

use gp2gp_model::pds::GeneralPractitioner;
use gp2gp_model::registry::Era;
use gp2gp_model::{GpCode, Interaction, NhsNumber, OdsCode, Time};
use gp2gp_wire::registry::Role;

use super::broken::Flaws;
use super::{Question, Requesting};
use crate::defect::RequestingDefect;
use crate::mhs::national::{self, Answer, Failure, Traced};
use crate::mhs::{AddressLookup, Found};

/// What a practice system is there to take.
const EXTRACTS: [Interaction; 3] = [
    Interaction::EhrExtractUk06,
    Interaction::EhrExtractUk07,
    Interaction::EhrExtractUk08,
];

/// Updates of PDS that are tried: somebody else may change the same record at the same time.
const UPDATES: u32 = 3;

/// A registration under way.
#[derive(Debug)]
pub(super) struct Registration {
    /// How PDS is to have it.
    with: GeneralPractitioner,
    /// With whom the patient was before, as an earlier registration found it.
    previous: Option<GeneralPractitioner>,
    updates: u32,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Trace,
    Update(Traced),
    WhereTheGpWorks(GpCode),
    Practice(OdsCode),
    Address(AddressLookup),
    /// Own contracts say how long messages may take.
    Own(Box<Found>, AddressLookup),
}

/// A registration that led to no request (RCV-03).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unrequested {
    /// For the people.
    pub(super) why: String,
    /// With whom the patient was before: PDS names the own practice meanwhile.
    pub(super) previous: Option<GeneralPractitioner>,
}

/// What a step leads to.
enum Next {
    Ask(Step),
    Request(Box<Found>, Option<Found>),
    Nothing(String),
}

/// What a registration knows of its own practice.
struct Desk<'a> {
    now: Time,
    own: &'a OdsCode,
    interactions: &'a BTreeSet<Interaction>,
    shares_database_with: &'a [OdsCode],
    enabled: bool,
    flaws: &'a Flaws,
}

impl Registration {
    pub(super) const fn new(
        with: GeneralPractitioner,
        previous: Option<GeneralPractitioner>,
    ) -> Self {
        Self {
            with,
            previous,
            updates: 0,
            step: Step::Trace,
        }
    }

    fn take(&mut self, answer: Answer, desk: &Desk<'_>) -> Next {
        match &mut self.step {
            Step::Trace => match national::traced(answer) {
                Ok(traced) => self.traced(traced, desk),
                Err(failure) => Next::Nothing(format!("pds: {failure}")),
            },
            Step::Update(_) => self.updated(answer, desk),
            Step::WhereTheGpWorks(gp) => match national::roles(answer) {
                Ok(roles) => {
                    let gp = *gp;
                    practice_of(gp, roles, desk).map_or_else(Next::Nothing, |ods| desk.ask_for(ods))
                }
                Err(failure) => Next::Nothing(format!("20: the registry: {failure}")),
            },
            Step::Practice(ods) => match national::organisation(answer) {
                Ok(Some(practice))
                    if !desk.flaws.has(RequestingDefect::IgnoresPooledLists)
                        && practice.pooled.is_some_and(|pooled| !pooled.dealt_with) =>
                {
                    Next::Nothing(format!(
                        "the list of practice {ods} is pooled: the supplier's helpdesk must deal with it first"
                    ))
                }
                // Whether there is GP2GP is for SDS to say.
                Ok(_) => Next::Ask(Step::Address(
                    AddressLookup::new(ods.clone(), desk.requests())
                        .taking_any(desk.flaws.has(RequestingDefect::TakesAnyAddress)),
                )),
                Err(failure) => Next::Nothing(format!("20: the registry: {failure}")),
            },
            Step::Address(lookup) => match lookup.take(answer) {
                None => Next::Ask(Step::Address(lookup.clone())),
                Some(Ok(found)) => {
                    let own = AddressLookup::new(desk.own.clone(), EXTRACTS.to_vec());
                    Next::Ask(Step::Own(Box::new(found), own))
                }
                Some(Err(no_address)) => Next::Nothing(no_address.to_string()),
            },
            Step::Own(found, lookup) => match lookup.take(answer) {
                None => Next::Ask(Step::Own(found.clone(), lookup.clone())),
                Some(own) => Next::Request(found.clone(), own.ok()),
            },
        }
    }

    fn traced(&mut self, traced: Traced, desk: &Desk<'_>) -> Next {
        if traced.is_sensitive {
            return Next::Nothing("the record on pds is sensitive".to_owned());
        }
        if traced.general_practitioner == self.with {
            // Registered before, and nothing came of it; or never away.
            self.previous.get_or_insert(traced.general_practitioner);
            return self.registered(desk);
        }
        self.previous = Some(traced.general_practitioner.clone());
        Next::Ask(Step::Update(traced))
    }

    fn updated(&mut self, answer: Answer, desk: &Desk<'_>) -> Next {
        self.updates += 1;
        match national::traced(answer) {
            Ok(_) => self.registered(desk),
            Err(_) if desk.flaws.has(RequestingDefect::AsksBeforePds) => self.registered(desk),
            // Somebody changed the record: looked at again before it is changed once more.
            Err(Failure::Refused {
                status: 409 | 412, ..
            }) if self.updates < UPDATES && !desk.flaws.has(RequestingDefect::OneTryAtPds) => {
                Next::Ask(Step::Trace)
            }
            Err(failure) => Next::Nothing(format!("the update of pds failed: {failure}")),
        }
    }

    /// The patient is registered here: who has the record?
    fn registered(&self, desk: &Desk<'_>) -> Next {
        if !desk.enabled {
            return Next::Nothing("GP2GP is switched off".to_owned());
        }
        match &self.previous {
            None | Some(GeneralPractitioner::Nobody) => {
                Next::Nothing("pds names no previous practice".to_owned())
            }
            Some(GeneralPractitioner::Gp(gp)) => Next::Ask(Step::WhereTheGpWorks(*gp)),
            Some(GeneralPractitioner::Practice(ods)) => desk.ask_for(ods.clone()),
        }
    }
}

impl Desk<'_> {
    /// What it can ask with, the newest first (TD12.7).
    fn requests(&self) -> Vec<Interaction> {
        let own = Interaction::REQUESTS.into_iter();
        own.filter(|request| self.interactions.contains(request))
            .collect()
    }

    fn ask_for(&self, previous: OdsCode) -> Next {
        if !self.flaws.has(RequestingDefect::AsksWhoeverItIs) {
            if previous == *self.own {
                return Next::Nothing(format!("practice {previous} is this practice"));
            }
            if self.shares_database_with.contains(&previous) {
                return Next::Nothing(format!("practice {previous} shares our database"));
            }
        }
        Next::Ask(Step::Practice(previous))
    }
}

/// The only practice at which a GP works now. A guess could send one patient's request to strangers.
fn practice_of(gp: GpCode, roles: Vec<Role>, desk: &Desk<'_>) -> Result<OdsCode, String> {
    let follows_old_links = desk.flaws.has(RequestingDefect::FollowsOldLinks);
    if let Some(ended) = (roles.iter()).find(|role| follows_old_links && !role.holds(desk.now)) {
        return Ok(ended.practice.clone());
    }
    let mut current: Vec<Role> = (roles.into_iter())
        .filter(|role| role.holds(desk.now))
        .collect();
    current.sort_by(|a, b| a.from.cmp(&b.from).then(a.practice.cmp(&b.practice)));
    current.dedup_by(|a, b| a.practice == b.practice);
    if desk.flaws.has(RequestingDefect::IgnoresOldLinks)
        && let Some(newest) = current.pop_if(|role| role.from.is_some())
    {
        return Ok(newest.practice);
    }
    match current.as_slice() {
        [role] => Ok(role.practice.clone()),
        [first, _, ..] if desk.flaws.has(RequestingDefect::GuessesThePractice) => {
            Ok(first.practice.clone())
        }
        [] => Err(format!("GP {gp} is at no practice of the registry")),
        several => {
            let practices: Vec<_> = several.iter().map(|role| role.practice.as_str()).collect();
            Err(format!(
                "24: GP {gp} is linked to {} practices: {}",
                practices.len(),
                practices.join(", ")
            ))
        }
    }
}

impl Requesting {
    /// A patient registers, unless a transfer of theirs is under way already.
    pub(super) fn register(&mut self, now: Time, patient: NhsNumber, gp: Option<GpCode>) {
        let latest = self.latest.get(&patient);
        let latest = latest.and_then(|conversation| self.transfers.get(conversation));
        let is_under_way = latest.is_some_and(|transfer| !transfer.is_over());
        if is_under_way || self.registrations.contains_key(&patient) {
            return;
        }
        let own = &self.config.identity.practice.ods;
        let with = match (self.config.era, gp) {
            (Era::GpCode, Some(gp)) => GeneralPractitioner::Gp(gp),
            (Era::GpCode, None) | (Era::PracticeCode, _) => {
                GeneralPractitioner::Practice(own.clone())
            }
        };
        let earlier = self.unrequested.remove(&patient);
        let previous = earlier.and_then(|earlier| earlier.previous);
        let registration = Registration::new(with, previous);
        self.ask(now, patient, &registration);
        self.registrations.insert(patient, registration);
    }

    /// Takes the answer to the question that a registration asked.
    pub(super) fn go_on_registering(&mut self, now: Time, patient: NhsNumber, answer: Answer) {
        let Some(mut registration) = self.registrations.remove(&patient) else {
            return;
        };
        let desk = Desk {
            now,
            own: &self.config.identity.practice.ods,
            interactions: &self.config.identity.practice.interactions,
            shares_database_with: &self.config.shares_database_with,
            enabled: self.config.enabled,
            flaws: &self.flaws,
        };
        let why = match registration.take(answer, &desk) {
            Next::Ask(step) => {
                registration.step = step;
                self.ask(now, patient, &registration);
                self.registrations.insert(patient, registration);
                return;
            }
            Next::Request(found, own) => {
                if let Some(own) = own {
                    self.letters.learn(own);
                }
                let asked = found.practice.clone();
                self.letters.learn(*found);
                match self.request(now, patient, asked) {
                    Ok(()) => return,
                    Err(no_contract) => no_contract.to_string(),
                }
            }
            Next::Nothing(why) => why,
        };
        let previous = registration.previous;
        self.unrequested
            .insert(patient, Unrequested { why, previous });
    }

    fn ask(&mut self, now: Time, patient: NhsNumber, registration: &Registration) {
        let tag = Question::Registration(patient);
        let national = &mut self.national;
        match &registration.step {
            Step::Trace => national.trace(now, patient, tag),
            Step::Update(traced) => {
                national.register(now, patient, traced, &registration.with, tag);
            }
            Step::WhereTheGpWorks(gp) => national.ask_where_a_gp_works(now, *gp, tag),
            Step::Practice(ods) => national.ask_about_a_practice(now, ods, tag),
            Step::Address(lookup) | Step::Own(_, lookup) => {
                national.ask_sds(now, &lookup.query(), tag);
            }
        }
    }
}
