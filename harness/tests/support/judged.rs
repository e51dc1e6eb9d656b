//! A run of plans against a system that is attached, or against the reference in process.

use gp2gp::driver::{Sut, Transport};
use gp2gp::run::{Options, run, usual_jobs};
use gp2gp::sut::Attachment;
use gp2gp_model::plan::Plan;
use gp2gp_model::report::RunReport;
use gp2gp_model::run_log::Scope;
use gp2gp_model::verdict::Profile;

pub(crate) fn judge(plans: &[Plan], attached: Option<&Attachment>) -> RunReport {
    let options = Options {
        catalogue: &gp2gp_scenarios::catalogue().expect("the catalogue"),
        sut: Sut::Reference,
        transport: Transport::Virtual,
        replay: None,
        attached,
        not_claimed: &attached.map(Attachment::not_claimed).unwrap_or_default(),
        profile: Profile::Strict,
        scope: Scope::Selection,
        out: None,
        left_out: &[],
        jobs: usual_jobs(),
    };
    run(plans, &options, &|_| {}).unwrap()
}
