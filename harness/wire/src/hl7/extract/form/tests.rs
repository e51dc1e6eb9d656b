//! What is said of an extract that departs from its form, on a small one.

use super::*;
use crate::limits;

const ID: &str = r#"<id root="6E242658-3D8E-41E3-A7DC-172BDA00FA67"/>"#;

fn message(version: &str, compositions: &str) -> String {
    let practice =
        format!("<AgentOrgSDS><agentOrganizationSDS>{ID}</agentOrganizationSDS></AgentOrgSDS>");
    let device = format!("<device>{ID}</device>");
    let signed = format!(r#"<author><time value="20260105"/>{practice}</author>"#);
    format!(
        r#"<RCMR_IN030000{version} xmlns="urn:hl7-org:v3">{ID}<creationTime/><versionCode/><interactionId/>
        <processingCode/><processingModeCode/><acceptAckCode/>
        <communicationFunctionRcv>{device}</communicationFunctionRcv>
        <communicationFunctionSnd>{device}</communicationFunctionSnd>
        <ControlActEvent><author1><AgentSystemSDS><agentSystemSDS>{ID}</agentSystemSDS></AgentSystemSDS></author1>
        <subject><EhrExtract>{ID}<statusCode/><availabilityTime/>
        <recordTarget><patient>{ID}</patient></recordTarget>{signed}<destination>{practice}</destination>
        <component><ehrFolder>{ID}<statusCode/><effectiveTime/><availabilityTime/>{signed}
        <responsibleParty><agentDirectory/></responsibleParty>{compositions}</ehrFolder></component>
        <inFulfillmentOf><priorEhrRequest>{ID}</priorEhrRequest></inFulfillmentOf>
        <limitation><limitingEhrExtractSpecification>{ID}<code/></limitingEhrExtractSpecification></limitation>
        </EhrExtract></subject></ControlActEvent></RCMR_IN030000{version}>"#
    )
}

fn composition(statements: &str) -> String {
    format!(
        r#"<component><ehrComposition>{ID}<code/><statusCode/><effectiveTime/><availabilityTime/>
        <author><time/><agentRef>{ID}</agentRef></author>{statements}</ehrComposition></component>"#
    )
}

fn narrative(inside: &str) -> String {
    format!("<component><NarrativeStatement>{inside}</NarrativeStatement></component>")
}

fn whole() -> String {
    narrative(&format!(
        "{ID}<text>seen well</text><statusCode/><availabilityTime/>"
    ))
}

fn of(compositions: &str) -> Vec<String> {
    let found = departures(
        message("UK06", compositions).as_bytes(),
        ExtractVersion::Uk06,
        9,
    );
    found.unwrap().iter().map(ToString::to_string).collect()
}

const FOLDER: &str = "/RCMR_IN030000UK06/ControlActEvent/subject/EhrExtract/component/ehrFolder";

#[test]
fn an_extract_in_its_form_departs_nowhere() {
    let filled = composition(&format!("{}<!-- a note --> {}", whole(), whole()));
    assert_eq!(of(&format!("{filled}{filled}")), [] as [&str; 0]);
}

#[test]
fn what_is_missing_is_named_where_it_was_due() {
    let bare = narrative(&format!("{ID}<statusCode/><availabilityTime/>"));
    assert_eq!(
        of(&composition(&format!("{}{bare}", whole()))),
        [format!(
            "{FOLDER}/component/ehrComposition/component[2]/NarrativeStatement/statusCode: `statusCode` in place of `text`"
        )]
    );
    assert_eq!(
        of(""),
        [format!(
            "{FOLDER}: the end of `ehrFolder` in place of `component`"
        )]
    );
}

#[test]
fn one_element_out_of_place_is_one_departure() {
    let exchanged = narrative(&format!(
        "{ID}<statusCode/><text>seen well</text><availabilityTime/>"
    ));
    let found = of(&composition(&exchanged));
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(
        found[0].ends_with("`statusCode` in place of `text`"),
        "{found:#?}"
    );
    assert!(
        found[1].contains("/text: `text` in place of `availabilityTime`"),
        "{found:#?}"
    );
}

#[test]
fn an_unknown_element_is_a_departure_and_what_it_holds_is_none() {
    let strange = narrative(&format!(
        "{ID}<text/><statusCode/><availabilityTime/><mood><id/><colour/></mood>"
    ));
    let found = of(&composition(&strange));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].ends_with(
            "/mood: `mood` in place of `informant` or `Participant` or `replacementOf` or `reason` or `reference` or `sequelTo` or the end of `NarrativeStatement`"
        ),
        "{found:#?}"
    );
}

