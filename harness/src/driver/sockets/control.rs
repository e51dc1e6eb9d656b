//! What is said to foreign systems during a run, while their posts are served: a system may well ask
//! SDS before it says that an act was begun.

use std::pin::pin;
use std::time::Duration;

use gp2gp_model::Time;
use gp2gp_model::control::{
    Action, ActionRef, ActionStatus, After, Agenda, ClockSetting, Command, Happening,
    LifecycleEvent, Reply, ScreenNotice, Verb, Whom,
};
use gp2gp_model::plan::Act;
use gp2gp_model::report::{Mishap, MishapKind};
use gp2gp_model::trace::Endpoint;

use super::foreign::earlier;
use super::{Arrival, Sockets};
use crate::driver::DriverError;
use crate::recorder::Recorder;
use crate::sut::control::ControlError;
use crate::sut::mishap_of;

/// Something that a foreign system has to be told.
pub(super) enum Errand {
    /// People do something.
    Act(Endpoint, Act),
    /// Something happens to it as a whole.
    Lifecycle(Endpoint, LifecycleEvent),
}

/// Whether the run can go on to the next moment.
pub(super) enum Outlook {
    /// No: look again after so long, by the wall clock.
    Busy(Duration),
    /// Yes: to this one, if there is one.
    Idle(Option<Time>),
    /// Nothing more can be waited for.
    Over,
}

/// How long an act may be pending before it is asked for again.
const PENDING_PAUSE: Duration = Duration::from_millis(20);

