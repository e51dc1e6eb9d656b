//! Cases of the extract, of documents and of what is said of them.

use gp2gp::driver::Sut;
use gp2gp_model::Dialect;
use gp2gp_model::trace::What;
use gp2gp_wire::Message;
use gp2gp_wire::attachment::{Wrap, compress, encode};
use gp2gp_wire::hl7::AckType;

use crate::support::tamper::Taken;
use crate::support::{plan, run, trace_of};
use crate::table::{
    ANSWER, CHUNKED, Case, EXTRACT, INLINE, SMALL, STRANGE, ack, between, describe, edited,
    extract, fragment, inline, named, text,
};

const PLACEHOLDER: &str = "transfer/placeholder";
const ODD_NAMES: &str = "transfer/placeholder-odd-names";
const PACKED: &str = "transfer/compressible-text";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("SND-10", || trace_of(INLINE)).broken("RÃ¶ntgen", || trace_of(INLINE).edit_text(EXTRACT, "Röntgen", "RÃ¶ntgen"))
            .broken("other characters outside ASCII", || {
                rewritten(SMALL, |record| record.replace(|c: char| !c.is_ascii(), "?"))
            }),
        Case::new("SND-22", || trace_of("transfer/redactions")).broken("confidentialityCode in EHR extract", || {
            trace_of(SMALL).edit_text(EXTRACT, "</ehrComposition>", "<confidentialityCode code=\"NOPAT\"/></ehrComposition>")
        }),
        Case::new("SND-22", || trace_of("transfer/skeleton-uk07")).broken("NOPAT 9 times in", || {
            rewritten("transfer/redactions", |record| record.replacen(between(&record, "<confidentialityCode", "/>"), "", 1))
        }),
        Case::new("SND-22", redacted_in_full).broken("none on statement", || {
            redacted_in_full().edit(EXTRACT, Dialect::NationalMhs, |message| {
                rewrite(message, |record| without_mark_of_a_narrative(&record));
            })
        }),
        Case::new("SND-23", || trace_of(INLINE))
            .broken("agentRef 0BADC0DE-0000-4000-8000-00000000BAD1 points nowhere", strange_agent)
            .broken("EhrExtract id `12345`", || {
                edited(SMALL, EXTRACT, |message| extract(message).id = gp2gp_model::EhrExtractId::parse("12345").unwrap())
            }),
        Case::new("SND-23", || trace_of("transfer/placeholder")).broken("no statement", || {
            rewritten(SMALL, |record| {
                let statement = between(&record, "<NarrativeStatement", "/>");
                record.replace(between(statement, "root=\"", "\"/"), &format!("root=\"{STRANGE}\"/"))
            })
        }),
        Case::new("SND-24", || trace_of(SMALL))
            .broken("the same words in 1 line", || rewritten(SMALL, |record| record.replace('\n', " "))),
        Case::new("SND-24", || trace_of("transfer/skeleton"))
            .broken("the same words in 3 lines", || rewritten(SMALL, |record| record.replacen('\n', "\n\n", 1))),
        Case::new("SND-27", || trace_of("transfer/skeleton"))
            .broken("`other.tif` is in the manifest and not in the extract", || {
                edited(INLINE, EXTRACT, |message| describe(message, 0, |description| description.filename = "other.tif".to_owned()))
            })
            .broken("is in the extract and not in the manifest", || {
                edited(INLINE, EXTRACT, |message| drop(message.attachments.remove(0)))
            }),
        Case::new("SND-28", || trace_of(CHUNKED))
            .broken("`Compressed=Perhaps` is not allowed", || {
                edited(INLINE, EXTRACT, |message| {
                    message.attachments[0].description =
                        Some("Filename=\"a\" ContentType=a/b Compressed=Perhaps LargeAttachment=No OriginalBase64=No".to_owned());
                })
            })
            .broken("only a file name", || {
                edited(INLINE, EXTRACT, |message| message.attachments[0].description = Some("letter.rtf".to_owned()))
            }),
        Case::new("SND-29", || trace_of(CHUNKED))
            .broken("Length=17 in", || edited(INLINE, EXTRACT, |message| describe(message, 0, |description| description.length = Some(17))))
            .broken("Length=18 in", || edited(CHUNKED, EXTRACT, |message| describe(message, 0, |description| description.length = Some(18)))),
        Case::new("SND-30", || trace_of("transfer/boundary"))
            .broken("LargeAttachment=No", || {
                edited(CHUNKED, EXTRACT, |message| describe(message, 0, |description| description.large_attachment = false))
            })
            .broken("LargeAttachment=Yes", || {
                edited(INLINE, EXTRACT, |message| describe(message, 0, |description| description.large_attachment = true))
            }),
        Case::new("SND-34", || trace_of(CHUNKED))
            .broken("7 bytes, sha256", || edited(INLINE, EXTRACT, |message| inline(message, 0).body = encode(b"forgery", Wrap::None)))
            .broken("is not base64", || edited(CHUNKED, fragment(3), |message| inline(message, 0).body = "????".into()))
            .broken("bytes, sha256", chunks_swapped),
        Case::new("SND-42", || trace_of(INLINE))
            .broken("part of type `application/x-gzip`", || {
                edited(INLINE, EXTRACT, |message| inline(message, 0).content_type = "application/x-gzip".to_owned())
            })
            .broken("part of type `image/tiff` for `dictation <draft>.wma`", || {
                edited(INLINE, EXTRACT, |message| {
                    let at = named(message, ".wma");
                    inline(message, at).content_type = "image/tiff".to_owned();
                })
            })
            .broken("ContentType=application/octet-stream", || {
                edited(INLINE, EXTRACT, |message| {
                    let at = named(message, ".wma");
                    describe(message, at, |description| description.content_type = "application/octet-stream".to_owned());
                })
            }),
        Case::new("SND-44", || trace_of(PLACEHOLDER))
            .broken("ContentType=text/rtf", || {
                edited(PLACEHOLDER, EXTRACT, |message| describe(message, 1, |description| description.content_type = "text/rtf".to_owned()))
            })
            .broken("4 placeholders in a manifest of", || edited(PLACEHOLDER, EXTRACT, |message| drop(message.attachments.remove(1))))
            .broken("0 placeholders in a manifest of nothing", || undeliverable(SMALL)),
        Case::new("SND-45", || trace_of(PLACEHOLDER)).broken("AE", || {
            edited(PLACEHOLDER, ANSWER, |message| ack(message).type_code = AckType::Ae).drop(EXTRACT)
        }),
        Case::new("SND-46", || trace_of(PLACEHOLDER))
            .broken("1 line `file is gone`", || {
                edited(PLACEHOLDER, EXTRACT, |message| inline(message, 1).body = encode(b"file is gone", Wrap::None))
            })
            .broken("`&amp;`", escaped_placeholder),
        Case::new("SND-47", || trace_of(ODD_NAMES))
            .broken("5 lines `The file could not be included", || {
                edited(ODD_NAMES, EXTRACT, |message| {
                    let at = named(message, ".txt");
                    let text = gp2gp_wire::attachment::decode(&inline(message, at).body).unwrap();
                    let text = String::from_utf8(text).unwrap().replace("\"final\"", "\nfinal");
                    inline(message, at).body = encode(text.as_bytes(), Wrap::None);
                })
            })
            .broken("key `final` is not in the grammar", || {
                edited(ODD_NAMES, EXTRACT, |message| {
                    let at = named(message, ".txt");
                    let description = message.attachments[at].description.as_mut().unwrap();
                    description.push_str(" final");
                })
            })
            .broken("a refusal in acknowledgement", || {
                edited(ODD_NAMES, ANSWER, |message| ack(message).type_code = AckType::Ae)
            })
            .broken("not well-formed", || trace_of(ODD_NAMES).edit_text(EXTRACT, "&amp; District", "& District")),
        Case::new("SND-78", || trace_of(PACKED)).broken("Compressed=Yes makes it", || {
            edited(INLINE, EXTRACT, |message| {
                let at = named(message, ".gif");
                inline(message, at).body = encode(&compress(b"x"), Wrap::None);
                describe(message, at, |description| description.compressed = true);
            })
        }),
    ]
}

