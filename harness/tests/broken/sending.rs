//! Where each broken sending system turns red, and why.

use gp2gp_mocks::SendingDefect as Broken;

/// The scenario that shows a defect, and what the violation must say was seen there.
pub(super) const fn proof(defect: Broken) -> (&'static str, &'static str) {
    match defect {
        Broken::AttachmentsFirst => (INLINE, "in another order"),
        Broken::BareSoapAction => (SMALL, "RCMR_IN030000UK06 on "),
        Broken::ActionOfOtherForm => (SMALL, "root element `RCMR_IN030000UK06`"),
        Broken::ExtractElsewhere => (SMALL, "ConversationId "),
        Broken::LowerCaseMessageIds => (SMALL, "MessageId `"),
        Broken::RepeatsNotEliminated => (SMALL, "has none"),
        Broken::ContractOfNobody => (SMALL, "CPAId `"),
        Broken::StrayPart => (SMALL, "is not referenced"),
        Broken::NoSizeLimit => ("transfer/skeleton", "bytes in EHR extract"),
        Broken::LettersLost => (NOTES, "other characters outside ASCII"),
        Broken::NumbersAsIds => (INLINE, "eb:id `1`"),
        Broken::TwoIds => (SMALL, "HL7 id "),
        Broken::DeafToOthers => ("transfer/small-record-tpp-to-emis", "no answer"),
        Broken::AnswersTwice => (SMALL, "AA ("),
        Broken::NeverAnswers => (SMALL, "no acknowledgement of the request"),
        Broken::ExtractAfterNack => (NOT_HELD, " after it"),
        Broken::SilentOnIncomplete => ("hostile/request-without-nhs-number", "no acknowledgement"),
        Broken::ServesTwice => ("duplicate/request", "EHR extract"),
        Broken::StatusLeftOut => (SMALL, "`effectiveTime` in EHR extract"),
        Broken::WrongNhsNumber => (SMALL, "NHS number 9990000026 in EHR extract"),
        Broken::AnswersInOldVersion => (NEWEST, "RCMR_IN030000UK06 in EHR extract"),
        Broken::MarksForEverybody => (HIDDEN, "RCMR_IN030000UK07 in EHR extract"),
        Broken::HidesNothing => (HIDDEN, "was sent"),
        Broken::AcknowledgesTheNewest => (NEWEST, "acknowledgement "),
        Broken::AsidsNotExchanged => (SMALL, "from 2000000"),
        Broken::RedactionsLost => ("transfer/redactions", "NOPAT 0 times"),
        Broken::AgentsLost => (SMALL, "agentRef 00000000-"),
        Broken::LinesJoined => (NOTES, "the same words in 1 line"),
        Broken::MarkupUnescaped => (NOTES, "hl7 payload: "),
        Broken::EmptyRecordSent => ("refusal/empty-record", "was sent"),
        Broken::NamesOfItsOwn => (INLINE, "`file-1` is in the manifest"),
        Broken::TypesLeftOut => (INLINE, "ContentType"),
        Broken::LengthOfDocument => (INLINE, "Length="),
        Broken::NeverLarge => (CHUNKED, "LargeAttachment=No"),
        Broken::ContinueNotAwaited => (CHUNKED, "before it"),
        Broken::FragmentDropped => (CHUNKED, "was promised by"),
        Broken::FragmentsDoubled => (CHUNKED, "that nothing promises"),
        Broken::BytesAltered => (INLINE, "bytes, sha256 "),
        Broken::ChunksCutAnywhere => (CHUNKED, "does not decode alone"),
        Broken::ChunksFromOne => (CHUNKED, "_1.messageattachment` for chunk 0"),
        Broken::FragmentsFromOthers => (CHUNKED, "From Z9990"),
        Broken::FragmentsUnnamed => (CHUNKED, "subject `document`"),
        Broken::SkeletonElsewhere => ("transfer/skeleton", "target `"),
        Broken::SkeletonOfAnother => ("transfer/skeleton", "with EhrExtract id "),
        Broken::ThresholdIgnored => ("transfer/boundary", "4500004 in "),
        Broken::TypesOffTheList => ("transfer/mixed", "part of type `"),
        Broken::WaitsForContinue => (SMALL, "promises nothing"),
        Broken::MissingLeftOut => ("transfer/placeholder", "0 placeholders in a manifest of "),
        Broken::MissingIsFatal => ("transfer/placeholder", "AE 10"),
        Broken::BarePlaceholder => ("transfer/placeholder", "1 line `document not available"),
        Broken::OddNamesAreFatal => ("transfer/placeholder-odd-names", "a refusal in "),
        Broken::OneDigitCodes => (NOT_HELD, "code `6`"),
        Broken::CodeInDetailOnly => (NOT_HELD, "no code in reason"),
        Broken::TextOfItsOwn => (NOT_HELD, "`sorry, no record`"),
        Broken::AnyAckCloses => (
            "transfer/many-fragments",
            "print state 1, `integrated`, after ",
        ),
        Broken::RefusalIsSuccess => ("people/reject-new-patient", "print state 1"),
        Broken::SpineNotHeard => ("outage/spine-rejects-extract", "print state 1"),
        Broken::SuppressedIsFailure => ("people/suppress", "print state 4"),
        Broken::EarlyAckForgotten => ("order/final-ack-before-own-ack", "print state 4"),
        Broken::AcknowledgesAcks => ("duplicate/final-ack-delivered-twice", " after it"),
        Broken::LettersMatter => (
            "hostile/continue-in-lower-case",
            "no fragment in conversation",
        ),
        Broken::ContinueStartsOver => ("duplicate/continue-delivered-twice", "was posted again"),
        Broken::EarlyContinueForgotten => ("order/early-continue", "no fragment after "),
        Broken::RefusesStrangers => ("hostile/strangers", "in that conversation"),
        Broken::StrayIsFatal => ("hostile/fragment-ack-not-xml", "refusal with 99"),
        Broken::PatientForEver => ("late/final-ack-after-eight-days", "print state 1"),
        Broken::PostsOnce => (FAILING, "posted once, and Spine did not take it"),
        Broken::NewMessageForRetry => (FAILING, "EHR extract"),
        Broken::NewMessageAfterCrash => ("crash/sending-after-the-extract", "another message"),
        Broken::DeclarationsRead => ("hostile/request-with-external-entity", "was sent"),
        Broken::TokenKept => (DELETES_FAIL, "again, "),
        Broken::TokenWithFraction => (INLINE, "`exp` "),
        Broken::LargeForEverybody => ("refusal/requester-not-large-compliant", "was sent"),
        Broken::ServesSwitchedOff => ("refusal/gp2gp-off", "was sent"),
        Broken::ServesFormerPractice => ("refusal/not-current-practice", "was sent"),
        Broken::ServesUnlisted => ("refusal/requester-listed-twice", "was sent"),
        Broken::SendsTheDayAfter => (SMALL, "after 25 h"),
        Broken::ExtractedAnew => ("duplicate/extract-sent-again", "EhrExtract id "),
        Broken::SilentInTheMiddle => ("directory/moved-on-without-a-record", "neither"),
        Broken::FollowsNobody => ("duplicate/extract-for-a-practice-left", "was asked for"),
        Broken::NothingToPrint => (SMALL, "without print state"),
        Broken::DeletesTooEarly => (DELETES_FAIL, "before that acknowledgement came"),
        Broken::DeletesOnRefusal => (
            "named/documents-kept-after-a-refusal",
            "and that acknowledgement never came",
        ),
        Broken::ResendsAfterRefusedDelete => (DELETES_FAIL, "another extract at"),
        Broken::GzipEverything => (INLINE, "Compressed=Yes makes it"),
        Broken::BornExpired => (SMALL, "TimeToLive "),
        Broken::CheckDigitIgnored => ("refusal/wrong-check-digit", "was sent"),
        Broken::NeverAlerts => ("people/never-integrates", "told 0 times"),
        Broken::AlertsTooEarly => ("people/never-integrates", "told 720 min before that"),
        Broken::IncidentUnseen => ("people/reject-new-patient", "0 incidents with that code"),
        Broken::InsistsOnThePatient => ("people/reject-new-patient", "sent by itself"),
    }
}

/// Requirements that no defect is made for, beside a defect that breaks them as well, the scenario
/// that shows it, and what the violation must say was seen.
pub(super) const ALSO: &[(&str, Broken, &str, &str)] = &[(
    "SND-66",
    Broken::WrongNhsNumber,
    "transfer/two-patients-at-once",
    "of another conversation",
)];

const NEWEST: &str = "versions/newest-of-both/record=small";
const HIDDEN: &str = "versions/hidden-entries-stay-home/pair=2.2b-asks-2.2b-uk07";
const SMALL: &str = "transfer/small-record";
const INLINE: &str = "transfer/inline-attachments";
/// One document in four chunks.
const CHUNKED: &str = "hostile/continue-in-lower-case";
const NOTES: &str = "transfer/notes-of-many-lines";
const NOT_HELD: &str = "refusal/patient-not-held";
/// Spine takes the extract at the fourth attempt.
const FAILING: &str = "transport/three-failures-then-taken";
const DELETES_FAIL: &str = "named/deletes-fail-for-good";
