//! Repairs of the directory.

use gp2gp_model::directory::{Contract, Directory, Practice};
use gp2gp_model::plan::Act;
use gp2gp_model::registry::PractitionerLink;
use gp2gp_model::{Asid, CpaId, GpCode, OdsCode, PartyKey, Time};

use super::Sds;

impl Sds {
    /// Does what is done to a directory; gives back what is not.
    pub(super) fn act(&mut self, now: Time, act: Act) -> Result<(), Act> {
        match act {
            Act::Relink { gp, from, to } => self.relink(now, gp, from.as_ref(), to),
            Act::DealWithPooledList { practice } => {
                let lists = self.registry.pooled_lists.iter_mut();
                for list in lists.filter(|list| list.practice == practice) {
                    list.dealt_with = true;
                }
            }
            Act::Relist { practice, entries } => relist(&mut self.directory, &practice, entries),
            Act::Register { .. }
            | Act::Decide { .. }
            | Act::RepeatRequest { .. }
            | Act::AcknowledgeAgain { .. }
            | Act::RepeatExtract { .. }
            | Act::MoveOn { .. }
            | Act::Stray { .. }
            | Act::File { .. }
            | Act::AtOffice { .. }
            | Act::AtHub { .. }
            | Act::Book { .. }
            | Act::SendUnrequested { .. } => return Err(act),
        }
        Ok(())
    }

    fn relink(&mut self, now: Time, gp: GpCode, from: Option<&OdsCode>, to: Option<OdsCode>) {
        for link in &mut self.registry.links {
            if link.gp == gp && Some(&link.practice) == from && link.holds(now) {
                link.until = Some(now);
            }
        }
        self.registry
            .links
            .extend(to.map(|practice| PractitionerLink {
                gp,
                practice,
                from: Some(now),
                until: None,
            }));
    }
}

/// A practice is listed so often from now on: what is there already first, and then entries of
/// systems that nobody has.
fn relist(directory: &mut Directory, ods: &OdsCode, entries: u8) {
    let is_of = |practice: &Practice| practice.ods == *ods;
    let mut own: Vec<Practice> = directory.practices.extract_if(.., |it| is_of(it)).collect();
    own.extend(directory.unlisted.extract_if(.., |it| is_of(it)));
    for number in own.len()..usize::from(entries) {
        let Some((practice, contracts)) = own
            .first()
            .and_then(|first| nobodys(directory, first, number))
        else {
            break;
        };
        directory.contracts.extend(contracts);
        own.push(practice);
    }
    let unlisted = own.split_off(own.len().min(usize::from(entries)));
    directory.practices.extend(own);
    directory.unlisted.extend(unlisted);
}

/// Another entry like the first, under addresses of its own.
fn nobodys(
    directory: &Directory,
    first: &Practice,
    number: usize,
) -> Option<(Practice, Vec<Contract>)> {
    let party_key = PartyKey::parse(&format!("{}-{number}", first.party_key)).ok()?;
    let practice = Practice {
        asid: Asid::parse(&format!("{}-{number}", first.asid)).ok()?,
        party_key: party_key.clone(),
        ..first.clone()
    };
    let contracts = (directory.contracts.iter())
        .filter(|contract| contract.party_key == first.party_key)
        .filter_map(|contract| {
            Some(Contract {
                party_key: party_key.clone(),
                cpa_id: CpaId::parse(&format!("{}-{number}", contract.cpa_id)).ok()?,
                ..contract.clone()
            })
        })
        .collect();
    Some((practice, contracts))
}
