//! The rules against the table of spec 60, written a second time and over the whole log.

use proptest::prelude::*;

use super::*;

const CUTOFF: Duration = Duration::from_secs(28 * 86_400);
const DAY: u64 = 86_400_000_000;

/// The table, read off a log that is kept.
fn by_the_table(log: &[(Time, Message)]) -> Outcome {
    let begun = log[0].0;
    let log: Vec<_> = log.iter().filter(|(at, _)| *at <= begun + CUTOFF).collect();
    let core_at = |wanted: u8| {
        let core = log.iter().find(|(_, it)| *it == Message::Core(wanted));
        core.map(|(at, _)| *at)
    };
    let core_acks: Vec<(Time, u8, Option<u8>)> = log
        .iter()
        .filter_map(|(at, it)| {
            let Message::CoreAck(core, code) = it else {
                return None;
            };
            Some((*at, *core, code.map(Code::number)))
        })
        .collect();
    let good = core_acks
        .iter()
        .find(|(.., code)| matches!(code, None | Some(15)));
    let bad = core_acks
        .iter()
        .find(|(.., code)| !matches!(code, None | Some(12 | 15)));
    if let Some((at, ..)) = good {
        let sla = at.since(core_at(0).unwrap_or(*at));
        return if sla <= Duration::from_secs(691_200) {
            Outcome::IntegratedOnTime
        } else {
            Outcome::IntegratedLate
        };
    }
    if bad.is_some() {
        return Outcome::FinalError;
    }
    let sent: Vec<u32> = log
        .iter()
        .filter_map(|(_, it)| {
            let Message::Fragment(place) = it else {
                return None;
            };
            Some(*place)
        })
        .collect();
    let ack_of = |place: u32| {
        log.iter().find_map(|(_, it)| {
            let Message::FragmentAck(of, code) = it else {
                return None;
            };
            (*of == place).then_some(*code)
        })
    };
    let continued = log.iter().any(|(_, it)| *it == Message::Continue);
    if continued || !sent.is_empty() {
        let cores = (0..3).filter(|core| core_at(*core).is_some());
        let is_acked = |core: u8| core_acks.iter().any(|(_, of, _)| *of == core);
        let is_ambiguous = core_acks.iter().any(|(.., code)| *code == Some(12))
            && cores.into_iter().any(|core| !is_acked(core));
        let all_acked = sent.iter().all(|place| ack_of(*place).is_some());
        let any_nacked = sent
            .iter()
            .any(|place| ack_of(*place).is_some_and(|code| code.is_some()));
        return match () {
            () if is_ambiguous => Outcome::AmbiguousCopc,
            () if any_nacked && all_acked => Outcome::TransferredWithError,
            () if sent.is_empty() => Outcome::CopcNotSent,
            () if !all_acked => Outcome::CopcNotAcknowledged,
            () => Outcome::TransferredNotIntegrated,
        };
    }
    let answers: Vec<Option<u8>> = log
        .iter()
        .filter_map(|(_, it)| {
            let Message::RequestAck(code) = it else {
                return None;
            };
            Some(code.map(Code::number))
        })
        .collect();
    let is_fatal = |code: &u8| [6, 7, 10, 14, 23, 24, 30, 99].contains(code);
    match () {
        () if answers.iter().flatten().any(is_fatal) => Outcome::FatalSenderError,
        () if answers.is_empty() => Outcome::RequestNotAcknowledged,
        () if (0..3).all(|core| core_at(core).is_none()) => Outcome::CoreNotSent,
        () if answers.iter().any(Option::is_some) => Outcome::TransferredWithError,
        () => Outcome::TransferredNotIntegrated,
    }
}

fn classified(log: &[(Time, Message)]) -> Outcome {
    let mut evidence = Evidence::default();
    for (at, message) in log {
        evidence.note(*at, *message, CUTOFF);
    }
    evidence.outcome()
}

