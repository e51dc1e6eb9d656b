//! Requesting systems that are broken on purpose.

super::defects! {
    /// A defect of a requesting system.
    RequestingDefect {
        NoFinalAck "no-final-ack" "RCV-43"
            "integrates the record and never sends the final acknowledgement",
        AckBeforeStoring "ack-before-storing" "RCV-43"
            "acknowledges the core on arrival, before fragments are in and anybody has filed it",
        ContinueTwice "continue-twice" "RCV-15"
            "sends the Continue twice",
    }
}
