//! Requests as each supplier writes them.

use gp2gp_model::verdict::{Assessment, Profile};
use gp2gp_wire::hl7::EhrRequest;
use gp2gp_wire::mime;

use super::super::transfer::transfers;
use super::super::{Post, Tally, View, violation};

/// SND-13: a request that is in order is read whoever wrote it. One that is not taken at the
/// door, gets no answer, or is refused as malformed was not.
pub(super) fn reads_every_supplier(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    let mut suppliers = Vec::new();
    for transfer in transfers(view) {
        for request in &transfer.requests {
            let (Some(supplier), Some(asked)) = (supplier(request), readable(request)) else {
                continue;
            };
            if !asked.patient.check_digit_fits() || !view.quiescent {
                continue;
            }
            let code = transfer
                .answers
                .iter()
                .filter_map(|answer| answer.seen()?.acknowledgement()?.code())
                .find(|code| code.as_str() == "18");
            let silent = transfer.answers.is_empty() && transfer.cores.is_empty();
            tally.expect(request.was_accepted() && !silent && code.is_none(), || {
                let seen = match (request.was_accepted(), code) {
                    (false, _) => "no ebXML acknowledgment".to_owned(),
                    (true, Some(code)) => format!("a refusal with {code}"),
                    (true, None) => "no answer".to_owned(),
                };
                violation(
                    request,
                    format!("an answer to the request, which {supplier} writes this way"),
                    seen,
                )
            });
            if !suppliers.contains(&supplier) {
                suppliers.push(supplier);
            }
        }
    }
    if !suppliers.is_empty() {
        tally.note(format!("read requests of {}", suppliers.join(", ")));
    }
    tally.assess("no request in the way of EMIS, TPP or Vision reached the sending system")
}

fn readable(request: &Post) -> Option<&EhrRequest> {
    request.seen()?.request()
}

/// Which supplier writes messages that look like this (the table in spec 10): by the content id
/// of the root part, and by the boundary where two suppliers share it.
fn supplier(request: &Post) -> Option<&'static str> {
    let start = mime::parameter(&request.content_type, "start")?;
    let boundary = mime::parameter(&request.content_type, "boundary")?;
    match start.trim_matches(['<', '>']) {
        "ContentRoot" => Some("EMIS"),
        "soappart" if boundary.contains("MIME-Boundary") => Some("TPP"),
        "soappart" => Some("Vision"),
        _ => None,
    }
}
