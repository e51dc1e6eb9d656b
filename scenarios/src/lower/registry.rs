//! Who works where, and what PDS holds of a patient.

use std::collections::BTreeMap;
use std::time::Duration;

use gp2gp_model::pds::{GeneralPractitioner, PdsRecord};
use gp2gp_model::registry::{Era, Organisation, PooledList, PractitionerLink, Registry};
use gp2gp_model::{GpCode, IdError, NhsNumber, OdsCode, Time};

use super::Practices;
use crate::error::Problem;
use crate::file::{File, Gp, Patient};
use crate::spanned::Spanned;
use crate::suggest;

/// When a GP joined a practice or left it, before the run begins.
const JOINED: Duration = Duration::from_hours(14 * 24);
const LEFT: Duration = Duration::from_hours(30 * 24);

/// The GPs of a scenario.
pub(super) struct Gps {
    era: Era,
    links: Vec<PractitionerLink>,
    named: BTreeMap<String, GpCode>,
    /// The GP of each practice who is nobody in particular.
    of_practice: BTreeMap<OdsCode, GpCode>,
}

impl Gps {
    pub(super) fn of(
        file: &File,
        practices: &mut Practices,
        starts_at: Time,
    ) -> Result<Self, Problem> {
        let mut gps = Self {
            era: file.directory.era,
            links: Vec::new(),
            named: BTreeMap::new(),
            of_practice: BTreeMap::new(),
        };
        for (number, written) in (1..).zip(&file.gp) {
            gps.add(number, written.get_ref(), practices, starts_at)?;
        }
        Ok(gps)
    }

    fn add(
        &mut self,
        number: u32,
        written: &Gp,
        practices: &mut Practices,
        starts_at: Time,
    ) -> Result<(), Problem> {
        let name = written.name.get_ref();
        if self.named.contains_key(name) {
            return Err(
                Problem::at(written.name.span(), format!("two GPs are called `{name}`")).help(
                    "a GP with a code of their own at each of two practices is two entries here",
                ),
            );
        }
        let gp = match &written.code {
            Some(code) => GpCode::parse(code.get_ref())
                .map_err(|error| Problem::at(code.span(), error.to_string()))?,
            None => invented_gp(998_000 + number)?,
        };
        self.named.insert(name.clone(), gp);
        let mut link = |practice: &Spanned<String>, from, until| {
            self.links.push(PractitionerLink {
                gp,
                practice: practices.named(practice)?,
                from,
                until,
            });
            Ok::<(), Problem>(())
        };
        for practice in &written.at {
            link(practice, None, None)?;
        }
        for practice in &written.joined {
            link(practice, Some(starts_at.before(JOINED)), None)?;
        }
        for practice in &written.left {
            link(practice, None, Some(starts_at.before(LEFT)))?;
        }
        Ok(())
    }

    /// The code of a GP whom the scenario names.
    pub(super) fn named(&self, written: &Spanned<String>) -> Result<GpCode, Problem> {
        let name = written.get_ref();
        self.named.get(name).copied().ok_or_else(|| {
            let help = match suggest::nearest(name, self.named.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "name the GP in a [[gp]]".to_owned(),
            };
            Problem::at(written.span(), format!("no GP is called `{name}`")).help(help)
        })
    }

    /// Somebody at a practice, of whom nothing more is said.
    fn anybody_at(&mut self, ods: &OdsCode) -> Result<GpCode, IdError> {
        if let Some(gp) = self.of_practice.get(ods) {
            return Ok(*gp);
        }
        let gp = invented_gp(999_001 + u32::try_from(self.of_practice.len()).unwrap_or(0))?;
        self.of_practice.insert(ods.clone(), gp);
        self.links.push(PractitionerLink {
            gp,
            practice: ods.clone(),
            from: None,
            until: None,
        });
        Ok(gp)
    }

    /// What PDS holds of a patient before the registration.
    pub(super) fn pds(
        &mut self,
        written: &Patient,
        patient: NhsNumber,
        previous: Option<&OdsCode>,
        moves_on_to: Option<&OdsCode>,
    ) -> Result<PdsRecord, Problem> {
        if let (Era::PracticeCode, Some(gp)) = (self.era, &written.gp) {
            return Err(
                Problem::at(gp.span(), "PDS holds the practice of a patient, not the GP")
                    .help("write `[directory] era = \"gp-code\"`, or leave `gp` out"),
            );
        }
        let general_practitioner = match (&written.gp, previous) {
            (Some(gp), _) => GeneralPractitioner::Gp(self.named(gp)?),
            (None, Some(previous)) => self.registered_at(previous)?,
            (None, None) => GeneralPractitioner::Nobody,
        };
        Ok(PdsRecord {
            sensitive: written.sensitive,
            invalidated: written.invalidated,
            moves_on_after_update: (moves_on_to.map(|ods| self.registered_at(ods))).transpose()?,
            ..PdsRecord::new(patient, general_practitioner)
        })
    }

    /// The GP with whom a patient registers, where PDS holds that.
    pub(super) fn registers_with(
        &mut self,
        written: &Patient,
        requesting: &OdsCode,
    ) -> Result<Option<GpCode>, Problem> {
        match (self.era, &written.registers_with) {
            (Era::PracticeCode, None) => Ok(None),
            (Era::PracticeCode, Some(gp)) => Err(Problem::at(
                gp.span(),
                "PDS holds the practice of a patient, not the GP",
            )
            .help("write `[directory] era = \"gp-code\"`, or leave `registers_with` out")),
            (Era::GpCode, Some(gp)) => self.named(gp).map(Some),
            (Era::GpCode, None) => Ok(Some(self.anybody_at(requesting)?)),
        }
    }

    fn registered_at(&mut self, ods: &OdsCode) -> Result<GeneralPractitioner, IdError> {
        Ok(match self.era {
            Era::PracticeCode => GeneralPractitioner::Practice(ods.clone()),
            Era::GpCode => GeneralPractitioner::Gp(self.anybody_at(ods)?),
        })
    }

    /// The registry at the start.
    pub(super) fn registry(
        self,
        file: &File,
        practices: &mut Practices,
    ) -> Result<Registry, Problem> {
        let mut pooled_lists = Vec::new();
        let own = [
            (practices.requesting.ods.clone(), file.requesting.pooled),
            (practices.sending.ods.clone(), file.sending.pooled),
        ];
        let mut others = Vec::new();
        for other in &file.practice {
            let other = other.get_ref();
            others.push((practices.named(&other.ods)?, other.pooled));
        }
        for (practice, reason) in own.into_iter().chain(others) {
            pooled_lists.extend(reason.map(|reason| PooledList {
                practice,
                reason,
                dealt_with: false,
            }));
        }
        let organisations = practices.known().map(|ods| Organisation {
            ods: ods.clone(),
            name: format!("Synthetic Practice {ods}"),
        });
        Ok(Registry {
            era: self.era,
            organisations: organisations.collect(),
            links: self.links,
            pooled_lists,
        })
    }
}

/// A code that looks like a real one.
fn invented_gp(number: u32) -> Result<GpCode, IdError> {
    GpCode::parse(&format!("G8{number:06}"))
}
