//! The documentation as a site: the pages of `docs`, and chapters made from what `gp2gp explain` says.
//!
//! mdBook renders it. What is ours is one preprocessor, [`Chapters`]: it fills the chapters that are drafts in
//! `docs/SUMMARY.md`, and leads every link to where its target is in the site.

mod chapters;
mod links;
mod reference;

use std::path::Path;

use mdbook_driver::MDBook;
use mdbook_driver::config::Config;
use mdbook_driver::errors::Result;

pub use chapters::Chapters;
pub use links::{Anchors, links};

/// Writes the site of the repository at `root` into the folder `to`, which is emptied before.
pub fn build(root: &Path, to: &Path) -> Result<()> {
    let docs = root.join("docs");
    let mut config = Config::from_disk(docs.join("book.toml"))?;
    config.build.build_dir = to.to_owned();
    let mut book = MDBook::load_with_config(docs, config)?;
    // In the place of the command of the same name, which is for `mdbook serve`.
    book.with_preprocessor(Chapters);
    book.build()
}
