//! What the directories say, and requests that go against it (DIR-01 to 08).

use super::cases::{Case, case};
use super::forge::*;

pub(crate) fn directory() -> Vec<Case> {
    vec![
        case(
            "DIR-01",
            "directory/a-code-for-each-practice",
            |t| to_practice(t, "Z99903"),
            "asks practice Z99903",
        ),
        case(
            "DIR-01",
            "directory/one-code-and-the-practice-is-known",
            |t| to_practice(t, "Z99903"),
            "asks practice Z99903",
        ),
        case(
            "DIR-02",
            "named/gp-at-two-practices",
            |t| request_for(t, 1),
            "to practice Z99902",
        ),
        case(
            "DIR-03",
            "directory/moved-and-not-unlinked",
            |t| to_practice(t, "Z99903"),
            "a request to practice Z99903",
        ),
        case(
            "DIR-04",
            "directory/gp-missing",
            |t| request_for(t, 1),
            "to practice Z99902",
        ),
        case(
            "DIR-04",
            "directory/gp-missing",
            |t| show_state(t, "not requested: no idea"),
            "`not requested: no idea`",
        ),
        case(
            "DIR-05",
            "directory/pooled-list/reason=abeyance/era=practice-code",
            |t| request_for(t, 1),
            "to practice Z99902",
        ),
        case(
            "DIR-05",
            "directory/pooled-list/reason=salaried-gps/era=gp-code",
            |t| to_practice(t, "Z99903"),
            "a request to practice Z99903",
        ),
        case(
            "DIR-06",
            "directory/no-entry",
            |t| request_for(t, 1),
            "to practice Z99902",
        ),
        case(
            "DIR-06",
            "directory/two-entries",
            |t| show_state(t, "not requested: no idea"),
            "`not requested: no idea`",
        ),
        case(
            "DIR-07",
            "directory/sensitive",
            |t| request_for(t, 0),
            "to practice Z99902",
        ),
        case(
            "DIR-07",
            "directory/pds-down/status=500",
            |t| request_for(t, 1),
            "to practice Z99902",
        ),
        case(
            "DIR-08",
            "registration/nobody-to-ask",
            |t| request_for(t, 2),
            "to practice Z99902",
        ),
    ]
}

fn to_practice(
    taken: super::support::tamper::Taken,
    practice: &str,
) -> super::support::tamper::Taken {
    let patient = taken.view().patients[0].patient.to_string();
    edit_request(taken, &patient, practice)
}
