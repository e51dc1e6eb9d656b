//! What a sending system finds out before it answers a request: where its requester is and under
//! which contract it takes messages (TD53), and with whom the patient is registered (S46).

use gp2gp_model::directory::Practice;
use gp2gp_model::pds::GeneralPractitioner;
use gp2gp_model::{
    ConversationId, GpCode, Hl7MessageId, Interaction, NhsNumber, OdsCode, ResponseCode, Time,
};
use gp2gp_wire::ebxml::Header;
use gp2gp_wire::hl7::EhrRequest;
use gp2gp_wire::sds::Query;

use super::fetch::{Fetched, SourceFailed};
use super::letters::Correspondent;
use super::{Asked, Case, Question, Sending};
use crate::defect::SendingDefect;
use crate::mhs::national::{self, Answer};
use crate::mhs::{Address, AddressLookup, Found, NoAddress};

/// A request that is being looked into.
pub(super) struct Inquiry {
    what: What,
    step: Step,
}

enum What {
    Request(Box<Asked>),
    /// A request without its mandatory parts, and the id by which it is refused.
    Unreadable {
        opening: Box<Header>,
        id: Hl7MessageId,
    },
}

enum Step {
    Requester(AddressLookup),
    /// How a requester is answered whom SDS does not show.
    Contract,
    Patient,
    GpOfPatient(GpCode),
}

/// With whom the patient is registered, or the code for not knowing it.
pub(super) type Registered = Result<Option<OdsCode>, ResponseCode>;

/// What is asked of PDS, and what for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reason {
    /// The record is about to be sent.
    Send(ConversationId),
    /// It is about to be sent again.
    SendAgain(ConversationId),
}

impl Inquiry {
    /// Whose record is asked for, if that could be read.
    pub(super) fn patient(&self) -> Option<NhsNumber> {
        match &self.what {
            What::Request(asked) => Some(asked.request.patient),
            What::Unreadable { .. } => None,
        }
    }
}

impl Sending {
    /// Takes what the directories said.
    pub(super) fn take_answers(&mut self, now: Time) {
        while let Some((question, answer)) = self.national.enquiries.poll_answer() {
            match question {
                Question::Request(conversation) => {
                    self.go_on_inquiring(now, &conversation, answer);
                }
                Question::Registered(reason) => self.go_on_confirming(now, reason, answer),
                Question::Works(reason) => self.go_on_resolving(now, reason, answer),
                Question::Unrequested(patient, lookup) => {
                    self.go_on_looking(now, patient, lookup, answer);
                }
            }
        }
    }

    /// Whether the record that is asked for has itself not come yet.
    pub(super) fn awaits(&self, request: &EhrRequest) -> bool {
        let holding = self.holdings.get(&request.patient);
        holding.is_some_and(|holding| holding.plan.awaited_from.is_some())
    }

    fn code_of_unreadable(&self) -> ResponseCode {
        ResponseCode::from(if self.enabled { "18" } else { "07" })
    }

    /// Begins to look into a request.
    pub(super) fn inquire(&mut self, now: Time, to: Correspondent, request: EhrRequest) -> Case {
        let conversation = to.opening.conversation_id.clone();
        let lookup =
            lookup_of(request.author.clone()).taking_any(self.has(SendingDefect::ServesUnlisted));
        let asked = Asked {
            to,
            request,
            requester: Err(ResponseCode::from("24")),
            registered: Ok(None),
        };
        self.begin(now, &conversation, What::Request(Box::new(asked)), lookup)
    }

    /// Begins to look for somebody to whom an unreadable request can be refused. A party key begins
    /// with the code of its practice.
    pub(super) fn inquire_after_sender(
        &mut self,
        now: Time,
        opening: Header,
        id: Hl7MessageId,
    ) -> Case {
        let conversation = opening.conversation_id.clone();
        let ods = opening.from.as_str().split('-').next().unwrap_or_default();
        let Ok(ods) = OdsCode::parse(ods) else {
            return Case::Refused(None, self.code_of_unreadable());
        };
        let lookup = lookup_of(ods).behind(opening.from.clone());
        let opening = Box::new(opening);
        self.begin(now, &conversation, What::Unreadable { opening, id }, lookup)
    }

    fn begin(
        &mut self,
        now: Time,
        conversation: &ConversationId,
        what: What,
        lookup: AddressLookup,
    ) -> Case {
        let tag = Question::Request(conversation.clone());
        self.national.ask_sds(now, &lookup.query(), tag);
        let step = Step::Requester(lookup);
        Case::Inquiring(Box::new(Inquiry { what, step }))
    }

