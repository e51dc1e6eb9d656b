//! Sending systems that are broken on purpose.

super::defects! {
    /// A defect of a sending system.
    SendingDefect {
        AttachmentsFirst "attachments-first" "SND-01"
            "puts the attachments of a message before its payload",
        BareSoapAction "bare-soap-action" "SND-02"
            "names the interaction as SOAPAction and leaves out the service",
        ActionOfOtherForm "action-of-other-form" "SND-03"
            "sends the extract under the action of its other form",
        ExtractElsewhere "extract-elsewhere" "SND-04"
            "sends the extract in a conversation of its own",
        LowerCaseMessageIds "lower-case-message-ids" "SND-05"
            "writes message ids in lower case",
        RepeatsNotEliminated "repeats-not-eliminated" "SND-06"
            "does not ask for duplicates to be eliminated",
        ContractOfNobody "contract-of-nobody" "SND-07"
            "sends under a CPAId that SDS does not have",
        StrayPart "stray-part" "SND-08"
            "sends a part that its manifest does not name",
        NoSizeLimit "no-size-limit" "SND-09"
            "fills a message beyond what Spine carries",
        LettersLost "letters-lost" "SND-10"
            "writes a question mark for every letter of the record beyond ASCII",
        NumbersAsIds "numbers-as-ids" "SND-11"
            "numbers the references of a manifest, and their ids are no XML names",
        TwoIds "two-ids" "SND-12"
            "gives an extract another id than its message",
        DeafToOthers "deaf-to-others" "SND-13"
            "takes no notice of messages in the way of EMIS, TPP or Vision",
        AnswersTwice "answers-twice" "SND-14"
            "answers a request twice",
        AcknowledgesTheNewest "acknowledges-the-newest" "SND-15"
            "acknowledges a request of version 2.2c although the extract is the answer",
        NeverAnswers "never-answers" "SND-15"
            "sends the extract and never acknowledges the request",
        ExtractAfterNack "extract-after-nack" "SND-16"
            "refuses the request and sends the extract all the same",
        SilentOnIncomplete "silent-on-incomplete" "SND-17"
            "says nothing to a request that it cannot read",
        ServesTwice "serves-twice" "SND-18"
            "sends the extract again when the request comes again",
        StatusLeftOut "status-left-out" "SND-19"
            "leaves a statusCode out of the record, which the form of the extract demands",
        WrongNhsNumber "wrong-nhs-number" "SND-20"
            "puts another patient's NHS number into the extract",
        AnswersInOldVersion "answers-in-old-version" "SND-20"
            "answers every request with the extract of the old version",
        MarksForEverybody "marks-for-everybody" "SND-20"
            "sends the extract with marks of hidden entries to systems that are not listed for it",
        AsidsNotExchanged "asids-not-exchanged" "SND-21"
            "leaves the ASIDs of the request as they were in place of exchanging them",
        RedactionsLost "redactions-lost" "SND-22"
            "drops the marks of entries that the patient must not see",
        HidesNothing "hides-nothing" "SND-22"
            "sends entries that the patient must not see to systems that cannot tell",
        AgentsLost "agents-lost" "SND-23"
            "names an author that the extract does not list",
        LinesJoined "lines-joined" "SND-24"
            "joins the lines of clinical notes",
        MarkupUnescaped "markup-unescaped" "SND-25"
            "writes `&` and `<` into the record as they are",
        EmptyRecordSent "empty-record-sent" "SND-26"
            "answers a request for an empty record with an extract",
        NamesOfItsOwn "names-of-its-own" "SND-27"
            "names documents in the manifest otherwise than in the extract",
        TypesLeftOut "types-left-out" "SND-28"
            "leaves the ContentType out of descriptions",
        LengthOfDocument "length-of-document" "SND-29"
            "gives the length of the document in place of that of its base64 text",
        NeverLarge "never-large" "SND-30"
            "says LargeAttachment=No of what it sends in chunks",
        ContinueNotAwaited "continue-not-awaited" "SND-31"
            "sends fragments as soon as Spine has the extract",
        FragmentDropped "fragment-dropped" "SND-32"
            "never sends the last fragment that it promised",
        FragmentsDoubled "fragments-doubled" "SND-33"
            "sends every fragment a second time under an id that nothing promises",
        BytesAltered "bytes-altered" "SND-34"
            "alters the first byte of every document",
        ChunksCutAnywhere "chunks-cut-anywhere" "SND-35"
            "cuts chunks inside a group of four base64 characters",
        ChunksFromOne "chunks-from-one" "SND-36"
            "numbers chunks from 1",
        FragmentsFromOthers "fragments-from-others" "SND-37"
            "names the requesting practice as the sender of a fragment",
        FragmentsUnnamed "fragments-unnamed" "SND-38"
            "calls the file of every fragment `document`",
        SkeletonElsewhere "skeleton-elsewhere" "SND-39"
            "gives the attachment behind a skeleton a content id that the skeleton does not name",
        SkeletonOfAnother "skeleton-of-another" "SND-40"
            "gives a skeleton another EhrExtract id than the record behind it",
        ThresholdIgnored "threshold-ignored" "SND-41"
            "sends texts in one piece that are a little longer than Spine carries",
        TypesOffTheList "types-off-the-list" "SND-42"
            "gives a part a type that Spine does not carry",
        WaitsForContinue "waits-for-continue" "SND-43"
            "waits for a Continue although it promised nothing",
        MissingLeftOut "missing-left-out" "SND-44"
            "attaches nothing for a document that it could not get",
        MissingIsFatal "missing-is-fatal" "SND-45"
            "refuses the whole record when it cannot get a document",
        BarePlaceholder "bare-placeholder" "SND-46"
            "writes one line into a placeholder",
        OddNamesAreFatal "odd-names-are-fatal" "SND-47"
            "refuses the whole record when the name of a missing document holds quotes, `<` or `&`",
        OneDigitCodes "one-digit-codes" "SND-48"
            "writes response codes without their leading zero",
        CodeInDetailOnly "code-in-detail-only" "SND-49"
            "gives no reason in a refusal",
        TextOfItsOwn "text-of-its-own" "SND-50"
            "writes a text of its own beside a code",
        AnyAckCloses "any-ack-closes" "SND-51"
            "takes the acknowledgement of a fragment for the end",
        RefusalIsSuccess "refusal-is-success" "SND-52"
            "takes every acknowledgement of the extract for a success",
        SpineNotHeard "spine-not-heard" "SND-53"
            "takes a rejection by Spine itself for a success",
        SuppressedIsFailure "suppressed-is-failure" "SND-54"
            "takes code 15 for a failure",
        EarlyAckForgotten "early-ack-forgotten" "SND-55"
            "forgets a final acknowledgement that comes before its own is with Spine",
        AcknowledgesAcks "acknowledges-acks" "SND-56"
            "acknowledges acknowledgements",
        LettersMatter "letters-matter" "SND-57"
            "compares conversation ids letter by letter",
        ContinueStartsOver "continue-starts-over" "SND-58"
            "sends its fragments again when a second Continue comes",
        EarlyContinueForgotten "early-continue-forgotten" "SND-59"
            "forgets a Continue that comes before Spine has answered for the extract",
        RefusesStrangers "refuses-strangers" "SND-60"
            "refuses messages of conversations that it does not know",
        StrayIsFatal "stray-is-fatal" "SND-61"
            "refuses a request that it is serving when a message comes that it cannot read",
        PatientForEver "patient-for-ever" "SND-62"
            "waits for a final acknowledgement for ever",
        PostsOnce "posts-once" "SND-63"
            "posts a message once, whatever becomes of it",
        NewMessageForRetry "new-message-for-retry" "SND-64"
            "makes another extract when Spine did not take the first",
        NewMessageAfterCrash "new-message-after-crash" "SND-65"
            "makes another extract after a crash",
        DeclarationsRead "declarations-read" "SND-67"
            "serves a request that has a document type declaration",
        TokenKept "token-kept" "SND-68"
            "shows the document store one access token for as long as it runs",
        TokenWithFraction "token-with-fraction" "SND-68"
            "writes fractions of a second into access tokens",
        LargeForEverybody "large-for-everybody" "SND-69"
            "serves a record that needs large messaging whoever asks for it",
        ServesSwitchedOff "serves-switched-off" "SND-70"
            "serves requests although GP2GP is switched off",
        ServesFormerPractice "serves-former-practice" "SND-71"
            "serves a practice that is not the patient's current one",
        ServesUnlisted "serves-unlisted" "SND-72"
            "serves a practice that SDS does not list once",
        SendsTheDayAfter "sends-the-day-after" "SND-73"
            "sends the extract 25 hours after the request",
        ExtractedAnew "extracted-anew" "SND-74"
            "extracts the record anew when it is to be sent again",
        SilentInTheMiddle "silent-in-the-middle" "DIR-09"
            "answers nobody who asks for a record that it awaits itself",
        FollowsNobody "follows-nobody" "SND-74"
            "sends a record again to a practice that the patient has left",
        NothingToPrint "nothing-to-print" "SND-75"
            "never says what is to be printed",
        DeletesTooEarly "deletes-too-early" "SND-76"
            "deletes documents from the store as soon as the extract is with Spine",
        DeletesOnRefusal "deletes-on-refusal" "SND-76"
            "deletes documents from the store although their record was turned away",
        ResendsAfterRefusedDelete "resends-after-refused-delete" "SND-77"
            "sends the extract again when the store refuses to delete a document",
        GzipEverything "gzip-everything" "SND-78"
            "compresses every document, even where that makes it longer",
        BornExpired "born-expired" "SND-79"
            "gives messages a TimeToLive that has passed",
        CheckDigitIgnored "check-digit-ignored" "SND-80"
            "serves a request with a wrong check digit",
        NeverAlerts "never-alerts" "SND-81"
            "tells nobody that a final acknowledgement is overdue",
        AlertsTooEarly "alerts-too-early" "SND-81"
            "tells people after half the time that a final acknowledgement is overdue",
        IncidentUnseen "incident-unseen" "SND-82"
            "tells nobody that a record was turned away as another patient's",
        InsistsOnThePatient "insists-on-the-patient" "SND-82"
            "sends a record again by itself that was turned away as another patient's",
    }
}
