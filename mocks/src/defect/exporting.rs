//! Exporting practices, support desks and clearing houses that are broken on purpose.

super::defects! {
    /// A defect of an exporting system: of the practice, its support desk or the clearing house.
    ExportingDefect {
        NeverRefreshes "never-refreshes" "EXP-01"
            "takes an export for complete without a look at the record",
        ExportsLeftoversAgain "exports-leftovers-again" "EXP-02"
            "exports again what is left, instead of calling the support desk",
        TicketWithoutDate "ticket-without-date" "EXP-03"
            "raises tickets without the date and time of the export",
        DeletesForEver "deletes-for-ever" "EXP-03"
            "tries for ever to delete what is left, and calls nobody",
        DeletesBeforeArchive "deletes-before-archive" "EXP-04"
            "deletes documents that have no archive copy",
        DeletesEverything "deletes-everything" "EXP-04"
            "deletes whatever is left, exported or not",
        ExportsAllLeftovers "exports-all-leftovers" "EXP-05"
            "has the desk export every leftover, not only those that the export lacked",
        DeletesWithoutPermission "deletes-without-permission" "EXP-06"
            "has the desk delete by hand without asking anybody",
        ForgetsArrivals "forgets-arrivals" "EXP-07"
            "has the desk close tickets over letters that came meanwhile",
        LateLettersAtOnce "late-letters-at-once" "EXP-08"
            "exports late letters on the day of the export",
        RepeatsWithTheBox "repeats-with-the-box" "EXP-09"
            "runs a failed export again with the clinical record",
        DeliversTwice "delivers-twice" "EXP-10"
            "has the clearing house deliver every package twice",
        CutsLargeDocuments "cuts-large-documents" "EXP-11"
            "exports the first 20 MB of a document, and calls that the document",
        DeliversDuplicates "delivers-duplicates" "EXP-12"
            "has the clearing house deliver what it had already",
        EverybodyMay "everybody-may" "EXP-13"
            "lets everybody do everything in the document store",
    }
}
