//! Practices, their addresses and contracts: what SDS would say.

use std::collections::BTreeSet;

use gp2gp_model::directory::{Contract, Directory, Practice};
use gp2gp_model::plan::{Role, Side};
use gp2gp_model::terms::Terms;
use gp2gp_model::{Asid, CpaId, IdError, Interaction, OdsCode, PartyKey, Version};

use crate::error::Problem;
use crate::file::{self, File, OtherPractice};
use crate::quantity::{Size, Span};
use crate::spanned::Spanned;
use crate::suggest;

/// Limits of real systems (spec 20).
const USUAL_THRESHOLD: Size = Size(4_500_000);
const USUAL_MESSAGE_LIMIT: Size = Size(5_000_000);

/// Smaller than this, envelope and payload alone would not fit.
const SMALLEST_MESSAGE_LIMIT: Size = Size(50_000);

/// Every practice of a scenario; the first two are the requesting and the sending one.
pub(super) struct Practices {
    pub(super) requesting: Side,
    pub(super) sending: Side,
    /// Everybody who is not to be invented again, listed or not.
    known: Vec<OdsCode>,
    all: Vec<Practice>,
    unlisted: Vec<Practice>,
    shared_databases: Vec<Vec<OdsCode>>,
    blocked: Vec<PartyKey>,
}

impl Practices {
    pub(super) fn of(file: &File, terms: &Terms) -> Result<Self, Problem> {
        let one = |role, number, written| match terms.practices.get(&role) {
            Some(own) => Ok(Practice {
                ods: own.ods.clone(),
                asid: own.asid.clone(),
                party_key: own.party_key.clone(),
                interactions: listed(written),
            }),
            None => practice(&invented_ods(number)?, number, listed(written)),
        };
        let requesting = one(Role::Requesting, 1, &file.requesting)?;
        let sending = one(Role::Sending, 2, &file.sending)?;
        let mut practices = Self {
            requesting: side(&requesting, &file.requesting)?,
            sending: side(&sending, &file.sending)?,
            known: vec![requesting.ods.clone(), sending.ods.clone()],
            all: Vec::new(),
            unlisted: Vec::new(),
            shared_databases: Vec::new(),
            blocked: Vec::new(),
        };
        if file.requesting.blocked {
            practices.blocked.push(requesting.party_key.clone());
        }
        let both = [(requesting, &file.requesting), (sending, &file.sending)];
        if file.requesting.version.finds(file.sending.version) {
            practices.enter(both)?;
        } else {
            // What SDS lists under its maker is not there for a search by the other system.
            practices.unlisted = both.map(|(practice, _)| practice).into();
        }
        for other in &file.practice {
            practices.add(other.get_ref())?;
        }
        Ok(practices)
    }

    fn add(&mut self, written: &OtherPractice) -> Result<(), Problem> {
        let name = written.ods.get_ref().as_str();
        if !looks_like_ods(name) {
            return Err(
                Problem::at(written.ods.span(), format!("`{name}` is no ODS code"))
                    .help("write three to ten capital letters and digits, such as `Z99903`"),
            );
        }
        let ods = OdsCode::parse(name)?;
        if self.known.contains(&ods) {
            return Err(Problem::at(
                written.ods.span(),
                format!("there is a practice {ods} already"),
            )
            .help("requesting and sending practice are Z99901 and Z99902"));
        }
        self.known.push(ods.clone());
        for _ in 0..written.entries {
            self.list(&ods)?;
        }
        if let Some(other) = &written.shares_database_with {
            let other = self.named(other)?;
            self.shared_databases.push(vec![other, ods]);
        }
        Ok(())
    }

    /// Enters the two practices as often as their author says; Spine reaches both in any case.
    /// Further entries come behind, under addresses at which nobody listens.
    fn enter(&mut self, both: [(Practice, &file::Practice); 2]) -> Result<(), IdError> {
        let mut again = Vec::new();
        for (practice, written) in both {
            again.extend((1..written.entries).map(|_| practice.ods.clone()));
            match written.entries {
                0 => self.unlisted.push(practice),
                1.. => self.all.push(practice),
            }
        }
        again.iter().try_for_each(|ods| self.list(ods))
    }

    /// Every practice that was heard of.
    pub(super) fn known(&self) -> impl Iterator<Item = &OdsCode> {
        self.known.iter()
    }

    const fn next_number(&self) -> usize {
        self.all.len() + self.unlisted.len() + 1
    }

    fn list(&mut self, ods: &OdsCode) -> Result<(), IdError> {
        let usual = Version::default().interactions();
        self.all.push(practice(ods, self.next_number(), usual)?);
        Ok(())
    }

