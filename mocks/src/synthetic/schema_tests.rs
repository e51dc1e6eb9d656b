//! Records against the published schemas of the extract, and what holds of every record.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use gp2gp_model::{OdsCode, Time};

use super::{DocumentKind, DocumentSpec, Patient, RecordSpec};

const ACTS: [&str; 9] = [
    "CompoundStatement",
    "EhrEmpty",
    "LinkSet",
    "MedicationStatement",
    "NarrativeStatement",
    "ObservationStatement",
    "PlanStatement",
    "RegistrationStatement",
    "RequestStatement",
];

#[test]
fn records_of_every_size_are_valid_in_both_versions() {
    let Some(schemas) = schemas() else { return };
    for target_bytes in [5_000, 100_000, 2_000_000] {
        for documents in [0, 12] {
            let record = text(&spec(target_bytes, documents));
            for version in ["UK06", "UK07"] {
                let verdict = validate(&schemas, version, &record);
                assert_eq!(verdict, Ok(()), "{version} {target_bytes} {documents}");
            }
        }
    }
}

#[test]
fn records_with_redactions_are_valid_in_uk07_only() {
    let Some(schemas) = schemas() else { return };
    for target_bytes in [5_000, 100_000, 2_000_000] {
        let record = text(&RecordSpec {
            redactions: true,
            ..spec(target_bytes, 12)
        });
        assert_eq!(validate(&schemas, "UK07", &record), Ok(()));
        let complaint = validate(&schemas, "UK06", &record).unwrap_err();
        assert!(complaint.contains("confidentialityCode"), "{complaint}");
    }
}

#[test]
fn documents_with_odd_names_and_types_are_valid() {
    let Some(schemas) = schemas() else { return };
    let document = document(1)
        .with_file_name("Ménière & <Sons> \"50%\" = a%20b.tif")
        .with_media_type("application/x-\"odd\"&type");
    let record = text(&RecordSpec {
        documents: vec![document],
        ..spec(10_000, 0)
    });
    assert_eq!(validate(&schemas, "UK06", &record), Ok(()));
    assert!(record.contains(
        "file://localhost/M%C3%A9ni%C3%A8re%20%26%20%3CSons%3E%20%2250%25%22%20%3D%20a%2520b.tif"
    ));
}

#[test]
fn a_record_has_exactly_the_size_asked_for() {
    for target_bytes in [5_000, 7_777, 20_000, 20_001, 123_456, 1_000_000] {
        for redactions in [false, true] {
            let spec = RecordSpec {
                redactions,
                ..spec(target_bytes, 0)
            };
            assert_eq!(spec.record().len() as u64, target_bytes);
        }
    }
    assert_eq!(spec(100_000, 20).record().len(), 100_000);
}

#[test]
fn filling_up_takes_little_of_a_record() {
    let record = text(&spec(500_000, 100));
    let longest = record
        .split("<text>")
        .filter_map(|after| after.find("</text>"))
        .max();
    assert!(longest < Some(6_000), "{longest:?}");
}

#[test]
fn what_stands_in_for_a_document_changes_nothing_but_its_link() {
    let held = spec(60_000, 9);
    let stand_in = |document: &DocumentSpec| document.clone().with_file_name("gone.txt");
    let sent = RecordSpec {
        linked: Some(held.documents.iter().map(stand_in).collect()),
        ..held.clone()
    };
    assert_eq!(sent.truth(), held.truth());
    let mut names = held.documents.iter().map(|held| held.file_name.as_str());
    let expected = names.try_fold(text(&held), |text, name| {
        text.contains(name)
            .then(|| text.replacen(name, "gone.txt", 1))
    });
    assert_eq!(Some(text(&sent)), expected);
}

#[test]
fn the_truth_of_a_record_is_what_stands_in_it() {
    let spec = RecordSpec {
        redactions: true,
        ..spec(300_000, 12)
    };
    let (record, truth) = (text(&spec), spec.truth());
    assert_eq!(truth.marks, record.matches("\"NOPAT\"").count());
    assert_eq!(
        truth.narratives.len(),
        record.matches("<NarrativeStatement ").count()
    );
    for narrative in &truth.narratives {
        let at = record.find(&format!("<id root=\"{}\"/>", narrative.id));
        let statement = record[at.unwrap()..].split("</NarrativeStatement>").next();
        let statement = statement.unwrap().replace("&#10;", "\n");
        let escaped = super::xml::Escaped(&narrative.text).to_string();
        assert!(statement.contains(&format!("<text>{escaped}</text>")));
    }
    assert!(truth.narratives.iter().any(|held| held.text.contains('\n')));
    assert!(truth.narratives.iter().any(|held| held.marked));
    assert!(truth.narratives.iter().any(|held| !held.text.is_ascii()));
}

#[test]
fn a_record_too_small_for_its_documents_still_holds_them_all() {
    let record = text(&spec(5_000, 40));
    assert_eq!(record.matches("<referredToExternalDocument").count(), 40);
    assert!(record.ends_with("</ehrFolder></component>"));
}

