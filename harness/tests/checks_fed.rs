//! Every check of a federation: a trace that keeps it, and traces that were falsified so that it must
//! turn red and say what was seen.

#![cfg(test)]

mod support;

use bytes::Bytes;
use gp2gp_model::federation::{MemberStyle, Occurrence};
use gp2gp_model::http::Method;
use gp2gp_model::plan::{Act, Role};
use gp2gp_model::trace::{BodyRef, Endpoint, Event, What};
use gp2gp_model::verdict::{Assessment, Profile};
use gp2gp_model::{MessageKind, Sha256};
use gp2gp_wire::federation::Call;
use gp2gp_wire::federation::member::{Filed, MemberCall};
use serde_json::{Value, json};

use support::tamper::{Pick, Taken};
use support::trace_of;

/// A requirement, a scenario whose trace keeps it, what a falsified trace must be said to show, and
/// how it is falsified.
type Case = (&'static str, &'static str, &'static str, fn(Taken) -> Taken);

const CASES: &[Case] = &[
    (
        "FED-01",
        "federation/practice-refuses",
        "5 attempts, and no practice said that it has it",
        |taken| status_of(taken, 201, 503),
    ),
    (
        "FED-01",
        "federation/lost-answer",
        "it was never posted to a practice",
        |taken| drop_all(taken, is_file(), 0),
    ),
    (
        "FED-01",
        "federation/before-the-extract",
        "it was filed at Z99902",
        |taken| {
            // She had registered elsewhere before she came to the hub.
            let started = taken.trace.header.started;
            let updates: Vec<u64> = (taken.trace.events.iter())
                .filter(|event| is_update(&event.what))
                .filter_map(Event::exchange)
                .collect();
            taken.events(|events| {
                for event in events {
                    let is_of_update = event.exchange().is_some_and(|it| updates.contains(&it));
                    let is_act = matches!(
                        event.what,
                        What::Acted {
                            act: Act::Register { .. },
                            ..
                        }
                    );
                    if is_of_update || is_act {
                        event.at = started;
                    }
                }
            })
        },
    ),
    (
        "FED-01",
        "federation/hub-crash-with-the-post-open",
        "Z99902 (2 times)",
        |taken| status_of(taken, 200, 201),
    ),
    (
        "FED-01",
        "federation/lost-answer",
        "which nobody recorded; it says what entry",
        |taken| {
            posted(taken, is_file(), 2, |body| {
                body["ConsultationGuid"] = json!("00000000-0000-4000-8000-000000000000");
            })
        },
    ),
    (
        "FED-01",
        "federation/lost-answer",
        "`Earache, right.`",
        |taken| {
            posted(taken, is_file(), 2, |body| {
                body["FreeText"] = json!("Earache, right.");
            })
        },
    ),
    (
        "FED-01",
        "federation/practice-refuses",
        "PDS was not seen to name that practice",
        |taken| drop_all(taken, is_to(Endpoint::Pds, "/Patient/"), 0),
    ),
    (
        "FED-01",
        "federation/lost-answer-and-move",
        "it is in the extract of Z99902 and was filed at Z99901 too",
        |taken| refile(taken, 2, Endpoint::Requesting, MemberStyle::Vision),
    ),
    (
        "FED-02",
        "federation/late-write-back",
        "no other practice got it",
        |taken| {
            let taken = drop_all(taken, is_file(), 1);
            status_of(taken, 409, 201)
        },
    ),
    (
        "FED-02",
        "federation/late-write-back",
        "no practice filed it",
        |taken| drop_all(taken, is_file(), 0),
    ),
    (
        "FED-02",
        "federation/before-the-extract",
        "has no statement with this id",
        |taken| {
            let id = recorded_id(&taken);
            let core = Pick(Role::Sending, MessageKind::EhrExtract, 1);
            taken.edit_text(core, &id, "00000000-0000-4000-8000-000000000000")
        },
    ),
    (
        "FED-03",
        "federation/two-makes-of-systems/old=emis",
        "1 are missing",
        |taken| {
            answered(taken, is_read(), 2, |record| {
                record["items"].as_array_mut().expect("items").pop();
            })
        },
    ),
    (
        "FED-03",
        "federation/two-makes-of-systems/old=vision",
        "another text, of 1 line",
        |taken| {
            answered(taken, is_read(), 1, |record| {
                record["items"][0]["text"] = json!("no known allergies");
            })
        },
    ),
    (
        "FED-03",
        "federation/moves-between-reading-and-writing",
        "the record that Z99901 keeps",
        |taken| {
            answered(taken, is_read(), 1, |record| {
                record["practice"] = json!("Z99901");
            })
        },
    ),
    (
        "FED-03",
        "federation/two-makes-of-systems/old=emis",
        "HTTP 503, though nothing kept the hub from reading it",
        |taken| {
            let read = exchange(&taken, is_read(), 1);
            taken.events(|events| {
                for event in events {
                    if let What::Answer {
                        exchange, status, ..
                    } = &mut event.what
                        && *exchange == read
                    {
                        *status = 503;
                    }
                }
            })
        },
    ),
    (
        "FED-03",
        "federation/seen-while-under-way",
        "neither in the record nor shown as under way",
        |taken| {
            answered(taken, is_read(), 1, |record| {
                record["under_way"] = json!([]);
            })
        },
    ),
    (
        "FED-04",
        "federation/booking-at-each-practice",
        "it is not in the list, or with another patient or time",
        |taken| {
            answered(taken, is_list(), 2, |list| {
                list["booked"].as_array_mut().expect("a list").remove(0);
            })
        },
    ),
    (
        "FED-04",
        "federation/booking-at-each-practice",
        "with another patient or time",
        |taken| {
            answered(taken, is_list(), 1, |list| {
                list["booked"][0]["starts"] = json!("2026-01-12T09:00:00Z");
            })
        },
    ),
    (
        "FED-04",
        "federation/booking-at-each-practice",
        "it is in the list, and the appointment is offered again",
        |taken| {
            answered(taken, is_list(), 1, |list| {
                let slot = json!({ "id": "sat-0900", "starts": "2026-01-10T09:00:00Z" });
                list["free"].as_array_mut().expect("a list").push(slot);
            })
        },
    ),
    (
        "FED-04",
        "federation/booking-at-each-practice",
        "though nobody booked it",
        |taken| status_of(taken, 201, 409),
    ),
    (
        "FED-04",
        "federation/double-booking",
        "it was given to",
        |taken| status_of(taken, 409, 201),
    ),
    (
        "FED-04",
        "federation/booking-at-each-practice",
        "it never did",
        |taken| drop_all(taken, is_to(Endpoint::Hub, "/bookings/"), 1),
    ),
    (
        "FED-05",
        "federation/kpi-day",
        "the hub reports 7",
        |taken| {
            answered(taken, is_to(Endpoint::Hub, "/reports"), 1, |report| {
                report["values"][1]["count"] = json!(7);
            })
        },
    ),
    (
        "FED-05",
        "federation/kpi-day",
        "the hub reports nothing of it",
        |taken| {
            answered(taken, is_to(Endpoint::Hub, "/reports"), 1, |report| {
                report["values"].as_array_mut().expect("values").pop();
            })
        },
    ),
    (
        // What was counted did not happen.
        "FED-05",
        "federation/kpi-day",
        "the hub reports 2",
        |taken| drop_all(taken, is_to(Endpoint::Hub, "/attendances"), 1),
    ),
    (
        "FED-05",
        "federation/figures-of-repeats",
        "the hub reports 1",
        |taken| drop_all(taken, is_to(Endpoint::Hub, "/bookings/"), 0),
    ),
];

#[test]
fn every_check_turns_red_over_a_falsified_trace_and_says_why() {
    let mut escaped = Vec::new();
    for (requirement, scenario, seen, falsify) in CASES {
        let genuine = trace_of(scenario);
        let before = genuine.assess(requirement, Profile::Strict);
        assert!(
            matches!(before, Assessment::Held { .. }),
            "{requirement} in {scenario}: {before:#?}"
        );
        let after = falsify(genuine).assess(requirement, Profile::Strict);
        let is_shown = matches!(&after, Assessment::Broken(violations)
            if violations.iter().any(|violation| violation.seen.contains(seen)));
        if !is_shown {
            escaped.push(format!(
                "{requirement} in {scenario} misses `{seen}`: {after:#?}"
            ));
        }
    }
    assert!(escaped.is_empty(), "{}", escaped.join("\n"));
}

#[test]
fn every_check_of_a_federation_has_a_falsified_trace() {
    for check in gp2gp::check::fed::checks() {
        let mut cases = CASES.iter();
        assert!(
            cases.any(|(requirement, ..)| *requirement == check.requirement),
            "{}",
            check.requirement
        );
    }
}

#[test]
fn a_transfer_without_a_hub_exercises_nothing_of_a_federation() {
    let taken = trace_of("transfer/small-record");
    for check in gp2gp::check::fed::checks() {
        let assessment = taken.assess(check.requirement, Profile::Strict);
        assert!(
            matches!(assessment, Assessment::NotExercised(_)),
            "{}: {assessment:#?}",
            check.requirement
        );
    }
}

/// A practice that is down cannot be read: the hub that says so is not to blame.
#[test]
fn a_record_that_nobody_gives_need_not_be_shown() {
    let taken = trace_of("federation/read-while-the-practice-is-down");
    let view = taken.view();
    let federation = view.federation.as_ref().expect("a federation");
    assert!(federation.happened(Occurrence::ReadFailed, &view));
    let assessment = taken.assess("FED-03", Profile::Strict);
    assert!(
        matches!(assessment, Assessment::Held { .. }),
        "{assessment:#?}"
    );
}

/// A patient who has come back is at the old practice again: what is filed there is not lost.
#[test]
fn an_entry_filed_after_the_return_is_where_it_belongs() {
    let taken = trace_of("federation/there-and-back");
    for requirement in ["FED-01", "FED-02"] {
        let assessment = taken.assess(requirement, Profile::Strict);
        assert!(
            matches!(assessment, Assessment::Held { .. }),
            "{assessment:#?}"
        );
    }
}

/// Requests to an endpoint whose path contains this.
fn is_to(endpoint: Endpoint, part: &'static str) -> impl Fn(&What) -> bool {
    move |what| matches!(what, What::Post { to, path, .. } if *to == endpoint && path.contains(part))
}

/// Attempts to write back.
fn is_file() -> impl Fn(&What) -> bool {
    |what| {
        matches!(what, What::Post { from: Endpoint::Hub, path, .. }
            if path.contains("consultations") || path.contains("encounters"))
    }
}

/// An update of PDS.
const fn is_update(what: &What) -> bool {
    matches!(
        what,
        What::Post {
            to: Endpoint::Pds,
            method: Method::Patch,
            ..
        }
    )
}

fn is_read() -> impl Fn(&What) -> bool {
    is_to(Endpoint::Hub, "/record")
}

fn is_list() -> impl Fn(&What) -> bool {
    |what| matches!(what, What::Post { to: Endpoint::Hub, path, .. } if path == "/bookings")
}

/// Takes requests out with their answers, all but the first so many.
fn drop_all(taken: Taken, is_meant: impl Fn(&What) -> bool, keep: usize) -> Taken {
    let meant = taken.trace.events.iter();
    let meant = meant.filter(|event| is_meant(&event.what));
    let gone: Vec<u64> = meant.skip(keep).filter_map(Event::exchange).collect();
    assert!(!gone.is_empty(), "nothing is taken out");
    taken.events(|events| {
        events.retain(|event| (event.exchange()).is_none_or(|number| !gone.contains(&number)));
    })
}

/// Turns one status into another, wherever it is.
fn status_of(taken: Taken, from: u16, to: u16) -> Taken {
    taken.events(|events| {
        for event in events {
            if let What::Answer { status, .. } = &mut event.what
                && *status == from
            {
                *status = to;
            }
        }
    })
}

/// Number of the nth such exchange, from 1.
fn exchange(taken: &Taken, is_meant: impl Fn(&What) -> bool, nth: usize) -> u64 {
    let meant = taken.trace.events.iter();
    let mut meant = meant.filter(|event| is_meant(&event.what));
    let event = meant.nth(nth - 1).expect("it is there");
    event.exchange().expect("it is an exchange")
}

/// Changes the JSON of the nth such request.
fn posted(
    taken: Taken,
    is_meant: impl Fn(&What) -> bool,
    nth: usize,
    change: impl Fn(&mut Value),
) -> Taken {
    let number = exchange(&taken, is_meant, nth);
    rewrite(taken, change, |what| {
        if let What::Post { exchange, body, .. } = what
            && *exchange == number
        {
            return Some(body);
        }
        None
    })
}

/// Changes the JSON of the answer to the nth such request.
fn answered(
    taken: Taken,
    is_meant: impl Fn(&What) -> bool,
    nth: usize,
    change: impl Fn(&mut Value),
) -> Taken {
    let number = exchange(&taken, is_meant, nth);
    rewrite(taken, change, |what| {
        if let What::Answer { exchange, body, .. } = what
            && *exchange == number
        {
            return Some(body);
        }
        None
    })
}

fn rewrite(
    mut taken: Taken,
    change: impl Fn(&mut Value),
    body_of: impl Fn(&mut What) -> Option<&mut BodyRef>,
) -> Taken {
    let mut changed = 0;
    for event in &mut taken.trace.events {
        if let Some(body) = body_of(&mut event.what) {
            let mut json: Value =
                serde_json::from_slice(&taken.bodies[&body.sha256]).expect("it is JSON");
            change(&mut json);
            *body = kept(&mut taken.bodies, json.to_string().into());
            changed += 1;
        }
    }
    assert!(changed > 0, "nothing is changed");
    taken
}

fn kept(bodies: &mut std::collections::BTreeMap<Sha256, Bytes>, body: Bytes) -> BodyRef {
    let named = BodyRef {
        sha256: Sha256::of(&body),
        bytes: body.len() as u64,
    };
    bodies.insert(named.sha256, body);
    named
}

/// Sends the nth attempt to another practice, which files it.
fn refile(mut taken: Taken, nth: usize, at: Endpoint, style: MemberStyle) -> Taken {
    let number = exchange(&taken, is_file(), nth);
    let view = taken.view();
    let federation = view.federation.as_ref().expect("a federation");
    let delivery = federation.deliveries().nth(nth - 1).expect("it is there");
    let call = MemberCall::File {
        patient: delivery.patient,
        entry: delivery.entry.clone(),
        registered_at: delivery.exchange.at,
    };
    let Call {
        method: new_method,
        path: new_path,
        body: new_body,
    } = call.encode(style);
    let filed = Filed::Now.encode(style);
    for event in &mut taken.trace.events {
        if event.exchange() != Some(number) {
            continue;
        }
        if let What::Post {
            to,
            method,
            path,
            body,
            ..
        } = &mut event.what
        {
            *to = at;
            *method = new_method;
            *path = new_path.clone();
            *body = kept(&mut taken.bodies, new_body.clone());
        } else if let What::Answer { status, body, .. } = &mut event.what {
            *status = filed.status;
            *body = kept(&mut taken.bodies, filed.body.clone());
        }
    }
    taken
}

/// The id of the first consultation.
fn recorded_id(taken: &Taken) -> String {
    let view = taken.view();
    let federation = view.federation.as_ref().expect("a federation");
    let recorded = federation.recorded();
    recorded[0].entry.id.to_string()
}
