//! Steps of two runs side by side: where they part first, what follows from that, and what else differs.

use std::collections::{BTreeMap, BTreeSet};

use gp2gp_model::run_diff::Divergent;

use super::steps::Step;

/// The first divergence; those that refer to one that diverges; the others.
pub(super) type Aligned = (Option<Divergent>, Vec<Divergent>, Vec<Divergent>);

pub(super) fn align(a: &[Step], b: &[Step]) -> Aligned {
    let mut differing = differing(a, b);
    if differing.is_empty() {
        return (None, Vec::new(), Vec::new());
    }
    let first = differing.remove(0);
    // What is in both and differs, or is in one alone: whatever refers to it follows from it.
    let mut spread: BTreeSet<String> = BTreeSet::from([first.step.clone()]);
    let (mut follows, mut others) = (Vec::new(), Vec::new());
    for divergent in differing {
        let is_caused = divergent
            .because_of
            .as_ref()
            .is_some_and(|of| spread.contains(of));
        if is_caused {
            spread.insert(divergent.step.clone());
            follows.push(divergent);
        } else {
            others.push(divergent);
        }
    }
    (Some(first), follows, others)
}

/// In the order in which they come about, whichever run shows them: each behind what both have before it.
fn differing(a: &[Step], b: &[Step]) -> Vec<Divergent> {
    let by_name = |steps: &[Step]| -> BTreeMap<String, usize> {
        let names = steps.iter().enumerate();
        names.map(|(at, step)| (step.name.clone(), at)).collect()
    };
    let (in_a, in_b) = (by_name(a), by_name(b));
    let mut found: Vec<(Place, Divergent)> = Vec::new();
    for (at, step) in a.iter().enumerate() {
        let other = in_b.get(&step.name).and_then(|other| b.get(*other));
        if other.is_some_and(|other| other.compared == step.compared) {
            continue;
        }
        found.push((Place::of(a, at, &in_b), divergent(Some(step), other)));
    }
    for (at, step) in b.iter().enumerate() {
        if !in_a.contains_key(&step.name) {
            found.push((Place::of(b, at, &in_a), divergent(None, Some(step))));
        }
    }
    // A place in one run and one in the other are compared by how many steps that both have stand before.
    found.sort_by_key(|(place, _)| *place);
    found.into_iter().map(|(_, divergent)| divergent).collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// Steps before it that both runs have.
    common_before: usize,
    /// One that a run alone has stands before the next that both have.
    is_common: bool,
    /// Steps before it.
    before: usize,
}

impl Place {
    fn of(steps: &[Step], at: usize, other: &BTreeMap<String, usize>) -> Self {
        let before = steps.iter().take(at);
        let common = before.filter(|step| other.contains_key(&step.name));
        Self {
            common_before: common.count(),
            is_common: steps
                .get(at)
                .is_some_and(|step| other.contains_key(&step.name)),
            before: at,
        }
    }
}

fn divergent(a: Option<&Step>, b: Option<&Step>) -> Divergent {
    let either = a.or(b);
    Divergent {
        step: either.map_or_else(String::new, |step| step.name.clone()),
        because_of: either.and_then(|step| step.because_of.clone()),
        a: a.map(|step| step.seen.clone()),
        b: b.map(|step| step.seen.clone()),
    }
}

#[cfg(test)]
mod tests {
    use gp2gp_model::Time;
    use gp2gp_model::run_diff::StepSeen;

    use super::*;

    fn run(steps: &[(&str, Option<&str>, &str)]) -> Vec<Step> {
        let steps = (1..).zip(steps);
        steps
            .map(|(event, (name, because_of, says))| Step {
                name: (*name).to_owned(),
                because_of: because_of.map(str::to_owned),
                compared: (*says).to_owned(),
                seen: StepSeen {
                    says: (*says).to_owned(),
                    at: Time::from_micros(0),
                    since_start_ms: 0,
                    event,
                },
            })
            .collect()
    }

    const GOOD: [(&str, Option<&str>, &str); 5] = [
        ("request", None, "asks"),
        ("extract", Some("request"), "60 KB"),
        ("ack of request", Some("request"), "accepts"),
        ("ack of extract", Some("extract"), "accepts"),
        ("how sending ends", None, "integrated"),
    ];

    fn steps(divergent: &[Divergent]) -> Vec<&str> {
        divergent.iter().map(|it| it.step.as_str()).collect()
    }

    #[test]
    fn the_same_steps_in_another_order_are_the_same() {
        let mut other = GOOD;
        other.swap(1, 2);
        assert_eq!(
            align(&run(&GOOD), &run(&other)),
            (None, Vec::new(), Vec::new())
        );
    }

    #[test]
    fn what_refers_to_the_first_divergence_follows_from_it_and_the_rest_does_not() {
        let mut other = GOOD;
        other[1].2 = "90 KB";
        other[3].2 = "refuses with 11";
        other[4].2 = "failed";
        let (first, follows, others) = align(&run(&GOOD), &run(&other));
        let first = first.unwrap();
        assert_eq!(first.step, "extract");
        assert_eq!(first.a.unwrap().says, "60 KB");
        assert_eq!(first.b.unwrap().says, "90 KB");
        assert_eq!(steps(&follows), ["ack of extract"]);
        assert_eq!(steps(&others), ["how sending ends"]);
    }

    #[test]
    fn a_step_that_one_run_lacks_stands_where_the_other_has_it() {
        let without: Vec<_> = GOOD
            .into_iter()
            .filter(|it| it.0 != "ack of request")
            .collect();
        let mut late = without;
        late[2].2 = "refuses";
        for (a, b) in [(run(&GOOD), run(&late)), (run(&late), run(&GOOD))] {
            let (first, follows, others) = align(&a, &b);
            let first = first.unwrap();
            assert_eq!(first.step, "ack of request");
            assert!(first.a.is_none() || first.b.is_none());
            assert_eq!(steps(&follows), [""; 0]);
            assert_eq!(steps(&others), ["ack of extract"]);
        }
    }
}
