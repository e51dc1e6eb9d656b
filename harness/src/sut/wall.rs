//! The wall clock, by which a system lives that nobody tells the time.

use std::time::SystemTime;

use gp2gp_model::Time;

/// What time it is here.
pub(crate) fn now() -> Time {
    let since_epoch = system_time().duration_since(SystemTime::UNIX_EPOCH);
    let micros = since_epoch.unwrap_or_default().as_micros();
    Time::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

#[expect(
    clippy::disallowed_methods,
    reason = "systems that are not ours live by it, and certificates are good by it"
)]
pub(crate) fn system_time() -> SystemTime {
    SystemTime::now()
}
