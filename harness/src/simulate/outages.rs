//! When systems of a supplier are down.

use gp2gp_model::Time;

/// Times in which nothing of a supplier answers, for each supplier in order and apart from each other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outages(Vec<Vec<(Time, Time)>>);

impl Outages {
    /// These times, by supplier. Those that touch become one.
    pub fn new(by_supplier: Vec<Vec<(Time, Time)>>) -> Self {
        Self(by_supplier.into_iter().map(apart).collect())
    }

    /// Until when a supplier's systems are down, if they are.
    pub fn until(&self, supplier: u8, now: Time) -> Option<Time> {
        let windows = self.0.get(usize::from(supplier))?;
        let at = windows.partition_point(|(_, until)| *until <= now);
        windows
            .get(at)
            .filter(|(from, _)| *from <= now)
            .map(|(_, until)| *until)
    }

    /// The time itself, or the end of the outage that it falls into.
    pub fn earliest(&self, supplier: u8, at: Time) -> Time {
        self.until(supplier, at).unwrap_or(at)
    }
}

fn apart(mut windows: Vec<(Time, Time)>) -> Vec<(Time, Time)> {
    windows.sort_unstable();
    let mut apart: Vec<(Time, Time)> = Vec::new();
    for (from, until) in windows {
        match apart.last_mut() {
            Some((_, last)) if from <= *last => *last = (*last).max(until),
            Some(_) | None => apart.push((from, until)),
        }
    }
    apart
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_supplier_is_down_from_the_beginning_of_an_outage_to_before_its_end() {
        let time = Time::from_micros;
        let windows = [(20, 30), (25, 40), (0, 5)].map(|(from, until)| (time(from), time(until)));
        let outages = Outages::new(vec![Vec::new(), windows.to_vec()]);
        let until = |now| outages.until(1, time(now)).map(Time::as_micros);
        assert_eq!(until(0), Some(5));
        assert_eq!(until(5), None);
        assert_eq!(until(19), None);
        assert_eq!(until(20), Some(40));
        assert_eq!(until(39), Some(40));
        assert_eq!(until(40), None);
        assert_eq!(outages.until(0, time(20)), None);
        assert_eq!(outages.earliest(1, time(22)), time(40));
        assert_eq!(outages.earliest(7, time(22)), time(22));
    }
}
