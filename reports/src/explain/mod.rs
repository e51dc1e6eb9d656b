//! What there is to say about one thing, for a terminal and as Markdown: both are made from one article.

mod article;
mod markdown;
mod terminal;

use gp2gp_model::explanation::{Explanation, Subject};

use article::Article;

/// Where something is explained, to who writes a page.
pub enum Target<'a> {
    /// By an article.
    Article(&'a Subject),
    /// By a page, as a path in the repository, with an anchor where one helps.
    Page(&'a str),
}

/// For a terminal.
pub fn explain(explanation: &Explanation) -> String {
    terminal::written(&Article::of(explanation))
}

/// As Markdown, below a heading of this depth. `link` says where a link leads to; without one stands the bare name.
pub fn explain_markdown(
    explanation: &Explanation,
    depth: usize,
    link: &dyn Fn(&Target<'_>) -> Option<String>,
) -> String {
    let subject = explanation.subject();
    let anchor = link(&Target::Article(&subject)).map(|_| subject.anchor());
    markdown::written(&Article::of(explanation), depth, anchor.as_deref(), link)
}

/// A text of the data as Markdown: what Markdown would read is escaped, but for code between backticks.
pub fn markdown_text(text: &str) -> String {
    markdown::text(text)
}

#[cfg(test)]
mod tests {
    use gp2gp_model::explanation::AboutRequirement;
    use gp2gp_model::glossary::{Term, Vocabulary};

    use super::*;

    fn requirement() -> Explanation {
        let mut requirement = crate::fixture::catalogue().remove(0);
        requirement.wording = "No `a_b` <c> or *d* is sent.".to_owned();
        requirement.safety = true;
        Explanation::Requirement(AboutRequirement {
            requirement,
            checked: true,
            scenarios: vec!["late/slow".parse().unwrap(), "late/slower".parse().unwrap()],
            seen_red_with: vec!["broken:no-final-ack".to_owned()],
            terms: vec!["core extract".to_owned()],
        })
    }

    fn term() -> Explanation {
        Explanation::Term(Term {
            name: "custody".to_owned(),
            also: vec!["who has it".to_owned()],
            vocabulary: Vocabulary::Harness,
            meaning: "Who has each document.".to_owned(),
            requirements: vec!["RCV-64".parse().unwrap()],
            terms: vec!["document store".to_owned()],
            pages: vec!["docs/paper.md#the-five-states".to_owned()],
        })
    }

    #[test]
    fn a_terminal_is_told_everything_that_there_is() {
        insta::assert_snapshot!(plain(&explain(&requirement())));
        insta::assert_snapshot!(plain(&explain(&term())));
    }

    #[test]
    fn markdown_says_the_same_with_links() {
        let link = |target: &Target<'_>| {
            Some(match target {
                Target::Article(subject) => format!("there.md#{}", subject.anchor()),
                Target::Page(path) => format!("../{path}"),
            })
        };
        insta::assert_snapshot!(explain_markdown(&requirement(), 3, &link));
        insta::assert_snapshot!(explain_markdown(&term(), 3, &link));
    }

    #[test]
    fn without_a_place_to_lead_to_nothing_is_a_link() {
        for it in [requirement(), term()] {
            let text = explain_markdown(&it, 1, &|_| None);
            let links = text.replace("\\](", "").contains("](");
            assert!(!links, "{text}");
            assert!(!text.contains("{#"), "{text}");
        }
    }

    #[test]
    fn what_markdown_would_read_is_escaped_but_for_code() {
        let cases = [
            ("`<a_b>` and <c_d>", "`<a_b>` and &lt;c\\_d>"),
            ("one ` only *x*", "one \\` only \\*x\\*"),
            ("[x](y)", "\\[x\\](y)"),
        ];
        for (text, wanted) in cases {
            assert_eq!(markdown_text(text), wanted);
        }
    }

    /// Without colours.
    fn plain(text: &str) -> String {
        let mut plain = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('\u{1b}') {
            plain.push_str(before);
            rest = after.split_once('m').map_or("", |(_, rest)| rest);
        }
        plain + rest
    }
}
