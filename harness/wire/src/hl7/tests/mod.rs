//! The five messages against their dialects, the corpus, the published schemas and hostile
//! input.

mod corpus;
mod hostile;
mod laws;
mod schema;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use gp2gp_model::{EhrExtractId, EhrRequestId, Hl7MessageId, NhsNumber, OdsCode};

use super::*;
use crate::Dialect;

const MESSAGE: &str = "A0000000-0000-4000-8000-00000000000A";
const CORE: &str = "B0000000-0000-4000-8000-00000000000B";

/// A record of one folder, with a document, which either version of an extract may hold.
const RECORD: &str = r#"<component typeCode="COMP">
<ehrFolder classCode="FOLDER" moodCode="EVN">
<id root="C0000000-0000-4000-8000-000000000001"/>
<statusCode code="COMPLETE"/>
<effectiveTime><low value="2001"/><high value="2025"/></effectiveTime>
<availabilityTime value="20250101120000"/>
<author typeCode="AUT">
<time value="20250101120000"/>
<AgentOrgSDS classCode="AGNT"><agentOrganizationSDS classCode="ORG" determinerCode="INSTANCE">
<id root="1.2.826.0.1285.0.1.10" extension="Z00001"/>
</agentOrganizationSDS></AgentOrgSDS>
</author>
<responsibleParty typeCode="RESP"><agentDirectory classCode="AGNT"><part typeCode="PART">
<Agent classCode="AGNT">
<id root="C0000000-0000-4000-8000-000000000002"/>
<code code="309394004" codeSystem="2.16.840.1.113883.2.1.3.2.4.15" displayName="General Practitioner Principal"/>
<agentPerson classCode="PSN" determinerCode="INSTANCE"><name><family>Synthetic</family></name></agentPerson>
</Agent>
</part></agentDirectory></responsibleParty>
<component typeCode="COMP">
<ehrComposition classCode="COMPOSITION" moodCode="EVN">
<id root="C0000000-0000-4000-8000-000000000003"/>
<code code="25671000000102" codeSystem="2.16.840.1.113883.2.1.3.2.4.15" displayName="Surgery Consultation Note"/>
<statusCode code="COMPLETE"/>
<effectiveTime><center value="2024"/></effectiveTime>
<availabilityTime value="2024"/>
<author typeCode="AUT" contextControlCode="OP">
<time value="2024"/>
<agentRef classCode="AGNT"><id root="C0000000-0000-4000-8000-000000000002"/></agentRef>
</author>
<component typeCode="COMP">
<NarrativeStatement classCode="OBS" moodCode="EVN">
<id root="C0000000-0000-4000-8000-000000000004"/>
<text>A letter &amp; a note</text>
<statusCode code="COMPLETE"/>
<availabilityTime value="2024"/>
<reference typeCode="REFR">
<referredToExternalDocument classCode="DOC" moodCode="EVN">
<id root="C0000000-0000-4000-8000-000000000005"/>
<code code="37251000000104" codeSystem="2.16.840.1.113883.2.1.3.2.4.15" displayName="Additional attachment"/>
<text mediaType="application/pdf"><reference value="file://localhost/C0000000-0000-4000-8000-000000000005_a%20letter.pdf"/></text>
</referredToExternalDocument>
</reference>
</NarrativeStatement>
</component>
</ehrComposition>
</component>
</ehrFolder>
</component>"#;

fn wrapper(interaction: Interaction) -> Wrapper {
    Wrapper {
        id: MESSAGE.parse().unwrap(),
        creation_time: "20250101120000".to_owned(),
        version_code: "V3NPfIT3.1.10".to_owned(),
        root: interaction.id().to_owned(),
        interaction_id: interaction.id().to_owned(),
        recipient: "200000000001".parse().unwrap(),
        sender: "200000000002".parse().unwrap(),
        author: Some("200000000002".parse().unwrap()),
    }
}

