//! What there is to say about everything that has a name: `gp2gp explain` and the site are made from this.

use gp2gp_mocks::Defect;
use gp2gp_model::coverage::{Coverage, FailureModeRow, RequirementRow};
use gp2gp_model::explanation::{
    AboutBrokenSystem, AboutFailureMode, AboutRequirement, AboutScenario, Explanation, Titled,
};
use gp2gp_model::glossary::Term;
use gp2gp_model::plan::Plan;
use gp2gp_model::report::find;
use gp2gp_model::requirement::Requirement;
use gp2gp_model::response_code::REGISTER;
use gp2gp_model::{RequirementId, ScenarioId};

use crate::judge::checked_requirements;

/// Everything that can be explained.
pub struct Reference {
    catalogue: Vec<Requirement>,
    plans: Vec<Plan>,
    coverage: Coverage,
    glossary: Vec<Term>,
}

impl Reference {
    /// The data in the binary.
    pub fn load() -> miette::Result<Self> {
        let catalogue = gp2gp_scenarios::catalogue()?;
        let mut plans = Vec::new();
        for source in gp2gp_scenarios::builtin() {
            for scenario in gp2gp_scenarios::parse(&source)? {
                plans.push(gp2gp_scenarios::lower(&scenario, &catalogue, None)?);
            }
        }
        let modes = gp2gp_scenarios::failure_modes()?;
        let checked = checked_requirements();
        let coverage = Coverage::of(&plans, &modes, &catalogue, |row| {
            checked.contains(row.id.as_str())
        });
        Ok(Self {
            coverage,
            plans,
            glossary: gp2gp_scenarios::glossary()?,
            catalogue,
        })
    }

    /// All of it: requirements, scenarios, failure modes, broken systems, codes, words.
    pub fn everything(&self) -> Vec<Explanation> {
        let requirements = self.coverage.requirements.iter();
        let of_one_file = |plan: &Plan, next: &Plan| plan.file == next.file;
        let scenarios = self.plans.chunk_by(of_one_file);
        let modes = self.coverage.failure_modes.iter();
        requirements
            .map(|row| Explanation::Requirement(self.requirement(row)))
            .chain(
                scenarios
                    .filter_map(|plans| self.scenario(plans))
                    .map(Explanation::Scenario),
            )
            .chain(modes.map(|row| Explanation::FailureMode(self.failure_mode(row))))
            .chain(
                Defect::all()
                    .filter_map(|defect| self.broken_system(defect))
                    .map(Explanation::BrokenSystem),
            )
            .chain(
                REGISTER
                    .iter()
                    .map(|row| Explanation::ResponseCode(row.into())),
            )
            .chain(self.glossary.iter().cloned().map(Explanation::Term))
            .collect()
    }

    /// What goes by this name: by none, one, or several.
    pub fn find(&self, name: &str) -> Vec<Explanation> {
        let wanted = plain(name);
        let mut all = self.everything();
        all.retain(|it| it.names().iter().any(|name| plain(name) == wanted));
        all
    }

    /// A name that somebody most probably meant, if one is near enough.
    pub fn nearest(&self, name: &str) -> Option<String> {
        let names: Vec<String> = self
            .everything()
            .iter()
            .flat_map(Explanation::names)
            .collect();
        gp2gp_scenarios::nearest(name, names.iter().map(String::as_str)).map(str::to_owned)
    }

    fn requirement(&self, row: &RequirementRow) -> AboutRequirement {
        let id = &row.requirement.id;
        let red = Defect::all().filter(|defect| defect.caught_by() == id.as_str());
        let terms = self.glossary.iter();
        AboutRequirement {
            requirement: row.requirement.clone(),
            checked: row.checked,
            scenarios: row.scenarios.clone(),
            seen_red_with: red.map(|defect| format!("broken:{defect}")).collect(),
            terms: terms
                .filter(|term| term.requirements.contains(id))
                .map(|term| term.name.clone())
                .collect(),
        }
    }