    /// The practice that an author means by `requesting`, `sending` or an ODS code; a code that
    /// was not heard of before belongs to one more practice.
    pub(super) fn named(&mut self, written: &Spanned<String>) -> Result<OdsCode, Problem> {
        let name = written.get_ref().as_str();
        if name == "requesting" {
            return Ok(self.requesting.ods.clone());
        }
        if name == "sending" {
            return Ok(self.sending.ods.clone());
        }
        if !looks_like_ods(name) {
            return Err(Problem::at(written.span(), format!("`{name}` is no practice"))
                .help(match suggest::nearest(name, ["requesting", "sending"]) {
                    Some(role) => format!("did you mean `{role}`?"),
                    None => "write `requesting`, `sending`, or the ODS code of a third practice such as `Z99903`".to_owned(),
                }));
        }
        let ods = OdsCode::parse(name)?;
        if !self.known.contains(&ods) {
            self.known.push(ods.clone());
            self.list(&ods)?;
        }
        Ok(ods)
    }

    pub(super) fn directory(&self, contract: &file::Contract) -> Result<Directory, Problem> {
        let mut contracts = Vec::new();
        for practice in self.all.iter().chain(&self.unlisted) {
            for (at, interaction) in Interaction::ALL.into_iter().enumerate() {
                if practice.interactions.contains(&interaction) {
                    contracts.push(contract_for(practice, interaction, at, contract)?);
                }
            }
        }
        Ok(Directory {
            practices: self.all.clone(),
            unlisted: self.unlisted.clone(),
            contracts,
            shared_databases: self.shared_databases.clone(),
            blocked: self.blocked.clone(),
        })
    }
}

/// Codes that look like real ones and belong to nobody.
fn invented_ods(number: usize) -> Result<OdsCode, IdError> {
    OdsCode::parse(&format!("Z999{number:02}"))
}

fn looks_like_ods(text: &str) -> bool {
    (3..=10).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// What SDS lists the system of a practice for.
fn listed(written: &file::Practice) -> BTreeSet<Interaction> {
    let mut interactions = written.version.interactions();
    if !written.large_messaging {
        interactions.remove(&Interaction::Copc);
    }
    interactions
}

fn practice(
    ods: &OdsCode,
    number: usize,
    interactions: BTreeSet<Interaction>,
) -> Result<Practice, IdError> {
    Ok(Practice {
        ods: ods.clone(),
        asid: Asid::parse(&format!("{:012}", 200_000_099_900 + number))?,
        party_key: PartyKey::parse(&format!("{ods}-{}", 899_900 + number))?,
        interactions,
    })
}

fn side(practice: &Practice, written: &file::Practice) -> Result<Side, Problem> {
    let message_limit = written
        .message_limit
        .as_ref()
        .map_or(USUAL_MESSAGE_LIMIT, |size| *size.get_ref());
    let usual_threshold = USUAL_THRESHOLD.min(Size(message_limit.0 / 10 * 9));
    let threshold = written
        .attachment_threshold
        .as_ref()
        .map_or(usual_threshold, |size| *size.get_ref());
    if let Some(limit) = written
        .message_limit
        .as_ref()
        .filter(|_| message_limit < SMALLEST_MESSAGE_LIMIT)
    {
        return Err(Problem::at(limit.span(), "no message fits into this limit")
            .help(format!("the smallest is {SMALLEST_MESSAGE_LIMIT}")));
    }
    if let Some(size) = written
        .attachment_threshold
        .as_ref()
        .filter(|_| threshold.0 < 1_000 || threshold >= message_limit)
    {
        return Err(Problem::at(
            size.span(),
            "an attachment of this size fits into no message, or holds next to nothing",
        )
        .help(format!(
            "the threshold is at least 1 KB and smaller than the message limit of {message_limit}"
        )));
    }
    Ok(Side {
        ods: practice.ods.clone(),
        dialect: written.dialect.into(),
        version: written.version,
        enabled: written.enabled,
        attachment_threshold: in_memory(threshold),
        message_limit: in_memory(message_limit),
        cleanup: written.cleanup,
    })
}

fn in_memory(Size(bytes): Size) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// CPA ids are unique for (practice, interaction): a message sent under another contract shows.
fn contract_for(
    practice: &Practice,
    interaction: Interaction,
    at: usize,
    written: &file::Contract,
) -> Result<Contract, IdError> {
    let party = practice
        .party_key
        .as_str()
        .rsplit('-')
        .next()
        .unwrap_or_default();
    Ok(Contract {
        party_key: practice.party_key.clone(),
        interaction,
        cpa_id: CpaId::parse(&format!("S{party}A{:06}", at + 1))?,
        retries: written.retries.into(),
        retry_interval: written.retry_interval.0,
        persist_duration: persist(interaction, &written.persist).0,
    })
}

const fn persist(interaction: Interaction, written: &file::Persist) -> Span {
    match interaction {
        Interaction::EhrRequestUk05 | Interaction::EhrRequestUk06 => written.request,
        Interaction::EhrExtractUk06 | Interaction::EhrExtractUk07 | Interaction::EhrExtractUk08 => {
            written.extract
        }
        Interaction::Copc => written.copc,
        Interaction::Acknowledgement => written.acknowledgement,
    }
}
