//! Hubs, and practices' systems as far as they serve one, that are broken on purpose.

super::defects! {
    /// A defect of a federation.
    HubDefect {
        WritesToOldPractice "writes-to-the-old-practice" "FED-01"
            "believes for ever what PDS once said of where a patient is registered",
        NeverLooks "never-looks-at-pds" "FED-01"
            "takes for granted that every patient is registered at one practice",
        WritesTwice "writes-twice" "FED-01"
            "takes a lost answer for a refusal, and writes the consultation again under another id",
        ForgetsWhenRefused "forgets-when-refused" "FED-01"
            "drops a consultation that a practice cannot take at once",
        ForgetsInACrash "forgets-in-a-crash" "FED-01"
            "has taken consultations in memory alone",
        KeepsLateWriteBacks "keeps-late-write-backs" "FED-02"
            "has a practice file what comes after the record has gone, and tell nobody",
        LeavesEntriesOut "leaves-entries-out" "FED-02"
            "has a practice keep entries beside the record, where no extract finds them",
        ReadsOneStyle "reads-one-style" "FED-03"
            "cannot read records in systems in the style of Vision",
        ReadsTheFirstPage "reads-the-first-page" "FED-03"
            "shows the first page of a record as if it were all",
        ShowsNothingAsEmpty "shows-nothing-as-empty" "FED-03"
            "shows a record that cannot be read as one that is empty",
        HidesBookings "hides-bookings" "FED-04"
            "shows only the bookings of its first practice",
        GivesSlotsTwice "gives-slots-twice" "FED-04"
            "gives one appointment to whoever asks for it",
        CountsAttempts "counts-attempts" "FED-05"
            "counts every attempt to book as a booking",
        CountsEveryWriteBack "counts-every-write-back" "FED-05"
            "counts consultations as written back in time, however late",
    }
}
