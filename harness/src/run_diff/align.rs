//! Steps of two runs side by side: where they part first, what follows from that, and what else differs.

use std::collections::{BTreeMap, BTreeSet};

use gp2gp_model::run_diff::{Divergent, FieldDiff, Lane, Stands};

use super::aliases::Aliases;
use super::bodies;
use super::steps::{Field, Step, Told};

/// Where two runs part.
#[derive(Debug, Default)]
pub(super) struct Aligned {
    /// First.
    pub(super) first: Option<Divergent>,
    /// What refers to a step that diverges.
    pub(super) follows: Vec<Divergent>,
    /// What else diverges.
    pub(super) others: Vec<Divergent>,
    /// Every step, beside its like.
    pub(super) lanes: Vec<Lane>,
}

pub(super) fn align(a: &Told, b: &Told) -> Aligned {
    let rows = rows(&a.steps, &b.steps);
    let mut aligned = Aligned::default();
    // What is in both and differs, or is in one alone: whatever refers to it follows from it.
    let mut spread: BTreeSet<String> = BTreeSet::new();
    for (one, other) in rows {
        let (divergent, is_same) = divergent((one, &a.aliases), (other, &b.aliases));
        let because_of = divergent.because_of.as_ref();
        let follows = because_of.is_some_and(|of| spread.contains(of));
        let stands = match (is_same, &aligned.first, follows) {
            (true, _, _) => Stands::Same,
            (false, None, _) => Stands::First,
            (false, Some(_), true) => Stands::Follows,
            (false, Some(_), false) => Stands::Other,
        };
        aligned.lanes.push(Lane {
            step: divergent.step.clone(),
            from: divergent.from,
            to: divergent.to,
            stands,
            a: divergent.a.clone(),
            b: divergent.b.clone(),
        });
        if stands == Stands::First || stands == Stands::Follows {
            spread.insert(divergent.step.clone());
        }
        match stands {
            Stands::Same => {}
            Stands::First => aligned.first = Some(divergent),
            Stands::Follows => aligned.follows.push(divergent),
            Stands::Other => aligned.others.push(divergent),
        }
    }
    aligned
}

type Row<'s> = (Option<&'s Step>, Option<&'s Step>);

/// In the order in which they come about, whichever run shows them: each behind what both have before it.
fn rows<'s>(a: &'s [Step], b: &'s [Step]) -> Vec<Row<'s>> {
    let by_name = |steps: &'s [Step]| -> BTreeMap<&'s str, &'s Step> {
        let names = steps.iter();
        names.map(|step| (step.name.as_str(), step)).collect()
    };
    let (in_a, in_b) = (by_name(a), by_name(b));
    let mut found: Vec<(Place, Row<'s>)> = Vec::new();
    let of_b: BTreeMap<&str, Place> = (places(b, &in_a))
        .map(|(place, step)| (step.name.as_str(), place))
        .collect();
    for (place, step) in places(a, &in_b) {
        let name = step.name.as_str();
        let other = in_b.get(name).copied();
        // What differs stands where it comes first: a word that is said too early is no later step.
        let place = match (other, of_b.get(name)) {
            (Some(other), Some(in_b)) if other.fields != step.fields => place.min(*in_b),
            (_, _) => place,
        };
        found.push((place, (Some(step), other)));
    }
    for (place, step) in places(b, &in_a) {
        if !place.is_common {
            found.push((place, (None, Some(step))));
        }
    }
    // A place in one run and one in the other are compared by how many steps that both have stand before.
    found.sort_by_key(|(place, _)| *place);
    found.into_iter().map(|(_, row)| row).collect()
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

fn places<'s>(
    steps: &'s [Step],
    other: &BTreeMap<&str, &Step>,
) -> impl Iterator<Item = (Place, &'s Step)> {
    let mut common_before = 0;
    steps.iter().enumerate().map(move |(before, step)| {
        let place = Place {
            common_before,
            is_common: other.contains_key(step.name.as_str()),
            before,
        };
        common_before += usize::from(place.is_common);
        (place, step)
    })
}

/// What differs between the two, and whether nothing does.
fn divergent(
    (a, names_a): (Option<&Step>, &Aliases),
    (b, names_b): (Option<&Step>, &Aliases),
) -> (Divergent, bool) {
    let fields = match (a, b) {
        (Some(a), Some(b)) => {
            let mut fields = fields(&a.fields, &b.fields);
            fields.extend(bodies::differences(
                (&a.contents, names_a),
                (&b.contents, names_b),
            ));
            fields
        }
        (_, _) => Vec::new(),
    };
    let either = a.or(b);
    let is_same = a.is_some() == b.is_some() && fields.is_empty();
    let divergent = Divergent {
        step: either.map_or_else(String::new, |step| step.name.clone()),
        because_of: either.and_then(|step| step.because_of.clone()),
        from: either.and_then(|step| step.from),
        to: either.and_then(|step| step.to),
        a: a.map(|step| step.seen.clone()),
        b: b.map(|step| step.seen.clone()),
        fields,
    };
    (divergent, is_same)
}

fn fields(a: &[Field], b: &[Field]) -> Vec<FieldDiff> {
    let of = |fields: &[Field], name: &str| {
        let found = fields.iter().find(|field| field.name == name);
        found.map(|field| field.value.clone())
    };
    let in_b_alone = b.iter().filter(|it| of(a, &it.name).is_none());
    let names = a.iter().chain(in_b_alone).map(|field| field.name.as_str());
    names
        .map(|name| FieldDiff {
            field: name.to_owned(),
            a: of(a, name),
            b: of(b, name),
        })
        .filter(|field| field.a != field.b)
        .collect()
}

#[cfg(test)]
mod tests {
    use gp2gp_model::Time;
    use gp2gp_model::run_diff::StepSeen;

    use super::*;

    fn run(steps: &[(&str, Option<&str>, &str)]) -> Told {
        let steps = (1..).zip(steps);
        let steps = steps
            .map(|(event, (name, because_of, says))| Step {
                name: (*name).to_owned(),
                because_of: because_of.map(str::to_owned),
                from: None,
                to: None,
                fields: vec![Field::new("says", *says)],
                contents: Vec::new(),
                seen: StepSeen {
                    says: (*says).to_owned(),
                    at: Time::from_micros(0),
                    since_start_ms: 0,
                    event,
                },
            })
            .collect();
        Told {
            steps,
            aliases: Aliases::none(),
        }
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
        let aligned = align(&run(&GOOD), &run(&other));
        assert_eq!(aligned.first, None);
        assert!(aligned.lanes.iter().all(|it| it.stands == Stands::Same));
    }

    #[test]
    fn what_refers_to_the_first_divergence_follows_from_it_and_the_rest_does_not() {
        let mut other = GOOD;
        other[1].2 = "90 KB";
        other[3].2 = "refuses with 11";
        other[4].2 = "failed";
        let Aligned {
            first,
            follows,
            others,
            ..
        } = align(&run(&GOOD), &run(&other));
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
            let Aligned {
                first,
                follows,
                others,
                ..
            } = align(&a, &b);
            let first = first.unwrap();
            assert_eq!(first.step, "ack of request");
            assert!(first.a.is_none() || first.b.is_none());
            assert_eq!(steps(&follows), [""; 0]);
            assert_eq!(steps(&others), ["ack of extract"]);
        }
    }
}