/// Logs in which an acknowledgement follows what it is of, as Spine's do.
fn logs() -> impl Strategy<Value = Vec<(Time, Message)>> {
    let code = || {
        let some = prop::sample::select(vec![6_u8, 12, 15, 19, 20, 28, 31, 99]);
        prop::option::weighted(0.5, some)
            .prop_map(|code| code.and_then(|code| Code::read(&format!("{code:02}"))))
    };
    let step = prop_oneof![
        1 => code().prop_map(Message::RequestAck),
        2 => (0_u8..2).prop_map(Message::Core),
        1 => Just(Message::Continue),
        2 => (0_u32..3).prop_map(Message::Fragment),
        3 => (0_u32..3, code()).prop_map(|(place, code)| Message::FragmentAck(place, code)),
        3 => (0_u8..2, code()).prop_map(|(core, code)| Message::CoreAck(core, code)),
    ];
    prop::collection::vec((step, 0_u64..6 * DAY), 0..14).prop_map(|steps| {
        let mut at = 0;
        let mut log = vec![(Time::from_micros(0), Message::Request)];
        for (message, later) in steps {
            at += later;
            let has = |wanted: Message| log.iter().any(|(_, it)| *it == wanted);
            let is_acked = |wanted: u32| {
                log.iter()
                    .any(|(_, it)| matches!(it, Message::FragmentAck(of, _) if *of == wanted))
            };
            let may_come = match message {
                Message::Request => false,
                Message::RequestAck(_) => true,
                Message::Core(core) => !has(message) && (core == 0 || has(Message::Core(0))),
                Message::Continue => has(Message::Core(0)) && !has(message),
                Message::Fragment(_) => has(Message::Core(0)) && !has(message),
                Message::FragmentAck(place, _) => has(Message::Fragment(place)) && !is_acked(place),
                Message::CoreAck(core, _) => has(Message::Core(core)),
            };
            if may_come {
                log.push((Time::from_micros(at), message));
            }
        }
        log
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_gathered_is_classified_as_the_whole_log_is(log in logs()) {
        prop_assert_eq!(classified(&log), by_the_table(&log), "{:?}", log);
    }
}

#[test]
fn every_outcome_has_a_log_that_comes_to_it() {
    let at = |messages: &[(u64, Message)]| {
        let mut log = vec![(Time::from_micros(0), Message::Request)];
        log.extend(
            messages
                .iter()
                .map(|(day, it)| (Time::from_micros(day * DAY), *it)),
        );
        classified(&log)
    };
    let (core, acked) = ((0, Message::Core(0)), (0, Message::RequestAck(None)));
    let fragment = (0, Message::Fragment(0));
    let go = (0, Message::Continue);
    let cases = [
        (
            at(&[core, (8, Message::CoreAck(0, None))]),
            Outcome::IntegratedOnTime,
        ),
        (
            at(&[core, (9, Message::CoreAck(0, Some(Code::SUPPRESSED)))]),
            Outcome::IntegratedLate,
        ),
        (
            at(&[core, (1, Message::CoreAck(0, Some(Code::INCOMPLETE)))]),
            Outcome::FinalError,
        ),
        (
            at(&[
                core,
                go,
                fragment,
                (1, Message::Core(1)),
                (1, Message::CoreAck(1, Some(Code::DUPLICATE))),
            ]),
            Outcome::AmbiguousCopc,
        ),
        (
            at(&[
                core,
                go,
                fragment,
                (1, Message::FragmentAck(0, Some(Code::LARGE_MESSAGE))),
            ]),
            Outcome::TransferredWithError,
        ),
        (at(&[core, go]), Outcome::CopcNotSent),
        (at(&[core, go, fragment]), Outcome::CopcNotAcknowledged),
        (at(&[core, acked]), Outcome::TransferredNotIntegrated),
        (
            at(&[(0, Message::RequestAck(Some(Code::NOT_AT_SURGERY)))]),
            Outcome::FatalSenderError,
        ),
        (at(&[]), Outcome::RequestNotAcknowledged),
        (
            at(&[(0, Message::RequestAck(Some(Code::SPINE_ERROR)))]),
            Outcome::CoreNotSent,
        ),
    ];
    let mut reached: Vec<Outcome> = cases.iter().map(|(_, expected)| *expected).collect();
    for (seen, expected) in cases {
        assert_eq!(seen, expected);
    }
    reached.sort_unstable();
    assert_eq!(reached, Outcome::ALL);
    // An acknowledgement after the cutoff does not count.
    let late = at(&[core, acked, (29, Message::CoreAck(0, None))]);
    assert_eq!(late, Outcome::TransferredNotIntegrated);
}
