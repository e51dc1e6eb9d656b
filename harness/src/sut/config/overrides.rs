//! The text of the file, and what the environment puts above it.

use std::collections::BTreeMap;
use std::ops::Range;

use gp2gp_scenarios::Problem;
use serde::Deserialize as _;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use super::file::File;

/// What every variable begins with that stands above the file.
const PREFIX: &str = "GP2GP_SUT__";

/// The file, and below it a line for each variable, so that an error can show it.
pub(super) struct Written {
    pub(super) text: String,
    /// How much of the text is the file.
    file_bytes: usize,
    variables: Vec<Variable>,
}

struct Variable {
    /// The keys that lead to the value.
    path: Vec<String>,
    value: String,
    name_at: Range<usize>,
    value_at: Range<usize>,
}

impl Written {
    pub(super) fn new(file: &str, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let ours = variables.into_iter().filter_map(|(name, value)| {
            let path = name.strip_prefix(PREFIX)?.to_lowercase();
            Some((name, (path, value)))
        });
        let ours: BTreeMap<_, _> = ours.collect();
        let mut text = file.to_owned();
        let mut variables = Vec::new();
        if !ours.is_empty() {
            text.push_str("\n# from the environment:\n");
        }
        for (name, (path, value)) in ours {
            let name_at = text.len()..text.len() + name.len();
            text.push_str(&name);
            text.push('=');
            let value_at = text.len()..text.len() + value.len();
            text.push_str(&value);
            text.push('\n');
            variables.push(Variable {
                path: path.split("__").map(str::to_owned).collect(),
                value,
                name_at,
                value_at,
            });
        }
        Self {
            text,
            file_bytes: file.len(),
            variables,
        }
    }

    /// The file with every variable in its place.
    ///
    /// A variable is a text. Only where the file wants something else is it read as the file would
    /// be, so that the version `4.2` of a system stays a text and the port `4430` becomes a number.
    pub(super) fn read(&self) -> Result<File, Problem> {
        let mut as_toml = vec![false; self.variables.len()];
        loop {
            let problem = match self.read_with(&as_toml) {
                Ok(file) => return Ok(file),
                Err(problem) => problem,
            };
            let mut variables = self.variables.iter().zip(&mut as_toml);
            let culprit = variables.find(|(variable, as_toml)| {
                !**as_toml
                    && problem.span().as_ref() == Some(&variable.value_at)
                    && DeValue::parse(&variable.value).is_ok()
            });
            match culprit {
                Some((_, as_toml)) => *as_toml = true,
                None => return Err(problem),
            }
        }
    }

    fn read_with(&self, as_toml: &[bool]) -> Result<File, Problem> {
        let mut table = DeTable::parse(&self.text[..self.file_bytes])?;
        for (variable, as_toml) in self.variables.iter().zip(as_toml) {
            variable.put(table.get_mut(), *as_toml)?;
        }
        Ok(File::deserialize(Deserializer::from(table))?)
    }
}

impl Variable {
    fn put<'a>(&'a self, file: &mut DeTable<'a>, as_toml: bool) -> Result<(), Problem> {
        let mut table = file;
        let (last, above) = self.path.split_last().unwrap_or((&self.value, &[]));
        for key in above {
            let key = Spanned::new(self.name_at.clone(), key.into());
            let empty = || Spanned::new(self.name_at.clone(), DeValue::Table(DeTable::new()));
            let DeValue::Table(next) = table.entry(key).or_insert_with(empty).get_mut() else {
                let message = "something on the way to this key is no table";
                return Err(Problem::at(self.name_at.clone(), message));
            };
            table = next;
        }
        let mut value = match DeValue::parse(&self.value) {
            Ok(value) if as_toml => value.into_inner(),
            Ok(_) | Err(_) => DeValue::String(self.value.as_str().into()),
        };
        stand_at(&mut value, &self.value_at);
        // The key of the file would stay, with its place.
        table.remove(last.as_str());
        table.insert(
            Spanned::new(self.name_at.clone(), last.into()),
            Spanned::new(self.value_at.clone(), value),
        );
        Ok(())
    }
}

/// What is inside a value stands where the value stands.
fn stand_at(value: &mut DeValue<'_>, place: &Range<usize>) {
    match value {
        DeValue::Array(array) => {
            for element in array.iter_mut() {
                stand_at(element.get_mut(), place);
                let inner = std::mem::replace(element.get_mut(), DeValue::Boolean(false));
                *element = Spanned::new(place.clone(), inner);
            }
        }
        DeValue::Table(table) => {
            for (_, element) in table.iter_mut() {
                stand_at(element.get_mut(), place);
                let inner = std::mem::replace(element.get_mut(), DeValue::Boolean(false));
                *element = Spanned::new(place.clone(), inner);
            }
        }
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => {}
    }
}
