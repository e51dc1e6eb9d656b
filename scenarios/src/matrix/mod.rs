//! One file, many scenarios: the axes of `[matrix]`, and the cells that they make.
//!
//! A cell is filled in before anything else is understood of the file, so that an axis can stand
//! for any value. Every value keeps the place of the text that it replaces: errors show the line
//! that the author wrote.

mod fill;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeString, DeTable, DeValue};

use crate::error::Problem;
use crate::suggest;

const TABLE: &str = "matrix";

/// The one name below `[matrix]` that is no axis.
const EXCEPT: &str = "except";

/// More than anybody would wait for.
const MOST_CELLS: usize = 1_000;

/// Longest name of a value in the id of a cell, in characters.
const LONGEST_LABEL: usize = 40;

/// The axes of a file, in the order in which they are written.
pub(crate) struct Matrix<'i> {
    axes: Vec<Axis<'i>>,
    exceptions: Vec<Exception>,
}

struct Axis<'i> {
    name: Spanned<String>,
    values: Vec<Value<'i>>,
}

struct Value<'i> {
    value: DeValue<'i>,
    /// As it stands inside a longer text.
    text: String,
    /// As it stands in the id of a cell.
    label: String,
    /// What goes with this value of the axis, in the order of the file.
    with: Vec<(Spanned<String>, Value<'i>)>,
}

/// Names of axes with the values that, together, are left out.
type Exception = Vec<(String, String)>;

/// One combination of values: an axis and its value each.
#[derive(Clone)]
pub(crate) struct Cell<'m, 'i>(Vec<(&'m str, &'m Value<'i>)>);

/// The part of an id that names a cell: `dialect=tpp/size=4.5-MB`.
impl fmt::Display for Cell<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (axis, value)) in self.0.iter().enumerate() {
            let slash = if position == 0 { "" } else { "/" };
            write!(f, "{slash}{axis}={}", value.label)?;
        }
        Ok(())
    }
}

impl<'m, 'i> Cell<'m, 'i> {
    /// Axes, and what goes with their values.
    fn names(&self) -> impl Iterator<Item = (&'m str, &'m Value<'i>)> {
        self.0.iter().flat_map(|(axis, value)| {
            let with = value.with.iter();
            let with = with.map(|(name, value)| (name.get_ref().as_str(), value));
            std::iter::once((*axis, *value)).chain(with)
        })
    }
}

impl Cell<'_, '_> {
    fn is_left_out_by(&self, exception: &Exception) -> bool {
        exception.iter().all(|(name, text)| {
            let mut values = self.0.iter();
            values.any(|(axis, value)| axis == name && value.text == *text)
        })
    }
}

impl<'i> Matrix<'i> {
    /// Takes `[matrix]` out of a file; `None` if it has none.
    pub(crate) fn take(file: &mut DeTable<'i>) -> Result<Option<Self>, Problem> {
        let Some(written) = file.remove(TABLE) else {
            return Ok(None);
        };
        let span = written.span();
        let DeValue::Table(mut table) = written.into_inner() else {
            return Err(Problem::at(span, "`matrix` is no table").help(
                "write [matrix], and below it a line for each axis such as `size = [\"1 MB\", \"2 MB\"]`",
            ));
        };
        let except = table.remove(EXCEPT);
        let axes = axes(table)?;
        no_name_twice(&axes)?;
        let cells: usize = axes.iter().map(|axis| axis.values.len()).product();
        if axes.is_empty() || cells > MOST_CELLS {
            let message = format!("a matrix of {} axes has {cells} cells", axes.len());
            return Err(Problem::at(span, message).help(format!(
                "a matrix has at least one axis and at most {MOST_CELLS} cells"
            )));
        }
        let exceptions = match except {
            Some(except) => exceptions(except, &axes)?,
            None => Vec::new(),
        };
        let matrix = Self { axes, exceptions };
        if matrix.cells().is_empty() {
            return Err(Problem::at(span, "`except` leaves no cell"));
        }
        Ok(Some(matrix))
    }