#[test]
fn a_mark_of_confidentiality_has_its_place_in_the_newer_form_only() {
    let marked = narrative(&format!(
        "{ID}<text/><statusCode/><availabilityTime/><confidentialityCode/>"
    ));
    let found = of(&composition(&marked));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].contains("`confidentialityCode` in place of"),
        "{found:#?}"
    );
    let newer = message("UK07", &composition(&marked));
    let departures = departures(newer.as_bytes(), ExtractVersion::Uk07, 9);
    assert_eq!(departures, Ok(Vec::new()));
}

#[test]
fn the_newest_form_is_that_of_uk06_under_another_name() {
    let plain = message("UK08", &composition(&whole()));
    let found = departures(plain.as_bytes(), ExtractVersion::Uk08, 9);
    assert_eq!(found, Ok(Vec::new()));
    let marked = narrative(&format!(
        "{ID}<text/><statusCode/><availabilityTime/><confidentialityCode/>"
    ));
    let marked = message("UK08", &composition(&marked));
    let found = departures(marked.as_bytes(), ExtractVersion::Uk08, 9).unwrap();
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].seen, "`confidentialityCode`");
}

#[test]
fn an_attribute_that_must_be_there_is_missed() {
    let empty = |mood: &str| {
        composition(&format!(
            "<component><EhrEmpty{mood}>{ID}</EhrEmpty></component>"
        ))
    };
    assert_eq!(of(&empty(r#" moodCode="EVN""#)), [] as [&str; 0]);
    let found = of(&empty(""));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].ends_with("/EhrEmpty: none in place of attribute `moodCode`"),
        "{found:#?}"
    );
}

#[test]
fn text_has_its_place_in_texts() {
    let found = of(&composition(&format!("and so on {}", whole())));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].ends_with("text `and so on` in place of no text"),
        "{found:#?}"
    );
}

#[test]
fn a_value_has_the_form_of_its_type() {
    let observed = |value: &str| {
        of(&composition(&format!(
            "<component><ObservationStatement>{ID}<code/><statusCode/><effectiveTime><center/></effectiveTime><availabilityTime/>{value}</ObservationStatement></component>"
        )))
    };
    let xsi = "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"";
    assert_eq!(
        observed(&format!(
            "<value {xsi} xsi:type=\"PQ\"><translation/></value>"
        )),
        [] as [&str; 0]
    );
    for (value, due) in [
        (
            "<value/>".to_owned(),
            "none in place of attribute `xsi:type`",
        ),
        (
            format!("<value {xsi} xsi:type=\"Weight\"/>"),
            "xsi:type `Weight` in place of a data type as xsi:type",
        ),
        (
            format!("<value {xsi} xsi:type=\"IVL_PQ\"><low/><width/><high/></value>"),
            "`high` in place of the end of `value`",
        ),
    ] {
        let found = observed(&value);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(found[0].ends_with(due), "{found:#?}");
    }
}

#[test]
fn another_root_element_is_a_departure_of_its_own() {
    let newer = message("UK07", &composition(&whole()));
    let found = departures(newer.as_bytes(), ExtractVersion::Uk06, 9).unwrap();
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(
        found[0].to_string(),
        "/RCMR_IN030000UK07: `RCMR_IN030000UK07` in place of `RCMR_IN030000UK06`"
    );
}

#[test]
fn no_more_departures_are_given_than_asked_for() {
    let bad = composition("<oops/>").repeat(1_000);
    let found = departures(message("UK06", &bad).as_bytes(), ExtractVersion::Uk06, 3).unwrap();
    // The element that ends the walk may have two faults.
    assert!((3..=4).contains(&found.len()), "{}", found.len());
}

#[test]
fn hostile_nesting_is_refused_and_a_crowd_of_names_costs_no_time() {
    let deep = "<component>".repeat(limits::XML_DEPTH + 1);
    let refused = departures(deep.as_bytes(), ExtractVersion::Uk06, 9_999);
    assert_eq!(
        refused,
        Err(XmlError::TooDeep {
            limit: limits::XML_DEPTH
        })
    );
    let crowd: String = (0..50_000).map(|n| format!("<x{n}/>")).collect();
    let odd = narrative(&format!("<text>{crowd}</text><odd>{crowd}</odd>"));
    assert!(!of(&composition(&odd)).is_empty());
    let cut = message("UK06", &composition(&whole()));
    assert!(departures(&cut.as_bytes()[..cut.len() / 2], ExtractVersion::Uk06, 9).is_err());
    assert!(departures(b"<!DOCTYPE x><x/>", ExtractVersion::Uk06, 9).is_err());
}