#[test]
fn even_the_smallest_record_holds_an_observation() {
    for seed in 0..50 {
        let record = text(&RecordSpec {
            seed,
            ..spec(5_000, 0)
        });
        assert!(record.contains("<ObservationStatement"), "seed {seed}");
    }
}

#[test]
fn a_record_holds_every_kind_of_statement() {
    let record = text(&spec(50_000, 1));
    for act in ACTS {
        assert!(record.contains(&format!("<{act} ")), "{act}");
    }
    for class in ["TOPIC", "CATEGORY", "BATTERY", "CLUSTER"] {
        assert!(
            record.contains(&format!("classCode=\"{class}\"")),
            "{class}"
        );
    }
    let record = text(&spec(500_000, 1));
    for supply in ["Authorise", "Prescribe", "Discontinue"] {
        assert!(record.contains(&format!("<ehrSupply{supply} ")), "{supply}");
    }
    for text in ["&lt;", "&amp;", "&#10;", "é", ".\n", "xsi:type=\"PQ\""] {
        assert!(record.contains(text), "{text}");
    }
}

#[test]
fn every_kind_of_act_is_redacted_somewhere() {
    let record = text(&RecordSpec {
        redactions: true,
        ..spec(2_000_000, 30)
    });
    let mut redacted = BTreeSet::new();
    for before in record.split("<confidentialityCode code=\"NOPAT\"") {
        redacted.extend(open_act(before));
    }
    let acts = ["ehrComposition", "referredToExternalDocument"];
    let expected = ACTS.iter().chain(&acts).filter(|act| **act != "EhrEmpty");
    assert_eq!(redacted, expected.copied().collect());
    assert!(!text(&spec(2_000_000, 30)).contains("confidentialityCode"));
}

#[test]
fn every_reference_inside_a_record_resolves() {
    let record = text(&spec(500_000, 10));
    let (mut declared, mut referred) = (BTreeSet::new(), BTreeSet::new());
    for (at, _) in record.match_indices("<id root=\"") {
        let element = record[..at].rsplit('<').next().unwrap();
        let name = element.split(' ').next().unwrap();
        let id = all(&record[at..], "<id root=\"").next().unwrap();
        if name.ends_with("Ref") {
            referred.insert((name, id));
        } else {
            declared.insert(id);
        }
    }
    for kind in [
        "agentRef",
        "statementRef",
        "namedStatementRef",
        "priorMedicationRef",
    ] {
        let ids = || referred.iter().filter(|(name, _)| *name == kind);
        assert!(ids().count() > 3, "{kind}");
        assert!(ids().all(|(_, id)| declared.contains(id)), "{kind}");
    }
}

#[test]
fn every_agent_ref_names_a_declared_agent() {
    let record = text(&spec(500_000, 10));
    let declared: BTreeSet<_> = all(&record, "<Agent classCode=\"AGNT\"><id root=\"").collect();
    let used: BTreeSet<_> = all(&record, "<agentRef classCode=\"AGNT\"><id root=\"").collect();
    assert!(used.len() > 2 && used.is_subset(&declared));
}

#[test]
fn acts_have_ids_of_their_own() {
    let record = text(&spec(500_000, 10));
    let acts: Vec<_> = ACTS
        .iter()
        .flat_map(|act| {
            record
                .split(&format!("<{act} "))
                .skip(1)
                .collect::<Vec<_>>()
        })
        .filter_map(|after| all(after, "<id root=\"").next())
        .collect();
    let distinct: BTreeSet<_> = acts.iter().collect();
    assert_eq!(distinct.len(), acts.len());
}

#[test]
fn nothing_is_later_than_the_record_or_earlier_than_the_patient() {
    let record = text(&spec(300_000, 10));
    let now = spec(0, 0).recorded_at.to_hl7();
    let born = spec(0, 0).patient.birth_date.to_hl7();
    for time in all(&record, "<availabilityTime value=\"") {
        assert!(time <= now.as_str() && time >= born.as_str(), "{time}");
    }
}

#[test]
fn the_same_spec_gives_the_same_record_and_another_seed_another() {
    let one = spec(100_000, 5);
    let other = RecordSpec {
        seed: 2,
        ..one.clone()
    };
    assert_eq!(one.record(), spec(100_000, 5).record());
    assert_ne!(one.record(), other.record());
}

#[test]
fn twenty_megabytes_are_made() {
    assert_eq!(spec(20_000_000, 100).record().len(), 20_000_000);
}

fn spec(target_bytes: u64, documents: u32) -> RecordSpec {
    RecordSpec {
        patient: Patient::generate(1, 1),
        practice: OdsCode::parse("B86041").unwrap(),
        target_bytes,
        documents: (0..documents).map(document).collect(),
        linked: None,
        entries: Vec::new(),
        redactions: false,
        seed: 1,
        recorded_at: "2026-01-05T09:00:00Z".parse::<Time>().unwrap(),
    }
}

