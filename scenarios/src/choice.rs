//! Values that an author may write short or long.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{
    Deserialize, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};

use crate::spanned::Spanned;

/// `"06"` or `["AA", "12"]`.
#[derive(Debug, Clone)]
pub(crate) struct OneOrMore(pub(crate) Vec<String>);

impl<'de> Deserialize<'de> for OneOrMore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrMoreVisitor)
    }
}

struct OneOrMoreVisitor;

impl<'de> Visitor<'de> for OneOrMoreVisitor {
    type Value = OneOrMore;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a code such as \"AA\" or \"06\", or a list of them")
    }

    fn visit_str<E: Error>(self, code: &str) -> Result<OneOrMore, E> {
        Ok(OneOrMore(vec![code.to_owned()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut codes: A) -> Result<OneOrMore, A::Error> {
        let mut all = Vec::new();
        while let Some(code) = codes.next_element()? {
            all.push(code);
        }
        Ok(OneOrMore(all))
    }
}

/// One value for every patient, or `{ alice = .., bob = .. }`.
#[derive(Debug, Clone)]
pub(crate) enum OfPatients<T> {
    Everybody(T),
    Named(Vec<(Spanned<String>, Spanned<T>)>),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OfPatients<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OfPatientsVisitor(PhantomData))
    }
}

struct OfPatientsVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OfPatientsVisitor<T> {
    type Value = OfPatients<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one value for every patient, or a table with the names of patients")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<OfPatients<T>, E> {
        T::deserialize(text.into_deserializer()).map(OfPatients::Everybody)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<OfPatients<T>, E> {
        T::deserialize(number.into_deserializer()).map(OfPatients::Everybody)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<OfPatients<T>, E> {
        T::deserialize(number.into_deserializer()).map(OfPatients::Everybody)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<OfPatients<T>, A::Error> {
        let mut named = Vec::new();
        while let Some(entry) = map.next_entry()? {
            named.push(entry);
        }
        Ok(OfPatients::Named(named))
    }
}
