//! `gp2gp schema`.

use super::output::Output;

/// Prints the same JSON whatever `--format` says.
pub(super) fn main(output: &Output) -> miette::Result<u8> {
    let schema = gp2gp_scenarios::schema();
    output.result(&schema, || format!("{schema:#}\n"))?;
    Ok(0)
}
