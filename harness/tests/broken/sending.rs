//! Why each broken sending system turns red.

use gp2gp_mocks::SendingDefect;

/// What the violation must say was seen.
pub(super) const fn reason(defect: SendingDefect) -> &'static str {
    match defect {
        SendingDefect::FragmentDropped => "was promised by",
        SendingDefect::WrongNhsNumber => "NHS number 9990000026 in EHR extract",
        SendingDefect::ExtractAfterNack => " after it",
        SendingDefect::DeletesTooEarly => "before that acknowledgement came",
        SendingDefect::DeletesOnRefusal => "and that acknowledgement never came",
        SendingDefect::ResendsAfterRefusedDelete => "another extract at",
    }
}
