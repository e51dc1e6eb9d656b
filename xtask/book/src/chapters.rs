//! The preprocessor: drafts are filled, links are led to where their targets are in the site.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use gp2gp::explanation::Reference;
use gp2gp_model::explanation::{Explanation, Subject};
use mdbook_driver::book::{Book, BookItem, Chapter, SectionNumber};
use mdbook_driver::errors::{Error, Result};
use mdbook_preprocessor::{Preprocessor, PreprocessorContext};
use pulldown_cmark::{Event, Tag, TagEnd};

use crate::links::{Link, links, normal, parser, relative};
use crate::reference::{Written, chapters, link_to};

/// The preprocessor `gp2gp` of `docs/book.toml`.
#[derive(Debug, Clone, Copy)]
pub struct Chapters;

impl Preprocessor for Chapters {
    fn name(&self) -> &str {
        "gp2gp"
    }

    fn run(&self, context: &PreprocessorContext, mut book: Book) -> Result<Book> {
        let root = context.root.parent().unwrap_or(&context.root);
        fill_drafts(&mut book)?;
        move_into_site(&mut book);
        let site = Site::of(root, &book)?;
        for item in &mut book.items {
            if let BookItem::Chapter(chapter) = item {
                site.finish(chapter)?;
            }
        }
        Ok(book)
    }
}

/// Chapters of `SUMMARY.md` without a file are made from the data.
fn fill_drafts(book: &mut Book) -> Result<()> {
    let mut made = chapters().map_err(|error| Error::msg(format!("{error:?}")))?;
    for item in &mut book.items {
        let BookItem::Chapter(chapter) = item else {
            continue;
        };
        if chapter.is_draft_chapter() {
            let at = made.iter().position(|it| it.name == chapter.name);
            let at = at.ok_or_else(|| Error::msg(format!("nobody writes `{}`", chapter.name)))?;
            fill(chapter, made.swap_remove(at));
        }
    }
    match made.first() {
        Some(left) => Err(Error::msg(format!("SUMMARY.md has no `{}`", left.name))),
        None => Ok(()),
    }
}

fn fill(chapter: &mut Chapter, written: Written) {
    chapter.content = written.content;
    chapter.path = Some(written.path);
    for part in written.parts {
        let mut below = Chapter::new_draft(&part.name, Vec::new());
        fill(&mut below, part);
        add_below(chapter, below);
    }
}

fn add_below(chapter: &mut Chapter, mut below: Chapter) {
    let mut number: Vec<u32> = chapter.number.as_ref().map_or(Vec::new(), |it| it.to_vec());
    number.push(u32::try_from(chapter.sub_items.len() + 1).unwrap_or(u32::MAX));
    below.number = Some(SectionNumber::new(number));
    below.parent_names = chapter.parent_names.clone();
    below.parent_names.push(chapter.name.clone());
    chapter.sub_items.push(BookItem::Chapter(below));
}

/// Pages beside `docs` keep their path in the repository; the first page of all is the front page.
fn move_into_site(book: &mut Book) {
    book.for_each_chapter_mut(|chapter| {
        if let Some(path) = &chapter.path {
            let path = normal(&Path::new("docs").join(path));
            let path = path.strip_prefix("docs").unwrap_or(&path);
            chapter.path = Some(match path == Path::new("README.md") {
                true => PathBuf::from("index.md"),
                false => path.to_owned(),
            });
        }
    });
}

/// Where things of the repository are in the site.
struct Site<'a> {
    root: &'a Path,
    /// Pages of the repository, by their path there.
    pages: BTreeMap<PathBuf, PathBuf>,
    /// What has an article, by its name.
    articles: BTreeMap<String, Subject>,
}

impl<'a> Site<'a> {
    fn of(root: &'a Path, book: &Book) -> Result<Self> {
        let pages = book.chapters().filter_map(|chapter| {
            let source = chapter.source_path.as_ref()?;
            let path = chapter.path.as_ref()?;
            Some((normal(&Path::new("docs").join(source)), path.clone()))
        });
        let reference = Reference::load().map_err(|error| Error::msg(format!("{error:?}")))?;
        let all = reference.everything();
        // Words of the glossary are words: they stand in every sentence.
        let named = all
            .iter()
            .filter(|it| !matches!(it, Explanation::Term(_) | Explanation::ResponseCode(_)));
        Ok(Self {
            root,
            pages: pages.collect(),
            articles: named
                .map(|it| (it.subject().name(), it.subject()))
                .collect(),
        })
    }

    /// Leads the links of a chapter and of those below it; adds below it the files that it shows.
    fn finish(&self, chapter: &mut Chapter) -> Result<()> {
        for item in &mut chapter.sub_items {
            if let BookItem::Chapter(below) = item {
                self.finish(below)?;
            }
        }
        let Some(place) = chapter.path.clone() else {
            return Ok(());
        };
        let source = match &chapter.source_path {
            Some(source) => normal(&Path::new("docs").join(source)),
            None => Path::new("docs").join(&place),
        };
        let mut shown = BTreeSet::new();
        let mut changes = Vec::new();
        for link in links(&chapter.content) {
            if chapter.source_path.is_none() && !link.target.contains("docs/") {
                continue;
            }
            if let Some(target) = self.led(&link, &source, &place, &mut shown)? {
                changes.push((link.at, target));
            }
        }
        changes.extend(self.mentions(&chapter.content, &place));
        changes.extend(diagrams(&chapter.content));
        chapter.content = changed(&chapter.content, changes);
        for file in shown {
            let below = self.file(&file)?;
            add_below(chapter, below);
        }
        Ok(())
    }

