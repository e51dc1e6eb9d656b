//! `gp2gp snapshot`.

use std::collections::BTreeSet;
use std::io::{self, BufRead, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use gp2gp_model::ScenarioId;
use gp2gp_model::plural::count;
use gp2gp_model::run_log::Scope;
use gp2gp_model::snapshot::Difference;
use miette::{IntoDiagnostic as _, miette};
use serde::Serialize;

use super::output::Output;
use super::run::{self, Played};
use super::suite;
use crate::keep::Kept;
use crate::score::{FAILURES, HARNESS_DEFECT, SUT_UNFIT};
use crate::snapshot::{self, Folder, Pending, Seen, SnapshotError, compare};

#[derive(Debug, clap::Args)]
// The flags of a run are a group of this name already.
#[group(skip)]
pub(super) struct Args {
    #[command(flatten)]
    run: run::Args,
    #[command(flatten)]
    what: What,
    /// Take what this kept run came to (the folder of its reports), and run nothing.
    #[arg(long, value_name = "RUN", help_heading = "Snapshots", conflicts_with_all = ["accept", "reject", "review"])]
    from: Option<PathBuf>,
}

/// What is to be done with the snapshots in a folder.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
#[command(next_help_heading = "Snapshots")]
struct What {
    /// Write what the system does now.
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Compare with what the system did, and lay aside what differs. Exit status 1 if something does.
    #[arg(long, value_name = "DIR")]
    check: Option<PathBuf>,
    /// Accept what the last check laid aside: of the scenarios that are named, or all of it.
    #[arg(long, value_name = "DIR")]
    accept: Option<PathBuf>,
    /// Throw away what the last check laid aside: of the scenarios that are named, or all of it.
    #[arg(long, value_name = "DIR")]
    reject: Option<PathBuf>,
    /// Look at each difference, and accept or reject it.
    #[arg(long, value_name = "DIR")]
    review: Option<PathBuf>,
}

pub(super) fn main(args: &Args, output: &Output) -> miette::Result<u8> {
    let what = &args.what;
    if let Some(path) = &what.accept {
        return settle(path, &args.run, output, "accepted", Folder::accept);
    }
    if let Some(path) = &what.reject {
        let reject = |folder: &mut Folder, id: &ScenarioId, pending: &mut Pending| {
            folder.reject(id, pending)
        };
        return settle(path, &args.run, output, "rejected", reject);
    }
    if let Some(path) = &what.review {
        return review(path, &args.run, output);
    }
    let path = what.to.as_ref().or(what.check.as_ref());
    let path = path.ok_or_else(|| miette!("give --to or --check"))?;
    let folder = open(path)?;
    let ran = match seen(args, output)? {
        Ok(ran) => ran,
        Err(code) => return Ok(code),
    };
    let gone = ran.gone(&folder);
    match what.check {
        None => write(folder, path, &ran, &gone, output),
        Some(_) => check(&folder, path, &ran, gone, output),
    }
}

fn open(path: &Path) -> miette::Result<Folder> {
    Folder::open(path).map_err(|error| explained(&error))
}

/// What a run came to.
struct Ran {
    seen: Vec<Seen>,
    /// What was asked for; nothing for all.
    wanted: Vec<String>,
    /// Nobody asked for these, because they are heavy.
    left_out: Vec<ScenarioId>,
    /// Of a kept run that was no run of the whole suite nobody knows what it should have held.
    is_part: bool,
}

impl Ran {
    /// Snapshots of scenarios that should have run, and are no more.
    fn gone(&self, folder: &Folder) -> BTreeSet<ScenarioId> {
        let was_run = |id: &ScenarioId| self.seen.iter().any(|(it, _)| it.scenario == *id);
        let ids = folder.snapshots.keys();
        let gone = ids.filter(|id| {
            is_asked_for(id, &self.wanted) && !was_run(id) && !self.left_out.contains(id)
        });
        match self.is_part {
            true => BTreeSet::new(),
            false => gone.cloned().collect(),
        }
    }
}

/// Ids are paths, and selectors are the beginnings of them.
fn is_asked_for(id: &ScenarioId, wanted: &[String]) -> bool {
    let is_below = |selector: &String| {
        let rest = id.as_str().strip_prefix(selector.trim_end_matches('/'));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    wanted.is_empty() || wanted.iter().any(is_below)
}

/// Runs, or reads a kept run. The status with which to end, where there is nothing to compare.
fn seen(args: &Args, output: &Output) -> miette::Result<Result<Ran, u8>> {
    if let Some(folder) = &args.from {
        let catalogue = suite::catalogue()?;
        let kept = Kept::open(folder, &catalogue)?;
        let report = kept.report(&catalogue);
        let mut seen = snapshot::of_run(&report);
        seen.retain(|(it, _)| is_asked_for(&it.scenario, &args.run.scenarios));
        return Ok(Ok(Ran {
            seen,
            wanted: args.run.scenarios.clone(),
            left_out: report.left_out,
            is_part: kept.log.head.scope == Scope::Selection || !kept.log.is_whole,
        }));
    }
    let played = match run::play(&args.run, output)? {
        Ok(played) => played,
        Err(code) => return Ok(Err(code)),
    };
    let Played {
        report,
        catalogue,
        wanted,
    } = played;
    let formats = &args.run.formats;
    formats.write(&report, &catalogue, (Some(&args.run.out), output))?;
    if [HARNESS_DEFECT, SUT_UNFIT].contains(&report.exit.code) {
        output.aside(&gp2gp_reports::run(&report, &catalogue));
        return Ok(Err(report.exit.code));
    }
    Ok(Ok(Ran {
        seen: snapshot::of_run(&report),
        wanted,
        left_out: report.left_out,
        is_part: false,
    }))
}

fn write(
    folder: Folder,
    path: &Path,
    ran: &Ran,
    gone: &BTreeSet<ScenarioId>,
    output: &Output,
) -> miette::Result<u8> {
    folder
        .replace(&ran.seen, gone)
        .map_err(|error| explained(&error))?;
    let written = Written {
        written: ran.seen.len(),
        removed: gone.iter().cloned().collect(),
    };
    output.result(&written, || {
        let removed = match gone.len() {
            0 => String::new(),
            many => format!(", removed {many} of scenarios that are no more"),
        };
        format!(
            "wrote {} to {}{removed}\nnext: commit them, and `gp2gp snapshot --check {}` in CI\n",
            count(ran.seen.len(), "snapshot"),
            path.display(),
            path.display(),
        )
    })?;
    Ok(0)
}

#[derive(Serialize)]
struct Written {
    written: usize,
    removed: Vec<ScenarioId>,
}

#[derive(Serialize)]
struct Checked {
    same: usize,
    differences: Vec<Difference>,
}

fn check(
    folder: &Folder,
    path: &Path,
    ran: &Ran,
    gone: BTreeSet<ScenarioId>,
    output: &Output,
) -> miette::Result<u8> {
    if folder.snapshots.is_empty() {
        return Err(miette!(
            help = format!(
                "write the first ones with `gp2gp snapshot --to {}`",
                path.display()
            ),
            "there are no snapshots in {}",
            path.display()
        ));
    }
    let mut differences = Vec::new();
    let mut aside = Vec::new();
    for seen in &ran.seen {
        let was = folder.snapshots.get(&seen.0.scenario);
        if let Some(difference) = compare(was, Some(seen)) {
            differences.push(difference);
            aside.push(seen);
        }
    }
    let same = ran.seen.len() - differences.len();
    let no_more = gone.iter().filter_map(|id| folder.snapshots.get(id));
    differences.extend(no_more.filter_map(|was| compare(Some(was), None)));
    folder
        .lay_aside(&aside, gone)
        .map_err(|error| explained(&error))?;
    let checked = Checked { same, differences };
    output.result(&checked, || {
        let differences = &checked.differences;
        let mut text: String = differences.iter().map(gp2gp_reports::difference).collect();
        text.push_str(&match differences.len() {
            0 => format!("as in {}: {}\n", path.display(), count(same, "scenario")),
            many => format!(
                "not as in {dir}: {}; as there: {same}\n\
                look at each: gp2gp snapshot --review {dir}\n\
                or take them: gp2gp snapshot --accept {dir} [SCENARIO...]\n",
                count(many, "scenario"),
                dir = path.display()
            ),
        });
        text
    })?;
    Ok(match checked.differences.is_empty() {
        true => 0,
        false => FAILURES,
    })
}

#[derive(Serialize)]
struct Settled {
    settled: Vec<ScenarioId>,
    waiting: usize,
}

/// Accepts or rejects without a question.
fn settle(
    path: &Path,
    run: &run::Args,
    output: &Output,
    done: &str,
    deed: impl Fn(&mut Folder, &ScenarioId, &mut Pending) -> Result<(), SnapshotError>,
) -> miette::Result<u8> {
    let (mut folder, mut pending) = opened(path)?;
    for wanted in &run.scenarios {
        let is_named = |id: &ScenarioId| is_asked_for(id, std::slice::from_ref(wanted));
        if !pending.seen.keys().any(is_named) {
            return Err(miette!(
                help = "`gp2gp snapshot --check` lays aside what differs",
                "nothing of {wanted} waits in {}",
                path.display()
            ));
        }
    }
    let ids = pending.seen.keys();
    let ids = ids.filter(|id| is_asked_for(id, &run.scenarios));
    let ids: Vec<ScenarioId> = ids.cloned().collect();
    for id in &ids {
        deed(&mut folder, id, &mut pending).map_err(|error| explained(&error))?;
    }
    let settled = Settled {
        settled: ids,
        waiting: pending.seen.len(),
    };
    output.result(&settled, || {
        let ids = settled.settled.iter();
        let mut text: String = ids.map(|id| format!("{done} {id}\n")).collect();
        text.push_str(&format!(
            "{} {done}, {} still wait\n",
            settled.settled.len(),
            settled.waiting
        ));
        text
    })?;
    Ok(0)
}

fn opened(path: &Path) -> miette::Result<(Folder, Pending)> {
    let folder = open(path)?;
    let pending = folder.pending().map_err(|error| explained(&error))?;
    Ok((folder, pending))
}

fn review(path: &Path, run: &run::Args, output: &Output) -> miette::Result<u8> {
    if !io::stdin().is_terminal() {
        return Err(miette!(
            help = "in a script: --accept or --reject, with the scenarios or for all",
            "nobody is there to be asked"
        ));
    }
    let (folder, pending) = opened(path)?;
    let asked = &mut (io::stdin().lock(), anstream::stderr().lock());
    let settled = ask_all(folder, pending, &run.scenarios, asked)?;
    let text = format!(
        "{} settled, {} still wait\n",
        settled.settled.len(),
        settled.waiting
    );
    output.result(&settled, || text)?;
    Ok(0)
}

/// Shows each difference and does what somebody answers.
fn ask_all(
    mut folder: Folder,
    mut pending: Pending,
    wanted: &[String],
    (answers, words): &mut (impl BufRead, impl Write),
) -> miette::Result<Settled> {
    let ids = pending.seen.keys().filter(|id| is_asked_for(id, wanted));
    let ids: Vec<ScenarioId> = ids.cloned().collect();
    let mut settled = Vec::new();
    'all: for (at, id) in ids.iter().enumerate() {
        let is = pending.seen.get(id).and_then(Option::as_ref);
        let Some(difference) = compare(folder.snapshots.get(id), is) else {
            continue;
        };
        write!(words, "{}", gp2gp_reports::difference(&difference)).into_diagnostic()?;
        loop {
            write!(
                words,
                "{} of {}: a accept, r reject, s skip, q quit? ",
                at + 1,
                ids.len()
            )
            .and_then(|()| words.flush())
            .into_diagnostic()?;
            let mut answer = String::new();
            if answers.read_line(&mut answer).into_diagnostic()? == 0 {
                break 'all;
            }
            match answer.trim() {
                "a" => folder.accept(id, &mut pending),
                "r" => folder.reject(id, &mut pending),
                "s" => break,
                "q" => break 'all,
                _ => continue,
            }
            .map_err(|error| explained(&error))?;
            settled.push(id.clone());
            break;
        }
    }
    Ok(Settled {
        settled,
        waiting: pending.seen.len(),
    })
}

fn explained(error: &SnapshotError) -> miette::Report {
    let help = match error {
        SnapshotError::Io { .. } => "is the folder right, and may it be written?",
        SnapshotError::Changed { .. } | SnapshotError::Apart { .. } => {
            "snapshots are written by gp2gp alone: take the file from version control again, or write it anew with --to"
        }
    };
    miette!(help = help, "{error}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use gp2gp_model::Sha256;
    use gp2gp_model::snapshot::{Origin, Snapshot};
    use gp2gp_model::verdict::Verdict;

    use super::*;

    const SCENARIOS: [&str; 3] = ["acks/one", "acks/two", "transfer/three"];

    fn seen(id: &str, step: &str) -> (Snapshot, Origin) {
        let snapshot = Snapshot {
            scenario: ScenarioId::parse(id).unwrap(),
            title: "A scenario".to_owned(),
            verdict: Verdict::Pass,
            why: Vec::new(),
            story: vec![step.to_owned()],
            faults: Vec::new(),
            ended: Vec::new(),
            documents: Vec::new(),
            requirements: Vec::new(),
        };
        let origin = Origin {
            suite: "gp2gp 0.1.0".to_owned(),
            scenario: Sha256::of(b"the file"),
            seed: 1,
        };
        (snapshot, origin)
    }

    /// Three scenarios do something else than before; this is answered. What is settled, what still waits, what was
    /// said, and which step each snapshot has from then on.
    fn reviewed(wanted: &[&str], answers: &str) -> (Vec<String>, usize, String, Vec<String>) {
        let place = tempfile::tempdir().unwrap();
        let was = SCENARIOS.map(|id| seen(id, "sending     before"));
        let is = SCENARIOS.map(|id| seen(id, "sending     now"));
        let folder = Folder::open(place.path()).unwrap();
        folder.replace(&was, &BTreeSet::new()).unwrap();
        let folder = Folder::open(place.path()).unwrap();
        let laid: Vec<_> = is.iter().collect();
        folder.lay_aside(&laid, BTreeSet::new()).unwrap();
        let (folder, pending) = opened(place.path()).unwrap();
        let wanted: Vec<String> = wanted.iter().map(|it| (*it).to_owned()).collect();
        let mut words = Vec::new();
        let asked = &mut (answers.as_bytes(), &mut words);
        let settled = ask_all(folder, pending, &wanted, asked).unwrap();
        let (folder, pending) = opened(place.path()).unwrap();
        assert_eq!(pending.seen.len(), settled.waiting);
        let steps = folder.snapshots.values();
        let steps = steps.map(|(snapshot, _)| snapshot.story[0].replace("sending     ", ""));
        let ids = settled.settled.iter().map(ToString::to_string);
        (
            ids.collect(),
            settled.waiting,
            String::from_utf8(words).unwrap(),
            steps.collect(),
        )
    }

    #[test]
    fn what_is_accepted_is_so_from_then_on_and_what_is_rejected_stays_as_it_was() {
        let (settled, waiting, words, steps) = reviewed(&[], "a\nr\ns\n");
        assert_eq!(settled, ["acks/one", "acks/two"]);
        assert_eq!(waiting, 1);
        assert_eq!(steps, ["now", "before", "before"]);
        assert_eq!(
            words
                .matches("a accept, r reject, s skip, q quit? ")
                .count(),
            3
        );
        for part in ["new behaviour of the system", "transfer/three", "3 of 3: "] {
            assert!(words.contains(part), "{words}");
        }
    }

    #[test]
    fn who_quits_or_goes_away_leaves_the_rest_waiting() {
        for answers in ["a\nq\n", "a\n"] {
            let (settled, waiting, words, steps) = reviewed(&[], answers);
            assert_eq!(settled, ["acks/one"], "{answers:?}");
            assert_eq!(waiting, 2);
            assert_eq!(steps, ["now", "before", "before"]);
            assert!(!words.contains("3 of 3"), "{words}");
        }
        let (settled, waiting, _, _) = reviewed(&[], "");
        assert_eq!((settled.len(), waiting), (0, 3));
    }

    #[test]
    fn what_is_no_answer_is_asked_again() {
        let (settled, _, words, _) = reviewed(&[], "yes\n\n a \nq\n");
        assert_eq!(settled, ["acks/one"]);
        assert_eq!(words.matches("1 of 3: ").count(), 3);
    }

    #[test]
    fn only_what_is_asked_for_is_shown() {
        let (settled, waiting, words, steps) = reviewed(&["transfer"], "a\na\na\n");
        assert_eq!(settled, ["transfer/three"]);
        assert_eq!(waiting, 2);
        assert_eq!(steps, ["before", "before", "now"]);
        assert!(
            words.contains("1 of 1: ") && !words.contains("acks/"),
            "{words}"
        );
    }
}