    /// Every cell that is not left out; the last axis changes fastest.
    pub(crate) fn cells(&self) -> Vec<Cell<'_, 'i>> {
        let mut cells = vec![Cell(Vec::new())];
        for axis in &self.axes {
            cells = cells.iter().flat_map(|cell| axis.extend(cell)).collect();
        }
        cells.retain(|cell| !self.exceptions.iter().any(|it| cell.is_left_out_by(it)));
        cells
    }

    /// Refuses an axis that no text of the file names.
    pub(crate) fn all_used(&self, used: &BTreeSet<String>) -> Result<(), Problem> {
        let mut names = self.axes.iter().flat_map(Axis::names);
        let Some(unused) = names.find(|name| !used.contains(name.get_ref())) else {
            return Ok(());
        };
        let name = unused.get_ref();
        Err(
            Problem::at(unused.span(), format!("nothing uses the axis `{name}`")).help(format!(
                "write \"{{{name}}}\" where its values belong, or leave it out"
            )),
        )
    }
}

impl<'i> Axis<'i> {
    fn of(name: &Spanned<DeString<'i>>, values: Spanned<DeValue<'i>>) -> Result<Self, Problem> {
        let name = axis_name(name)?;
        let text = name.get_ref();
        let span = values.span();
        let DeValue::Array(array) = values.into_inner() else {
            return Err(
                Problem::at(span, format!("the values of `{text}` are no list"))
                    .help("write them in square brackets, such as [\"1 MB\", \"2 MB\"]"),
            );
        };
        Ok(Self {
            values: values_of(text, array, span)?,
            name,
        })
    }

    /// Its own, and those of what goes with its values.
    fn names(&self) -> impl Iterator<Item = &Spanned<String>> {
        let with = self
            .values
            .first()
            .into_iter()
            .flat_map(|first| &first.with);
        std::iter::once(&self.name).chain(with.map(|(name, _)| name))
    }

    fn extend<'m>(&'m self, cell: &Cell<'m, 'i>) -> Vec<Cell<'m, 'i>> {
        let name = self.name.get_ref().as_str();
        let values = self.values.iter();
        values
            .map(|value| {
                let mut cell = cell.clone();
                cell.0.push((name, value));
                cell
            })
            .collect()
    }
}

fn axis_name(name: &Spanned<DeString<'_>>) -> Result<Spanned<String>, Problem> {
    let text = name.get_ref().to_string();
    if fill::is_name(&text) {
        return Ok(Spanned::new(name.span(), text));
    }
    Err(
        Problem::at(name.span(), format!("no axis can be called `{text}`"))
            .help("a name begins with a letter and goes on with letters, digits, `-` and `_`"),
    )
}

/// The axes in the order of the file: the table has them in the order of the alphabet.
fn axes(table: DeTable<'_>) -> Result<Vec<Axis<'_>>, Problem> {
    let mut entries: Vec<_> = table.into_iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    entries
        .into_iter()
        .map(|(name, values)| Axis::of(&name, values))
        .collect()
}

fn values_of<'i>(
    axis: &str,
    array: DeArray<'i>,
    span: Range<usize>,
) -> Result<Vec<Value<'i>>, Problem> {
    let mut values = array
        .into_iter()
        .map(|written| Value::of(axis, written))
        .collect::<Result<Vec<_>, _>>()?;
    if values.is_empty() {
        return Err(Problem::at(
            span,
            format!("the axis `{axis}` has no values"),
        ));
    }
    let texts: BTreeSet<&str> = values.iter().map(|value| value.text.as_str()).collect();
    if texts.len() < values.len() {
        return Err(Problem::at(
            span,
            format!("the axis `{axis}` has a value twice"),
        ));
    }
    same_company(axis, &values, span)?;
    tell_apart(&mut values);
    Ok(values)
}

