//! Sending systems that are broken on purpose.

super::defects! {
    /// A defect of a sending system.
    SendingDefect {
        FragmentDropped "fragment-dropped" "SND-32"
            "never sends the last fragment that it promised",
        WrongNhsNumber "wrong-nhs-number" "SND-20"
            "puts another patient's NHS number into the extract",
        ExtractAfterNack "extract-after-nack" "SND-16"
            "refuses the request and sends the extract all the same",
        DeletesTooEarly "deletes-too-early" "SND-76"
            "deletes documents from the store as soon as the extract is with Spine",
        DeletesOnRefusal "deletes-on-refusal" "SND-76"
            "deletes documents from the store although their record was turned away",
        ResendsAfterRefusedDelete "resends-after-refused-delete" "SND-77"
            "sends the extract again when the store refuses to delete a document",
    }
}
