//! A made-up run for the tests of every format: every verdict, and text that wants to break out.

use std::collections::BTreeMap;

use gp2gp_model::plan::Role;
use gp2gp_model::report::{
    Exit, ExpectationReport, FORMAT, Grade, Mishap, MishapKind, RequirementOutcome, RunReport,
    SYNTHETIC_NOTICE, ScenarioReport, ScenarioSource, Score, Share,
};
use gp2gp_model::requirement::{Level, Obliged, Requirement};
use gp2gp_model::trace::TimeMode;
use gp2gp_model::verdict::{Finding, Profile, Verdict, Violation};
use gp2gp_model::{RequirementId, ScenarioId, Sha256};

/// Everything that means something somewhere: in XML, Markdown, CSV, workflow commands, on a terminal, in a
/// spreadsheet, and to whoever reads from right to left.
pub(crate) const HOSTILE: &str =
    "=1+1 <script>&\"'`| [a](b) {0} ```, 100%\r\n::error::x\u{1b}[31m\u{0}\u{202e}\u{1f600}";

/// The scenario that shows every verdict.
pub(crate) const EVERY: &str = "hostile/every-verdict";

const VERDICTS: [(Verdict, Level); 11] = [
    (Verdict::Pass, Level::Must),
    (Verdict::Fail, Level::Must),
    (Verdict::Fail, Level::Must),
    (Verdict::Warn, Level::Should),
    (Verdict::NotApplicable, Level::Must),
    (Verdict::CouldNotRun, Level::Must),
    (Verdict::Unknown, Level::Must),
    (Verdict::KnownFailure, Level::Must),
    (Verdict::UnexpectedPass, Level::Must),
    (Verdict::Flaky, Level::Must),
    (Verdict::HarnessError, Level::Must),
];

/// SND-01 to SND-11; breaking SND-03 is unsafe.
pub(crate) fn catalogue() -> Vec<Requirement> {
    let rows = (1..).zip(VERDICTS);
    rows.map(|(number, (_, level))| Requirement {
        id: id(number),
        wording: format!("Requirement {number} is kept: {HOSTILE}"),
        clause: vec!["S17".to_owned(), "TD|10".to_owned()],
        level,
        role: Obliged::Sending,
        safety: number == 3,
        of_handler: false,
        rationale: format!("Otherwise the practice has to print. {HOSTILE}"),
        evidence: "Look at the second message.".to_owned(),
    })
    .collect()
}

pub(crate) fn report() -> RunReport {
    let every = ScenarioReport {
        findings: (1..)
            .zip(VERDICTS)
            .map(|(number, (verdict, level))| finding(number, verdict, level))
            .collect(),
        expectations: vec![ExpectationReport {
            expected: "the record is filed".to_owned(),
            seen: HOSTILE.to_owned(),
            verdict: Verdict::Fail,
            known: None,
        }],
        ..scenario(EVERY, Verdict::Fail)
    };
    let again = ScenarioReport {
        findings: vec![finding(2, Verdict::Fail, Level::Must)],
        ..scenario("hostile/again", Verdict::Fail)
    };
    let good = ScenarioReport {
        findings: vec![finding(1, Verdict::Pass, Level::Must)],
        ..scenario("transfer/good", Verdict::Pass)
    };
    let elsewhere = ScenarioReport {
        not_applicable: Some(HOSTILE.to_owned()),
        ..scenario("transfer/elsewhere", Verdict::NotApplicable)
    };
    let pointless = ScenarioReport {
        missing_facts: vec![HOSTILE.to_owned()],
        findings: vec![finding(6, Verdict::CouldNotRun, Level::Must)],
        ..scenario("transfer/pointless", Verdict::CouldNotRun)
    };
    let hung = ScenarioReport {
        mishap: Some(Mishap {
            kind: MishapKind::Hung,
            system: "acme".to_owned(),
            what: HOSTILE.to_owned(),
            log: vec!["waiting".to_owned()],
        }),
        ..scenario("transfer/hung", Verdict::Unknown)
    };
    let ours = ScenarioReport {
        error: Some(HOSTILE.to_owned()),
        ..scenario("transfer/ours", Verdict::HarnessError)
    };
    RunReport {
        format: FORMAT.to_owned(),
        notice: SYNTHETIC_NOTICE.to_owned(),
        suite: "gp2gp 0.1.0".to_owned(),
        sut: format!("acme {HOSTILE}"),
        roles: vec![Role::Sending],
        not_claimed: Vec::new(),
        profile: Profile::Strict,
        excused: Vec::new(),
        time_mode: TimeMode::Virtual,
        level: None,
        fingerprint: None,
        changes: None,
        baseline: None,
        not_run: 0,
        scenarios: vec![every, again, good, elsewhere, pointless, hung, ours],
        left_out: Vec::new(),
        requirements: (1..)
            .zip(VERDICTS)
            .map(|(number, (verdict, level))| RequirementOutcome {
                id: id(number),
                level,
                family: "SND".to_owned(),
                safety: number == 3,
                verdict,
                known: false,
                exercised_in: 1,
            })
            .collect(),
        score: Score {
            grade: Grade::Unsafe,
            must: Share {
                passed: 1,
                applicable: 9,
            },
            should: Share {
                passed: 0,
                applicable: 1,
            },
            families: Vec::new(),
            unsafe_because: vec![id(3)],
            not_yet_checked: 0,
            unchecked: Vec::new(),
        },
        exit: Exit {
            code: 70,
            all: vec![70, 7, 1, 3],
        },
    }
}

