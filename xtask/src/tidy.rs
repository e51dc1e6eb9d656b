//! What no compiler minds and every reader does.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::{fs, io};

use gp2gp_scenarios::{builtin, catalogue, lint, lower, parse};

/// Longer files tell more than one story. A file that has to be longer says why, in a line that
/// begins with [`REASON`].
const MOST_LINES: usize = 800;

const REASON: &str = "// Long because ";

/// Files that people write.
const EXTENSIONS: [&str; 6] = ["rs", "toml", "md", "html", "css", "yml"];

/// Written so that this file does not contain what it looks for.
const UNFINISHED: [&str; 3] = [
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("dbg", "!("),
];

const PATHS_OF_ONE_MACHINE: [&str; 3] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
];

/// Says everything that is untidy.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let mut complaints = Vec::new();
    let files =
        files(root).map_err(|error| format!("tidy: cannot list {}: {error}", root.display()))?;
    for file in &files {
        let name = file
            .strip_prefix(root)
            .unwrap_or(file)
            .display()
            .to_string();
        let text = fs::read_to_string(file)
            .map_err(|error| format!("tidy: cannot read {name}: {error}"))?;
        complaints.extend(in_text(&name, &text));
    }
    complaints.extend(in_scenarios()?);
    if complaints.is_empty() {
        println!(
            "tidy: {} files and {} scenarios are tidy",
            files.len(),
            builtin().len()
        );
        return Ok(());
    }
    Err(format!(
        "{}\ntidy: {} complaints",
        complaints.join("\n"),
        complaints.len()
    ))
}

/// Built, fetched, or what a run has left: the README says to run the suite first.
const NOT_OURS: [&str; 3] = ["target", "node_modules", "gp2gp-out"];

/// Files below a folder, without what is built, fetched or hidden.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut found = Vec::new();
    for entry in entries {
        let (path, kind) = (entry.path(), entry.file_type()?);
        let name = entry.file_name();
        if NOT_OURS.iter().any(|it| name == *it) || name.to_string_lossy().starts_with('.') {
            continue;
        }
        if kind.is_dir() {
            found.extend(files(&path)?);
        } else if kind.is_file()
            && EXTENSIONS
                .iter()
                .any(|extension| path.extension() == Some(OsStr::new(extension)))
        {
            found.push(path);
        }
    }
    Ok(found)
}

fn in_text(name: &str, text: &str) -> Vec<String> {
    let is_rust = name.ends_with(".rs");
    let mut complaints = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let mut complain = |what: &str| complaints.push(format!("{name}:{number}: {what}"));
        if line.contains('\t') {
            complain("a tab");
        }
        if line.ends_with([' ', '\r']) {
            complain("blanks at the end of the line");
        }
        if let Some(macro_name) = UNFINISHED
            .iter()
            .find(|unfinished| is_rust && line.contains(*unfinished))
        {
            complain(&format!("unfinished: {macro_name}"));
        }
        if let Some(path) = PATHS_OF_ONE_MACHINE
            .iter()
            .find(|path| line.contains(*path))
        {
            complain(&format!("a path that exists on one machine only: {path}"));
        }
    }
    let lines = text.lines().count();
    let has_reason = text.lines().any(|line| line.starts_with(REASON));
    if is_rust && lines > MOST_LINES && !has_reason {
        complaints.push(format!(
            "{name}: {lines} lines; split it, or say why in a line `{REASON}...`"
        ));
    }
    if !text.is_empty() && !text.ends_with('\n') {
        complaints.push(format!("{name}: no line end at the end of the file"));
    }
    complaints
}

fn in_scenarios() -> Result<Vec<String>, String> {
    let catalogue = catalogue().map_err(|error| error.to_string())?;
    let mut complaints = Vec::new();
    for source in builtin() {
        let lints = parse(&source).and_then(|scenarios| {
            for scenario in &scenarios {
                lower(scenario, &catalogue, None)?;
            }
            Ok(lint(&scenarios, &catalogue, None))
        });
        match lints {
            Ok(lints) => complaints.extend(
                lints
                    .into_iter()
                    .map(|lint| format!("{:?}", miette::Report::new(lint))),
            ),
            Err(error) => complaints.push(format!("{:?}", miette::Report::new(error))),
        }
    }
    Ok(complaints)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_text_gives_no_complaint() {
        assert_eq!(
            in_text("a.rs", "//! A file.\n\nfn main() {}\n"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn every_kind_of_untidiness_is_found_with_its_line() {
        let unfinished = format!("fn f() {{ {}) }}\n", UNFINISHED[0]);
        let path = format!("const P: &str = \"{}x\";\n", PATHS_OF_ONE_MACHINE[0]);
        let cases = [
            ("\tfn f() {}\n".to_owned(), "a.rs:1: a tab"),
            (
                "\nfn f() {} \n".to_owned(),
                "a.rs:2: blanks at the end of the line",
            ),
            (unfinished, "a.rs:1: unfinished"),
            (path, "a.rs:1: a path that exists on one machine only"),
            ("x\n".repeat(801), "a.rs: 801 lines"),
            ("fn f() {}".to_owned(), "a.rs: no line end"),
        ];
        for (text, expected) in cases {
            let complaints = in_text("a.rs", &text);
            assert_eq!(complaints.len(), 1, "{complaints:?}");
            assert!(complaints[0].starts_with(expected), "{complaints:?}");
        }
    }

    #[test]
    fn what_a_run_has_left_is_not_looked_at() {
        let folder = std::env::temp_dir().join(format!("tidy-{}", std::process::id()));
        let left = folder.join("gp2gp-out");
        fs::create_dir_all(&left).unwrap();
        for path in [
            left.join("report.html"),
            folder.join("page.html"),
            folder.join("a.rs"),
        ] {
            fs::write(path, "x").unwrap();
        }
        let found = files(&folder);
        fs::remove_dir_all(&folder).unwrap();
        assert!(found.unwrap().iter().all(|path| !path.starts_with(&left)));
    }

    #[test]
    fn a_long_file_may_say_why() {
        assert!(
            in_text(
                "a.rs",
                &format!("{REASON}of a table\n{}", "x\n".repeat(900))
            )
            .is_empty()
        );
    }
}
