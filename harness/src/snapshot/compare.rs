//! Two snapshots of a scenario: what changed in behaviour, in words, and where that comes from.

use std::collections::BTreeMap;

use gp2gp_model::RequirementId;
use gp2gp_model::snapshot::{Cause, Change, DiffLine, Difference, Origin, Sign, Snapshot};
use gp2gp_model::verdict::Verdict;
use similar::{Algorithm, ChangeTag, DiffTag, TextDiff, capture_diff_slices};

use super::text;

/// Lines of both that are shown around a difference.
const AROUND: usize = 2;

/// A snapshot and what it was made of.
pub type Seen = (Snapshot, Origin);

/// What differs; `None` if nothing does. At least one of them is there.
pub fn compare(was: Option<&Seen>, is: Option<&Seen>) -> Option<Difference> {
    let scenario = is.or(was).map(|(snapshot, _)| snapshot.scenario.clone())?;
    let texts = [was, is].map(|it| it.map_or_else(String::new, |it| text::write(&it.0)));
    if let (Some((was, _)), Some((is, _))) = (was, is)
        && was == is
    {
        return None;
    }
    let (cause, changes) = match (was, is) {
        (None, None) => return None,
        (None, Some(_)) => (Cause::NewScenario, Vec::new()),
        (Some(_), None) => (Cause::NoScenario, Vec::new()),
        (Some(was), Some(is)) => (cause(was, is), changes(&was.0, &is.0)),
    };
    let [was, is] = texts;
    Some(Difference {
        scenario,
        cause,
        changes,
        lines: lines(&was, &is),
    })
}

/// The suite goes before the system: what another scenario leads to says nothing of a system.
fn cause((was, made_of): &Seen, (is, makes): &Seen) -> Cause {
    let mut suite = Vec::new();
    if made_of.scenario != makes.scenario {
        suite.push("the scenario file is another".to_owned());
    }
    if made_of.suite != makes.suite {
        suite.push(format!("{} was {}", makes.suite, made_of.suite));
    }
    if made_of.seed != makes.seed {
        suite.push(format!("seed {} was {}", makes.seed, made_of.seed));
    }
    if !suite.is_empty() {
        return Cause::Suite {
            what: suite.join("; "),
        };
    }
    let of = |snapshot: &Snapshot| -> BTreeMap<RequirementId, Verdict> {
        snapshot.requirements.iter().cloned().collect()
    };
    let (before, now) = (of(was), of(is));
    let now_bad = |bad: &BTreeMap<RequirementId, Verdict>, good: &BTreeMap<_, Verdict>| {
        let is_good_there = |id| good.get(id).is_none_or(|verdict| !is_bad(*verdict));
        let bad = bad.iter().filter(|(_, verdict)| is_bad(**verdict));
        let ids = bad.map(|(id, _)| id).filter(|id| is_good_there(*id));
        ids.cloned().collect::<Vec<RequirementId>>()
    };
    let (worse, better) = (now_bad(&now, &before), now_bad(&before, &now));
    match (worse.is_empty(), better.is_empty()) {
        (false, _) => Cause::NewFailure {
            requirements: worse,
        },
        (true, false) => Cause::FixedFailure {
            requirements: better,
        },
        (true, true) if !is_bad(was.verdict) && is_bad(is.verdict) => Cause::NewFailure {
            requirements: Vec::new(),
        },
        (true, true) if is_bad(was.verdict) && !is_bad(is.verdict) => Cause::FixedFailure {
            requirements: Vec::new(),
        },
        (true, true) => Cause::NewBehaviour,
    }
}

/// Whether a verdict says that something is not as it should be.
pub(crate) const fn is_bad(verdict: Verdict) -> bool {
    match verdict {
        Verdict::Fail
        | Verdict::Warn
        | Verdict::KnownFailure
        | Verdict::Flaky
        | Verdict::HarnessError => true,
        Verdict::Pass
        | Verdict::NotApplicable
        | Verdict::CouldNotRun
        | Verdict::Unknown
        | Verdict::UnexpectedPass => false,
    }
}

fn changes(was: &Snapshot, is: &Snapshot) -> Vec<Change> {
    let mut changes = Vec::new();
    if was.verdict != is.verdict {
        changes.push(Change::Verdict {
            was: was.verdict,
            is: is.verdict,
        });
    }
    changes.extend(steps(&was.story, &is.story));
    let ended = |snapshot: &Snapshot| -> Vec<String> {
        let ended = snapshot.ended.iter();
        ended
            .map(|(verdict, line)| format!("{line}: {verdict}"))
            .collect()
    };
    for (of, was, is) in [
        ("why", was.why.clone(), is.why.clone()),
        ("faults", was.faults.clone(), is.faults.clone()),
        ("ended", ended(was), ended(is)),
        ("documents", was.documents.clone(), is.documents.clone()),
    ] {
        changes.extend(of_section(of, &was, &is));
    }
    changes.extend(requirements(was, is));
    changes
}

