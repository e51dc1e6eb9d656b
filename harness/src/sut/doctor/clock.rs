//! Whether the clock of a system is right, by the `Date` of its answers.

use std::time::Duration;

use super::Diagnosis;
use crate::sut::wall;

/// `Date` has whole seconds, and an answer takes its time.
const TOLERATED: Duration = Duration::from_secs(60);

pub(super) fn examine(probe: String, date: Option<&str>, diagnosis: &mut Diagnosis) {
    let Some(date) = date else {
        return diagnosis.skipped(probe, "its answers have no `Date`");
    };
    let Ok(theirs) = httpdate::parse_http_date(date) else {
        return diagnosis.broken(
            probe,
            format!("the `Date` of its answers is `{date}`"),
            "let it write `Date` as HTTP wants it, such as `Mon, 05 Jan 2026 09:00:00 GMT`",
        );
    };
    let ours = wall::system_time();
    let (off, direction) = match theirs.duration_since(ours) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    };
    if off <= TOLERATED {
        return diagnosis.ok(probe, "its clock is that of this machine");
    }
    diagnosis.broken(
        probe,
        format!(
            "its clock is {} {direction} that of this machine",
            shown(off)
        ),
        "set both clocks by NTP: times to live and time-outs are measured by them",
    );
}

fn shown(off: Duration) -> String {
    match off.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3_600),
    }
}
