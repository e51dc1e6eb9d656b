//! Falsifies traces of exports.

use gp2gp_model::Sha256;
use gp2gp_model::trace::{BodyRef, Endpoint, Event, What};
use serde_json::Value;

use crate::support::tamper::Taken;

/// Requests to an endpoint whose path contains this.
pub(crate) fn is_to(endpoint: Endpoint, part: &'static str) -> impl Fn(&What) -> bool {
    move |what| matches!(what, What::Post { to, path, .. } if *to == endpoint && path.contains(part))
}

/// Takes requests out with their answers, all but the first so many.
pub(crate) fn drop_all(taken: Taken, is_meant: impl Fn(&What) -> bool, keep: usize) -> Taken {
    let meant = taken
        .trace
        .events
        .iter()
        .filter(|event| is_meant(&event.what));
    let gone: Vec<u64> = meant.skip(keep).filter_map(Event::exchange).collect();
    assert!(!gone.is_empty(), "nothing is taken out");
    taken.events(|events| {
        events.retain(|event| (event.exchange()).is_none_or(|number| !gone.contains(&number)));
    })
}

/// Changes the JSON of every such request.
pub(crate) fn body(
    mut taken: Taken,
    is_meant: impl Fn(&What) -> bool,
    change: impl Fn(&mut Value),
) -> Taken {
    let mut changed = 0;
    let mut events = std::mem::take(&mut taken.trace.events);
    for event in &mut events {
        if !is_meant(&event.what) {
            continue;
        }
        if let What::Post { body, .. } = &mut event.what
            && let Some(other) = rewritten(&mut taken, *body, &change)
        {
            *body = other;
            changed += 1;
        }
    }
    assert!(changed > 0, "nothing is changed");
    taken.trace.events = events;
    taken
}

/// Changes the JSON of the answer to the nth such request, from 1.
pub(crate) fn answered(
    mut taken: Taken,
    is_meant: impl Fn(&What) -> bool,
    nth: usize,
    change: impl Fn(&mut Value),
) -> Taken {
    let mut meant = taken
        .trace
        .events
        .iter()
        .filter(|event| is_meant(&event.what));
    let number = meant
        .nth(nth - 1)
        .and_then(Event::exchange)
        .expect("it is there");
    let mut events = std::mem::take(&mut taken.trace.events);
    for event in &mut events {
        if let What::Answer { exchange, body, .. } = &mut event.what
            && *exchange == number
        {
            *body = rewritten(&mut taken, *body, &change).expect("it is JSON");
        }
    }
    taken.trace.events = events;
    taken
}

/// Turns one status of an answer into another, everywhere.
pub(crate) fn status(taken: Taken, from: u16, to: u16) -> Taken {
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

/// Repeats the first such request behind the first event of another sort, with its answer; its
/// path ends in something more, so that it is another one.
pub(crate) fn twice(
    taken: Taken,
    is_meant: impl Fn(&What) -> bool,
    is_anchor: impl Fn(&What) -> bool,
    more: &str,
) -> Taken {
    taken.events(|events| {
        let first = events.iter().position(|event| is_meant(&event.what));
        let first = events[first.expect("it is there")].clone();
        let number = first.exchange().expect("it is an exchange");
        let is_answer =
            |event: &&Event| matches!(event.what, What::Answer { exchange, .. } if exchange == number);
        let answer = events.iter().find(is_answer).expect("it is answered").clone();
        let anchor = events.iter().position(|event| is_anchor(&event.what));
        let anchor = anchor.expect("the anchor is there");
        let at = events[anchor].at;
        let copies = [first, answer].map(|mut event| {
            event.at = at;
            if let What::Post { path, .. } = &mut event.what {
                path.push_str(more);
            }
            put_number(&mut event, 1_000_000);
            event
        });
        events.splice(anchor..anchor, copies);
    })
}

/// The desk's list of contents names all that the first package holds, and the parts travelled.
pub(crate) fn desk_packs_again(taken: Taken) -> Taken {
    let of_first = is_to(Endpoint::ClearingHouse, "-1/documents/");
    let is_of_office = |what: &What| of_first(what) && !is_to(Endpoint::ClearingHouse, "T-1")(what);
    let mut copies = Vec::new();
    for event in taken
        .trace
        .events
        .iter()
        .filter(|event| is_of_office(&event.what))
    {
        let number = event.exchange().expect("it is an exchange");
        let answer = taken.trace.events.iter().find(
            |event| matches!(event.what, What::Answer { exchange, .. } if exchange == number),
        );
        copies.push([event.clone(), answer.expect("it is answered").clone()]);
    }
    let seals = is_to(Endpoint::ClearingHouse, "$seal");
    let mut seals = taken.trace.events.iter().filter(|event| seals(&event.what));
    let (first, desk) = (
        seals.next().expect("the first"),
        seals.next().expect("the desk's"),
    );
    let contents = json(&taken, first);
    let What::Post {
        path: desk_path, ..
    } = &desk.what
    else {
        panic!("a seal is a post");
    };
    let desk_seal = desk.seq;
    let package = desk_path.replace("/packages/", "").replace("/$seal", "");
    let copies: Vec<Event> = (copies.into_iter().zip(2_000_000..))
        .flat_map(|(pair, number)| {
            pair.map(|mut event| {
                if let What::Post { path, from, .. } = &mut event.what {
                    *from = Endpoint::Desk;
                    let document = path.rsplit('/').next().expect("a path").to_owned();
                    *path = format!("/packages/{package}/documents/{document}");
                }
                put_number(&mut event, number);
                event
            })
        })
        .collect();
    let taken = body(taken, is_to(Endpoint::ClearingHouse, "T-1"), |own| {
        if let Some(list) = own.get_mut("documents").and_then(Value::as_array_mut) {
            list.extend(
                contents["documents"]
                    .as_array()
                    .expect("a list")
                    .iter()
                    .cloned(),
            );
        }
    });
    taken.events(|events| {
        let at = events
            .iter()
            .position(|event| event.seq == desk_seal)
            .expect("it is there");
        events.splice(at..at, copies);
    })
}

/// The last piece of the first document never reached the clearing house.
pub(crate) fn drop_last_piece(taken: Taken) -> Taken {
    let pieces = is_to(Endpoint::ClearingHouse, "/documents/");
    let count = taken
        .trace
        .events
        .iter()
        .filter(|event| pieces(&event.what))
        .count();
    drop_all(taken, pieces, count - 1)
}

fn put_number(event: &mut Event, number: u64) {
    if let What::Post { exchange, .. } | What::Answer { exchange, .. } = &mut event.what {
        *exchange = number;
    }
}

fn json(taken: &Taken, event: &Event) -> Value {
    let body = event.body().expect("it has a body");
    serde_json::from_slice(&taken.bodies[&body.sha256]).expect("it is JSON")
}

fn rewritten(taken: &mut Taken, body: BodyRef, change: impl Fn(&mut Value)) -> Option<BodyRef> {
    let mut value: Value = serde_json::from_slice(&taken.bodies[&body.sha256]).ok()?;
    change(&mut value);
    let text = bytes::Bytes::from(value.to_string());
    let (sha256, bytes) = (Sha256::of(&text), text.len() as u64);
    taken.bodies.insert(sha256, text);
    Some(BodyRef { sha256, bytes })
}
