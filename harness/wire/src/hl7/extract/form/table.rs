//! The table of forms, read from `extract.form`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Every form by its name.
static FORMS: LazyLock<BTreeMap<&'static str, Form>> =
    LazyLock::new(|| Reader::new(include_str!("extract.form")).forms());

/// What an element may hold.
#[derive(Debug, Default)]
pub(super) struct Form {
    /// It may hold text.
    pub(super) text: bool,
    /// It may hold anything.
    pub(super) any: bool,
    /// Contents to choose from, each a row of places.
    pub(super) ways: Vec<Vec<Place>>,
}

/// A place in a content: one of some elements, so and so often.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) choices: Vec<Choice>,
    pub(super) least: u32,
    pub(super) most: u32,
    /// Only in UK07.
    pub(super) newer: bool,
}

/// An element that may stand at a place.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) name: &'static str,
    /// Attributes that it must have.
    pub(super) attributes: Vec<&'static str>,
    pub(super) form: Body,
}

/// The form of an element.
#[derive(Debug)]
pub(super) enum Body {
    Named(&'static str),
    Own(Form),
}

/// A form of the table; the abstract data type has none.
pub(super) fn form(name: &str) -> Option<&'static Form> {
    FORMS.get(name)
}

/// The form that an attribute `xsi:type` names: data types are written in capitals.
pub(super) fn data_type(name: &str) -> Option<&'static Form> {
    let is_data_type = name.starts_with(|first: char| first.is_ascii_uppercase());
    form(name).filter(|_| is_data_type)
}

impl Choice {
    /// It is a value, not a part of the record.
    pub(super) fn is_data(&self) -> bool {
        match &self.form {
            Body::Named(name) => *name == ABSTRACT || data_type(name).is_some(),
            Body::Own(_) => false,
        }
    }
}

impl Body {
    /// What the element may hold; `None` if that is for `xsi:type` to say.
    pub(super) fn form(&'static self) -> Option<&'static Form> {
        match self {
            Self::Named(name) => form(name),
            Self::Own(form) => Some(form),
        }
    }
}

/// Reads the table word by word. It is lenient, for the table is ours: a test sees that every name in
/// it is of a form.
struct Reader {
    /// The words between the braces of each form.
    bodies: BTreeMap<&'static str, Vec<&'static str>>,
}

impl Reader {
    fn new(table: &'static str) -> Self {
        let lines = table.lines().filter(|line| !line.starts_with('#'));
        let words: Vec<_> = lines.flat_map(words).collect();
        let forms = words.split(|word| *word == "form");
        let body = |form: &[&'static str]| Some((*form.first()?, form.get(2..)?.to_vec()));
        Self {
            bodies: forms.filter_map(body).collect(),
        }
    }

    fn forms(&self) -> BTreeMap<&'static str, Form> {
        let names = self.bodies.keys().filter(|name| **name != ABSTRACT);
        names.map(|name| (*name, self.form(name))).collect()
    }

    fn form(&self, name: &str) -> Form {
        let body = self.bodies.get(name).map_or(&[][..], Vec::as_slice);
        self.content(&mut body.iter().copied().peekable())
    }

    /// Up to the closing brace.
    fn content(&self, words: &mut Words<'_>) -> Form {
        let mut form = Form::default();
        let mut way = Vec::new();
        while let Some(word) = words.peek().copied() {
            match word {
                "}" => {
                    words.next();
                    break;
                }
                "text" if words.clone().nth(1) != Some(":") => {
                    words.next();
                    form.text = true;
                }
                "any" => {
                    words.next();
                    form.any = true;
                }
                "/" => {
                    words.next();
                    form.ways.push(std::mem::take(&mut way));
                }
                _ => match word.strip_prefix("..") {
                    Some(other) => {
                        words.next();
                        way.extend(self.form(other).ways.into_iter().flatten());
                    }
                    None => way.push(self.place(words)),
                },
            }
        }
        form.ways.push(way);
        form
    }

