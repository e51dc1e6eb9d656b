//! Links and anchors of pages in Markdown.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use pulldown_cmark::{Event, LinkType, Options, Parser, Tag, TagEnd};

/// A link of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Where in the page its target is written.
    pub at: Range<usize>,
    /// As it is written: a path, and an anchor behind `#`.
    pub target: String,
}

impl Link {
    /// The file that is meant, from the file that names it, and the anchor in it. `None` for what is elsewhere.
    pub fn resolved(&self, from: &Path) -> Option<(PathBuf, Option<&str>)> {
        if self.target.contains("://") || self.target.starts_with("mailto:") {
            return None;
        }
        let (path, anchor) = match self.target.split_once('#') {
            Some((path, anchor)) => (path, Some(anchor)),
            None => (self.target.as_str(), None),
        };
        if path.is_empty() {
            return Some((from.to_owned(), anchor));
        }
        let folder = from.parent().unwrap_or(Path::new(""));
        Some((normal(&folder.join(path)), anchor))
    }
}

/// The parser, with what our pages use.
pub(crate) fn parser(page: &str) -> Parser<'_> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_HEADING_ATTRIBUTES;
    Parser::new_ext(page, options)
}

/// Every link of a page that is written with its target, in order.
pub fn links(page: &str) -> Vec<Link> {
    let mut links = Vec::new();
    for (event, range) in parser(page).into_offset_iter() {
        let (Event::Start(Tag::Link {
            link_type,
            dest_url,
            ..
        })
        | Event::Start(Tag::Image {
            link_type,
            dest_url,
            ..
        })) = event
        else {
            continue;
        };
        if link_type != LinkType::Inline {
            continue;
        }
        let written = format!("]({dest_url}");
        if let Some(at) = page
            .get(range.clone())
            .and_then(|text| text.rfind(&written))
        {
            let start = range.start + at + 2;
            links.push(Link {
                at: start..start + dest_url.len(),
                target: dest_url.to_string(),
            });
        }
    }
    links
}

/// The anchors that headings of a page make, as GitHub and mdBook do.
pub struct Anchors(BTreeSet<String>);

impl Anchors {
    /// Of a page.
    pub fn of(page: &str) -> Self {
        let mut anchors = BTreeSet::new();
        let mut heading: Option<String> = None;
        for event in parser(page) {
            if let Event::Start(Tag::Heading { id, .. }) = &event {
                anchors.extend(id.as_ref().map(ToString::to_string));
                heading = id.is_none().then(String::new);
            } else if let Event::End(TagEnd::Heading(_)) = &event {
                anchors.extend(heading.take().map(|words| slug(&words)));
            } else if let (Event::Text(text) | Event::Code(text), Some(heading)) =
                (&event, &mut heading)
            {
                heading.push_str(text);
            }
        }
        Self(anchors)
    }

    /// Whether the page has it.
    pub fn has(&self, anchor: &str) -> bool {
        self.0.contains(anchor)
    }
}

fn slug(words: &str) -> String {
    let words = words.trim().to_lowercase();
    let kept = words.chars().filter_map(|c| match c {
        ' ' => Some('-'),
        '-' | '_' => Some(c),
        other => other.is_alphanumeric().then_some(other),
    });
    kept.collect()
}

/// A path without `.` and `..`.
pub(crate) fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if normal.file_name().is_some() => {
                normal.pop();
            }
            Component::ParentDir
            | Component::Normal(_)
            | Component::RootDir
            | Component::Prefix(_) => normal.push(component),
        }
    }
    normal
}

/// The way from one file of the site to another.
pub(crate) fn relative(from: &Path, to: &Path) -> String {
    let up = from.components().count().saturating_sub(1);
    let mut path = "../".repeat(up);
    path.push_str(&to.to_string_lossy());
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_where_their_targets_are_written() {
        let page = "See [`a`](b.md#c), `[no](link)` and [d](../e.toml \"title\").\n";
        let found = links(page);
        let targets: Vec<&str> = found.iter().map(|link| &page[link.at.clone()]).collect();
        assert_eq!(targets, ["b.md#c", "../e.toml"]);
    }

    #[test]
    fn a_target_is_resolved_from_the_file_that_names_it() {
        let resolved = |target: &str| {
            let link = Link {
                at: 0..0,
                target: target.to_owned(),
            };
            let found = link.resolved(Path::new("docs/a.md"));
            found.map(|(path, anchor)| (path.display().to_string(), anchor.map(str::to_owned)))
        };
        let at =
            |path: &str, anchor: Option<&str>| Some((path.to_owned(), anchor.map(str::to_owned)));
        assert_eq!(resolved("../b.md#x"), at("b.md", Some("x")));
        assert_eq!(resolved("#x"), at("docs/a.md", Some("x")));
        assert_eq!(resolved("./c.json"), at("docs/c.json", None));
        assert_eq!(resolved("https://example.org/x"), None);
    }

    #[test]
    fn anchors_are_those_of_headings() {
        let anchors = Anchors::of("# One, `two` & three_4\n\n## A {#own}\n\n```\n# none\n```\n");
        for anchor in ["one-two--three_4", "own"] {
            assert!(anchors.has(anchor), "{anchor}");
        }
        assert!(!anchors.has("none"));
    }

    #[test]
    fn ways_are_relative() {
        let way = |from: &str, to: &str| relative(Path::new(from), Path::new(to));
        assert_eq!(way("a.md", "b/c.md"), "b/c.md");
        assert_eq!(way("b/c/d.md", "b/e.md"), "../../b/e.md");
    }
}
