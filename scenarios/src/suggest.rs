//! "Did you mean ...?"

/// The candidate that somebody most probably meant, if one is near enough.
pub fn nearest<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let written = written.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&written, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(edits, candidate)| *edits <= tolerated(candidate))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// A third of the letters may be wrong; in a long text more would be another word.
fn tolerated(candidate: &str) -> usize {
    (candidate.chars().count() / 3).clamp(1, 4)
}

/// Help that names the nearest candidate, or else all of them.
pub fn help<'a>(
    written: &str,
    what: &str,
    candidates: impl IntoIterator<Item = &'a str> + Clone,
) -> String {
    match nearest(written, candidates.clone()) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => format!("{what}: {}", listed(candidates)),
    }
}

fn listed<'a>(candidates: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = candidates
        .into_iter()
        .map(|candidate| format!("`{candidate}`"))
        .collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_understood() {
        assert_eq!(nearest("dialct", ["dialect", "enabled"]), Some("dialect"));
        assert_eq!(nearest("Emis", ["emis", "tpp"]), Some("emis"));
        assert_eq!(nearest("patinet", ["patient", "step"]), Some("patient"));
        assert_eq!(nearest("extrac", ["extracts", "extract"]), Some("extract"));
    }

    #[test]
    fn another_word_is_not_guessed_at() {
        assert_eq!(nearest("colour", ["dialect", "enabled"]), None);
        assert_eq!(
            help("colour", "keys here", ["a", "b"]),
            "keys here: `a`, `b`"
        );
    }
}
