//! Checks of the requesting system.

mod acks;
mod claims;
mod continues;
mod decisions;
mod documents;
mod duplicates;
mod forms;
mod fragments;
mod harm;
mod late;
mod malformed;
mod pending;
mod poison;
pub(super) mod registration;
mod request;
mod resend;
mod restart;
mod retries;
use super::ruling;
mod storage;
mod strangers;
mod timeout;
mod transfer;

use gp2gp_model::verdict::{Assessment, Profile};

use super::{Check, View};

/// Checks of the requesting system, in the order of the catalogue.
pub fn checks() -> Vec<Check> {
    vec![
        check("RCV-01", registration::nobody_to_ask),
        check("RCV-02", registration::pds_comes_first),
        check("RCV-03", registration::one_address_or_none),
        check("RCV-04", request::names_patient_and_practice),
        check("RCV-05", request::one_conversation_id),
        check("RCV-06", request::extract_needs_no_acknowledgement),
        check("RCV-07", request::refusal_ends_the_transfer),
        check("RCV-08", acks::name_what_came),
        check("RCV-09", malformed::core),
        check("RCV-10", strangers::unrequested),
        check("RCV-11", duplicates::second_core_gets_12),
        check("RCV-12", duplicates::first_core_goes_on),
        check("RCV-13", duplicates::redelivery_has_no_effect),
        check("RCV-14", resend::taken_like_the_first),
        check("RCV-15", continues::one_for_promises),
        check("RCV-16", continues::none_without_promises),
        check("RCV-17", continues::well_formed),
        check("RCV-18", continues::names_the_core),
        check("RCV-19", continues::unsendable_means_20),
        check("RCV-20", fragments::one_acknowledgement_each),
        check("RCV-21", malformed::fragment),
        check("RCV-22", malformed::document),
        check("RCV-23", fragments::last_one_waits_for_the_document),
        check("RCV-24", fragments::any_order),
        check("RCV-25", documents::joined_in_manifest_order),
        check("RCV-26", documents::every_form_of_index),
        check("RCV-27", documents::unpacked),
        check("RCV-28", forms::base64_of_base64),
        check("RCV-29", documents::named_by_description),
        check("RCV-30", documents::found_whatever_the_underscore),
        check("RCV-31", forms::percent_encoded),
        check("RCV-32", documents::loose_descriptions),
        check("RCV-33", forms::wrong_length),
        check("RCV-34", documents::skeleton_restored),
        check("RCV-35", documents::placeholders_recognised),
        check("RCV-36", documents::namesakes_kept_apart),
        check("RCV-37", documents::patients_kept_apart),
        check("RCV-38", timeout::counts_every_promise),
        check("RCV-39", timeout::counts_again_after_an_index),
        check("RCV-40", timeout::rejects_with_31),
        check("RCV-41", late::fragment_gets_25),
        check("RCV-42", timeout::incomplete_is_never_filed),
        check("RCV-43", decisions::one_proof_after_integration),
        check("RCV-44", decisions::failed_integration),
        check("RCV-45", decisions::suppressed),
        check("RCV-46", decisions::rejected),
        check("RCV-47", acks::no_filing_as_attachment),
        check("RCV-48", acks::no_deprecated_code),
        check("RCV-49", acks::form_of_a_refusal),
        check("RCV-50", acks::form_of_an_acceptance),
        check("RCV-51", acks::text_of_the_register),
        check("RCV-52", strangers::another_patient),
        check("RCV-53", strangers::another_source),
        check("RCV-54", request::late_acknowledgement_changes_nothing),
        check("RCV-55", acks::go_back_to_the_sender),
        check("RCV-56", retries::acknowledgements_survive_an_outage),
        check("RCV-57", restart::carries_on),
        check("RCV-58", poison::next_transfer_unaffected),
        check("RCV-59", forms::conversation_in_any_case),
        check("RCV-60", documents::multibyte_text),
        check("RCV-61", documents::very_large_records),
        check("RCV-62", request::block_is_seen),
        check("RCV-63", poison::refused_without_harm),
        check("RCV-64", documents::as_the_source_held_them),
        check("RCV-65", late::expired_is_not_processed),
        check("RCV-66", claims::does_what_it_claims),
        check("RCV-67", pending::is_told),
    ]
}

const fn check(requirement: &'static str, assess: fn(&View, Profile) -> Assessment) -> Check {
    Check {
        requirement,
        assess,
    }
}
