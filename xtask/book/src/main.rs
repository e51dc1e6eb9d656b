//! `cargo xtask book`, and the preprocessor that `mdbook serve docs` calls.

use std::io;
use std::path::Path;

use gp2gp_book::{Chapters, build};
use mdbook_driver::errors::{Error, Result};
use mdbook_preprocessor::{Preprocessor as _, parse_input};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["build", to] => {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
            build(&root, Path::new(to))
        }
        // Before mdBook asks for it, it wants to know by exit status 0 that the renderer is known.
        ["preprocess", "supports", _] => Ok(()),
        ["preprocess"] => {
            let (context, book) = parse_input(io::stdin())?;
            let book = Chapters.run(&context, book)?;
            Ok(serde_json::to_writer(io::stdout(), &book)?)
        }
        [] | [_, ..] => Err(Error::msg("usage: gp2gp-book build FOLDER | preprocess")),
    }
}
