//! What a system must do, and the stories that put it to the test: the requirement catalogue and
//! the scenarios, as data.
//!
//! A scenario file is written by people who know practices, not programs. It is read in two
//! steps: [`parse`] refuses what no author may write and unfolds a matrix, [`lower`] turns each
//! scenario into a
//! [`Plan`](gp2gp_model::plan::Plan) and refuses what cannot be. Errors of both show the line and
//! say what to write instead. [`lint`] then tells what works and is still not good enough.
//!
//! ```
//! let text = r#"
//! title = "A small record"
//! story = "A patient moves; the record has one scanned letter."
//! judges = ["requesting", "sending"]
//! requirements = ["SND-43", "RCV-16"]
//!
//! [requesting]
//! dialect = "emis"
//!
//! [[patient]]
//! name = "alice"
//! record = "60 KB"
//! people = { decision = "integrate", after = "2h" }
//!
//!     [[patient.document]]
//!     type = "image/tiff"
//!     size = "40 KB"
//!
//! [exercised]
//! core_acknowledged = "AA"
//! "#;
//! let catalogue = gp2gp_scenarios::catalogue()?;
//! let source = gp2gp_scenarios::load_str("mine/small", text)?;
//! for scenario in gp2gp_scenarios::parse(&source)? {
//!     let plan = gp2gp_scenarios::lower(&scenario, &catalogue, None)?;
//!     assert_eq!(plan.patients[0].documents.len(), 1);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod catalogue;
mod choice;
mod error;
mod failure_mode;
mod file;
mod glossary;
mod lint;
mod lower;
mod matrix;
mod needs;
mod quantity;
mod schema;
mod source;
mod spanned;
mod suggest;
mod versions;

pub use catalogue::{CatalogueError, catalogue};
pub use error::{Problem, ScenarioError};
pub use failure_mode::failure_modes;
pub use glossary::{glossary, sources};
pub use lint::{Lint, Rule, lint};
pub use lower::{lower, lower_under};
pub use quantity::{NotASize, NotASpan, Size, Span};
pub use schema::{schema, schema_of};
pub use source::{LoadError, Scenario, Source, builtin, load_file, load_str, parse};
pub use spanned::Spanned;
pub use suggest::{help as suggestion, nearest};
pub use versions::{PairingError, pairings, plan_of};