impl Sockets<'_> {
    /// Whether foreign systems only wait, as those of ours do now, and until when. `own` is when
    /// somebody of ours acts next, `step` when people do as planned.
    pub(super) async fn outlook(
        &mut self,
        own: Option<Time>,
        step: Option<Time>,
    ) -> Result<Outlook, DriverError> {
        let mut next = own;
        self.stirred = false;
        for system in self.foreign.up(Verb::Clock, true) {
            if self.foreign.agenda(system).is_none()
                && let Some(pause) = self.ask_agenda(system).await?
            {
                return Ok(Outlook::Busy(pause));
            }
            let planned = self.foreign.agenda(system).and_then(|agenda| agenda.next);
            let planned = planned.and_then(|at| self.stage.true_time(system, at));
            next = earlier(next, planned.map(|at| self.a_little_later(at)));
        }
        let waits = !self.incoming.is_empty() || !self.ended.is_empty();
        if self.stirred || waits || self.foreign.is_waiting() {
            return Ok(Outlook::Busy(Duration::ZERO));
        }
        let without_clock = self.foreign.up(Verb::Clock, false);
        if without_clock.is_empty() {
            return Ok(Outlook::Idle(next));
        }
        self.outlook_by_the_wall(&without_clock, next, step).await
    }

    /// We see what a system posts a little later than it does: what it does a day after that would come
    /// too early, as we see it, if its day were not a little longer.
    fn a_little_later(&self, at: Time) -> Time {
        const LONG: Duration = Duration::from_mins(1);
        const LATER: Duration = Duration::from_secs(1);
        match at.since(self.clock.now()) > LONG {
            true => at + LATER * self.clock.rate(),
            false => at,
        }
    }

    /// Nobody can know what a system without the verb `clock` waits for: it is left alone until nothing
    /// has happened for a while. Then only what people do may come sooner than it would.
    async fn outlook_by_the_wall(
        &mut self,
        systems: &[Endpoint],
        next: Option<Time>,
        step: Option<Time>,
    ) -> Result<Outlook, DriverError> {
        const GLANCE: Duration = Duration::from_millis(20);
        let is_asking = (self.answers.values()).any(|waiting| waiting.exchange.is_some());
        if is_asking {
            return Ok(Outlook::Busy(GLANCE));
        }
        let (quiet, budget) = self.foreign.patience();
        let still = quiet.saturating_sub(self.foreign.silence());
        if !still.is_zero() {
            let due = next.map(|at| at.since(self.clock.now()) / self.clock.rate());
            return Ok(Outlook::Busy(due.map_or(still, |due| due.min(still))));
        }
        self.stirred = false;
        for system in systems {
            self.look_at_screen(*system).await?;
        }
        if self.stirred {
            return Ok(Outlook::Busy(Duration::ZERO));
        }
        let people = earlier(step, self.stage.people_deadline());
        let Some(next) = earlier(next, people) else {
            return Ok(Outlook::Over);
        };
        if people == Some(next) {
            return Ok(Outlook::Idle(Some(next)));
        }
        let left = budget.saturating_sub(self.foreign.lasted());
        let wait = next.since(self.clock.now()) / self.clock.rate();
        match wait <= left {
            true => Ok(Outlook::Busy(wait)),
            false => Ok(Outlook::Over),
        }
    }

    /// How long until people look again at the screens of systems that nobody can ask for an agenda;
    /// `None` if there is nothing to look for.
    pub(super) fn until_a_look(&self) -> Option<Duration> {
        match self.stage.transfers_under_way() {
            0 => None,
            _ => self.foreign.until_a_look(),
        }
    }

    /// People look at the screens.
    pub(super) async fn look_at_screens(&mut self) -> Result<(), DriverError> {
        self.foreign.look();
        for system in self.foreign.with_screens_only() {
            self.read_screen(system).await?;
        }
        Ok(())
    }

    /// What is on its screens, where nobody told us that there is something new.
    async fn look_at_screen(&mut self, system: Endpoint) -> Result<(), DriverError> {
        if self.foreign.has(system, Verb::Notices) {
            return self.read_screen(system).await;
        }
        for patient in self.foreign.assumed_ready(system) {
            self.stirred = true;
            let now = self.clock.now();
            let notice = ScreenNotice::ReadyToIntegrate { patient };
            self.stage.screen(now, system, notice);
        }
        Ok(())
    }

    /// Asks a system what it will do; how long to leave it alone, if it is busy.
    async fn ask_agenda(&mut self, system: Endpoint) -> Result<Option<Duration>, DriverError> {
        let touched = self.foreign.touched(system);
        let Some(agenda) = self.tell_clock(system).await? else {
            return Ok(Some(Duration::ZERO));
        };
        let agenda = self.handlers.corrected(system, agenda);
        if self.foreign.has_unread(system, agenda.notices) {
            self.read_screen(system).await?;
            self.stirred = true;
        }
        let is_stuck = agenda.idle
            && agenda.next.is_some_and(|next| {
                let shown = self.stage.shown_time(system, self.clock.now());
                shown.is_some_and(|shown| next <= shown)
            });
        if is_stuck {
            // It will be asked again; that it never moves on is told by its patience.
            self.stirred = true;
        }
        let busy_for = self.foreign.silence();
        let busy = Agenda {
            idle: agenda.idle && !is_stuck,
            ..agenda
        };
        let pause = self.foreign.keep(system, busy, touched);
        let (_, budget) = self.foreign.patience();
        if pause.is_some() && busy_for > budget && self.is_silent() {
            let what = format!(
                "{system} says that it is busy, and for {} s nothing has come of it",
                busy_for.as_secs()
            );
            self.mishap(system, MishapKind::Hung, what);
        }
        Ok(pause)
    }

    /// Nothing of ours is under way either.
    fn is_silent(&self) -> bool {
        self.under_way == 0 && self.answers.is_empty()
    }

    /// Tells every system the time, after it was moved on.
    pub(super) async fn tell_time(&mut self) -> Result<(), DriverError> {
        for system in self.foreign.up(Verb::Clock, true) {
            self.foreign.forget_agenda(system);
            self.ask_agenda(system).await?;
        }
        Ok(())
    }

    async fn tell_clock(&mut self, system: Endpoint) -> Result<Option<Agenda>, DriverError> {
        let Some(now) = self.stage.shown_time(system, self.clock.now()) else {
            return Ok(None);
        };
        let rate = self.clock.rate();
        let command = Command::Clock(ClockSetting { system, now, rate });
        Ok(match self.call(system, &command).await? {
            Ok(Reply::Agenda(agenda)) => Some(agenda),
            Ok(_) => None,
            Err(error) => {
                self.failed(system, &error);
                None
            }
        })
    }

    async fn read_screen(&mut self, system: Endpoint) -> Result<(), DriverError> {
        let after = self.foreign.seen(system);
        let command = Command::Notices(After { after });
        match self.call(system, &command).await? {
            Ok(Reply::Screen(screen)) => {
                let now = self.clock.now();
                for numbered in screen.notices {
                    if self.foreign.see(system, numbered.number) {
                        self.stirred = true;
                        self.stage.screen(now, numbered.system, numbered.notice);
                    }
                }
            }
            Ok(_) => {}
            Err(error) => self.failed(system, &error),
        }
        Ok(())
    }

    pub(super) async fn run_errand(&mut self, errand: Errand) -> Result<(), DriverError> {
        match errand {
            Errand::Act(system, act) => self.act(system, act).await,
            Errand::Lifecycle(system, event) => self.happen(system, event).await,
        }
    }

    async fn act(&mut self, system: Endpoint, act: Act) -> Result<(), DriverError> {
        let id = self.foreign.next_act();
        let mut command = Command::Act(Action {
            id: id.clone(),
            system,
            act: act.clone(),
        });
        let (_, budget) = self.foreign.patience();
        let mut waited = Duration::ZERO;
        loop {
            self.foreign.touch(system);
            let answer = self.call(system, &command).await?;
            self.foreign.touch(system);
            let now = self.clock.now();
            match answer {
                Ok(Reply::Action(ActionStatus::Done)) => return Ok(()),
                Ok(Reply::Action(ActionStatus::Declined { why })) => {
                    let notice = ScreenNotice::Declined { act, why };
                    self.stage.screen(now, system, notice);
                    return Ok(());
                }
                Ok(Reply::Action(ActionStatus::Pending)) if waited >= budget => {
                    let what = format!("{system} has an act pending for {} s", waited.as_secs());
                    self.mishap(system, MishapKind::Hung, what);
                    return Ok(());
                }
                Ok(_) => {
                    let arrival = self.arrival(Some(PENDING_PAUSE)).await;
                    self.take(arrival).await?;
                    waited += PENDING_PAUSE;
                    command = Command::Action(ActionRef { id: id.clone() });
                }
                Err(error) if error.is_not_supported() => {
                    let notice = ScreenNotice::NotSupported { act };
                    self.stage.screen(now, system, notice);
                    return Ok(());
                }
                Err(error) => {
                    self.failed(system, &error);
                    return Ok(());
                }
            }
        }
    }

    async fn happen(&mut self, system: Endpoint, event: LifecycleEvent) -> Result<(), DriverError> {
        let command = Command::Lifecycle(Happening { system, event });
        self.handlers.doubt(system);
        match event {
            LifecycleEvent::Kill => self.foreign.set_down(system, true),
            // It has slept through what was skipped.
            LifecycleEvent::Restart => drop(self.tell_clock(system).await?),
            LifecycleEvent::DiskFull | LifecycleEvent::DiskFree => {}
        }
        if let Err(error) = self.call(system, &command).await? {
            self.failed(system, &error);
        }
        if event == LifecycleEvent::Restart {
            self.foreign.set_down(system, false);
        }
        self.foreign.touch(system);
        Ok(())
    }

    /// Says a command while everything else goes on.
    async fn call(
        &mut self,
        system: Endpoint,
        command: &Command,
    ) -> Result<Result<Reply, ControlError>, DriverError> {
        let Some(party) = self.foreign.party_of(system) else {
            return Err(DriverError::Defect(format!("{system} is not foreign")));
        };
        let mut control = self.foreign.take_control(party);
        let served = self.serve_until(control.call(command)).await;
        self.foreign.put_back(party, control);
        served
    }

    async fn serve_until<T>(&mut self, calling: impl Future<Output = T>) -> Result<T, DriverError> {
        let mut calling = pin!(calling);
        loop {
            let now = self.clock.now();
            let at_most = self.next().map(|at| at.since(now) / self.clock.rate());
            let arrival = tokio::select! {
                biased;
                reply = &mut calling => return Ok(reply),
                arrival = self.arrival(at_most) => arrival,
            };
            if !matches!(arrival, Arrival::Nothing) {
                self.take(arrival).await?;
            }
            while self.do_what_is_due().await? {}
        }
    }

    /// Asks every system for what it says of itself, lets it forget the run, and closes the trace.
    pub(super) async fn finish(
        mut self,
        now: Time,
        quiescent: bool,
    ) -> Result<(Recorder, Option<Mishap>), DriverError> {
        for system in self.foreign.up(Verb::Observe, true) {
            match self
                .call(system, &Command::Observe(Whom { system }))
                .await?
            {
                Ok(Reply::Observed(observed)) => {
                    for observation in observed.observations {
                        self.stage.observed(now, system, observation);
                    }
                }
                Ok(_) => {}
                Err(error) => self.failed(system, &error),
            }
        }
        let mishap = self.foreign.forget_run().await;
        if mishap.is_none() {
            self.handlers.close(self.foreign.parties).await;
        }
        Ok((self.stage.finish(now, quiescent), mishap))
    }

    fn failed(&mut self, system: Endpoint, error: &ControlError) {
        let name = self.foreign.name_of(system);
        self.foreign.set_mishap(mishap_of(&name, error));
    }

    fn mishap(&mut self, system: Endpoint, kind: MishapKind, what: String) {
        let mishap = Mishap {
            kind,
            system: self.foreign.name_of(system),
            what,
            log: Vec::new(),
        };
        self.foreign.set_mishap(mishap);
    }
}
