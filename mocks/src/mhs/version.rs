//! Which version two systems use with each other, by what SDS lists for both.

use std::collections::BTreeSet;

use gp2gp_model::{Interaction, ResponseCode};
use gp2gp_wire::hl7::{ExtractVersion, RequestVersion};

/// What SDS lists a system for.
pub type Listed = BTreeSet<Interaction>;

/// The newest request that both systems are listed for (TD12.7, TD12.8, S230); without one there
/// is nothing to ask with.
pub fn request_version(own: &Listed, other: &Listed) -> Option<RequestVersion> {
    let both = |request: &Interaction| own.contains(request) && other.contains(request);
    match Interaction::REQUESTS.into_iter().find(both)? {
        Interaction::EhrRequestUk06 => Some(RequestVersion::Uk06),
        Interaction::EhrRequestUk05 => Some(RequestVersion::Uk05),
        Interaction::EhrExtractUk06
        | Interaction::EhrExtractUk07
        | Interaction::EhrExtractUk08
        | Interaction::Copc
        | Interaction::Acknowledgement => None,
    }
}

/// The extract that answers a request: one of its own version (S230) that the requesting system is
/// listed for. Marked entries travel in UK07 alone, and to a system that is listed for it.
pub fn extract_version(
    request: RequestVersion,
    own: &Listed,
    requesting: &Listed,
    has_redactions: bool,
) -> Result<ExtractVersion, NoVersion> {
    let takes = |extract: &ExtractVersion| requesting.contains(&extract.interaction());
    if !has_redactions {
        let plain = Some(plain_extract(request));
        return plain.filter(takes).ok_or(NoVersion::NotListed);
    }
    let marked = match request {
        RequestVersion::Uk05 => Some(ExtractVersion::Uk07),
        RequestVersion::Uk06 => None,
    };
    (marked.filter(takes))
        .filter(|marked| own.contains(&marked.interaction()))
        .ok_or(NoVersion::Redactions)
}

/// The extract without marks that answers a request.
pub const fn plain_extract(request: RequestVersion) -> ExtractVersion {
    match request {
        RequestVersion::Uk05 => ExtractVersion::Uk06,
        RequestVersion::Uk06 => ExtractVersion::Uk08,
    }
}

/// Why a request is answered with no extract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoVersion {
    /// SDS does not list the requesting system for the extract of the version in which it asked.
    #[error("sds: the requesting system is not listed for the extract that answers its request")]
    NotListed,
    /// There are entries which the patient must not see. In a form that cannot mark them they would
    /// be shown, and without them the record would not be whole.
    #[error("no form that both systems have can mark entries as kept from the patient")]
    Redactions,
}

impl NoVersion {
    /// The code that tells the requester. The register has none for redactions: the extract could
    /// not be made.
    pub fn code(self) -> ResponseCode {
        ResponseCode::from(match self {
            Self::NotListed => "24",
            Self::Redactions => "10",
        })
    }
}

#[cfg(test)]
mod tests {
    use gp2gp_model::version::Version;

    use super::*;

    #[test]
    fn the_newest_request_of_both_is_chosen() {
        for requesting in Version::ALL {
            for sending in Version::ALL {
                let both_newest = (requesting, sending) == (Version::V2_2c, Version::V2_2c);
                let due = match both_newest {
                    true => RequestVersion::Uk06,
                    false => RequestVersion::Uk05,
                };
                assert_eq!(
                    request_version(&requesting.interactions(), &sending.interactions()),
                    Some(due),
                    "{requesting} asks {sending}"
                );
            }
        }
        let none = Listed::new();
        assert_eq!(request_version(&none, &Version::V2_2b.interactions()), None);
    }

    #[test]
    fn the_answer_is_in_the_version_of_the_request() {
        let answer = |request, own: Version, requesting: Version, redactions| {
            let (own, requesting) = (own.interactions(), requesting.interactions());
            extract_version(request, &own, &requesting, redactions)
        };
        use ExtractVersion as Extract;
        use RequestVersion::{Uk05, Uk06};
        use Version::{V1_1a, V2_2b, V2_2bUk07, V2_2c};
        for (request, own, requesting, redactions, due) in [
            (Uk05, V2_2c, V1_1a, false, Ok(Extract::Uk06)),
            (Uk05, V2_2bUk07, V2_2bUk07, false, Ok(Extract::Uk06)),
            (Uk05, V2_2bUk07, V2_2bUk07, true, Ok(Extract::Uk07)),
            (Uk06, V2_2c, V2_2c, false, Ok(Extract::Uk08)),
            (Uk06, V2_2c, V2_2b, false, Err(NoVersion::NotListed)),
            // Not to a system that is not listed for it, nor from one, nor in another version.
            (Uk05, V2_2bUk07, V2_2b, true, Err(NoVersion::Redactions)),
            (Uk05, V2_2b, V2_2bUk07, true, Err(NoVersion::Redactions)),
            (Uk06, V2_2c, V2_2c, true, Err(NoVersion::Redactions)),
        ] {
            assert_eq!(
                answer(request, own, requesting, redactions),
                due,
                "{own} answers {requesting}"
            );
        }
    }
}