fn requirements(was: &Snapshot, is: &Snapshot) -> Vec<Change> {
    let mut both: BTreeMap<&RequirementId, [Option<Verdict>; 2]> = BTreeMap::new();
    for (at, snapshot) in [was, is].into_iter().enumerate() {
        for (id, verdict) in &snapshot.requirements {
            both.entry(id).or_default()[at] = Some(*verdict);
        }
    }
    both.into_iter()
        .filter(|(_, [was, is])| was != is)
        .map(|(id, [was, is])| Change::Requirement {
            requirement: id.clone(),
            was,
            is,
        })
        .collect()
}

/// Lines of a section whose order says nothing: what begins alike is the same thing.
fn of_section(of: &str, was: &[String], is: &[String]) -> Vec<Change> {
    let name = |line: &String| line.split([':', ' ']).next().unwrap_or_default().to_owned();
    let mut gone: Vec<&String> = was.iter().filter(|line| !is.contains(line)).collect();
    let mut changes = Vec::new();
    for line in is.iter().filter(|line| !was.contains(line)) {
        let same = gone.iter().position(|other| name(other) == name(line));
        changes.push(Change::Line {
            of: of.to_owned(),
            was: same.map(|at| gone.remove(at).clone()),
            is: Some(line.clone()),
        });
    }
    changes.extend(gone.into_iter().map(|line| Change::Line {
        of: of.to_owned(),
        was: Some(line.clone()),
        is: None,
    }));
    changes
}

/// Steps that appeared, disappeared, moved, or are not what they were. A message that comes or goes gives others new
/// numbers: those are no changes.
fn steps(was: &[String], is: &[String]) -> Vec<Change> {
    let keys =
        |steps: &[String]| -> Vec<String> { steps.iter().map(|it| unnumbered(it)).collect() };
    let (old, new) = (keys(was), keys(is));
    let mut gone: Vec<usize> = Vec::new();
    let mut come: Vec<usize> = Vec::new();
    for op in capture_diff_slices(Algorithm::Patience, &old, &new) {
        match op.tag() {
            DiffTag::Equal => {}
            DiffTag::Delete | DiffTag::Insert | DiffTag::Replace => {
                gone.extend(op.old_range());
                come.extend(op.new_range());
            }
        }
    }
    let before = |at: usize| at.checked_sub(1).and_then(|at| is.get(at)).cloned();
    let mut changes = Vec::new();
    // The same step first, then one that is called the same.
    let moved = paired(&mut gone, &mut come, |one, other| old[one] == new[other]);
    let altered = paired(&mut gone, &mut come, |one, other| {
        called(&old[one]) == called(&new[other])
    });
    changes.extend(gone.iter().map(|then| {
        let step = was[*then].clone();
        (*then, Change::Disappeared { step })
    }));
    for (_, now) in moved {
        changes.push((
            now,
            Change::Moved {
                step: is[now].clone(),
                after: before(now),
            },
        ));
    }
    for (then, now) in altered {
        let (was, is) = (was[then].clone(), is[now].clone());
        changes.push((now, Change::Altered { was, is }));
    }
    for now in come {
        changes.push((
            now,
            Change::Appeared {
                step: is[now].clone(),
                after: before(now),
            },
        ));
    }
    // In the order of the story: what follows from something stands behind it.
    changes.sort_by_key(|(at, _)| *at);
    changes.into_iter().map(|(_, change)| change).collect()
}

/// Takes pairs out of both.
fn paired(
    gone: &mut Vec<usize>,
    come: &mut Vec<usize>,
    is_pair: impl Fn(usize, usize) -> bool,
) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    gone.retain(|one| {
        let Some(at) = come.iter().position(|other| is_pair(*one, *other)) else {
            return true;
        };
        pairs.push((*one, come.remove(at)));
        false
    });
    pairs
}

/// Kinds of things that are numbered in a story.
const NUMBERED: [&str; 8] = [
    "request",
    "extract",
    "Continue",
    "fragment",
    "acknowledgement",
    "package",
    "entry",
    "message",
];

/// A step without the numbers of messages.
fn unnumbered(step: &str) -> String {
    let mut words: Vec<&str> = Vec::new();
    for word in step.split(' ') {
        let digits = word.trim_end_matches([':', ';', ',']);
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let is_numbered = words.last().is_some_and(|last| NUMBERED.contains(last));
        words.push(match is_number && is_numbered {
            true => word.get(digits.len()..).unwrap_or_default(),
            false => word,
        });
    }
    words.join(" ")
}

/// Who does what, without contents: `sending     EHR extract `.
fn called(step: &str) -> &str {
    let (who, what) = step.split_at(step.find("  ").unwrap_or(0));
    let end = what.find([':', ';', '(', '[']).unwrap_or(what.len());
    step.get(..who.len() + end).unwrap_or(step)
}

