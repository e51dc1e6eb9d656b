//! Every link of every page leads somewhere, on GitHub and in the site; the site fetches nothing.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use gp2gp::explanation::Reference;
use gp2gp_book::{Anchors, Chapters, build, links};
use mdbook_driver::MDBook;
use mdbook_driver::book::Book;
use mdbook_driver::config::Config;
use mdbook_preprocessor::{Preprocessor as _, PreprocessorContext};

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap().to_owned()
}

/// Files below a folder with this ending.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if name == "target" || name == "node_modules" || name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn every_link_of_a_page_of_the_repository_leads_to_a_file_and_a_heading() {
    let root = root();
    let mut followed = 0;
    for path in files(&root, ".md") {
        let name = path.strip_prefix(&root).unwrap();
        let page = std::fs::read_to_string(&path).unwrap();
        for link in links(&page) {
            let Some((target, anchor)) = link.resolved(name) else {
                continue;
            };
            followed += 1;
            let to = root.join(&target);
            assert!(to.exists(), "{}: no `{}`", name.display(), link.target);
            if let Some(anchor) = anchor {
                let anchors = Anchors::of(&std::fs::read_to_string(to).unwrap());
                let is_there = anchors.has(anchor);
                assert!(is_there, "{}: no `{}`", name.display(), link.target);
            }
        }
    }
    assert!(followed > 60, "only {followed} links");
}

#[test]
fn every_page_that_the_glossary_names_is_there() {
    let root = root();
    for term in gp2gp_scenarios::glossary().unwrap() {
        for page in &term.pages {
            let (path, anchor) = page.split_once('#').unwrap_or((page, ""));
            let text = std::fs::read_to_string(root.join(path));
            let text = text.unwrap_or_else(|_| panic!("{}: no {page}", term.name));
            let is_there = anchor.is_empty() || Anchors::of(&text).has(anchor);
            assert!(is_there, "{}: no {page}", term.name);
        }
    }
}

#[test]
fn every_link_of_the_site_leads_somewhere_and_nothing_is_fetched() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().canonicalize().unwrap();
    build(&root(), &site).unwrap();
    let pages: BTreeMap<PathBuf, String> = files(&site, ".html")
        .into_iter()
        .filter(|path| !path.ends_with("print.html") && !path.ends_with("404.html"))
        .map(|path| (path.clone(), std::fs::read_to_string(path).unwrap()))
        .collect();
    let anchors: BTreeMap<&Path, BTreeSet<&str>> = pages
        .iter()
        .map(|(path, page)| (path.as_path(), values(page, " id=\"").collect()))
        .collect();
    let mut followed = 0;
    for (path, page) in &pages {
        let name = path.strip_prefix(&site).unwrap().display();
        for fetched in values(page, " src=\"") {
            assert!(!fetched.contains("://"), "{name} fetches {fetched}");
        }
        for tag in page.split("<link ").skip(1) {
            let tag = tag.split('>').next().unwrap();
            assert!(!tag.contains("://"), "{name} fetches {tag}");
        }
        for link in values(page, " href=\"") {
            if link.contains("://") {
                continue;
            }
            followed += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let to = match file {
                "" => path.clone(),
                _ => path.parent().unwrap().join(file),
            };
            let to = to.canonicalize();
            let to = to.unwrap_or_else(|_| panic!("{name} leads to {link}, which is not there"));
            if !anchor.is_empty() {
                let there = anchors.get(to.as_path());
                let has = there.is_some_and(|anchors| anchors.contains(anchor));
                assert!(
                    has,
                    "{name} leads to {link}, and the page has no such place"
                );
            }
        }
    }
    assert!(followed > 5_000, "only {followed} links");
    everything_has_an_article(&site, &anchors);
}

/// What `gp2gp explain` knows has a place in the site.
fn everything_has_an_article(site: &Path, anchors: &BTreeMap<&Path, BTreeSet<&str>>) {
    let all: BTreeSet<&str> = anchors
        .iter()
        .filter(|(path, _)| path.starts_with(site.join("reference")))
        .flat_map(|(_, anchors)| anchors.iter().copied())
        .collect();
    for it in Reference::load().unwrap().everything() {
        let anchor = it.subject().anchor();
        assert!(all.contains(anchor.as_str()), "no {anchor}");
    }
}

/// `mdbook serve docs` calls us with the book on stdin, and takes it back from stdout.
#[test]
fn mdbook_gets_the_same_chapters_when_it_calls_us() {
    let docs = root().join("docs");
    let config = Config::from_disk(docs.join("book.toml")).unwrap();
    let context = PreprocessorContext::new(docs.clone(), config.clone(), "html".to_owned());
    let mut here = config;
    here.set("preprocessor", BTreeMap::<String, String>::new())
        .unwrap();
    let book = MDBook::load_with_config(docs, here).unwrap().book;
    let mut called = Command::new(env!("CARGO_BIN_EXE_gp2gp-book"))
        .arg("preprocess")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let input = called.stdin.take().unwrap();
    serde_json::to_writer(input, &(&context, &book)).unwrap();
    let output = called.wait_with_output().unwrap();
    let given: Book = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(given, Chapters.run(&context, book).unwrap());
    assert!(given.chapters().all(|chapter| !chapter.is_draft_chapter()));
}

/// What stands behind this in a page, up to the quote.
fn values<'a>(page: &'a str, before: &'static str) -> impl Iterator<Item = &'a str> {
    page.split(before)
        .skip(1)
        .filter_map(|rest| rest.split_once('"'))
        .map(|(value, _)| value)
}
