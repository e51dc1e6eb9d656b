//! Requesting systems that are broken on purpose.

super::defects! {
    /// A defect of a requesting system.
    RequestingDefect {
        AsksWhoeverItIs "asks-whoever-it-is" "RCV-01"
            "asks for the record although the patient never left",
        AsksBeforePds "asks-before-pds" "RCV-02"
            "asks for the record although PDS did not take the new practice",
        TakesAnyAddress "takes-any-address" "RCV-03"
            "takes the first of several directory entries for an address",
        AsksForAnother "asks-for-another" "RCV-04"
            "asks for another patient than the one who registered",
        ConversationOfItsOwn "conversation-of-its-own" "RCV-05"
            "acknowledges fragments in a conversation of its own",
        AcknowledgementFirst "acknowledgement-first" "RCV-06"
            "takes no extract before its request was acknowledged",
        DeafToRefusal "deaf-to-refusal" "RCV-07"
            "goes on waiting after its request was refused",
        AcksNameNothing "acks-name-nothing" "RCV-08"
            "acknowledges messages that do not exist",
        SilentOnBrokenCore "silent-on-broken-core" "RCV-09"
            "says nothing of an extract that it cannot read",
        SilentOnUnrequested "silent-on-unrequested" "RCV-10"
            "says nothing of an extract that nobody asked for",
        SilentOnCopy "silent-on-copy" "RCV-11"
            "says nothing of a second copy",
        CopyEndsFirst "copy-ends-first" "RCV-12"
            "gives up the first extract when a second copy comes",
        EveryDeliveryIsNew "every-delivery-is-new" "RCV-13"
            "takes a repeated delivery for another message",
        ResendIsCopy "resend-is-copy" "RCV-14"
            "takes an extract that is sent again after a failure for a copy",
        NoFinalAck "no-final-ack" "RCV-43"
            "integrates the record and never sends the final acknowledgement",
        AckBeforeStoring "ack-before-storing" "RCV-43"
            "acknowledges the core on arrival, before fragments are in and anybody has filed it",
        ContinueTwice "continue-twice" "RCV-15"
            "sends the Continue twice",
        ContinueForNothing "continue-for-nothing" "RCV-16"
            "sends a Continue although nothing is promised",
        ContinueWithWrongCode "continue-with-wrong-code" "RCV-17"
            "writes another code than 0 into the Continue",
        ContinueNamesNothing "continue-names-nothing" "RCV-18"
            "names no core in the Continue",
        ContinueLossIgnored "continue-loss-ignored" "RCV-19"
            "waits for fragments although Spine did not take the Continue",
        FragmentsUnanswered "fragments-unanswered" "RCV-20"
            "acknowledges no fragment",
        BrokenFragmentKept "broken-fragment-kept" "RCV-21"
            "accepts a fragment that it cannot read",
        ReassemblyIsGeneral "reassembly-is-general" "RCV-22"
            "calls a failed reassembly a general failure",
        FragmentAckedUnseen "fragment-acked-unseen" "RCV-23"
            "accepts every fragment before it looks into it",
        InOrderOnly "in-order-only" "RCV-24"
            "refuses a fragment that comes before one that goes before it",
        ChunksReversed "chunks-reversed" "RCV-25"
            "joins the chunks of a document from the last to the first",
        FirstChunkLost "first-chunk-lost" "RCV-26"
            "loses the chunk that an index carries itself",
        FollowsOldLinks "follows-old-links" "DIR-01"
            "asks where a GP worked before, though that link has ended",
        GuessesThePractice "guesses-the-practice" "DIR-02"
            "takes the first of two practices to which the registry links a GP",
        IgnoresOldLinks "ignores-old-links" "DIR-03"
            "takes the practice that a GP moved to, though the old link is still there",
        IgnoresPooledLists "ignores-pooled-lists" "DIR-05"
            "asks for a record whose list no GP stands for",
        OneTryAtPds "one-try-at-pds" "DIR-07"
            "gives up when somebody else changed the record on PDS meanwhile",
        FailuresUntold "failures-untold" "DIR-06"
            "shows nobody why no record was asked for",
        NeverUnpacks "never-unpacks" "RCV-27"
            "files compressed documents as they came",
        KeepsOriginalBase64 "keeps-original-base64" "RCV-28"
            "files base64 text where the source was base64 text",
        TypesOfParts "types-of-parts" "RCV-29"
            "files documents under the type of their MIME part",
        UnderscoreMatters "underscore-matters" "RCV-30"
            "finds no document whose eb:id begins with an underscore",
        IdsAsWritten "ids-as-written" "RCV-31"
            "compares percent-encoded content ids letter by letter",
        GrammarOnly "grammar-only" "RCV-32"
            "drops documents whose description is not in the grammar",
        LengthsMustFit "lengths-must-fit" "RCV-33"
            "refuses an extract with a wrong Length",
        SkeletonFiled "skeleton-filed" "RCV-34"
            "files the skeleton in the place of the record",
        PlaceholdersUnknown "placeholders-unknown" "RCV-35"
            "takes a placeholder for any document",
        NamesOverwrite "names-overwrite" "RCV-36"
            "overwrites a document by another of its name",
        PatientsMixed "patients-mixed" "RCV-37"
            "files every document under the patient who registered first",
        RepeatsByIdAlone "repeats-by-id-alone" "RCV-37"
            "takes a message for a repeat if another conversation had one of its id",
        FragmentsNotCounted "fragments-not-counted" "RCV-38"
            "gives fragments no time of their own",
        IndexNotCounted "index-not-counted" "RCV-39"
            "counts the promises of the core and not those of an index",
        WaitsForEver "waits-for-ever" "RCV-40"
            "has no timeout",
        LateFragmentKept "late-fragment-kept" "RCV-41"
            "accepts a fragment that comes after the timeout",
        FilesWhatCame "files-what-came" "RCV-42"
            "offers an incomplete record to people when time is over",
        FailureHidden "failure-hidden" "RCV-44"
            "accepts a record that it failed to file",
        SuppressedAsFiled "suppressed-as-filed" "RCV-45"
            "accepts a record that is stored as suppressed",
        OneRejection "one-rejection" "RCV-46"
            "rejects a returning patient's record like a new one's",
        FiledAsAttachment "filed-as-attachment" "RCV-47"
            "answers a rejection with 26",
        DeprecatedCode "deprecated-code" "RCV-48"
            "refuses everything with 05",
        BareRefusal "bare-refusal" "RCV-49"
            "gives no reason in a refusal",
        ReasonForAcceptance "reason-for-acceptance" "RCV-50"
            "gives a reason in an acceptance",
        WordsOfItsOwn "words-of-its-own" "RCV-51"
            "writes its own words beside a code",
        AnyPatient "any-patient" "RCV-52"
            "does not look whose record came",
        AnySource "any-source" "RCV-53"
            "does not look who sent the record",
        LateAckRevives "late-ack-revives" "RCV-54"
            "sends the Continue again when an acknowledgement comes after the end",
        AcksStayHome "acks-stay-home" "RCV-55"
            "addresses acknowledgements to itself",
        AcksPostedOnce "acks-posted-once" "RCV-56"
            "posts an acknowledgement once, whatever becomes of it",
        ForgetsContinue "forgets-continue" "RCV-57"
            "sends the Continue again after a restart",
        QueueBlocked "queue-blocked" "RCV-58"
            "processes nothing behind a message that it cannot read",
        CaseMatters "case-matters" "RCV-59"
            "compares conversation ids letter by letter",
        AsciiOnly "ascii-only" "RCV-60"
            "writes a question mark for every letter beyond ASCII",
        HiddenLimit "hidden-limit" "RCV-61"
            "refuses records above 20 MB",
        DeafToBlock "deaf-to-block" "RCV-62"
            "takes a refusal without a reason for none",
        LastDocumentLost "last-document-lost" "RCV-64"
            "loses the last document of a record",
        NothingExpires "nothing-expires" "RCV-65"
            "processes messages past their TimeToLive",
        AsksInOldVersion "asks-in-old-version" "RCV-66"
            "asks in the old version although both systems have a newer one",
        AsksInNewestVersion "asks-in-newest-version" "RCV-66"
            "asks in the newest version whether the other system is listed for it or not",
        ClaimsNewerForm "claims-newer-form" "RCV-66"
            "refuses the newer form of the extract, which the directory says it takes",
        ForgetsTheWorkList "forgets-the-work-list" "RCV-67"
            "tells nobody that a record waits to be filed",
        HurriesPeople "hurries-people" "RCV-67"
            "tells people after half the time that a record waits to be filed",
    }
}