fn lines(was: &str, is: &str) -> Vec<DiffLine> {
    let diff = TextDiff::from_lines(was, is);
    let mut lines = Vec::new();
    for (at, group) in diff.grouped_ops(AROUND).iter().enumerate() {
        if at > 0 {
            lines.push(DiffLine {
                sign: Sign::Gap,
                text: String::new(),
            });
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            lines.push(DiffLine {
                sign: match change.tag() {
                    ChangeTag::Equal => Sign::Both,
                    ChangeTag::Delete => Sign::Was,
                    ChangeTag::Insert => Sign::Is,
                },
                text: change.value().trim_end_matches('\n').to_owned(),
            });
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use gp2gp_model::{ScenarioId, Sha256};

    use super::*;

    fn seen(story: &[&str], verdicts: &[(&str, Verdict)], verdict: Verdict) -> Seen {
        let requirements = verdicts.iter();
        let snapshot = Snapshot {
            scenario: ScenarioId::parse("transfer/one").unwrap(),
            title: "One".to_owned(),
            verdict,
            why: Vec::new(),
            story: story.iter().map(|it| (*it).to_owned()).collect(),
            faults: Vec::new(),
            ended: Vec::new(),
            documents: Vec::new(),
            requirements: requirements
                .map(|(id, verdict)| (RequirementId::parse(id).unwrap(), *verdict))
                .collect(),
        };
        let origin = Origin {
            suite: "gp2gp 1".to_owned(),
            scenario: Sha256::of(b"one"),
            seed: 7,
        };
        (snapshot, origin)
    }

    const STORY: [&str; 4] = [
        "requesting  EHR request 1",
        "sending     EHR extract 1: 60 KB of record",
        "sending     acknowledgement 1: accepts: EHR request 1",
        "requesting  acknowledgement 2: accepts: EHR extract 1",
    ];

    fn changed(story: &[&str]) -> Vec<Change> {
        let (was, is) = (
            seen(&STORY, &[], Verdict::Pass),
            seen(story, &[], Verdict::Pass),
        );
        compare(Some(&was), Some(&is)).map_or_else(Vec::new, |it| it.changes)
    }

    #[test]
    fn the_same_is_no_difference() {
        let one = seen(&STORY, &[("SND-14", Verdict::Pass)], Verdict::Pass);
        assert_eq!(compare(Some(&one), Some(&one)), None);
    }

    #[test]
    fn a_new_message_is_one_change_although_others_get_new_numbers() {
        let story = [
            STORY[0],
            STORY[1],
            "requesting  Continue 1",
            STORY[2],
            "requesting  acknowledgement 2: refuses with 11 (x): fragment 1",
            "requesting  acknowledgement 3: accepts: EHR extract 1",
        ];
        let changes = changed(&story);
        let appeared = |step: &str, after: &str| Change::Appeared {
            step: step.to_owned(),
            after: Some(after.to_owned()),
        };
        assert_eq!(
            changes,
            [appeared(story[2], STORY[1]), appeared(story[4], STORY[2])]
        );
    }

    #[test]
    fn steps_disappear_move_and_alter() {
        assert_eq!(
            changed(&STORY[..3]),
            [Change::Disappeared {
                step: STORY[3].to_owned()
            }]
        );
        let moved = changed(&[STORY[0], STORY[2], STORY[1], STORY[3]]);
        assert!(
            matches!(moved.as_slice(), [Change::Moved { .. }]),
            "{moved:?}"
        );
        let other = "sending     EHR extract 1: 90 KB of record";
        assert_eq!(
            changed(&[STORY[0], other, STORY[2], STORY[3]]),
            [Change::Altered {
                was: STORY[1].to_owned(),
                is: other.to_owned()
            }]
        );
    }

    #[test]
    fn a_cause_is_the_suite_a_failure_a_mend_or_another_behaviour() {
        let one = |verdict| seen(&STORY, &[("SND-14", verdict)], verdict);
        let cause = |was: &Seen, is: &Seen| compare(Some(was), Some(is)).unwrap().cause;
        let requirements = vec![RequirementId::parse("SND-14").unwrap()];
        let (good, bad) = (one(Verdict::Pass), one(Verdict::Fail));
        assert_eq!(
            cause(&good, &bad),
            Cause::NewFailure {
                requirements: requirements.clone()
            }
        );
        assert_eq!(cause(&bad, &good), Cause::FixedFailure { requirements });
        let other = seen(&STORY[1..], &[("SND-14", Verdict::Pass)], Verdict::Pass);
        assert_eq!(cause(&good, &other), Cause::NewBehaviour);
        let mut newer = bad;
        newer.1.scenario = Sha256::of(b"two");
        newer.1.suite = "gp2gp 2".to_owned();
        assert_eq!(
            cause(&good, &newer),
            Cause::Suite {
                what: "the scenario file is another; gp2gp 2 was gp2gp 1".to_owned()
            }
        );
        assert_eq!(
            compare(None, Some(&good)).unwrap().cause,
            Cause::NewScenario
        );
        assert_eq!(compare(Some(&good), None).unwrap().cause, Cause::NoScenario);
    }
}
