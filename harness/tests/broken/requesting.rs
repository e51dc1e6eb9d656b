//! Why each broken requesting system turns red.

use gp2gp_mocks::RequestingDefect as Broken;

/// What the violation must say was seen.
pub(super) const fn reason(defect: Broken) -> &'static str {
    match defect {
        Broken::AsksWhoeverItIs => "to practice Z99901",
        Broken::AsksBeforePds => "request ",
        Broken::TakesAnyAddress => "to practice Z99904",
        Broken::FollowsOldLinks => "party key Z99903-",
        Broken::GuessesThePractice | Broken::IgnoresOldLinks | Broken::IgnoresPooledLists => {
            "to practice Z99902"
        }
        Broken::OneTryAtPds => "none",
        Broken::FailuresUntold => "no state of this patient's transfer",
        Broken::AsksForAnother => "asks for NHS number 9999",
        Broken::ConversationOfItsOwn => "in conversation",
        Broken::AcknowledgementFirst => "refusal with 09",
        Broken::DeafToRefusal | Broken::DeafToBlock => "`requested`",
        Broken::AcksNameNothing => "which never came",
        Broken::SilentOnBrokenCore | Broken::SilentOnUnrequested | Broken::SilentOnCopy => {
            "no acknowledgement"
        }
        Broken::CopyEndsFirst => "none that names it",
        Broken::EveryDeliveryIsNew => "2 of kind acknowledgement",
        Broken::ResendIsCopy => "refusal with 12",
        Broken::NoFinalAck => "no AA; no acknowledgement for the core",
        Broken::AckBeforeStoring => "before any such decision",
        Broken::ContinueTwice => "2 Continues: ",
        Broken::ContinueForNothing => "Continue ",
        Broken::ContinueWithWrongCode => "inner code `1`",
        Broken::ContinueNamesNothing => "reference to ",
        Broken::ContinueLossIgnored => "refusal with 31",
        Broken::FragmentsUnanswered => "none",
        Broken::BrokenFragmentKept => "on the fragment AA",
        Broken::ReassemblyIsGeneral => "refusal with 30",
        Broken::FragmentAckedUnseen => "AA in message",
        Broken::InOrderOnly => "refusal with 30",
        Broken::ChunksReversed
        | Broken::FirstChunkLost
        | Broken::NeverUnpacks
        | Broken::KeepsOriginalBase64 => "stored with",
        Broken::TypesOfParts => "type application/octet-stream",
        Broken::UnderscoreMatters | Broken::GrammarOnly | Broken::LastDocumentLost => "not stored",
        Broken::IdsAsWritten | Broken::LengthsMustFit | Broken::ClaimsNewerForm => {
            "refusal with 21"
        }
        Broken::AsksInOldVersion => "RCMR_IN010000UK05 in message",
        Broken::AsksInNewestVersion => "RCMR_IN010000UK06 in message",
        Broken::SkeletonFiled => "the skeleton itself stored",
        Broken::PlaceholdersUnknown => "stored like any document",
        Broken::NamesOverwrite => "of them stored",
        Broken::PatientsMixed => "of another conversation stored",
        Broken::RepeatsByIdAlone => "no Continue and no answer",
        Broken::FragmentsNotCounted | Broken::IndexNotCounted => "refusal with 31",
        Broken::WaitsForEver => "no acknowledgement",
        Broken::LateFragmentKept => "AA in message",
        Broken::FilesWhatCame | Broken::FailureHidden | Broken::SuppressedAsFiled => {
            "AA in message"
        }
        Broken::OneRejection => "refusal with 28",
        Broken::FiledAsAttachment => "refusal with 26",
        Broken::DeprecatedCode => "refusal with 05",
        Broken::BareRefusal => "code in detail only",
        Broken::ReasonForAcceptance => "with reason 99",
        Broken::WordsOfItsOwn => "`that went wrong`",
        Broken::AnyPatient => "the states shown to people were `integrated`",
        Broken::AnySource => "`integrated`",
        Broken::LateAckRevives => "Continue ",
        Broken::AcksStayHome => "to ASID",
        Broken::AcksPostedOnce => "posted 1 time, never taken",
        Broken::ForgetsContinue => "the second one",
        Broken::QueueBlocked => "nothing of it stored",
        Broken::CaseMatters => "refusal with 09",
        Broken::AsciiOnly => "`?berweisung",
        Broken::HiddenLimit => "refusal with 21",
        Broken::NothingExpires => "AA in message",
        Broken::ForgetsTheWorkList => "told 0 times",
        Broken::HurriesPeople => "min before that",
    }
}

/// Requirements that no defect is made for, beside a defect that breaks them as well, and what the
/// violation must say was seen.
pub(super) const ALSO: &[(&str, Broken, &str)] = &[
    ("DIR-04", Broken::FollowsOldLinks, "to practice Z99902"),
    ("DIR-08", Broken::AsksWhoeverItIs, "to practice Z99901"),
    ("RCV-63", Broken::QueueBlocked, "nothing of it stored"),
];
