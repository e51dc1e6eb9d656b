//! Splits a description into its entries, however broken it is.

use std::iter::Peekable;
use std::vec;

/// Keys of the grammar in the order of writing, and whether each must be there.
pub(super) const KEYS: [(&str, bool); 7] = [
    (FILENAME, true),
    (CONTENT_TYPE, true),
    (COMPRESSED, true),
    (LARGE_ATTACHMENT, true),
    (ORIGINAL_BASE64, true),
    (LENGTH, false),
    (DOMAIN_DATA, false),
];
pub(super) const FILENAME: &str = "Filename";
pub(super) const CONTENT_TYPE: &str = "ContentType";
pub(super) const COMPRESSED: &str = "Compressed";
pub(super) const LARGE_ATTACHMENT: &str = "LargeAttachment";
pub(super) const ORIGINAL_BASE64: &str = "OriginalBase64";
pub(super) const LENGTH: &str = "Length";
pub(super) const DOMAIN_DATA: &str = "DomainData";

/// One `key=value`, or a word without `=`.
pub(super) struct Entry<'t> {
    pub(super) key: &'t str,
    pub(super) value: Option<&'t str>,
    pub(super) quoted: bool,
}

/// The entries of a text. Never fails: what is left unclear ends at the next known key. Each
/// step goes forward only, so that no text takes more than one pass.
pub(super) struct Entries<'t> {
    text: &'t str,
    at: usize,
    closing_quotes: Peekable<vec::IntoIter<usize>>,
}

impl<'t> Entries<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        // Values hold quotes of their own (spec 20): the closing one is that which is followed
        // by a known key or by nothing.
        let closes = |at: &usize| {
            let after = text.get(at + 1..).unwrap_or_default();
            starts_with_key(after) || after.bytes().all(|byte| byte.is_ascii_whitespace())
        };
        let quotes = text.match_indices('"').map(|(at, _)| at);
        let closing_quotes: Vec<_> = quotes.filter(closes).collect();
        Self {
            text,
            at: 0,
            closing_quotes: closing_quotes.into_iter().peekable(),
        }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Takes so many bytes of the rest.
    fn take(&mut self, length: usize) -> &'t str {
        let taken = self.rest().get(..length).unwrap_or_default();
        self.at += length;
        taken
    }

    /// Takes a value in quotes, if there is one and it is closed.
    fn take_quoted(&mut self) -> Option<&'t str> {
        let body = self.rest().strip_prefix('"')?;
        let start = self.at + 1;
        while self.closing_quotes.next_if(|&at| at < start).is_some() {}
        let length = match self.closing_quotes.peek() {
            Some(at) => at - start,
            // No quote closes as it should: the last one before the next known key.
            None => body.get(..next_key(body))?.rfind('"')?,
        };
        self.at = start;
        let value = self.take(length);
        self.at += 1;
        Some(value)
    }
}

impl<'t> Iterator for Entries<'t> {
    type Item = Entry<'t>;

    fn next(&mut self) -> Option<Entry<'t>> {
        self.at += self.rest().len() - self.rest().trim_ascii_start().len();
        if self.rest().is_empty() {
            return None;
        }
        let key = self.take(end_of(self.rest(), |c| c == '=' || c.is_ascii_whitespace()));
        if !self.rest().starts_with('=') {
            return Some(Entry {
                key,
                value: None,
                quoted: false,
            });
        }
        self.at += 1;
        if let Some(value) = self.take_quoted() {
            return Some(Entry {
                key,
                value: Some(value),
                quoted: true,
            });
        }
        let length = match key {
            FILENAME | DOMAIN_DATA => next_key(self.rest()),
            _ => end_of(self.rest(), |c| c.is_ascii_whitespace()),
        };
        let value = self.take(length);
        let value = value.strip_prefix('"').unwrap_or(value);
        Some(Entry {
            key,
            value: Some(value),
            quoted: false,
        })
    }
}

/// Where the white space before the next known key starts, or the end of the text.
fn next_key(text: &str) -> usize {
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let space = end_of(rest, |c| c.is_ascii_whitespace());
        let after = rest.get(space..).unwrap_or_default();
        if after.is_empty() || starts_with_key(after) {
            return at + space;
        }
        at += space + after.len() - after.trim_ascii_start().len();
    }
}

/// Whether white space and a `Key=` of the grammar come next.
pub(super) fn starts_with_key(text: &str) -> bool {
    let word = text.trim_ascii_start();
    let is_word = |key: &str| {
        word.strip_prefix(key)
            .is_some_and(|after| after.starts_with('='))
    };
    word.len() < text.len() && KEYS.iter().any(|(key, _)| is_word(key))
}

fn end_of(text: &str, ends: impl Fn(char) -> bool) -> usize {
    text.find(ends).unwrap_or(text.len())
}
