//! A call to a service: what is asked with which words, and what comes back.

use gp2gp_model::report::conversation::{Call, Depth, Ending, Happening, Part};
use gp2gp_model::trace::{Bodies, Event, What};

use super::parts::{self, Carried};

/// The step of a post that is no message; `ending` is the answer to it, or that there was none.
pub(super) fn of(
    event: &Event,
    ending: Option<&What>,
    bodies: &dyn Bodies,
    depth: Depth,
) -> Option<Happening> {
    let What::Post {
        from,
        to,
        method,
        path,
        headers,
        content_type,
        body,
        ..
    } = &event.what
    else {
        return None;
    };
    let carried = Carried {
        content_type: Some(content_type.as_str()).filter(|it| !it.is_empty()),
        headers,
        body: *body,
    };
    Some(Happening::Calls {
        from: *from,
        to: *to,
        calls: vec![Call {
            event: event.seq,
            what: format!("{method} {path}"),
            ending: ended(ending),
            request: parts::of_call("request".to_owned(), &carried, bodies, depth),
            answer: ending.and_then(|it| answer(it, bodies, depth)),
        }],
    })
}

fn ended(ending: Option<&What>) -> Ending {
    if let Some(What::Answer { status, .. }) = ending {
        return Ending {
            is_good: (200..300).contains(status),
            text: format!("HTTP {status}"),
        };
    }
    let text = if let Some(What::NoAnswer { why, .. }) = ending {
        why.clone()
    } else {
        "no answer seen".to_owned()
    };
    Ending {
        is_good: false,
        text,
    }
}

fn answer(ending: &What, bodies: &dyn Bodies, depth: Depth) -> Option<Part> {
    let What::Answer {
        status,
        content_type,
        headers,
        body,
        ..
    } = ending
    else {
        return None;
    };
    let carried = Carried {
        content_type: content_type.as_deref(),
        headers,
        body: *body,
    };
    let name = format!("answer, HTTP {status}");
    Some(parts::of_call(name, &carried, bodies, depth))
}