    /// Where a link of a page leads in the site; files that are no pages are to be shown.
    fn led(
        &self,
        link: &Link,
        source: &Path,
        place: &Path,
        shown: &mut BTreeSet<PathBuf>,
    ) -> Result<Option<String>> {
        let Some((target, anchor)) = link.resolved(source) else {
            return Ok(None);
        };
        let anchor = anchor.map_or(String::new(), |anchor| format!("#{anchor}"));
        if target == source {
            return Ok(None);
        }
        let in_site = if let Some(page) = self.pages.get(&target) {
            page.clone()
        } else if !self.root.join(&target).is_file() {
            let name = source.display();
            return Err(Error::msg(format!("{name}: no file `{}`", link.target)));
        } else if let Ok(beside_pages) = target.strip_prefix("docs") {
            beside_pages.to_owned()
        } else {
            shown.insert(target.clone());
            place_of_file(&target)
        };
        Ok(Some(relative(place, &in_site) + &anchor))
    }

    /// A file of the repository as a page of its own.
    fn file(&self, path: &Path) -> Result<Chapter> {
        let text = std::fs::read_to_string(self.root.join(path))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let language = match path.extension().and_then(|it| it.to_str()) {
            Some("py") => "python",
            Some(other) => other,
            None => "text",
        };
        let fence = "`````";
        let mut chapter = Chapter::new_draft(&name, Vec::new());
        chapter.content = format!("# {name}\n\n{fence}{language}\n{text}{fence}\n");
        chapter.path = Some(place_of_file(path));
        Ok(chapter)
    }

    /// Names of what has an article, where a page mentions them, as links.
    fn mentions(&self, page: &str, place: &Path) -> Vec<(Range<usize>, String)> {
        let mut mentions = Vec::new();
        let mut inside = 0_usize;
        for (event, range) in parser(page).into_offset_iter() {
            if let Event::Start(Tag::Link { .. } | Tag::Heading { .. } | Tag::CodeBlock(_)) = event
            {
                inside += 1;
            } else if let Event::End(TagEnd::Link | TagEnd::Heading(_) | TagEnd::CodeBlock) = event
            {
                inside = inside.saturating_sub(1);
            } else if inside == 0
                && let Event::Code(code) = &event
            {
                if let Some(subject) = self.articles.get(code.as_ref()) {
                    let words = &page[range.clone()];
                    mentions.push((range, format!("[{words}]({})", link_to(subject, place))));
                }
            } else if inside == 0 && matches!(event, Event::Text(_)) {
                mentions.extend(self.ids(page, range, place));
            }
        }
        mentions
    }

    /// Ids of requirements in a stretch of text.
    fn ids(&self, page: &str, range: Range<usize>, place: &Path) -> Vec<(Range<usize>, String)> {
        let mut ids = Vec::new();
        let mut start = range.start;
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
        for word in page[range].split(|c| !is_word(c)) {
            let at = start..start + word.len();
            // What separates words may be longer than a byte.
            start = at.end + page[at.end..].chars().next().map_or(0, char::len_utf8);
            if let Some(subject @ Subject::Requirement(_)) = self.articles.get(word) {
                ids.push((at, format!("[{word}]({})", link_to(subject, place))));
            }
        }
        ids
    }
}

fn place_of_file(path: &Path) -> PathBuf {
    let mut place = Path::new("files").join(path).into_os_string();
    place.push(".md");
    PathBuf::from(place)
}

/// Diagrams of states as tables: drawing them would need a script that is larger than the site.
fn diagrams(page: &str) -> Vec<(Range<usize>, String)> {
    let start = "```mermaid\nstateDiagram-v2\n";
    let (Some(from), end) = (page.find(start), "\n```\n") else {
        return Vec::new();
    };
    let Some(length) = page[from..].find(end) else {
        return Vec::new();
    };
    let mut table = "| from | to | when |\n|---|---|---|\n".to_owned();
    for line in page[from + start.len()..from + length].lines() {
        if let Some((ends, when)) = line.split_once(": ")
            && let Some((before, after)) = ends.trim().split_once(" --> ")
        {
            table.push_str(&format!("| {before} | {after} | {when} |\n"));
        }
    }
    vec![(from..from + length + end.len(), table)]
}

/// The text with these stretches replaced.
fn changed(text: &str, mut changes: Vec<(Range<usize>, String)>) -> String {
    changes.sort_by_key(|(range, _)| range.start);
    let mut changed = String::new();
    let mut from = 0;
    for (range, replacement) in changes {
        changed.push_str(&text[from..range.start]);
        changed.push_str(&replacement);
        from = range.end;
    }
    changed + &text[from..]
}
