//! Whether an extract has the form of its interaction: every element in its place, so and so often,
//! with the attributes that it must have. Values are not looked at. The table beside this file says
//! what the form is; it is walked in one pass, with memory for the elements that are open.

mod table;
#[cfg(test)]
mod tests;

use std::fmt;

use super::ExtractVersion;
use super::steps::{Element, Step, Steps};
use crate::hl7::XmlError;
use table::{Choice, Form, Place};

/// Where an extract departs from its form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departure {
    /// The element, by the names from the root; of several alike, which one, from 1.
    pub path: String,
    /// What may stand there.
    pub due: String,
    /// What stands there.
    pub seen: String,
}

impl fmt::Display for Departure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, due, seen } = self;
        write!(f, "{path}: {seen} in place of {due}")
    }
}

/// Walks through the payload of an extract and gives its first departures from the form of its
/// version, at most so many.
///
/// # Errors
/// If the payload is not well-formed, has a document type declaration or is nested too deeply.
pub fn departures(
    payload_xml: &[u8],
    version: ExtractVersion,
    at_most: usize,
) -> Result<Vec<Departure>, XmlError> {
    let mut steps = Steps::new(payload_xml)?;
    let mut walk = Walk {
        version,
        open: Vec::new(),
        found: Vec::new(),
    };
    let mut behind = 0;
    while walk.found.len() < at_most {
        let Some(step) = steps.next()? else { break };
        let text = steps.text();
        match step {
            Step::Open(element) => {
                walk.text(text.get(behind..element.start).unwrap_or_default());
                walk.enter(&element);
            }
            Step::Close(_) => {
                let between = text.get(behind..steps.position()).unwrap_or_default();
                walk.text(between.rsplit_once("</").map_or("", |(text, _)| text));
                walk.leave();
            }
        }
        behind = steps.position();
    }
    Ok(walk.found)
}

/// A walk under way.
struct Walk<'a> {
    version: ExtractVersion,
    open: Vec<Open<'a>>,
    found: Vec<Departure>,
}

/// An element that is open.
struct Open<'a> {
    name: &'a str,
    /// Which of its name it is among the children of its parent, from 1.
    nth: u32,
    /// How many children it has so far of each name that its form knows.
    children: Vec<(&'a str, u32)>,
    /// `None` if nobody knows what it may hold: it stands where it should not.
    form: Option<&'static Form>,
    /// Where in its contents it may be.
    spots: Vec<Spot>,
}

/// A spot in a content: so many were taken at this place of this way.
#[derive(Clone, Copy)]
struct Spot {
    way: usize,
    place: usize,
    count: u32,
}

