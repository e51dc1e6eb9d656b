//! A way between two peers: takes time, keeps order.

use std::time::Duration;

use gp2gp_model::Time;

/// A link with a fixed delay. What is sent later never arrives earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    delay: Duration,
    last_arrival: Time,
}

impl Link {
    /// A link that takes `delay` for each message.
    pub const fn new(delay: Duration) -> Self {
        Self {
            delay,
            last_arrival: Time::from_micros(0),
        }
    }

    /// When a message that leaves now arrives.
    pub fn arrival(&mut self, now: Time) -> Time {
        self.last_arrival = self.last_arrival.max(now + self.delay);
        self.last_arrival
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_takes_the_delay_of_its_link() {
        let mut link = Link::new(Duration::from_millis(40));
        assert_eq!(
            link.arrival(Time::from_micros(1_000)),
            Time::from_micros(41_000)
        );
    }
}
