//! Systems of the suite in a process of their own, attached as anybody attaches one.

use std::path::Path;

use gp2gp::sut::config::Config;
use gp2gp::sut::{Attachment, Party, open};
use tokio::runtime::Runtime;

/// The `sut.toml` of a served system that is controlled by lines on its stdin.
pub(crate) fn described(what: &str) -> String {
    format!(
        r#"
[sut]
name = "served {what}"
roles = ["requesting", "sending", "exporting", "hub"]

[environment]
binding = "spine"

[control]
driver = "stdio"
command = "exec {} serve {what} --control stdio"
"#,
        env!("CARGO_BIN_EXE_gp2gp")
    )
}

/// Opens what a `sut.toml` describes; its logs go into `logs`.
pub(crate) fn parts(text: &str, logs: &Path) -> (Runtime, Party) {
    let runtime = Attachment::runtime().expect("a runtime");
    let party = party(&runtime, text, logs);
    (runtime, party)
}

/// The same in a runtime that there is.
pub(crate) fn party(runtime: &Runtime, text: &str, logs: &Path) -> Party {
    let config = Config::parse("sut.toml", logs, text, []).expect("it is a sut.toml");
    runtime.block_on(open(&config, logs)).expect("it opens")
}
