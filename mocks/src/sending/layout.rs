//! Where each attachment of a core travels: arithmetic on sizes, nothing else.
//!
//! The core is filled first, in order, and the rest is promised (LM10). What makes a transfer
//! large (LM06) shows here as: an attachment that does not fit any more, one that no single
//! message can carry, one too many, or a core that is too big before anything is in it.

/// What one message may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Bytes of the whole encoded message.
    pub(super) message_bytes: u64,
    /// Attachments beside envelope and payload.
    pub(super) inline_attachments: usize,
}

/// By how many bytes one attachment makes the core longer, in each way it could travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Growth {
    /// Promised: a `mid:` reference with its description.
    pub(super) promised_bytes: u64,
    /// In the core: reference, part header and text. `None` if it is not to travel there.
    pub(super) inline_bytes: Option<u64>,
}

/// How an attachment travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the core.
    Inline,
    /// In COPCs after the Continue.
    Promised,
}

/// The core does not fit one message even if it carries no attachment at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("core without attachments is {bytes} bytes long, at most {limit} are allowed")]
pub(super) struct CoreTooLarge {
    bytes: u64,
    limit: u64,
}

/// Places every attachment of a core that is `bare_bytes` long without any.
pub(super) fn place(
    bare_bytes: u64,
    attachments: &[Growth],
    limits: Limits,
) -> Result<Vec<Place>, CoreTooLarge> {
    let mut core = Core::promising_all(bare_bytes, attachments, limits)?;
    Ok(attachments
        .iter()
        .map(|attachment| match attachment.inline_bytes {
            Some(inline_bytes) if core.takes(attachment.promised_bytes, inline_bytes) => {
                Place::Inline
            }
            Some(_) | None => Place::Promised,
        })
        .collect())
}

/// The core while it is filled. Room for the reference of every attachment is set aside before
/// the first one is put in, so that late references never push a full core over the limit.
struct Core {
    bytes: u64,
    inline_attachments: usize,
    limits: Limits,
}

impl Core {
    fn promising_all(
        bare_bytes: u64,
        attachments: &[Growth],
        limits: Limits,
    ) -> Result<Self, CoreTooLarge> {
        let references: u64 = attachments.iter().map(|each| each.promised_bytes).sum();
        let bytes = bare_bytes + references;
        if bytes > limits.message_bytes {
            return Err(CoreTooLarge {
                bytes,
                limit: limits.message_bytes,
            });
        }
        Ok(Self {
            bytes,
            inline_attachments: 0,
            limits,
        })
    }

    /// Takes an attachment in if there is room.
    fn takes(&mut self, promised_bytes: u64, inline_bytes: u64) -> bool {
        let bytes = self.bytes - promised_bytes + inline_bytes;
        let fits = bytes <= self.limits.message_bytes
            && self.inline_attachments < self.limits.inline_attachments;
        if fits {
            self.bytes = bytes;
            self.inline_attachments += 1;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits {
        message_bytes: 1_000,
        inline_attachments: 98,
    };

    const fn whole(promised_bytes: u64, inline_bytes: u64) -> Growth {
        Growth {
            promised_bytes,
            inline_bytes: Some(inline_bytes),
        }
    }

    const fn split(promised_bytes: u64) -> Growth {
        Growth {
            promised_bytes,
            inline_bytes: None,
        }
    }

    #[test]
    fn the_core_is_filled_to_the_last_byte_and_one_more_is_promised() {
        let last_byte = [whole(10, 400), whole(10, 500)];
        assert_eq!(
            place(100, &last_byte, LIMITS),
            Ok(vec![Place::Inline, Place::Inline])
        );
        let one_more = [whole(10, 400), whole(10, 501)];
        assert_eq!(
            place(100, &one_more, LIMITS),
            Ok(vec![Place::Inline, Place::Promised])
        );
    }

    #[test]
    fn what_comes_after_one_that_does_not_fit_may_still_fit() {
        let attachments = [whole(10, 2_000), whole(10, 100), split(10)];
        assert_eq!(
            place(100, &attachments, LIMITS),
            Ok(vec![Place::Promised, Place::Inline, Place::Promised])
        );
    }

    #[test]
    fn the_ninety_ninth_attachment_is_promised() {
        let attachments = [whole(1, 2); 99];
        let places = place(100, &attachments, LIMITS).unwrap();
        assert!(places[..98].iter().all(|place| *place == Place::Inline));
        assert_eq!(places[98], Place::Promised);
    }

    #[test]
    fn fifteen_hundred_references_can_push_a_core_over_the_limit() {
        let limits = Limits {
            message_bytes: 5_000_000,
            ..LIMITS
        };
        let attachments = [split(400); 1_500];
        assert!(place(4_400_000, &attachments, limits).is_ok());
        assert_eq!(
            place(4_490_000, &attachments, limits),
            Err(CoreTooLarge {
                bytes: 5_090_000,
                limit: 5_000_000
            })
        );
    }

    fn growths() -> impl Strategy<Value = Vec<Growth>> {
        let growth = (0_u64..60, prop::option::weighted(0.9, 0_u64..300)).prop_map(
            |(promised_bytes, text_bytes)| Growth {
                promised_bytes,
                inline_bytes: text_bytes.map(|text| promised_bytes + text),
            },
        );
        prop::collection::vec(growth, 0..150)
    }

    proptest! {
        #[test]
        fn every_attachment_is_placed_once_and_no_limit_is_broken(
            bare_bytes in 0_u64..1_100,
            attachments in growths(),
            inline_attachments in 0_usize..20,
        ) {
            let limits = Limits { inline_attachments, ..LIMITS };
            let Ok(places) = place(bare_bytes, &attachments, limits) else {
                let references: u64 = attachments.iter().map(|each| each.promised_bytes).sum();
                prop_assert!(bare_bytes + references > limits.message_bytes);
                return Ok(());
            };
            prop_assert_eq!(places.len(), attachments.len());
            let mut core_bytes = bare_bytes;
            let mut inline = 0;
            for (place, growth) in places.iter().zip(&attachments) {
                core_bytes += match place {
                    Place::Inline => {
                        inline += 1;
                        growth.inline_bytes.unwrap()
                    }
                    Place::Promised => growth.promised_bytes,
                };
            }
            prop_assert!(core_bytes <= limits.message_bytes);
            prop_assert!(inline <= inline_attachments);
        }

        #[test]
        fn an_attachment_is_promised_only_if_the_core_before_it_leaves_no_room(
            bare_bytes in 0_u64..900,
            attachments in growths(),
        ) {
            let Ok(places) = place(bare_bytes, &attachments, LIMITS) else {
                return Ok(());
            };
            let promised: u64 = attachments.iter().map(|each| each.promised_bytes).sum();
            let mut core_bytes = bare_bytes + promised;
            let mut inline = 0;
            for (place, growth) in places.iter().zip(&attachments) {
                let Some(inline_bytes) = growth.inline_bytes else { continue };
                let filled = core_bytes - growth.promised_bytes + inline_bytes;
                let room = filled <= LIMITS.message_bytes && inline < LIMITS.inline_attachments;
                prop_assert_eq!(*place == Place::Inline, room);
                if room {
                    core_bytes = filled;
                    inline += 1;
                }
            }
        }
    }
}
