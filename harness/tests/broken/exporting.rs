//! Where each broken exporting system turns red, and why.

use gp2gp_mocks::ExportingDefect;

/// The scenario that shows it, and what the violation must say was seen.
pub(super) const fn proof(defect: ExportingDefect) -> (&'static str, &'static str) {
    match defect {
        ExportingDefect::NeverRefreshes => ("export/leftovers", "nobody looked"),
        ExportingDefect::ExportsLeftoversAgain => ("export/leftovers", "was begun"),
        ExportingDefect::TicketWithoutDate => ("export/leftovers", "it says no time"),
        ExportingDefect::DeletesForEver => ("export/deletes-fail-for-good", "none was raised"),
        ExportingDefect::DeletesBeforeArchive => ("export/good", "it has no archive copy"),
        ExportingDefect::DeletesEverything => ("export/never-exported", "it was never exported"),
        ExportingDefect::ExportsAllLeftovers => (
            "export/never-exported-and-not-deleted",
            "were in the export",
        ),
        ExportingDefect::DeletesWithoutPermission => {
            ("export/permission-refused", "nobody has permitted that")
        }
        ExportingDefect::ForgetsArrivals => ("export/arrival-during-the-ticket", "it is not"),
        ExportingDefect::LateLettersAtOnce => ("export/late-letter-and-impatience", "and again at"),
        ExportingDefect::RepeatsWithTheBox => ("export/failed-export", "is ticked"),
        ExportingDefect::DeliversTwice => ("export/good", "it arrived 2 times"),
        ExportingDefect::CutsLargeDocuments => ("export/large-scan-whole", "20000000 bytes"),
        ExportingDefect::EverybodyMay => ("export/delete-without-the-right", "was changed"),
        ExportingDefect::DeliversDuplicates => {
            ("export/duplicate-after-delivery", "was taken with")
        }
    }
}
