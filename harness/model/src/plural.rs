//! How many there are of something, as people read it.

/// `1 page`, `2 pages`.
pub fn count<N: TryInto<u64>>(number: N, what: &str) -> String {
    match number.try_into().unwrap_or(u64::MAX) {
        1 => format!("1 {what}"),
        number => format!("{number} {what}s"),
    }
}

/// `is` behind one, `are` behind others.
pub const fn are(number: u64) -> &'static str {
    match number {
        1 => "is",
        _ => "are",
    }
}
