//! JSON: the report itself, in the form that `gp2gp schema --report` describes.

use gp2gp_model::report::RunReport;

/// Renders a run.
pub fn json(report: &RunReport) -> Result<String, serde_json::Error> {
    Ok(serde_json::to_string_pretty(report)? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn a_report_reads_as_it_was_written_and_says_its_format() {
        let report = fixture::report();
        let text = json(&report).unwrap();
        assert_eq!(serde_json::from_str::<RunReport>(&text).unwrap(), report);
        assert!(text.starts_with("{\n  \"format\": \"gp2gp-report/1\",\n"));
    }

    #[test]
    fn a_report_keeps_to_the_published_schema() {
        let published = include_str!("../../docs/report.schema.json");
        let published = serde_json::from_str(published).unwrap();
        let validator = jsonschema::validator_for(&published).unwrap();
        let problems = |value: &serde_json::Value| -> Vec<String> {
            let errors = validator.iter_errors(value);
            errors
                .map(|it| format!("{}: {it}", it.instance_path()))
                .collect()
        };
        let mut value = serde_json::to_value(fixture::report()).unwrap();
        assert_eq!(problems(&value), Vec::<String>::new());
        value["scenarios"][0]["findings"][0]["verdict"] = "fine".into();
        value["format"] = "gp2gp-report/2".into();
        assert_eq!(problems(&value).len(), 2, "{:?}", problems(&value));
    }
}