    /// Of the plans of one file, if there are any.
    pub fn scenario(&self, plans: &[Plan]) -> Option<AboutScenario> {
        let plan = plans.first()?;
        let modes = self.coverage.failure_modes.iter();
        let named = plan.requirements.iter();
        let cells = plans.iter().filter(|plan| plan.scenario != plan.file);
        Some(AboutScenario {
            id: plan.file.to_string(),
            file: plan.file.clone(),
            title: plan.title.clone(),
            story: plan.story.clone(),
            judges: plan.judges.to_vec(),
            heavy: plan.heavy,
            cells: cells.map(|plan| plan.scenario.to_string()).collect(),
            failure_modes: modes
                .filter(|row| plan.failure_modes.contains(&row.mode.number))
                .map(|row| row.mode.clone())
                .collect(),
            requirements: named
                .filter_map(|id| find(&self.catalogue, id).cloned())
                .collect(),
        })
    }

    fn failure_mode(&self, row: &FailureModeRow) -> AboutFailureMode {
        AboutFailureMode {
            mode: row.mode.clone(),
            scenarios: row.scenarios.iter().map(|id| self.titled(id)).collect(),
        }
    }

    fn titled(&self, id: &ScenarioId) -> Titled {
        let plan = self.plans.iter().find(|plan| plan.file == *id);
        Titled {
            id: id.clone(),
            title: plan.map(|plan| plan.title.clone()).unwrap_or_default(),
        }
    }

    fn broken_system(&self, defect: Defect) -> Option<AboutBrokenSystem> {
        let id = RequirementId::parse(defect.caught_by()).ok()?;
        let caught_by = find(&self.catalogue, &id)?.clone();
        Some(AboutBrokenSystem {
            name: defect.name(),
            role: defect.role(),
            what: defect.describe(),
            caught_by,
        })
    }
}

/// A name as names are compared: without case, and with one blank for a blank, a hyphen or an underscore.
fn plain(name: &str) -> String {
    let name = name.to_lowercase();
    let words: Vec<&str> = name
        .split([' ', '-', '_'])
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str) -> Vec<String> {
        let reference = Reference::load().unwrap();
        let found = reference.find(name);
        found.iter().map(|it| it.subject().name()).collect()
    }

    #[test]
    fn everything_is_found_by_its_own_name() {
        let reference = Reference::load().unwrap();
        let all = reference.everything();
        for it in &all {
            let name = plain(&it.subject().name());
            let same = all
                .iter()
                .filter(|other| plain(&other.subject().name()) == name);
            assert_eq!(same.count(), 1, "{name}");
        }
        assert!(all.len() > 500, "only {}", all.len());
    }

    #[test]
    fn no_defect_is_left_out() {
        let all = Reference::load().unwrap().everything();
        let broken = all
            .iter()
            .filter(|it| matches!(it, Explanation::BrokenSystem(_)));
        assert_eq!(broken.count(), Defect::all().count());
    }

    #[test]
    fn names_are_found_however_they_are_written() {
        assert_eq!(found("snd-31"), ["SND-31"]);
        assert_eq!(found("Core-Extract"), ["core extract"]);
        assert_eq!(found("COPC"), ["COPC"]);
        assert_eq!(found("sender"), ["sending system"]);
        assert_eq!(found("no-final-ack"), ["broken:no-final-ack"]);
        assert_eq!(found("mode 12"), ["failure mode 12"]);
        assert_eq!(found("06"), ["code 06"]);
        assert_eq!(found("12"), ["failure mode 12", "code 12"]);
    }

    #[test]
    fn a_near_miss_is_understood_and_another_word_is_not() {
        let reference = Reference::load().unwrap();
        assert_eq!(reference.nearest("fragmnt").as_deref(), Some("fragment"));
        assert_eq!(reference.nearest("SND-0l").as_deref(), Some("SND-01"));
        assert_eq!(reference.nearest("photosynthesis"), None);
    }
}
