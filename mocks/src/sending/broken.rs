//! How a sending system is broken on purpose.

use gp2gp_model::{EbxmlMessageId, NhsNumber, ResponseCode, Time};
use gp2gp_sim::Ids;
use gp2gp_wire::hl7::EhrRequest;

use super::core_extract::{Core, Order};
use super::letters::Correspondent;
use super::{Sending, Tag};
use crate::defect::SendingDefect;
use crate::synthetic::{Patient, RecordSpec};

impl Sending {
    pub(super) fn has(&self, defect: SendingDefect) -> bool {
        self.defects.contains(&defect)
    }

    /// Any other synthetic patient, if possible one that is held.
    pub(super) fn somebody_else_than(&self, patient: NhsNumber) -> NhsNumber {
        let held = self.holdings.keys().copied();
        held.chain((0..100).filter_map(NhsNumber::synthetic))
            .find(|number| *number != patient)
            .unwrap_or(patient)
    }

    /// Sends a record of the patient that was asked for, made up on the spot.
    pub(super) fn send_all_the_same(
        &mut self,
        now: Time,
        to: Correspondent,
        request: &EhrRequest,
        ids: &mut Ids,
    ) {
        let record = RecordSpec {
            patient: Patient {
                nhs_number: request.patient,
                ..Patient::generate(0, 0)
            },
            practice: self.office.identity.practice.ods.clone(),
            target_bytes: 20_000,
            documents: Vec::new(),
            redactions: false,
            seed: 0,
            recorded_at: now,
        };
        let order = Order {
            now,
            to,
            requester: request.author.clone(),
            request: request.id.clone(),
            record_target: request.patient,
            record: &record,
            documents: &[],
            spool: &self.spool,
            limits: self.limits,
            large_messaging: false,
        };
        let core = Core::plan(order, &self.office, ids)
            .and_then(|core| core.message(now, &self.office, EbxmlMessageId::from(core.hl7_id())));
        if let Ok(message) = core {
            self.outbox.send(now, &message, Tag::Loose);
        }
    }
}

/// Refusals that concern the record, as opposed to the message or the directory.
pub(super) fn is_of_the_record(code: &ResponseCode) -> bool {
    matches!(code.as_str(), "06" | "10" | "19")
}
