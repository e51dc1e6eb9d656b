//! Whether a run ended as it ends between good systems.

use gp2gp_model::expectation::{Expectation, Of, Outcome};
use gp2gp_model::export::ExportState;
use gp2gp_model::matrix::End;
use gp2gp_model::plan::Role;
use gp2gp_model::plural::count;
use gp2gp_model::report::ExpectationReport;
use gp2gp_model::response_code::ResponseCode;
use gp2gp_model::trace::{Endpoint, Observation};
use gp2gp_model::verdict::Verdict;
use gp2gp_model::{NhsNumber, Sha256};

use crate::check::view::{Post, Seen, View};

/// What came of each expectation. Of a run that did not come to its point nothing is expected, but that a record which
/// good systems hand over is not turned away: then that is why it did not.
pub fn judge(
    expectations: &[Expectation],
    view: &View,
    came_to_its_point: bool,
) -> Vec<ExpectationReport> {
    expectations
        .iter()
        .map(|expectation| {
            let (verdict, seen) = match came_to_its_point {
                true => judge_one(expectation, view),
                false => turned_away(expectation, view)
                    .unwrap_or_else(|| unsaid("the scenario did not come to its point")),
            };
            ExpectationReport {
                expected: expectation.to_string(),
                seen,
                verdict,
                known: None,
            }
        })
        .collect()
}

/// A refusal in the place of a record that is filed. What a recorded system plays may end in any way.
fn turned_away(expectation: &Expectation, view: &View) -> Option<(Verdict, String)> {
    let Expectation::Outcome(of) = expectation else {
        return None;
    };
    let is_filed = |outcome: Outcome| match outcome {
        Outcome::Integrated | Outcome::Suppressed | Outcome::FiledAsAttachment => true,
        Outcome::Refused | Outcome::Failed | Outcome::NotRequested => false,
    };
    let Ending { outcome, code, why } = ending(of.patient, view);
    let is_refusal = code.is_some() && !is_filed(outcome);
    (is_refusal && is_filed(of.value) && view.header.recorded.is_none()).then(|| {
        let seen = format!("{outcome}: {why}, and so the scenario did not come to its point");
        (Verdict::Fail, seen)
    })
}

fn judge_one(expectation: &Expectation, view: &View) -> (Verdict, String) {
    match expectation {
        Expectation::Outcome(of) => {
            let (outcome, why) = outcome(of.patient, view);
            (pass_if(outcome == of.value), format!("{outcome}: {why}"))
        }
        Expectation::PrintState(of) => match print_state(of.patient, view) {
            Some(state) => (pass_if(state == of.value), format!("print state {state}")),
            None => unsaid("the sending system says no print state"),
        },
        Expectation::DocumentsFiled(of) => filed(of, view, "document", is_document),
        Expectation::PlaceholdersFiled(of) => filed(of, view, "placeholder", is_placeholder),
        Expectation::Case(of) => case(of, view),
        Expectation::MessagesAtMost(most) => {
            let posted = Role::OF_TRANSFERS.map(|role| view.posted_by(role).count());
            let all: usize = posted.iter().sum();
            let [requesting, sending] = posted;
            (
                pass_if(all <= *most as usize),
                format!(
                    "{all}: {requesting} of the requesting system, {sending} of the sending system"
                ),
            )
        }
    }
}

const fn pass_if(holds: bool) -> Verdict {
    if holds { Verdict::Pass } else { Verdict::Fail }
}

/// What no system says cannot be held against any.
fn unsaid(why: &str) -> (Verdict, String) {
    (Verdict::CouldNotRun, why.to_owned())
}

/// Where the export of a patient stands by what happened in it.
fn case(of: &Of<ExportState>, view: &View) -> (Verdict, String) {
    let cases = view.export.as_ref().map(|export| export.ledger.cases());
    let case = cases.and_then(|cases| cases.get(&of.patient));
    let state = case.map_or(ExportState::Idle, |case| case.state.0);
    (pass_if(state == of.value), state.to_string())
}

/// How many things of a sort were filed for a patient.
fn filed(
    of: &Of<u32>,
    view: &View,
    what: &str,
    is_of_sort: impl Fn(&Observation, NhsNumber, &View) -> bool,
) -> (Verdict, String) {
    let new_practice = match &view.export {
        Some(_) => Endpoint::Importing,
        None => Endpoint::Requesting,
    };
    let observed = (view.observed.iter()).filter(|(by, _)| *by == new_practice);
    let mut observed = observed.map(|(_, observation)| observation).peekable();
    if view.export.is_some() {
        // Whatever an importing practice holds, it has filed.
        let filed = observed.filter(|observation| is_of_sort(observation, of.patient, view));
        let filed = filed.count();
        return (pass_if(filed == of.value as usize), count(filed, what));
    }
    if observed.peek().is_none() {
        return unsaid("the requesting system does not say what it has filed");
    }
    let filed = match outcome(of.patient, view).0 {
        Outcome::Integrated | Outcome::Suppressed | Outcome::FiledAsAttachment => observed
            .filter(|observation| is_of_sort(observation, of.patient, view))
            .count(),
        // A record that still waits for people may be stored; nobody has filed it.
        Outcome::Refused | Outcome::Failed | Outcome::NotRequested => 0,
    };
    let verdict = pass_if(filed == of.value as usize);
    (verdict, count(filed, what))
}

/// With the content that the old practice held, or a placeholder; not the record itself.
fn is_document(observation: &Observation, of: NhsNumber, view: &View) -> bool {
    let is_held = |content: &Sha256| {
        let mut held = view.held.iter();
        held.any(|held| held.patient == of && held.sha256 == *content)
    };
    is_placeholder(observation, of, view)
        || matches!(observation, Observation::Stored { patient, sha256, .. }
            if *patient == of && is_held(sha256))
}