/// What a child is to its parent.
enum Taken {
    InPlace(&'static Choice),
    /// Not what may come next by the form of the parent.
    OutOfPlace(&'static Form),
    /// The parent may hold anything, or is unknown itself.
    Unjudged,
}

impl<'a> Walk<'a> {
    fn enter(&mut self, element: &Element<'a>) {
        let name = element.local_name();
        let takes_newer = self.takes_newer();
        let Some(parent) = self.open.last_mut() else {
            return self.begin(name);
        };
        let (choice, due) = match parent.take(name, takes_newer) {
            Taken::InPlace(choice) => (Some(choice), None),
            Taken::OutOfPlace(form) => {
                let due = parent.due(takes_newer);
                (parent.catch_up(form, name, takes_newer), Some(due))
            }
            Taken::Unjudged => (None, None),
        };
        let nth = if choice.is_some() {
            parent.count(name)
        } else {
            1
        };
        self.open.push(Open::new(name, nth));
        if let Some(due) = due {
            self.depart(due, format!("`{}`", shown(name)));
        }
        if let Some(choice) = choice {
            self.look_at(element, choice);
        }
    }

    fn begin(&mut self, name: &'a str) {
        let due = self.version.interaction().id();
        let mut root = Open::new(name, 1);
        root.be(table::form("message"));
        self.open.push(root);
        if name != due {
            self.depart(format!("`{due}`"), format!("`{}`", shown(name)));
        }
    }

    /// The attributes of an element that stands where it may, and the form that it is to have.
    fn look_at(&mut self, element: &Element<'_>, choice: &'static Choice) {
        for name in &choice.attributes {
            if element.attribute(name).is_none() {
                self.depart(format!("attribute `{name}`"), "none".to_owned());
            }
        }
        let named = (element.prefixed_attribute("type")).filter(|_| choice.is_data());
        let form = match named {
            Some(named) => {
                let local = named.rsplit(':').next().unwrap_or_default();
                let form = table::data_type(local);
                if form.is_none() {
                    let due = "a data type as xsi:type".to_owned();
                    self.depart(due, format!("xsi:type `{}`", shown(&named)));
                }
                form
            }
            None => {
                let form = choice.form.form();
                if form.is_none() {
                    self.depart("attribute `xsi:type`".to_owned(), "none".to_owned());
                }
                form
            }
        };
        if let Some(open) = self.open.last_mut() {
            open.be(form);
        }
    }

    fn leave(&mut self) {
        let takes_newer = self.takes_newer();
        if let Some(open) = self.open.last()
            && !open.is_complete()
        {
            let (due, seen) = (
                open.due(takes_newer),
                format!("the end of `{}`", shown(open.name)),
            );
            self.depart(due, seen);
        }
        self.open.pop();
    }

    fn text(&mut self, text: &str) {
        let form = self.open.last().and_then(|open| open.form);
        if form.is_some_and(|form| !form.text && !form.any) && !is_blank(text) {
            let start: String = text.trim().chars().take(40).collect();
            self.depart("no text".to_owned(), format!("text `{start}`"));
        }
    }

    fn takes_newer(&self) -> bool {
        self.version.carries_redactions()
    }

    /// The element that was opened last departs from the form.
    fn depart(&mut self, due: String, seen: String) {
        let path = self.open.iter().map(Open::step).collect();
        self.found.push(Departure { path, due, seen });
    }
}

impl<'a> Open<'a> {
    const fn new(name: &'a str, nth: u32) -> Self {
        Self {
            name,
            nth,
            children: Vec::new(),
            form: None,
            spots: Vec::new(),
        }
    }

    fn be(&mut self, form: Option<&'static Form>) {
        let ways = form.map_or(0, |form| form.ways.len());
        let start = |way| Spot {
            way,
            place: 0,
            count: 0,
        };
        self.form = form;
        self.spots = (0..ways).map(start).collect();
    }

    fn take(&mut self, name: &str, takes_newer: bool) -> Taken {
        let Some(form) = self.form.filter(|form| !form.any) else {
            return Taken::Unjudged;
        };
        let spots = self.spots.iter();
        let taken: Vec<(Spot, &'static Choice)> = spots
            .filter_map(|spot| spot.take(form, name, takes_newer))
            .collect();
        if let Some((_, choice)) = taken.first() {
            self.spots = taken.iter().map(|(spot, _)| *spot).collect();
            return Taken::InPlace(choice);
        }
        Taken::OutOfPlace(form)
    }

    /// Goes on behind an element that came too early, so that what follows is not blamed for it.
    /// Gives what the form says of it.
    fn catch_up(
        &mut self,
        form: &'static Form,
        name: &str,
        takes_newer: bool,
    ) -> Option<&'static Choice> {
        let way = self.spots.first()?.way;
        let places = form.ways.get(way)?.iter().enumerate();
        let (at, choice) = places
            .filter_map(|(at, place)| Some((at, place.choice(name, takes_newer)?)))
            .next_back()?;
        for spot in &mut self.spots {
            if spot.way == way && spot.place < at {
                (spot.place, spot.count) = (at, 1);
            }
        }
        Some(choice)
    }

    fn count(&mut self, name: &'a str) -> u32 {
        match self.children.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => {
                *count += 1;
                *count
            }
            None => {
                self.children.push((name, 1));
                1
            }
        }
    }

    fn is_complete(&self) -> bool {
        let Some(form) = self.form.filter(|form| !form.any) else {
            return true;
        };
        self.spots.iter().any(|spot| spot.may_end(form))
    }

    /// What may come next, in words.
    fn due(&self, takes_newer: bool) -> String {
        const SHOWN: usize = 6;
        let Some(form) = self.form else {
            return String::new();
        };
        let mut names: Vec<&str> = Vec::new();
        for spot in &self.spots {
            for name in spot.next_names(form, takes_newer) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        let more = names.len().saturating_sub(SHOWN);
        names.truncate(SHOWN);
        let mut words: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        if more > 0 {
            words.push(format!("{more} others"));
        }
        if self.is_complete() {
            words.push(format!("the end of `{}`", shown(self.name)));
        }
        words.join(" or ")
    }

    /// Its step in a path.
    fn step(&self) -> String {
        match self.nth {
            1 => format!("/{}", shown(self.name)),
            nth => format!("/{}[{nth}]", shown(self.name)),
        }
    }
}

impl Spot {
    /// The spot behind an element of this name, if it may stand here.
    fn take(
        self,
        form: &'static Form,
        name: &str,
        takes_newer: bool,
    ) -> Option<(Self, &'static Choice)> {
        self.places(form).find_map(|(place, at, count)| {
            let choice = place
                .choice(name, takes_newer)
                .filter(|_| count < place.most)?;
            let spot = Self {
                place: at,
                count: count + 1,
                ..self
            };
            Some((spot, choice))
        })
    }

    fn next_names(
        self,
        form: &'static Form,
        takes_newer: bool,
    ) -> impl Iterator<Item = &'static str> {
        self.places(form)
            .filter(move |(place, _, count)| *count < place.most && (takes_newer || !place.newer))
            .flat_map(|(place, ..)| place.choices.iter().map(|choice| choice.name))
    }

    fn may_end(self, form: &'static Form) -> bool {
        self.places(form)
            .all(|(place, _, count)| count >= place.least)
    }

    /// The places that may be filled next, with their number and how often they are filled: this
    /// one and those behind it up to the first that may not stay empty.
    fn places(self, form: &'static Form) -> impl Iterator<Item = (&'static Place, usize, u32)> {
        let way = form.ways.get(self.way).map_or(&[][..], Vec::as_slice);
        let mut is_blocked = false;
        let places = way.iter().enumerate().skip(self.place);
        places
            .map(move |(at, place)| (place, at, if at == self.place { self.count } else { 0 }))
            .take_while(move |(place, _, count)| {
                let was_blocked = is_blocked;
                is_blocked |= *count < place.least;
                !was_blocked
            })
    }
}

impl Place {
    fn choice(&'static self, name: &str, takes_newer: bool) -> Option<&'static Choice> {
        let mut choices = self.choices.iter();
        choices.find(|choice| choice.name == name && (takes_newer || !self.newer))
    }
}

/// A name that others chose, cut where it is longer than any real one.
fn shown(name: &str) -> &str {
    let end = name.char_indices().nth(60).map_or(name.len(), |(at, _)| at);
    name.get(..end).unwrap_or_default()
}

/// White space and comments.
fn is_blank(text: &str) -> bool {
    let mut rest = text.trim_start();
    loop {
        let end = match rest {
            "" => return true,
            comment if comment.starts_with("<!--") => "-->",
            instruction if instruction.starts_with("<?") => "?>",
            _ => return false,
        };
        rest = rest
            .split_once(end)
            .map_or("", |(_, rest)| rest)
            .trim_start();
    }
}