/// The same system on a good day.
pub(crate) fn conforming() -> RunReport {
    let mut report = report();
    report.sut = "acme".to_owned();
    report.scenarios.retain(|it| it.verdict == Verdict::Pass);
    report.requirements.truncate(1);
    report.score.grade = Grade::Conforms;
    report.score.must = Share {
        passed: 1,
        applicable: 1,
    };
    report.score.should = Share::default();
    report.score.unsafe_because.clear();
    report.exit = Exit {
        code: 0,
        all: Vec::new(),
    };
    report
}

fn scenario(name: &str, verdict: Verdict) -> ScenarioReport {
    let lines = (1..12).map(|number| (id(number), 10 + number));
    ScenarioReport {
        id: Some(ScenarioId::parse(name).unwrap()),
        title: format!("Scenario {name} {HOSTILE}"),
        source: Some(ScenarioSource {
            file: format!("scenarios/{name}.toml"),
            sha256: Sha256::of(name.as_bytes()),
            seed: 7,
            lines: lines.collect::<BTreeMap<_, _>>(),
        }),
        verdict,
        missing_facts: Vec::new(),
        expectations: Vec::new(),
        ended_since: None,
        not_applicable: None,
        error: None,
        mishap: None,
        findings: Vec::new(),
        story: vec!["+0.000 s  sending     EHR extract 1".to_owned()],
        documents: Vec::new(),
        custody: Vec::new(),
        paper: Vec::new(),
        faults: Vec::new(),
        recorded: None,
        divergences: Vec::new(),
        lasted_ms: 62_500,
        messages: 4,
        bytes: 40_000,
        reproduce: format!("gp2gp run {name} --sut 'a|b.toml' --seed 7"),
    }
}

fn finding(number: u32, verdict: Verdict, level: Level) -> Finding {
    let violations = match verdict {
        Verdict::Fail | Verdict::Warn | Verdict::KnownFailure | Verdict::Flaky => {
            vec![Violation::new(
                Some(12),
                format!("an extract {number}"),
                HOSTILE.to_owned(),
            )]
        }
        Verdict::Pass
        | Verdict::NotApplicable
        | Verdict::CouldNotRun
        | Verdict::Unknown
        | Verdict::UnexpectedPass
        | Verdict::HarnessError => Vec::new(),
    };
    Finding {
        requirement: id(number),
        scenario: ScenarioId::parse(EVERY).ok(),
        role: Role::Sending,
        level,
        profile: Profile::Strict,
        verdict,
        occasions: 3,
        breaches: violations.len() * 3,
        violations,
        note: Some(format!("note of {number}")),
        known: None,
        since: None,
    }
}

fn id(number: u32) -> RequirementId {
    RequirementId::parse(&format!("SND-{number:02}")).unwrap()
}

/// Documents of one scenario are stored wrong, which breaks three requirements; another thing is broken beside them.
pub(crate) fn broken_together() -> Vec<ScenarioReport> {
    let stored = [(7, "document 1"), (8, "document 2")];
    vec![
        with_findings(
            "transfer/chunks",
            vec![
                shown_by(64, &stored),
                shown_by(25, &stored[..1]),
                shown_by(36, &[(8, "0 of them")]),
                shown_by(43, &[(90, "no acknowledgement")]),
            ],
        ),
        with_findings(
            "transfer/small",
            vec![
                shown_by(64, &[(5, "document 3")]),
                shown_by(36, &[]),
                shown_by(43, &[]),
            ],
        ),
        with_findings("transfer/inline", vec![shown_by(64, &[])]),
    ]
}

fn with_findings(name: &str, findings: Vec<Finding>) -> ScenarioReport {
    ScenarioReport {
        findings,
        ..scenario(name, Verdict::Fail)
    }
}

/// Broken, where there is something to see.
fn shown_by(number: u32, seen: &[(u64, &str)]) -> Finding {
    let violation = |(event, seen): &(u64, &str)| {
        Violation::new(Some(*event), "all well".to_owned(), (*seen).to_owned())
    };
    let verdict = match seen {
        [] => Verdict::Pass,
        [_, ..] => Verdict::Fail,
    };
    Finding {
        requirement: RequirementId::parse(&format!("RCV-{number}")).unwrap(),
        verdict,
        violations: seen.iter().map(violation).collect(),
        breaches: seen.len(),
        note: None,
        ..finding(number, verdict, Level::Must)
    }
}
