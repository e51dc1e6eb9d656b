//! DIR-09: a patient who moves from A to B and on to C before A's record has reached B.

use gp2gp_model::plural::count;
use gp2gp_model::verdict::{Assessment, Profile, Violation};

use super::super::transfer::{name, transfers};
use super::super::{Tally, View, violation};
use super::is_over;

/// The practice in the middle was asked by the next one while its own transfer was open or refused:
/// it sends what it holds, or says 99. Silence would leave the next practice waiting for ever.
pub(super) fn moved_on(view: &View, _: Profile) -> Assessment {
    let mut tally = Tally::default();
    for transfer in transfers(view) {
        let Some(request) = transfer.request() else {
            continue;
        };
        let truth = (view.patients.iter()).find(|truth| truth.patient == request.patient);
        let Some(awaited) = truth.and_then(|truth| truth.awaited_from.as_ref()) else {
            continue;
        };
        let Some(post) = transfer.requests.first() else {
            continue;
        };
        let due = || {
            format!(
                "one extract for {}, or one refusal with 99: the record is awaited from {awaited}",
                name(post)
            )
        };
        let cores = transfer.cores.len();
        let refusals: Vec<_> = transfer.refusals().collect();
        match (cores, refusals.as_slice()) {
            (1.., []) => tally.expect(true, || violation(post, due(), "")),
            (0, [(refusal, ack)]) => {
                let code = ack
                    .code()
                    .map_or("no code", |code| code.as_str())
                    .to_owned();
                tally.expect(code == "99", || {
                    violation(refusal, due(), format!("a refusal with {code}"))
                });
            }
            (0, []) if is_over(view, post.at) => tally.expect(false, || {
                Violation::new(Some(post.seq), due(), "neither".to_owned())
            }),
            (0, []) => {}
            (_, _) => tally.expect(false, || {
                violation(
                    post,
                    due(),
                    format!(
                        "{} and {}",
                        count(cores, "extract"),
                        count(refusals.len(), "refusal")
                    ),
                )
                .with(transfer.cores.iter().map(|core| core.seq))
                .with(refusals.iter().map(|(refusal, _)| refusal.seq))
            }),
        }
    }
    tally.assess("no record was asked for that the practice itself still awaits")
}