fn request() -> EhrRequest {
    EhrRequest {
        wrapper: wrapper(Interaction::EhrRequestUk05),
        version: RequestVersion::Uk05,
        id: EhrRequestId::parse("D0000000-0000-4000-8000-00000000000D").unwrap(),
        patient: NhsNumber::parse("9990000018").unwrap(),
        author: OdsCode::parse("Z00002").unwrap(),
        destination: OdsCode::parse("Z00001").unwrap(),
    }
}

fn extract(version: ExtractVersion) -> EhrExtract {
    EhrExtract {
        wrapper: wrapper(version.interaction()),
        version,
        id: EhrExtractId::parse("E0000000-0000-4000-8000-00000000000E").unwrap(),
        availability_time: "20250101120000".to_owned(),
        patient: NhsNumber::parse("9990000018").unwrap(),
        author: OdsCode::parse("Z00001").unwrap(),
        destination: Some(OdsCode::parse("Z00002").unwrap()),
        prior_request: Some(request().id),
        record: Bytes::from_static(RECORD.as_bytes()),
    }
}

fn gp2gp_fragment(subject: &str) -> Gp2gpFragment {
    Gp2gpFragment {
        version: "01".to_owned(),
        recipients: vec![OdsCode::parse("Z00001").unwrap()],
        from: OdsCode::parse("Z00002").unwrap(),
        subject: subject.to_owned(),
        message_id: MESSAGE.parse().unwrap(),
        in_order: true,
    }
}

fn continue_() -> Continue {
    Continue {
        wrapper: wrapper(Interaction::Copc),
        information_code: "GP2GP_PI".to_owned(),
        fragment: gp2gp_fragment(CONTINUE_SUBJECT),
        ack_type: "AA".to_owned(),
        detail_type: "IF".to_owned(),
        detail_code: "0".to_owned(),
        message_ref: CORE.parse().unwrap(),
        acknowledged_message: Some(CORE.parse().unwrap()),
    }
}

fn fragment() -> Fragment {
    Fragment {
        wrapper: wrapper(Interaction::Copc),
        information_code: "GP2GPLMATTACHMENTINFO".to_owned(),
        information_id: MESSAGE.parse().unwrap(),
        fragment: gp2gp_fragment("Attachment: a letter & more.pdf"),
        file_reference: Some("file://localhost/a letter & more.pdf".to_owned()),
    }
}

fn positive() -> Acknowledgement {
    Acknowledgement::positive(wrapper(Interaction::Acknowledgement), CORE.parse().unwrap())
}

fn negative(message_ref: &str, code: &str, dialect: Dialect) -> Acknowledgement {
    let message_ref = Hl7MessageId::parse(message_ref).unwrap();
    let wrapper = wrapper(Interaction::Acknowledgement);
    Acknowledgement::negative(wrapper, message_ref, code.into(), dialect)
}

fn every_payload() -> Vec<Payload> {
    let mut payloads = vec![
        Payload::EhrRequest(request()),
        Payload::EhrRequest(EhrRequest {
            wrapper: wrapper(Interaction::EhrRequestUk06),
            version: RequestVersion::Uk06,
            ..request()
        }),
        Payload::EhrExtract(extract(ExtractVersion::Uk06)),
        Payload::EhrExtract(extract(ExtractVersion::Uk07)),
        Payload::EhrExtract(extract(ExtractVersion::Uk08)),
        Payload::Continue(continue_()),
        Payload::Fragment(fragment()),
        Payload::Acknowledgement(positive()),
    ];
    let nacks = Dialect::ALL.map(|dialect| negative(CORE, "06", dialect));
    payloads.extend(nacks.map(Payload::Acknowledgement));
    payloads
}

/// The folder `shared`, which lies beside the repository on a developer's machine.
fn shared() -> Option<PathBuf> {
    let beside = || {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .map(|folder| folder.join("shared"))
            .find(|shared| shared.join("corpus").is_dir())
    };
    let shared = std::env::var_os("GP2GP_SHARED")
        .map(PathBuf::from)
        .or_else(beside);
    if shared.is_none() {
        eprintln!("skipped: no corpus beside the repository");
    }
    shared
}