    fn place(&self, words: &mut Words<'_>) -> Place {
        let newer = words.next_if_eq(&"newer").is_some();
        let mut choices = Vec::new();
        if words.next_if_eq(&"(").is_some() {
            choices.push(self.choice(words));
            while words.next_if_eq(&"|").is_some() {
                choices.push(self.choice(words));
            }
            words.next_if_eq(&")");
        } else {
            choices.push(self.choice(words));
        }
        let (least, most) = words
            .peek()
            .copied()
            .and_then(occurrence)
            .inspect(|_| {
                words.next();
            })
            .unwrap_or((1, 1));
        Place {
            choices,
            least,
            most,
            newer,
        }
    }

    fn choice(&self, words: &mut Words<'_>) -> Choice {
        let name = words.next().unwrap_or_default();
        let mut attributes = Vec::new();
        while words.clone().nth(1) == Some("!") {
            attributes.extend(words.next());
            words.next();
        }
        let form = if words.next_if_eq(&"{").is_some() {
            Body::Own(self.content(words))
        } else {
            words.next_if_eq(&":");
            Body::Named(words.next().unwrap_or_default())
        };
        Choice {
            name,
            attributes,
            form,
        }
    }
}

/// The name that stands for the data type which `xsi:type` names.
const ABSTRACT: &str = "ANY";

type Words<'a> = std::iter::Peekable<std::iter::Copied<std::slice::Iter<'a, &'static str>>>;

/// Names, and signs of one character.
fn words(line: &'static str) -> impl Iterator<Item = &'static str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let mut rest = line;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let name = rest.find(|c: char| !is_name(c)).unwrap_or(rest.len());
        let length = if name == 0 { 1 } else { name };
        let (word, behind) = rest.split_at_checked(length)?;
        rest = behind;
        Some(word)
    })
}

fn occurrence(word: &str) -> Option<(u32, u32)> {
    match word {
        "?" => Some((0, 1)),
        "*" => Some((0, u32::MAX)),
        "+" => Some((1, u32::MAX)),
        other => {
            let (least, most) = other.split_once("..")?;
            Some((least.parse().ok()?, most.parse().ok()?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_table_is_of_a_form_that_is_used() {
        let mut named = BTreeMap::from([("message", 1)]);
        for form in FORMS.values() {
            count(form, &mut named);
        }
        let table = include_str!("extract.form");
        for name in named.keys().filter(|name| **name != ABSTRACT) {
            assert!(FORMS.contains_key(name), "no form {name}");
        }
        for name in FORMS.keys() {
            let is_spliced = table.contains(&format!("..{name}"));
            let is_data_type = data_type(name).is_some();
            let is_used = is_spliced || is_data_type || named.contains_key(name);
            assert!(is_used, "form {name} is used nowhere");
        }
    }

    fn count(form: &Form, named: &mut BTreeMap<&'static str, u32>) {
        for choice in form.ways.iter().flatten().flat_map(|place| &place.choices) {
            let is_name =
                |name: &str| !name.is_empty() && !name.contains(['{', '}', '(', ')', '.']);
            assert!(is_name(choice.name), "`{}` is no name", choice.name);
            assert!(choice.attributes.iter().all(|name| is_name(name)));
            match &choice.form {
                Body::Named(name) => *named.entry(name).or_default() += 1,
                Body::Own(form) => count(form, named),
            }
        }
    }

    #[test]
    fn a_form_is_read_with_its_places_and_how_often_they_are_filled() {
        let compound = form("compound").unwrap();
        assert_eq!(compound.ways.len(), 1);
        let shown: Vec<String> = compound.ways[0]
            .iter()
            .map(|place| {
                let names: Vec<_> = place.choices.iter().map(|choice| choice.name).collect();
                let newer = if place.newer { "newer " } else { "" };
                format!("{newer}{} {}..{}", names.join("|"), place.least, place.most)
            })
            .collect();
        assert_eq!(shown[0], "id 1..2");
        assert_eq!(shown[6], "newer confidentialityCode 0..1");
        assert_eq!(shown[9], format!("component 1..{}", u32::MAX));
        assert_eq!(shown.len(), 16);
        assert_eq!(form("IVL_TS").unwrap().ways.len(), 5);
        assert!(form("ED").unwrap().any && form("ED").unwrap().text);
    }
}
