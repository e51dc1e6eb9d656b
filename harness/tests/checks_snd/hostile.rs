//! Cases of messages that should never have been sent.

use gp2gp_model::{Dialect, ResponseCode};
use gp2gp_wire::hl7::Acknowledgement;

use crate::support::trace_of;
use crate::table::{ANSWER, Case, EXTRACT, ack, edited, recode};

const STRAY: &str = "hostile/fragment-ack-not-xml";
const ENTITY: &str = "hostile/request-with-external-entity";
const BOMB: &str = "hostile/request-with-entity-bomb";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("SND-61", || trace_of(STRAY)).broken("refusal with 99", || {
            edited(STRAY, ANSWER, |message| {
                let ack = ack(message);
                *ack = Acknowledgement::negative(
                    ack.wrapper.clone(),
                    ack.message_ref.clone(),
                    ResponseCode::from("99"),
                    Dialect::NationalMhs,
                );
            })
        }),
        Case::new("SND-67", || trace_of(ENTITY))
            .broken("AE 06", || {
                edited(ENTITY, ANSWER, |message| recode(message, "06"))
            })
            .broken("no acknowledgement until", || trace_of(ENTITY).drop(ANSWER))
            .broken("`root:x:0:0`", || {
                edited(ENTITY, ANSWER, |message| {
                    if let Some(detail) = &mut ack(message).detail {
                        detail.display_name = Some("root:x:0:0".to_owned());
                    }
                })
            }),
        Case::new("SND-67", || trace_of(BOMB)).broken("EHR extract", || {
            let bomb = trace_of(BOMB);
            let view = bomb.view();
            let first = view.conversations().remove(0);
            bomb.edit(EXTRACT, Dialect::NationalMhs, |message| {
                message.header.conversation_id = first;
            })
        }),
    ]
}