    /// Takes the answer to what was asked for a request.
    pub(super) fn go_on_inquiring(
        &mut self,
        now: Time,
        conversation: &ConversationId,
        answer: Answer,
    ) {
        let inquiry = match self.cases.remove(conversation) {
            Some(Case::Inquiring(inquiry)) => *inquiry,
            Some(
                other @ (Case::Refused(..)
                | Case::Fetching(_)
                | Case::Confirming(..)
                | Case::Open(_)),
            ) => {
                self.cases.insert(conversation.clone(), other);
                return;
            }
            None => return,
        };
        let case = match inquiry.what {
            What::Request(asked) => self.look_into(now, *asked, inquiry.step, answer),
            What::Unreadable { opening, id } => {
                self.look_for_sender(now, *opening, id, inquiry.step, answer)
            }
        };
        self.cases.insert(conversation.clone(), case);
        self.change(now, conversation, |_, _| ());
    }

    fn look_into(&mut self, now: Time, mut asked: Asked, step: Step, answer: Answer) -> Case {
        let step = match step {
            Step::Requester(mut lookup) => match lookup.take(answer) {
                None => Step::Requester(lookup),
                Some(found) => {
                    asked.requester = match found {
                        Ok(found) => Ok(self.learn(found)),
                        Err(no_address) => Err(no_address.code()),
                    };
                    match asked.requester {
                        Ok(_) => return self.at_the_patient(now, asked),
                        Err(_) => Step::Contract,
                    }
                }
            },
            Step::Contract => {
                self.learn_contract(answer);
                return self.at_the_patient(now, asked);
            }
            Step::Patient => match national::traced(answer) {
                Ok(traced) => match traced.general_practitioner {
                    GeneralPractitioner::Gp(gp) => Step::GpOfPatient(gp),
                    GeneralPractitioner::Practice(ods) => {
                        asked.registered = Ok(Some(ods));
                        return self.examine(now, asked);
                    }
                    GeneralPractitioner::Nobody => {
                        asked.registered = Ok(None);
                        return self.examine(now, asked);
                    }
                },
                Err(_) => {
                    asked.registered = Err(ResponseCode::from("20"));
                    return self.examine(now, asked);
                }
            },
            Step::GpOfPatient(_) => {
                asked.registered = practice_of(now, answer);
                return self.examine(now, asked);
            }
        };
        self.ask_on(now, &asked, &step);
        let what = What::Request(Box::new(asked));
        Case::Inquiring(Box::new(Inquiry { what, step }))
    }

    /// What can be told without PDS is not asked there.
    fn at_the_patient(&mut self, now: Time, asked: Asked) -> Case {
        if let Err(code) = self.served_without_pds(&asked) {
            return self.refuse_request(now, asked, code);
        }
        let step = Step::Patient;
        self.ask_on(now, &asked, &step);
        let what = What::Request(Box::new(asked));
        Case::Inquiring(Box::new(Inquiry { what, step }))
    }

    fn ask_on(&mut self, now: Time, asked: &Asked, step: &Step) {
        let opening = &asked.to.opening;
        let tag = Question::Request(opening.conversation_id.clone());
        match step {
            Step::Requester(lookup) => self.national.ask_sds(now, &lookup.query(), tag),
            Step::Contract => {
                let query = Query::endpoint_of(opening.from.clone(), Interaction::Acknowledgement);
                self.national.ask_sds(now, &query, tag);
            }
            Step::Patient => self.national.trace(now, asked.request.patient, tag),
            Step::GpOfPatient(gp) => self.national.ask_where_a_gp_works(now, *gp, tag),
        }
    }

    fn look_for_sender(
        &mut self,
        now: Time,
        opening: Header,
        id: Hl7MessageId,
        step: Step,
        answer: Answer,
    ) -> Case {
        let code = self.code_of_unreadable();
        let Step::Requester(mut lookup) = step else {
            return Case::Refused(None, code);
        };
        match lookup.take(answer) {
            None => {
                let what = What::Unreadable {
                    opening: Box::new(opening.clone()),
                    id,
                };
                self.begin(now, &opening.conversation_id, what, lookup)
            }
            Some(Ok(found)) => {
                let practice = self.learn(found);
                let to = Correspondent {
                    address: Address::from(&practice),
                    opening,
                };
                let mut ids = self.ids_of(&to.opening.conversation_id);
                self.refuse(now, &to, id, code.clone(), &mut ids);
                Case::Refused(None, code)
            }
            Some(Err(_)) => Case::Refused(None, code),
        }
    }

    /// The documents are there. PDS is looked at once more: the patient may have moved on meanwhile.
    pub(super) fn confirm(
        &mut self,
        now: Time,
        asked: Asked,
        documents: Result<Vec<Fetched>, SourceFailed>,
    ) -> Case {
        let conversation = asked.to.opening.conversation_id.clone();
        let reason = Reason::Send(conversation);
        let patient = asked.request.patient;
        (self.national).trace(now, patient, Question::Registered(reason));
        Case::Confirming(Box::new(asked), documents)
    }

