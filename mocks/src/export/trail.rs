//! Who tried what at a system of an export that is no document store, and what came of it.

use gp2gp_model::Time;
use gp2gp_model::store::ActingRole;
use gp2gp_wire::export::{Action, Attempt};

use super::outbox::json_answer;
use crate::peer::{HttpRequest, HttpResponse};
use crate::store::ACTING_ROLE;

/// An audit trail. There is no way to take anything out of it.
#[derive(Debug, Default)]
pub(super) struct Trail(Vec<Attempt>);

impl Trail {
    pub(super) fn record(
        &mut self,
        at: Time,
        action: Action,
        about: &str,
        request: &HttpRequest,
        response: &HttpResponse,
    ) {
        self.0.push(Attempt {
            at,
            role: role(request),
            action,
            about: about.to_owned(),
            status: response.status,
        });
    }

    pub(super) fn told(&self) -> HttpResponse {
        json_answer(200, &self.0)
    }
}

/// As whom somebody asks.
pub(super) fn role(request: &HttpRequest) -> Option<ActingRole> {
    request.headers.get(ACTING_ROLE)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gp2gp_model::export::{ExportTerms, Ruling};
    use gp2gp_model::http::Method;
    use gp2gp_model::{NhsNumber, OdsCode};
    use gp2gp_wire::export::{AUDIT, Opening, RULINGS, RulingOn, TICKETS, Ticket, package_path};

    use super::*;
    use crate::export::outbox::{bare_request, json_request, said};
    use crate::export::{ClearingHouse, Desk};
    use crate::peer::{AnswerId, Input, Output, Peer};
    use crate::store::Requester;

    const NOW: Time = Time::from_micros(1_800_000_000_000_000);

    fn ask(peer: &mut dyn Peer, request: HttpRequest) -> HttpResponse {
        let id = AnswerId(1);
        peer.handle(NOW, Input::Request { id, request });
        let outputs = std::iter::from_fn(|| peer.poll_output());
        let mut answers = outputs.filter_map(|output| match output {
            Output::Answer { response, .. } => Some(response),
            Output::Post { .. }
            | Output::Notice(_)
            | Output::FaultFired(_)
            | Output::Crash { .. } => None,
        });
        answers.next().expect("an answer")
    }

    fn trail(peer: &mut dyn Peer) -> Vec<Attempt> {
        let told = ask(peer, bare_request(Method::Get, AUDIT.to_owned()));
        said(Some(&told)).unwrap()
    }

    /// Somebody tries it: it is answered with this status, and the trail has that and all it had.
    fn try_as(
        peer: &mut dyn Peer,
        role: Option<ActingRole>,
        mut request: HttpRequest,
        status: u16,
        action: Action,
        about: &str,
    ) {
        if let Some(role) = role {
            request.headers.push(ACTING_ROLE, role.name());
        }
        let mut expected = trail(peer);
        let seen = ask(peer, request).status;
        assert_eq!(seen, status, "{role:?}: {action:?} of {about}");
        expected.push(Attempt {
            at: NOW,
            role,
            action,
            about: about.to_owned(),
            status,
        });
        assert_eq!(trail(peer), expected, "{role:?}: {action:?} of {about}");
    }

    fn patient() -> NhsNumber {
        NhsNumber::synthetic(1).unwrap()
    }

    const EVERYBODY: [Option<ActingRole>; 5] = [
        None,
        Some(ActingRole::System),
        Some(ActingRole::PracticeUser),
        Some(ActingRole::SupportDesk),
        Some(ActingRole::HealthBoard),
    ];

    #[test]
    fn only_the_system_exports_and_the_desk_for_a_ticket_and_every_attempt_is_recorded() {
        let mut clearing = ClearingHouse::new(Duration::from_hours(2), Vec::new());
        for (ticket, statuses) in [
            (None, [403, 201, 403, 403, 403]),
            (Some("T-1"), [403, 403, 403, 201, 403]),
        ] {
            for (number, (role, status)) in EVERYBODY.into_iter().zip(statuses).enumerate() {
                let opening = Opening {
                    patient: patient(),
                    exported_at: NOW,
                    gp2gp_information: false,
                    ticket: ticket.map(str::to_owned),
                };
                let package = format!("{}-{number}", ticket.unwrap_or("P"));
                let request = json_request(Method::Put, package_path(&package), &opening);
                let export = Action::Export;
                try_as(&mut clearing, role, request, status, export, &package);
            }
        }
    }

    #[test]
    fn only_practice_and_board_permit_and_every_attempt_is_recorded() {
        let practice: OdsCode = "B83002".parse().unwrap();
        let requester = Requester {
            asid: "200000000205".parse().unwrap(),
            practice,
            store: "918999198738".parse().unwrap(),
            base: "https://store.invalid".to_owned(),
        };
        let retention = Duration::from_hours(168);
        let mut desk = Desk::new(ExportTerms { retention }, requester, Vec::new());
        let ticket = Ticket {
            patient: Some(patient()),
            exported_at: Some(NOW),
            left: Vec::new(),
        };
        let raise = json_request(Method::Post, TICKETS.to_owned(), &ticket);
        assert_eq!(ask(&mut desk, raise).status, 201);
        for (ticket, statuses) in [
            ("T-1", [403, 403, 200, 403, 200]),
            ("T-9", [403, 403, 404, 403, 404]),
        ] {
            for (role, status) in EVERYBODY.into_iter().zip(statuses) {
                let on = RulingOn {
                    ticket: ticket.to_owned(),
                    documents: Vec::new(),
                    ruling: Ruling::Granted,
                };
                let request = json_request(Method::Post, RULINGS.to_owned(), &on);
                try_as(&mut desk, role, request, status, Action::Permit, ticket);
            }
        }
    }

    #[test]
    fn nobody_can_change_a_trail() {
        let mut clearing = ClearingHouse::new(Duration::from_hours(2), Vec::new());
        for method in [Method::Put, Method::Post, Method::Delete] {
            let status = ask(&mut clearing, bare_request(method, AUDIT.to_owned())).status;
            assert_eq!(status, 405, "{method:?}");
        }
    }
}