/// The extract with its record written anew.
fn rewritten(scenario: &str, change: impl FnOnce(String) -> String) -> Taken {
    edited(scenario, EXTRACT, |message| rewrite(message, change))
}

fn rewrite(message: &mut Message, change: impl FnOnce(String) -> String) {
    let record = String::from_utf8(extract(message).record.to_vec()).unwrap();
    extract(message).record = change(record).into();
}

/// A record so large that free texts are among what the patient must not see.
fn redacted_in_full() -> Taken {
    let mut plan = plan("transfer/redactions");
    plan.patients[0].record_bytes = 300_000;
    run(&plan, &Sut::Reference)
}

/// The first free text that is not to be shown to the patient has no mark any more.
fn without_mark_of_a_narrative(record: &str) -> String {
    let own = |statement| str::split(statement, "</NarrativeStatement>").next();
    let marked = record
        .split("<NarrativeStatement")
        .skip(1)
        .filter_map(own)
        .filter_map(|statement| statement.split("<reference").next())
        .find(|statement| statement.contains("NOPAT"))
        .expect("one is marked");
    let bare = marked.replacen(between(marked, "<confidentialityCode", "/>"), "", 1);
    record.replacen(marked, &bare, 1)
}

/// An agent reference that points nowhere.
fn strange_agent() -> Taken {
    let taken = trace_of(SMALL);
    let whole = text(&taken, EXTRACT);
    let agent = between(&whole, "<agentRef", "</agentRef>");
    let id = between(agent, "root=\"", "\"/");
    let changed = agent.replace(id, &format!("root=\"{STRANGE}\"/"));
    taken.edit_text(EXTRACT, agent, &changed)
}

/// The first two chunks carry each other's text.
fn chunks_swapped() -> Taken {
    let mut texts = Vec::new();
    for nth in [2, 3] {
        let _ = edited(CHUNKED, fragment(nth), |message| {
            texts.push(inline(message, 0).body.clone());
        });
    }
    let second = texts.pop().expect("two chunks");
    let first = texts.pop().expect("two chunks");
    edited(CHUNKED, fragment(2), |message| {
        inline(message, 0).body = second;
    })
    .edit(fragment(3), Dialect::NationalMhs, |message| {
        inline(message, 0).body = first;
    })
}

/// A document was held that could not be delivered, and nobody said so.
fn undeliverable(scenario: &str) -> Taken {
    trace_of(scenario).events(|events| {
        let mut held = events[0].clone();
        let What::Patient { patient, .. } = held.what else {
            panic!("a patient comes first")
        };
        held.what = What::Held {
            patient,
            file_name: "gone.tif".to_owned(),
            media_type: "image/tiff".to_owned(),
            sha256: gp2gp_model::Sha256::of(b"gone"),
            bytes: 4,
            deliverable: false,
        };
        events.insert(1, held);
    })
}

fn escaped_placeholder() -> Taken {
    edited(PLACEHOLDER, EXTRACT, |message| {
        let text = format!(
            "Not included\nTests &amp; letters\nZ99902:{}\nReason:03:File not found",
            message.header.conversation_id
        );
        inline(message, 1).body = encode(text.as_bytes(), Wrap::None);
    })
}