/// What goes with one value of an axis goes with every other, or a cell would miss it.
fn same_company(axis: &str, values: &[Value<'_>], span: Range<usize>) -> Result<(), Problem> {
    let names = |value: &Value<'_>| {
        let with = value.with.iter();
        with.map(|(name, _)| name.get_ref().clone())
            .collect::<BTreeSet<_>>()
    };
    let all: BTreeSet<String> = values.iter().flat_map(names).collect();
    for value in values {
        let own = names(value);
        if let Some(missing) = all.difference(&own).next() {
            let message = format!("`{}` of the axis `{axis}` has no `{missing}`", value.text);
            return Err(Problem::at(span, message)
                .help("what goes with one value of an axis has to go with every value"));
        }
    }
    Ok(())
}

fn no_name_twice(axes: &[Axis<'_>]) -> Result<(), Problem> {
    let mut known = BTreeSet::new();
    let mut names = axes.iter().flat_map(Axis::names);
    match names.find(|name| !known.insert(name.get_ref())) {
        None => Ok(()),
        Some(twice) => Err(Problem::at(
            twice.span(),
            format!("`{}` stands for two things in this matrix", twice.get_ref()),
        )),
    }
}

impl<'i> Value<'i> {
    /// A value alone, or a table, in which the name of the axis says the value and every other
    /// name what goes with it.
    fn of(axis: &str, written: Spanned<DeValue<'i>>) -> Result<Self, Problem> {
        let span = written.span();
        let mut table = match written.into_inner() {
            DeValue::Table(table) => table,
            alone @ (DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)) => return Self::alone(Spanned::new(span, alone)),
        };
        let own = table.remove(axis).ok_or_else(|| {
            Problem::at(
                span,
                format!("this value of `{axis}` does not say its `{axis}`"),
            )
            .help(format!("write it as `{{ {axis} = ..., other = ... }}`"))
        })?;
        let mut with = table
            .into_iter()
            .map(|(name, value)| Ok((axis_name(&name)?, Self::alone(value)?)))
            .collect::<Result<Vec<_>, Problem>>()?;
        with.sort_by_key(|(name, _)| name.span().start);
        Ok(Self {
            with,
            ..Self::alone(own)?
        })
    }

    fn alone(written: Spanned<DeValue<'i>>) -> Result<Self, Problem> {
        let text = text(written.get_ref()).ok_or_else(|| {
            Problem::at(written.span(), "no axis can have this value").help(
                "a value is a text, a whole number, `true` or `false`, or a table of what goes together",
            )
        })?;
        Ok(Self {
            value: written.into_inner(),
            label: label(&text),
            text,
            with: Vec::new(),
        })
    }
}