fn document(index: u32) -> DocumentSpec {
    DocumentSpec::generate(1, index, DocumentKind::Tiff, 1_000)
}

fn text(spec: &RecordSpec) -> String {
    String::from_utf8(spec.record().to_vec()).unwrap()
}

/// The values of all attributes that begin where `start` ends.
fn all<'a>(xml: &'a str, start: &'a str) -> impl Iterator<Item = &'a str> {
    xml.split(start)
        .skip(1)
        .filter_map(|after| after.split('"').next())
}

/// The act that is open at the end of this piece of XML and began last.
fn open_act(before: &str) -> Option<&str> {
    let at = ACTS
        .iter()
        .chain(&["ehrComposition", "referredToExternalDocument"])
        .filter_map(|act| before.rfind(&format!("<{act} ")))
        .max()?;
    before.get(at + 1..)?.split(' ').next()
}

/// `Err` with what xmllint says of an extract around this record.
fn validate(schemas: &Path, version: &str, record: &str) -> Result<(), String> {
    let mut xmllint = Command::new("xmllint")
        .args(["--noout", "--huge", "--schema"])
        .arg(schemas.join(format!("RCMR_IN030000{version}.xsd")))
        .arg("-")
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = xmllint.stdin.take().unwrap();
    let message = extract(version, record);
    let writer = std::thread::spawn(move || stdin.write_all(message.as_bytes()));
    let output = xmllint.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr)
            .chars()
            .take(2_000)
            .collect())
    }
}

/// A whole extract message around a record.
fn extract(version: &str, record: &str) -> String {
    let id = "053A431E-0000-4000-8000-3C047C2AC182";
    let organisation = r#"<AgentOrgSDS classCode="AGNT"><agentOrganizationSDS classCode="ORG" determinerCode="INSTANCE"><id root="1.2.826.0.1285.0.1.10" extension="B86041"/></agentOrganizationSDS></AgentOrgSDS>"#;
    let device = r#"<device classCode="DEV" determinerCode="INSTANCE"><id root="1.2.826.0.1285.0.2.0.107" extension="123456789012"/></device>"#;
    let nhs_number = Patient::generate(1, 1).nhs_number;
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<RCMR_IN030000{version} xmlns="urn:hl7-org:v3"><id root="{id}"/><creationTime value="20260105090000"/><versionCode code="V3NPfIT3.1.10"/><interactionId root="2.16.840.1.113883.2.1.3.2.4.12" extension="RCMR_IN030000{version}"/><processingCode code="P"/><processingModeCode code="T"/><acceptAckCode code="NE"/><communicationFunctionRcv typeCode="RCV">{device}</communicationFunctionRcv><communicationFunctionSnd typeCode="SND">{device}</communicationFunctionSnd><ControlActEvent classCode="CACT" moodCode="EVN"><author1 typeCode="AUT"><AgentSystemSDS classCode="AGNT"><agentSystemSDS classCode="DEV" determinerCode="INSTANCE"><id root="1.2.826.0.1285.0.2.0.107" extension="123456789012"/></agentSystemSDS></AgentSystemSDS></author1><subject typeCode="SUBJ" contextConductionInd="false"><EhrExtract classCode="EXTRACT" moodCode="EVN"><id root="{id}"/><statusCode code="COMPLETE"/><availabilityTime value="20260105090000"/><recordTarget typeCode="RCT"><patient classCode="PAT"><id root="2.16.840.1.113883.2.1.4.1" extension="{nhs_number}"/></patient></recordTarget><author typeCode="AUT"><time value="20260105090000"/>{organisation}</author><destination typeCode="DST">{organisation}</destination>{record}<inFulfillmentOf typeCode="FLFS"><priorEhrRequest classCode="EXTRACT" moodCode="RQO"><id root="{id}"/></priorEhrRequest></inFulfillmentOf><limitation typeCode="LIMIT" inversionInd="true"><limitingEhrExtractSpecification classCode="OBS" moodCode="DEF"><id root="{id}"/><code code="715751000000105" codeSystem="2.16.840.1.113883.2.1.3.2.4.15" displayName="Entire record available to originator"/></limitingEhrExtractSpecification></limitation></EhrExtract></subject></ControlActEvent></RCMR_IN030000{version}>"#
    )
}

/// The folder of the published schemas, if it lies beside the repository and xmllint is there
/// to use it.
fn schemas() -> Option<PathBuf> {
    let beside = || {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        here.ancestors()
            .map(|folder| folder.join("shared"))
            .find(|shared| shared.join("corpus").is_dir())
    };
    let shared = std::env::var_os("GP2GP_SHARED")
        .map(PathBuf::from)
        .or_else(beside);
    let schemas = shared.map(|shared| shared.join("schemas/mim/schema"));
    let Some(schemas) = schemas.filter(|schemas| schemas.is_dir()) else {
        eprintln!("skipped: no schemas beside the repository");
        return None;
    };
    if Command::new("xmllint").arg("--version").output().is_err() {
        eprintln!("skipped: xmllint is not installed");
        return None;
    }
    Some(schemas)
}
