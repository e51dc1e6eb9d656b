use gp2gp_model::federation::{Indicator, Kpi, MemberStyle};
use gp2gp_model::{OdsCode, SlotId};
use proptest::prelude::*;

use super::hub::{Attendance, Booking, HubCall, RecordState, ReportRequest};
use super::mailbox::Letter;
use super::member::{Filed, MemberCall, Page};
use super::*;

fn entry_ids() -> impl Strategy<Value = EntryId> {
    "[0-9A-F]{8}-[0-9A-F]{4}".prop_map(|text| EntryId::parse(&text).unwrap())
}

fn whole_seconds() -> impl Strategy<Value = Time> {
    (0_u64..4_000_000_000).prop_map(|seconds| Time::from_micros(seconds * 1_000_000))
}

fn patients() -> impl Strategy<Value = NhsNumber> {
    (0_u32..1_000_000).prop_filter_map("no check digit", NhsNumber::synthetic)
}

fn texts() -> impl Strategy<Value = String> {
    "[ -~£é\n]{0,60}"
}

fn entries() -> impl Strategy<Value = Entry> {
    (entry_ids(), whole_seconds(), "[a-zA-Z .]{1,20}", texts()).prop_map(
        |(id, at, clinician, text)| Entry {
            id,
            at,
            clinician,
            text,
        },
    )
}

fn items() -> impl Strategy<Value = Item> {
    (entries(), any::<bool>()).prop_map(|(entry, is_own)| {
        let item = Item::from(entry);
        Item {
            written: item.written.filter(|_| !is_own),
            ..item
        }
    })
}

fn practices() -> impl Strategy<Value = OdsCode> {
    "Z999[0-9]{2}".prop_map(|text| OdsCode::parse(&text).unwrap())
}

fn member_calls() -> impl Strategy<Value = MemberCall> {
    prop_oneof![
        (patients(), 0_usize..9).prop_map(|(patient, page)| MemberCall::Read {
            patient,
            skip: page,
        }),
        (patients(), entries(), 0_u64..4_000_000_000_000_000).prop_map(
            |(patient, entry, micros)| MemberCall::File {
                patient,
                entry,
                registered_at: Time::from_micros(micros),
            }
        ),
    ]
}

fn styles() -> impl Strategy<Value = MemberStyle> {
    prop::sample::select(MemberStyle::ALL.to_vec())
}

