//! Renders run reports. Judges nothing: what is not in a [`RunReport`] is not said here.
//!
//! [`RunReport`]: gp2gp_model::report::RunReport

mod annotations;
mod badge;
mod bench;
mod beside;
mod coverage;
mod difference;
mod evidence;
mod explain;
#[cfg(test)]
mod fixture;
mod html;
mod json;
mod junit;
mod markdown;
mod matrix;
mod problem;
mod rows;
mod run_diff;
mod sarif;
mod style;
mod terminal;
mod text;

pub use annotations::{annotations, inert};
pub use badge::{badge_json, badge_svg};
pub use bench::{bench, change as bench_change, latency as bench_latency, time as bench_time};
pub use coverage::coverage;
pub use difference::difference;
pub use explain::{Target, explain, explain_markdown, markdown_text};
pub use html::{Page, Source, html, run_diff_html};
pub use json::json;
pub use junit::junit;
pub use markdown::{Room, markdown};
pub use matrix::matrix;
pub use rows::csv;
pub use run_diff::run_diff;
pub use sarif::sarif;
pub use terminal::{custody, recording, run, story};
pub use text::{on_terminal, wrap};