fn text(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .ok()
            .map(|number| number.to_string()),
        DeValue::Boolean(yes) => Some(yes.to_string()),
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// A value as a name that needs no quotes in a shell and can be a folder everywhere.
fn label(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let plain: String = text
        .chars()
        .map(|c| if is_plain(c) { c } else { '-' })
        .collect();
    plain.trim_matches(['-', '.']).to_owned()
}

/// Where names of values are alike, empty or very long, their positions tell them apart.
fn tell_apart(values: &mut [Value<'_>]) {
    let labels: BTreeSet<String> = values
        .iter()
        .map(|value| value.label.to_ascii_lowercase())
        .collect();
    let is_usable = |label: &String| (1..=LONGEST_LABEL).contains(&label.len());
    if labels.len() == values.len() && labels.iter().all(is_usable) {
        return;
    }
    for (position, value) in (1..).zip(values) {
        let short: String = value.label.chars().take(LONGEST_LABEL).collect();
        value.label = format!("{position}-{short}")
            .trim_end_matches(['-', '.'])
            .to_owned();
    }
}

fn exceptions(except: Spanned<DeValue<'_>>, axes: &[Axis<'_>]) -> Result<Vec<Exception>, Problem> {
    let span = except.span();
    let no_cells = || {
        Problem::at(span.clone(), "`except` is no list of cells").help(
            "write it as `except = [{ dialect = \"tpp\", size = \"1 MB\" }]`; an axis that is not named stands for all its values",
        )
    };
    let DeValue::Array(written) = except.into_inner() else {
        return Err(no_cells());
    };
    let mut exceptions = Vec::new();
    for exception in written {
        let DeValue::Table(named) = exception.into_inner() else {
            return Err(no_cells());
        };
        let values = named
            .iter()
            .map(|(name, value)| named_value(name, value, axes));
        exceptions.push(values.collect::<Result<Exception, _>>()?);
    }
    Ok(exceptions)
}

fn named_value(
    name: &Spanned<DeString<'_>>,
    value: &Spanned<DeValue<'_>>,
    axes: &[Axis<'_>],
) -> Result<(String, String), Problem> {
    let axis = axes
        .iter()
        .find(|axis| axis.name.get_ref() == name.get_ref())
        .ok_or_else(|| {
            let names = axes.iter().map(|axis| axis.name.get_ref().as_str());
            unknown_axis(name.get_ref(), name.span(), names)
        })?;
    let texts = axis.values.iter().map(|value| value.text.as_str());
    text(value.get_ref())
        .filter(|text| texts.clone().any(|other| other == text))
        .map(|text| (axis.name.get_ref().clone(), text))
        .ok_or_else(|| {
            let message = format!("the axis `{}` has no such value", name.get_ref());
            Problem::at(value.span(), message).help(suggest::help("", "its values", texts))
        })
}

fn unknown_axis<'a>(
    name: &str,
    span: Range<usize>,
    axes: impl IntoIterator<Item = &'a str> + Clone,
) -> Problem {
    Problem::at(span, format!("no axis of the matrix is called `{name}`")).help(suggest::help(
        name,
        "axes of this file",
        axes,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str) -> Vec<String> {
        let mut file = DeTable::parse(text).unwrap().into_inner();
        let matrix = Matrix::take(&mut file).unwrap_or_else(|problem| panic!("{problem:?}"));
        let matrix = matrix.expect("there is a matrix");
        matrix.cells().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn cells_come_in_the_order_of_the_file() {
        assert_eq!(
            cells("[matrix]\nsize = ['4.5 MB', '5 MB']\ndialect = ['tpp', 'emis']\n"),
            [
                "size=4.5-MB/dialect=tpp",
                "size=4.5-MB/dialect=emis",
                "size=5-MB/dialect=tpp",
                "size=5-MB/dialect=emis"
            ]
        );
    }

    #[test]
    fn an_exception_leaves_out_every_cell_that_it_fits() {
        let axes = "[matrix]\na = [1, 2]\nb = [true, false]\n";
        assert_eq!(
            cells(&format!("{axes}except = [{{ a = 1, b = true }}]\n")),
            ["a=1/b=false", "a=2/b=true", "a=2/b=false"]
        );
        assert_eq!(
            cells(&format!("{axes}except = [{{ a = 2 }}]\n")),
            ["a=1/b=true", "a=1/b=false"]
        );
    }

    #[test]
    fn what_goes_with_a_value_makes_no_cells_of_its_own() {
        assert_eq!(
            cells(
                "[matrix]\nsize = [{ size = 1, pieces = 0 }, { pieces = 2, size = 2 }]\non = [true]\n"
            ),
            ["size=1/on=true", "size=2/on=true"]
        );
    }

    #[test]
    fn names_of_values_are_fit_for_shells_and_folders() {
        assert_eq!(
            cells("[matrix]\nname = ['a b.txt', 'ü/*?$', '../x']\n"),
            ["name=1-a-b.txt", "name=2", "name=3-x"]
        );
        assert_eq!(
            cells("[matrix]\nname = ['a&b', 'a=b']\n"),
            ["name=1-a-b", "name=2-a-b"]
        );
        let long = "x".repeat(1000);
        assert_eq!(
            cells(&format!("[matrix]\nname = ['{long}', 'y']\n")),
            [format!("name=1-{}", "x".repeat(40)), "name=2-y".to_owned()]
        );
        assert_eq!(
            cells("[matrix]\nn = [0x10, -3, 3]\n"),
            ["n=1-16", "n=2-3", "n=3-3"]
        );
    }
}
