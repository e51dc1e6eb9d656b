//! Why each broken requesting system turns red.

use gp2gp_mocks::RequestingDefect;

/// What the violation must say was seen.
pub(super) const fn reason(defect: RequestingDefect) -> &'static str {
    match defect {
        RequestingDefect::NoFinalAck => "no AA; no acknowledgement for the core",
        RequestingDefect::AckBeforeStoring => "before any such decision",
        RequestingDefect::ContinueTwice => "2 Continues: ",
    }
}
