//! Puts the values of a cell wherever a text names an axis.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Cell, Value, unknown_axis};
use crate::error::Problem;

/// A piece of a text, with the axis put in.
enum Piece<'a, 'i> {
    Text(&'a str),
    Value(&'a Value<'i>),
}

impl<'i> Cell<'_, 'i> {
    /// Fills in a file whose whole text is `text`. Gives the names of the axes that it uses.
    pub(crate) fn fill(
        &self,
        file: &mut DeTable<'i>,
        text: &str,
    ) -> Result<BTreeSet<String>, Problem> {
        let mut used = BTreeSet::new();
        for (_, value) in file.iter_mut() {
            self.fill_value(value, text, &mut used)?;
        }
        Ok(used)
    }

    fn fill_value(
        &self,
        written: &mut Spanned<DeValue<'i>>,
        text: &str,
        used: &mut BTreeSet<String>,
    ) -> Result<(), Problem> {
        let span = written.span();
        match written.get_mut() {
            DeValue::String(string) => {
                let filled = self.filled(string, |name| place(name, text, &span), used)?;
                *written.get_mut() = filled;
            }
            DeValue::Array(array) => {
                for value in array.iter_mut() {
                    self.fill_value(value, text, used)?;
                }
            }
            DeValue::Table(table) => {
                for (_, value) in table.iter_mut() {
                    self.fill_value(value, text, used)?;
                }
            }
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => {}
        }
        Ok(())
    }

    /// A text that is nothing but `{axis}` becomes the value itself, of whatever type it is.
    fn filled(
        &self,
        string: &str,
        place: impl Fn(&str) -> Range<usize>,
        used: &mut BTreeSet<String>,
    ) -> Result<DeValue<'i>, Problem> {
        let mut pieces = Vec::new();
        let mut rest = string;
        while let Some((before, found, after)) = next(rest) {
            pieces.push(Piece::Text(before));
            pieces.push(match found {
                Found::Brace(brace) => Piece::Text(brace),
                Found::Name(name) => {
                    used.insert(name.to_owned());
                    Piece::Value(self.value(name, &place)?)
                }
            });
            rest = after;
        }
        pieces.push(Piece::Text(rest));
        pieces.retain(|piece| !matches!(piece, Piece::Text("")));
        if let [Piece::Value(value)] = pieces.as_slice() {
            return Ok(value.value.clone());
        }
        let text: String = pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => *text,
                Piece::Value(value) => value.text.as_str(),
            })
            .collect();
        Ok(DeValue::String(text.into()))
    }

    fn value(
        &self,
        name: &str,
        place: impl Fn(&str) -> Range<usize>,
    ) -> Result<&Value<'i>, Problem> {
        self.names()
            .find(|(other, _)| *other == name)
            .map(|(_, value)| value)
            .ok_or_else(|| {
                let axes: Vec<&str> = self.names().map(|(other, _)| other).collect();
                unknown_axis(name, place(name), axes)
            })
    }
}

/// Letters, digits, `-` and `_`, the first a letter.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

enum Found<'a> {
    /// A brace that was written twice, to mean itself.
    Brace(&'a str),
    /// A name in braces.
    Name(&'a str),
}

/// What comes before the first thing to fill in, the thing, and what comes after. Braces around
/// anything but a name are only braces.
fn next(text: &str) -> Option<(&str, Found<'_>, &str)> {
    for (at, brace) in text.match_indices(['{', '}']) {
        let (before, from) = text.split_at(at);
        let inside = from.get(1..)?;
        if inside.starts_with(brace) {
            return Some((before, Found::Brace(brace), inside.get(1..)?));
        }
        if let Some((name, after)) = inside.split_once('}')
            && brace == "{"
            && is_name(name)
        {
            return Some((before, Found::Name(name), after));
        }
    }
    None
}

/// Where `{name}` stands in the file, within the value that has this span.
fn place(name: &str, text: &str, span: &Range<usize>) -> Range<usize> {
    let written = text.get(span.clone()).unwrap_or_default();
    match written.find(&format!("{{{name}}}")) {
        Some(at) => {
            let start = span.start + at;
            start..start + name.len() + 2
        }
        None => span.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Matrix;
    use super::*;

    fn filled(value: &str) -> Result<DeValue<'static>, String> {
        let text = format!(
            "x = {value}\n[matrix]\nsize = [{{ pieces = 0, size = '4.5 MB' }}]\ncount = [7]\non = [true]\n"
        );
        let text: &'static str = text.leak();
        let mut file = DeTable::parse(text).unwrap().into_inner();
        let matrix = Matrix::take(&mut file).unwrap().unwrap();
        let cells = matrix.cells();
        cells[0]
            .fill(&mut file, text)
            .map_err(|problem| format!("{problem:?}"))?;
        Ok(file.remove("x").unwrap().into_inner())
    }

    fn text(value: &str) -> String {
        match filled(value) {
            Ok(DeValue::String(text)) => text.into_owned(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_axis_is_put_into_a_text() {
        assert_eq!(text("'{size}'"), "4.5 MB");
        assert_eq!(text("'{pieces} of {size}'"), "0 of 4.5 MB");
        assert_eq!(text("'{count} of {size}, {on}'"), "7 of 4.5 MB, true");
        assert_eq!(text("''"), "");
    }

    #[test]
    fn a_text_that_is_nothing_but_an_axis_has_the_type_of_its_value() {
        assert_eq!(
            filled("'{count}'").unwrap().as_integer().unwrap().as_str(),
            "7"
        );
        assert_eq!(filled("'{on}'").unwrap().as_bool(), Some(true));
        assert_eq!(text("'{count} '"), "7 ");
    }

    #[test]
    fn other_braces_stay_and_doubled_ones_mean_themselves() {
        assert_eq!(text("'{ size } {} {1} } {'"), "{ size } {} {1} } {");
        assert_eq!(text("'{{size}} {{{size}}}'"), "{size} {4.5 MB}");
    }

    #[test]
    fn axes_are_found_inside_lists_and_tables() {
        let value = filled("[{ a = ['{size}'] }]").unwrap();
        let inner = value
            .get(0)
            .unwrap()
            .get_ref()
            .get("a")
            .unwrap()
            .get_ref()
            .get(0);
        assert_eq!(inner.unwrap().get_ref().as_str(), Some("4.5 MB"));
    }

    #[test]
    fn an_unknown_axis_is_found_at_its_place() {
        let problem = filled("'a {siez}'").unwrap_err();
        assert!(
            problem.contains("no axis of the matrix is called `siez`"),
            "{problem}"
        );
        assert!(problem.contains("did you mean `size`?"), "{problem}");
        assert!(problem.contains("7..13"), "{problem}");
    }
}
