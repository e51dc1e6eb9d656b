//! What the words of a breach name: messages by their ids, other events by their numbers. Checks give what their words
//! mean without naming it; this adds the rest, so that no check can forget it.

use std::collections::BTreeMap;

use gp2gp_model::plan::Role;
use gp2gp_model::trace::Endpoint;
use gp2gp_model::verdict::Violation;

use super::view::{Post, View};

/// Shorter words are words, not ids, whatever a system calls its messages.
const SHORTEST_ID: usize = 16;

/// Events that the words of breaches of one role name.
pub(crate) struct Named<'v> {
    own: Endpoint,
    /// By ebXML id, and by HL7 id where that is not the ebXML id of another message: copies may share theirs.
    posts: BTreeMap<String, Vec<&'v Post>>,
    last: u64,
}

impl<'v> Named<'v> {
    pub(crate) fn of(view: &'v View, role: Role) -> Self {
        let mut posts = by_id(view, |post| Some(post.message_id()?.to_string()));
        for (id, of_id) in by_id(view, |post| Some(post.seen()?.hl7_id()?.to_string())) {
            posts.entry(id).or_insert(of_id);
        }
        Self {
            own: role.endpoint(),
            last: last_event(view),
            posts,
        }
    }

    /// The breach with all that its words name.
    pub(crate) fn add(&self, violation: Violation) -> Violation {
        let shows = self.of_event(violation.event);
        let texts = [&violation.expected, &violation.seen];
        let named: Vec<u64> = texts
            .into_iter()
            .flat_map(|text| self.events(text, shows))
            .collect();
        violation.with(named)
    }

    fn of_event(&self, event: Option<u64>) -> Option<&'v Post> {
        let mut posts = self.posts.values().flatten();
        posts.find(|post| Some(post.seq) == event).copied()
    }

    fn events<'t>(&'t self, text: &'t str, shows: Option<&'v Post>) -> impl Iterator<Item = u64> {
        let is_of_id = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
        let words = text.split(move |letter| !is_of_id(letter));
        let mut before = "";
        words
            .filter(|word| !word.is_empty())
            .filter_map(move |word| {
                let number = (before == "event").then(|| word.parse().ok()).flatten();
                before = word;
                number
                    .filter(|number| *number <= self.last)
                    .or_else(|| self.message(word, shows))
            })
    }

    /// Where the system sent it, or else got it. What shows the breach is no other message.
    fn message(&self, word: &str, shows: Option<&Post>) -> Option<u64> {
        if word.len() < SHORTEST_ID {
            return None;
        }
        let posts = self.posts.get(&word.to_ascii_uppercase())?;
        let is_shown = |post: &&&Post| shows.is_some_and(|shows| shows.is_same_message(post));
        if posts.iter().any(|post| is_shown(&post)) {
            return None;
        }
        let sent = posts.iter().find(|post| post.from == self.own);
        let got = || posts.iter().find(|post| post.to == self.own);
        sent.or_else(got)
            .or_else(|| posts.first())
            .map(|post| post.seq)
    }
}

/// Ids compare in upper case.
fn by_id(view: &View, id: impl Fn(&Post) -> Option<String>) -> BTreeMap<String, Vec<&Post>> {
    let mut posts: BTreeMap<String, Vec<&Post>> = BTreeMap::new();
    for post in &view.posts {
        if let Some(id) = id(post) {
            let of_id = posts.entry(id.to_ascii_uppercase()).or_default();
            of_id.push(post);
        }
    }
    posts
}

/// Of those that words name by number.
fn last_event(view: &View) -> u64 {
    let posts = view.posts.last().map(|post| post.seq);
    let calls = view.store_calls.last().map(|call| call.seq);
    posts.max(calls).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run in which nothing is wrong.
    fn view() -> View {
        let source = gp2gp_scenarios::builtin()
            .into_iter()
            .find(|it| it.id.as_str() == "transfer/small-record")
            .unwrap();
        let catalogue = gp2gp_scenarios::catalogue().unwrap();
        let scenario = gp2gp_scenarios::parse(&source).unwrap().remove(0);
        let plan = gp2gp_scenarios::lower(&scenario, &catalogue, None).unwrap();
        let bodies = crate::bodies::BodyStore::temporary();
        let (trace, bodies) = crate::driver::run(
            &plan,
            &crate::driver::Sut::Reference,
            crate::driver::Transport::Virtual,
            bodies,
        )
        .unwrap();
        View::new(&trace, &bodies)
    }

    #[test]
    fn a_message_is_named_by_either_id_where_the_system_sent_or_got_it() {
        let view = view();
        let core = (view.sent_by(Role::Sending))
            .find(|post| post.seen().is_some_and(|seen| seen.extract().is_some()))
            .unwrap();
        let got = (view.delivered_to(Role::Requesting))
            .find(|post| post.is_same_message(core))
            .unwrap();
        let (id, hl7) = (
            core.message_id().unwrap(),
            core.seen().unwrap().hl7_id().unwrap(),
        );
        let said = |id: &str| Violation::new(None, "no answer", format!("one for mid:{id}, twice"));
        let lower = id.to_string().to_ascii_lowercase();
        for id in [id.to_string(), hl7.to_string(), lower] {
            let of = |role| Named::of(&view, role).add(said(&id)).with;
            assert_eq!(of(Role::Sending), [core.seq]);
            assert_eq!(of(Role::Requesting), [got.seq]);
        }
        let shown = Violation::new(Some(got.seq), id.to_string(), "it");
        let named = Named::of(&view, Role::Requesting);
        assert!(named.add(shown).with.is_empty(), "it shows itself");
    }

    #[test]
    fn an_event_is_named_by_its_number_and_a_short_word_names_nothing() {
        let view = view();
        let named = Named::of(&view, Role::Sending);
        let of = |seen: &str| named.add(Violation::new(None, "", seen)).with;
        assert_eq!(of("the token of GET /x (event 7) again"), [7]);
        assert!(of("event 4000000000, 7 events, RCV-25").is_empty());
    }
}
