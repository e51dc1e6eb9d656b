//! The agents of a folder: the practice and the people who wrote the record.

use gp2gp_model::OdsCode;

use super::draw::{Draw, Uuid};
use super::names;
use super::statement::{Pen, put};
use super::vocabulary::SNOMED;
use super::xml::Escaped;

/// Ids of the agents that the folder declares. Whoever is named in the record is one of them
/// (SND-23: every `agentRef` resolves).
#[derive(Debug)]
pub(super) struct Agents {
    practice: Uuid,
    people: Vec<Uuid>,
}

impl Agents {
    /// Writes the practice, called `name`, and so many people.
    pub(super) fn write(pen: &mut Pen, practice: &OdsCode, name: &str, people: u64) -> Self {
        Self {
            practice: write_practice(pen, practice, name),
            people: (0..people).map(|_| write_person(pen)).collect(),
        }
    }

    /// Draws one of the people.
    pub(super) fn draw(&self, draw: &mut Draw) -> Uuid {
        let nth = draw.below(self.people.len() as u32);
        let person = self.people.get(nth as usize);
        person.copied().unwrap_or(self.practice)
    }
}

fn write_practice(pen: &mut Pen, practice: &OdsCode, name: &str) -> Uuid {
    let (id, practice, name) = (pen.draw.uuid(), Escaped(practice.as_str()), Escaped(name));
    let (street, town) = (names::street(&mut pen.draw), names::town(&mut pen.draw));
    let postcode = names::postcode(&mut pen.draw);
    put!(
        pen,
        r#"<part typeCode="PART"><Agent classCode="AGNT"><id root="{id}"/><code code="394745000" codeSystem="{SNOMED}" displayName="General practice (organisation)"/><agentOrganization classCode="ORG" determinerCode="INSTANCE"><id root="2.16.840.1.113883.2.1.4.3" extension="{practice}"/><name>{name}</name><telecom use="WP" value="tel:01632960000"/><addr><streetAddressLine>{street}</streetAddressLine><streetAddressLine>{town}</streetAddressLine><postalCode>{postcode}</postalCode></addr></agentOrganization></Agent></part>"#
    );
    id
}

fn write_person(pen: &mut Pen) -> Uuid {
    let (code, term, prefix) = *pen.draw.pick(&[
        ("309394004", "General Practitioner Principal", "Dr"),
        ("309394004", "General Practitioner Principal", "Dr"),
        ("394741009", "Other Health Professional", "Ms"),
        ("704951000000106", "Other person", "Mr"),
    ]);
    let (id, number) = (pen.draw.uuid(), pen.draw.below(100_000));
    let female = prefix == "Ms" || prefix == "Dr" && pen.draw.chance(50);
    let given = names::given(&mut pen.draw, female);
    let family = names::family(&mut pen.draw);
    put!(
        pen,
        r#"<part typeCode="PART"><Agent classCode="AGNT"><id root="{id}"/><id root="2.16.840.1.113883.2.1.4.2" extension="G99{number:05}"/><code code="{code}" codeSystem="{SNOMED}" displayName="{term}"/><agentPerson classCode="PSN" determinerCode="INSTANCE"><name><prefix>{prefix}</prefix><given>{given}</given><family>{}</family></name></agentPerson></Agent></part>"#,
        Escaped(&family)
    );
    id
}