    /// The latest extract of a patient may be sent again if PDS still names the practice that asked
    /// for it (S46): the record must not go to one that the patient has left.
    pub(super) fn ask_before_sending_again(
        &mut self,
        now: Time,
        patient: NhsNumber,
        conversation: ConversationId,
    ) {
        let tag = Question::Registered(Reason::SendAgain(conversation));
        self.national.trace(now, patient, tag);
    }

    /// Takes what PDS says of a patient whose record is about to leave.
    pub(super) fn go_on_confirming(&mut self, now: Time, reason: Reason, answer: Answer) {
        let registered = match national::traced(answer).map(|it| it.general_practitioner) {
            Ok(GeneralPractitioner::Gp(gp)) => {
                let tag = Question::Works(reason);
                return self.national.ask_where_a_gp_works(now, gp, tag);
            }
            Ok(GeneralPractitioner::Practice(ods)) => Ok(Some(ods)),
            Ok(GeneralPractitioner::Nobody) => Ok(None),
            Err(_) => Err(ResponseCode::from("20")),
        };
        self.confirmed(now, reason, registered);
    }

    /// The same, where PDS names a GP.
    pub(super) fn go_on_resolving(&mut self, now: Time, reason: Reason, answer: Answer) {
        self.confirmed(now, reason, practice_of(now, answer));
    }

    fn confirmed(&mut self, now: Time, reason: Reason, registered: Registered) {
        match reason {
            Reason::Send(conversation) => match self.cases.remove(&conversation) {
                Some(Case::Confirming(asked, documents)) => {
                    let asked = Asked {
                        registered,
                        ..*asked
                    };
                    let case = self.open_case(now, asked, documents);
                    self.cases.insert(conversation.clone(), case);
                    self.change(now, &conversation, |_, _| ());
                }
                Some(
                    other @ (Case::Refused(..)
                    | Case::Inquiring(_)
                    | Case::Fetching(_)
                    | Case::Open(_)),
                ) => {
                    self.cases.insert(conversation, other);
                }
                None => {}
            },
            Reason::SendAgain(conversation) => {
                self.change(now, &conversation, |transfer, office| {
                    if registered.ok().flatten().as_ref() == Some(&transfer.core.requester) {
                        transfer.repeat_core(now, office);
                    }
                });
            }
        }
    }

    /// Begins to look for the practice that gets a record for which it did not ask.
    pub(super) fn look_for(&mut self, now: Time, patient: NhsNumber, lookup: AddressLookup) {
        let query = lookup.query();
        (self.national).ask_sds(now, &query, Question::Unrequested(patient, lookup));
    }

    pub(super) fn go_on_looking(
        &mut self,
        now: Time,
        patient: NhsNumber,
        mut lookup: AddressLookup,
        answer: Answer,
    ) {
        match lookup.take(answer) {
            None => self.look_for(now, patient, lookup),
            Some(Ok(found)) => {
                let practice = self.learn(found);
                self.send_unrequested(now, patient, &practice.ods);
            }
            Some(Err(
                NoAddress::Nowhere { .. } | NoAddress::Several { .. } | NoAddress::Failed { .. },
            )) => {}
        }
    }

    fn learn(
        &mut self,
        Found {
            practice,
            contracts,
        }: Found,
    ) -> Practice {
        (self.outbox.directory_mut()).learn(practice.clone(), contracts.clone());
        self.office.directory.learn(practice.clone(), contracts);
        practice
    }

    fn learn_contract(&mut self, answer: Answer) {
        let entries = national::endpoints(answer).unwrap_or_default();
        if let Some(entry) = entries.first() {
            let contract = entry.contract(Interaction::Acknowledgement);
            (self.outbox.directory_mut()).learn_contract(contract.clone());
            self.office.directory.learn_contract(contract);
        }
    }
}

/// Whoever takes extracts can ask for them.
pub(super) fn lookup_of(practice: OdsCode) -> AddressLookup {
    AddressLookup::new(
        practice,
        vec![Interaction::EhrExtractUk06, Interaction::EhrExtractUk08],
    )
}

/// The only practice at which the patient's GP works: with none or several nobody can tell whether
/// the requester is the one (24).
fn practice_of(now: Time, answer: Answer) -> Registered {
    let Ok(roles) = national::roles(answer) else {
        return Err(ResponseCode::from("20"));
    };
    let mut practices: Vec<OdsCode> = (roles.into_iter())
        .filter(|role| role.holds(now))
        .map(|role| role.practice)
        .collect();
    practices.sort();
    practices.dedup();
    match practices.as_slice() {
        [practice] => Ok(Some(practice.clone())),
        [] | [_, ..] => Err(ResponseCode::from("24")),
    }
}
