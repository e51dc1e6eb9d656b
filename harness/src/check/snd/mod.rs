//! Checks of a sending system: one function for each requirement, pure, from what crossed the
//! wire. A sending system is blamed only for what it sent, or left out although it could know
//! that it was due.

mod access;
mod alerts;
mod attachments;
mod conversation;
mod correlation;
mod custody;
mod descriptions;
mod dialects;
mod envelope;
mod extract;
mod hostile;
pub(super) mod outcome;
mod promises;
mod record;
mod refusals;
mod resend;
mod timing;
mod transport;

use gp2gp_model::verdict::{Assessment, Profile};

use super::{Check, View};

const NO_REQUEST: &str = "no request and its extract are in the trace";
const NO_CORE: &str = "no extract that can be read is in the trace";
const NO_ATTACHMENT: &str = "the sending system sent no attachment";

/// Checks of a sending system, in the order of the catalogue.
pub fn checks() -> Vec<Check> {
    vec![
        check("SND-01", envelope::parts_in_order),
        check("SND-02", envelope::soap_action),
        check("SND-03", envelope::one_interaction),
        check("SND-04", conversation::same_conversation),
        check("SND-05", envelope::message_ids),
        check("SND-06", envelope::reliable),
        check("SND-07", envelope::addressed),
        check("SND-08", envelope::references_resolve),
        check("SND-09", envelope::within_spine_limits),
        check("SND-10", attachments::characters_survive),
        check("SND-11", envelope::reference_ids),
        check("SND-12", envelope::equal_ids),
        check("SND-13", dialects::reads_every_supplier),
        check("SND-14", conversation::one_answer),
        check("SND-15", conversation::positive_answer),
        check("SND-16", refusals::nothing_after_refusal),
        check("SND-17", refusals::incomplete_request),
        check("SND-18", conversation::repeated_request),
        check("SND-19", extract::has_its_form),
        check("SND-20", extract::mirrors_request),
        check("SND-21", conversation::asids_exchanged),
        check("SND-22", extract::redactions),
        check("SND-23", extract::ids_and_agents),
        check("SND-24", record::line_breaks_survive),
        check("SND-25", envelope::readable),
        check("SND-26", refusals::empty_record),
        check("SND-27", extract::links_match_manifest),
        check("SND-28", descriptions::grammar),
        check("SND-29", descriptions::lengths),
        check("SND-30", descriptions::large_flag),
        check("SND-31", promises::after_continue),
        check("SND-32", promises::promises_kept),
        check("SND-33", promises::nothing_unpromised),
        check("SND-34", attachments::bytes_survive),
        check("SND-35", attachments::chunks_decode_alone),
        check("SND-36", descriptions::chunk_names),
        check("SND-37", promises::one_id_in_fragment),
        check("SND-38", promises::announced_name),
        check("SND-39", extract::one_skeleton_entry),
        check("SND-40", extract::skeleton_restores),
        check("SND-41", attachments::thresholds),
        check("SND-42", descriptions::media_types),
        check("SND-43", outcome::small_needs_no_continue),
        check("SND-44", attachments::placeholders),
        check("SND-45", attachments::transfer_survives),
        check("SND-46", attachments::placeholder_lines),
        check("SND-47", attachments::odd_texts_do_no_harm),
        check("SND-48", refusals::code_fits),
        check("SND-49", refusals::code_in_place),
        check("SND-50", refusals::display_name),
        check("SND-51", outcome::only_core_ack_closes),
        check("SND-52", outcome::negative_is_failure),
        check("SND-53", outcome::spine_rejection_is_final),
        check("SND-54", outcome::suppressed_is_success),
        check("SND-55", outcome::early_ack_is_kept),
        check("SND-56", outcome::first_outcome_counts),
        check("SND-57", correlation::letter_case_means_nothing),
        check("SND-58", promises::second_continue),
        check("SND-59", correlation::early_continue_is_honoured),
        check("SND-60", correlation::strangers_change_nothing),
        check("SND-61", hostile::stray_message_refuses_nothing),
        check("SND-62", outcome::silence_fails),
        check("SND-63", transport::retries),
        check("SND-64", transport::completes_after_outage),
        check("SND-65", resend::same_id_after_crash),
        check("SND-66", conversation::kept_apart),
        check("SND-67", hostile::declarations_refused),
        check("SND-68", access::fresh_tokens),
        check("SND-69", refusals::large_messaging_agreed),
        check("SND-70", refusals::switched_off),
        check("SND-71", refusals::not_current_practice),
        check("SND-72", refusals::requester_not_found_once),
        check("SND-73", timing::in_time),
        check("SND-74", resend::sent_again),
        check("SND-75", outcome::one_print_state),
        check("SND-76", custody::kept_until_acknowledged),
        check("SND-77", custody::refused_delete_is_no_resend),
        check("SND-78", attachments::gzip_is_worth_it),
        check("SND-79", timing::time_to_live),
        check("SND-80", refusals::wrong_check_digit),
        check("SND-81", alerts::pending_is_told),
        check("SND-82", alerts::wrong_patient_is_an_incident),
    ]
}

const fn check(requirement: &'static str, assess: fn(&View, Profile) -> Assessment) -> Check {
    Check {
        requirement,
        assess,
    }
}

/// A doubt outweighs what was kept elsewhere, and a breach outweighs the doubt.
fn undecided_if(doubt: Option<String>, assessment: Assessment) -> Assessment {
    match (doubt, assessment) {
        (Some(doubt), Assessment::Held { .. } | Assessment::NotExercised(_)) => {
            Assessment::Undecided(doubt)
        }
        (_, assessment) => assessment,
    }
}
