//! Values by their path from the root element, e.g. `messageRef/id/@root`. The path that finds
//! a value is also the name that an error gives it.

use std::borrow::Cow;
use std::str::FromStr;

use gp2gp_model::IdError;
use roxmltree::Node;

use super::{Hl7Error, xml};

/// The value, or an error that names it.
pub(super) fn required<'a>(
    root: &Node<'a, '_>,
    path: &'static str,
) -> Result<Cow<'a, str>, Hl7Error> {
    optional(root, path).ok_or(Hl7Error::Missing(path))
}

/// The value as it stands. A blank one counts as absent.
pub(super) fn optional<'a>(root: &Node<'a, '_>, path: &'static str) -> Option<Cow<'a, str>> {
    // Of several elements with one name, the first that leads to a value counts: a device may
    // have a second id, an agent a second role.
    match path.split_once('/') {
        Some((name, rest)) => xml::children(root, name).find_map(|child| optional(&child, rest)),
        None => match path.strip_prefix('@') {
            Some(name) => xml::attribute(root, name).map(Cow::Borrowed),
            None => xml::child(root, path).map(|child| xml::text(&child)),
        }
        .filter(|value| !value.trim().is_empty()),
    }
}

/// The identifier, or an error that names it.
pub(super) fn id<T>(root: &Node<'_, '_>, path: &'static str) -> Result<T, Hl7Error>
where
    T: FromStr<Err = IdError>,
{
    parse(&required(root, path)?, path)
}

/// The identifier, if there is one.
pub(super) fn optional_id<T>(root: &Node<'_, '_>, path: &'static str) -> Result<Option<T>, Hl7Error>
where
    T: FromStr<Err = IdError>,
{
    optional(root, path)
        .map(|value| parse(&value, path))
        .transpose()
}

/// Parses an identifier that stands at `path`.
pub(super) fn parse<T>(value: &str, path: &'static str) -> Result<T, Hl7Error>
where
    T: FromStr<Err = IdError>,
{
    value
        .parse()
        .map_err(|source| Hl7Error::Id { path, source })
}