proptest! {
    #[test]
    fn what_a_hub_asks_of_a_practice_survives_either_style(
        style in styles(),
        call in member_calls(),
    ) {
        let call = match call {
            MemberCall::Read { patient, skip } => MemberCall::Read {
                patient,
                skip: skip * Page::size(style),
            },
            call @ MemberCall::File { .. } => call,
        };
        let Call { method, path, body } = call.encode(style);
        prop_assert!(MemberCall::is_below(style, &path));
        prop_assert_eq!(MemberCall::decode(style, method, &path, &body).unwrap(), call);
    }

    #[test]
    fn pages_survive_either_style(
        style in styles(),
        items in prop::collection::vec(items(), 0..5),
        is_held: bool,
        more: bool,
    ) {
        let state = if is_held { RecordState::Held } else { RecordState::Awaited };
        for page in [Page::Part { state, items, more }, Page::NotOurs] {
            prop_assert_eq!(Page::decode(style, &page.encode(style)).unwrap(), page);
        }
    }

    #[test]
    fn outcomes_survive_either_style(style in styles(), to in practices()) {
        for filed in [Filed::Now, Filed::Before, Filed::Moved(to), Filed::NotOurs] {
            prop_assert_eq!(Filed::decode(style, &filed.encode(style)).unwrap(), filed);
        }
    }

    #[test]
    fn what_people_ask_of_a_hub_survives_its_request(
        patient in patients(),
        entry in entries(),
        practice in practices(),
    ) {
        let slot = SlotId::parse("sat-0900").unwrap();
        let kpi = |indicator| Kpi { name: "one".to_owned(), indicator };
        let practice = Some(practice);
        for call in [
            HubCall::Read(patient),
            HubCall::Write { patient, entry },
            HubCall::Bookings,
            HubCall::Book(Booking {
                id: gp2gp_model::BookingId::parse("B-1").unwrap(),
                patient,
                slot: slot.clone(),
                practice: OdsCode::parse("Z99901").unwrap(),
            }),
            HubCall::Attend(Attendance { patient, slot }),
            HubCall::Report(ReportRequest {
                indicators: vec![
                    kpi(Indicator::AppointmentsOffered),
                    kpi(Indicator::AppointmentsBooked { practice: practice.clone() }),
                    kpi(Indicator::AppointmentsAttended { practice: None }),
                    kpi(Indicator::ConsultationsRecorded),
                    kpi(Indicator::WrittenBackWithin {
                        within: std::time::Duration::from_secs(600),
                    }),
                    kpi(Indicator::RecordsRead { practice }),
                ],
            }),
        ] {
            let Call { method, path, body } = call.encode();
            prop_assert_eq!(HubCall::decode(method, &path, &body).unwrap(), call);
        }
    }

    #[test]
    fn letters_survive_their_request(to in practices(), patient in patients(), entry in entries()) {
        let letter = Letter { to, patient, entry };
        let Call { method, path, body } = letter.encode();
        prop_assert_eq!(Letter::decode(method, &path, &body).unwrap(), letter);
    }

    #[test]
    fn nothing_from_outside_panics(
        path in "(/emis/|/vision/|/patients/|/bookings/|/mailboxes/)?[ -~]{0,40}",
        body in prop::collection::vec(any::<u8>(), 0..60),
        status in 100_u16..600,
    ) {
        let body = Bytes::from(body);
        for method in Method::ALL {
            let _ = HubCall::decode(method, &path, &body);
            let _ = Letter::decode(method, &path, &body);
            for style in MemberStyle::ALL {
                let _ = MemberCall::decode(style, method, &path, &body);
            }
        }
        let reply = Reply { status, body };
        for style in MemberStyle::ALL {
            let _ = Page::decode(style, &reply);
            let _ = Filed::decode(style, &reply);
        }
    }
}

#[test]
fn the_two_styles_have_nothing_in_common_but_what_they_say() {
    let patient = NhsNumber::synthetic(1).unwrap();
    let call = MemberCall::File {
        patient,
        entry: Entry {
            id: EntryId::parse("E-1").unwrap(),
            at: "2026-01-05T09:00:00Z".parse().unwrap(),
            clinician: "Dr Hub".to_owned(),
            text: "seen\nwell".to_owned(),
        },
        registered_at: "2026-01-05T09:00:00Z".parse().unwrap(),
    };
    let emis = call.encode(MemberStyle::Emis);
    let vision = call.encode(MemberStyle::Vision);
    assert_eq!(emis.path, format!("/emis/patients/{patient}/consultations"));
    assert_eq!(vision.path, "/vision/encounters/E-1");
    let text = |call: &Call| String::from_utf8(call.body.to_vec()).unwrap();
    assert!(text(&emis).contains(r#""FreeText":"seen\nwell""#));
    assert!(text(&vision).contains(r#""lines":["seen","well"]"#));
    assert!(MemberCall::decode(MemberStyle::Vision, emis.method, &emis.path, &emis.body).is_err());
}

#[test]
fn an_error_names_what_it_is_about() {
    let wrong = HubCall::decode(Method::Post, "/reports", &Bytes::from_static(b"no"));
    assert!(
        wrong
            .unwrap_err()
            .to_string()
            .starts_with("choice of indicators: ")
    );
    let nowhere = HubCall::decode(Method::Get, "/elsewhere", &Bytes::new());
    assert_eq!(
        nowhere.unwrap_err().to_string(),
        "nothing answers `GET /elsewhere`"
    );
}