fn is_placeholder(observation: &Observation, of: NhsNumber, _: &View) -> bool {
    matches!(observation, Observation::Stored { patient, placeholder: true, .. } if *patient == of)
}

/// The last one that the sending system said.
fn print_state(patient: NhsNumber, view: &View) -> Option<u8> {
    let observed = view.observed.iter().rev();
    observed
        .filter(|(by, _)| *by == Endpoint::Sending)
        .find_map(|(_, observation)| match observation {
            Observation::Transfer {
                patient: whose,
                print_state,
                ..
            } if *whose == patient => *print_state,
            Observation::Transfer { .. }
            | Observation::Stored { .. }
            | Observation::InStore { .. } => None,
        })
}

/// How the transfer of a patient ended: its outcome, the code that says so, and what is printed.
pub fn end(patient: NhsNumber, view: &View) -> End {
    let Ending { outcome, code, .. } = ending(patient, view);
    End {
        outcome,
        code,
        print_state: print_state(patient, view),
    }
}

/// How the transfer of a patient ended by what crossed the wire, and what that was.
fn outcome(patient: NhsNumber, view: &View) -> (Outcome, String) {
    let Ending { outcome, why, .. } = ending(patient, view);
    (outcome, why)
}

/// The end of a transfer on the wire.
struct Ending {
    outcome: Outcome,
    /// `AA`, or the code of the refusal.
    code: Option<String>,
    why: String,
}

impl Ending {
    fn silent(outcome: Outcome, why: &str) -> Self {
        Self {
            outcome,
            code: None,
            why: why.to_owned(),
        }
    }

    fn said(outcome: Outcome, code: &str, why: &str) -> Self {
        Self {
            outcome,
            code: Some(code.to_owned()),
            why: format!("{why} with {code}"),
        }
    }
}

fn ending(patient: NhsNumber, view: &View) -> Ending {
    let requests: Vec<&Post> = view
        .sent_by(Role::Requesting)
        .filter(|post| {
            post.seen()
                .and_then(Seen::request)
                .is_some_and(|it| it.patient == patient)
        })
        .collect();
    if requests.is_empty() {
        return Ending::silent(Outcome::NotRequested, "no request was posted");
    }
    let cores: Vec<&Post> = view
        .sent_by(Role::Sending)
        .filter(|post| post.seen().is_some_and(|seen| seen.extract().is_some()))
        .filter(|core| {
            requests
                .iter()
                .any(|request| are_of_one_conversation(request, core))
        })
        .collect();
    let acknowledged = "the record was acknowledged";
    match answer_to(&cores, view) {
        Some(None) => return Ending::said(Outcome::Integrated, "AA", acknowledged),
        Some(Some(code)) if code.says_filed_as_attachment() => {
            return Ending::said(Outcome::FiledAsAttachment, code.as_str(), acknowledged);
        }
        Some(Some(code)) if code.says_filed() => {
            return Ending::said(Outcome::Suppressed, code.as_str(), acknowledged);
        }
        Some(Some(code)) => {
            return Ending::said(Outcome::Failed, code.as_str(), "the record was turned away");
        }
        None if !cores.is_empty() => {
            return Ending::silent(Outcome::Failed, "nobody acknowledged the record");
        }
        None => {}
    }
    let refusals = codes(Role::Sending, &requests, view).into_iter();
    match refusals.filter_map(|(_, code)| code).next() {
        Some(code) => Ending::said(Outcome::Refused, code.as_str(), "the request was refused"),
        None => Ending::silent(Outcome::Failed, "no record was sent"),
    }
}

/// The answer that counts, `None` for AA: the first one, unless that is a refusal and the record was
/// sent again after it (S6, S85). 12 is said of a copy only, and no answer to the record.
fn answer_to(cores: &[&Post], view: &View) -> Option<Option<ResponseCode>> {
    let is_final = |code: &Option<ResponseCode>| code.as_ref().is_none_or(ResponseCode::says_filed);
    let is_of_copy =
        |code: &Option<ResponseCode>| code.as_ref().is_some_and(|code| code.as_str() == "12");
    let mut answer: Option<(u64, Option<ResponseCode>)> = None;
    let mut of_copies = None;
    for (seq, code) in codes(Role::Requesting, cores, view) {
        if is_of_copy(&code) {
            of_copies.get_or_insert(code);
            continue;
        }
        let was_sent_again = |since: u64| {
            let mut again = cores.iter().map(|core| core.seq);
            again.any(|core| (since..seq).contains(&core))
        };
        let counts = match &answer {
            None => true,
            Some((since, before)) => !is_final(before) && was_sent_again(*since),
        };
        if counts {
            answer = Some((seq, code));
        }
    }
    answer.map(|(_, code)| code).or(of_copies)
}

fn are_of_one_conversation(left: &Post, right: &Post) -> bool {
    let conversation = |post: &Post| {
        let header = &post.seen()?.header;
        Some(header.conversation_id.clone())
    };
    conversation(left).is_some() && conversation(left) == conversation(right)
}

/// The codes with which a role acknowledged any of these messages, in order; `None` for AA.
fn codes(by: Role, messages: &[&Post], view: &View) -> Vec<(u64, Option<ResponseCode>)> {
    view.sent_by(by)
        .filter_map(|post| Some((post, post.seen()?.acknowledgement()?)))
        .filter(|(post, ack)| {
            messages.iter().any(|message| {
                let is_named = message
                    .seen()
                    .is_some_and(|seen| seen.is_named_by(&ack.message_ref));
                is_named && are_of_one_conversation(post, message)
            })
        })
        .map(|(post, ack)| (post.seq, ack.code().cloned()))
        .collect()
}
