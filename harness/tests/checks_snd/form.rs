//! Cases of the form of an extract.

use gp2gp_wire::attachment::{Wrap, compress, decode, decompress, encode};

use crate::support::tamper::Taken;
use crate::support::trace_of;
use crate::table::{Case, EXTRACT, SMALL, edited, extract, inline};

const SKELETON: &str = "transfer/skeleton";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("SND-19", || trace_of(SMALL))
            .broken("`text` in EHR extract", || {
                in_first("NarrativeStatement", |whole| {
                    let id = &whole[whole.find("<id ").unwrap()..];
                    whole.replacen(&id[..id.find("/>").unwrap() + 2], "", 1)
                })
            })
            .broken("`patientNote` in EHR extract", || {
                in_first("ehrComposition", |whole| {
                    whole.replace("</ehrComposition>", "<patientNote/></ehrComposition>")
                })
            })
            .broken("`id` in EHR extract", || {
                in_first("CompoundStatement", |whole| {
                    let id = &whole[whole.find("<id ").unwrap()..];
                    let id = &id[..id.find("/>").unwrap() + 2];
                    whole.replacen(id, &id.repeat(3), 1)
                })
            })
            .broken("`confidentialityCode` in EHR extract", || {
                in_first("ehrComposition", |whole| {
                    let mark = r#"<confidentialityCode code="NOPAT"/><author"#;
                    whole.replacen("<author", mark, 1)
                })
            })
            .broken("the end of `ehrFolder` in EHR extract", || {
                edited(SMALL, EXTRACT, |message| {
                    let record = text_of(&extract(message).record);
                    let first = record.find("<component").unwrap();
                    let inner = record[first + 1..].find("<component").unwrap() + first + 1;
                    let end = record.rfind("</ehrFolder>").unwrap();
                    extract(message).record =
                        format!("{}{}", &record[..inner], &record[end..]).into();
                })
            }),
        Case::new("SND-19", || trace_of("transfer/redactions")),
        Case::new("SND-19", || trace_of(SKELETON))
            .broken("`effectiveTime` in `", original_without_a_status),
    ]
}

/// The record with its first element of this name changed.
fn in_first(name: &str, change: impl FnOnce(&str) -> String) -> Taken {
    edited(SMALL, EXTRACT, |message| {
        let record = text_of(&extract(message).record);
        let end = format!("</{name}>");
        let from = record.find(&format!("<{name} ")).unwrap();
        let to = from + record[from..].find(&end).unwrap() + end.len();
        let changed = change(&record[from..to]);
        extract(message).record = format!("{}{changed}{}", &record[..from], &record[to..]).into();
    })
}

/// The record behind the skeleton lacks a statusCode.
fn original_without_a_status() -> Taken {
    edited(SKELETON, EXTRACT, |message| {
        let part = inline(message, 0);
        let stream = decode(&part.body).unwrap();
        let whole = text_of(&decompress(&stream, 100_000_000).unwrap());
        let folder = whole.find("<ehrFolder").unwrap();
        let status = folder + whole[folder..].find("<statusCode").unwrap();
        let end = status + whole[status..].find("/>").unwrap() + 2;
        let spoiled = format!("{}{}", &whole[..status], &whole[end..]);
        part.body = encode(&compress(spoiled.as_bytes()), Wrap::None);
    })
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("it is text")
}
