//! Free text as clinicians type it: words, numbers, signs, and some letters beyond ASCII.

use super::draw::Draw;

/// Appends one paragraph of 1 to 6 sentences and a line end. Holds no character that XML does
/// not allow, but `&`, `<` and `>` unescaped.
pub(super) fn paragraph(draw: &mut Draw, out: &mut String) {
    for _ in 0..draw.between(1, 6) {
        sentence(draw, out);
    }
    out.pop();
    out.push('\n');
}

/// Appends one sentence of 8 to 17 words, a full stop and a space.
pub(super) fn sentence(draw: &mut Draw, out: &mut String) {
    let shape = draw.bits().to_le_bytes();
    out.push_str(OPENINGS[usize::from(shape[0] % 16)]);
    words(draw, out);
    if shape[1] < 96 {
        words(draw, out);
    }
    if shape[2] < 64 {
        out.push_str(ASIDES[usize::from(shape[3] % 16)]);
    }
    out.pop();
    out.push_str(". ");
}

/// Appends eight words, each followed by a space. One draw chooses all eight, so that prose
/// comes fast enough for large documents.
fn words(draw: &mut Draw, out: &mut String) {
    for word in draw.bits().to_le_bytes() {
        out.push_str(WORDS[usize::from(word % 128)]);
        out.push(' ');
    }
}

const OPENINGS: [&str; 16] = [
    "Seen today ",
    "Patient reports ",
    "On examination ",
    "Telephone call: ",
    "Reviewed results; ",
    "Letter received: ",
    "Discussed ",
    "Advised ",
    "Follow up: ",
    "History: ",
    "Plan: ",
    "Carer present, ",
    "Accompanied by daughter, ",
    "Mentions that ",
    "Impression: ",
    "Home visit: ",
];

const ASIDES: [&str; 16] = [
    "(BP < 140/90) ",
    "R&D study offered ",
    "temp 37.2°C ",
    "pulse > 60 & regular ",
    "paid £12.50 for travel ",
    "O/E – clear ",
    "“much better” she says ",
    "10 µg daily ",
    "½ tablet at night ",
    "see Ménière clinic ",
    "eGFR >90 ",
    "SpO₂ 97% ",
    "no café au lait spots ",
    "naïve to opiates ",
    "± nausea ",
    "1 × daily ",
];

const WORDS: [&str; 128] = [
    "a",
    "about",
    "activity",
    "after",
    "again",
    "ankle",
    "appetite",
    "appointment",
    "arm",
    "at",
    "back",
    "bending",
    "better",
    "blood",
    "breath",
    "breathing",
    "but",
    "calf",
    "chest",
    "clear",
    "clinic",
    "cold",
    "comfortable",
    "cough",
    "daily",
    "days",
    "denies",
    "diet",
    "discharge",
    "dizzy",
    "dose",
    "dressing",
    "drinking",
    "dry",
    "ear",
    "eating",
    "exercise",
    "family",
    "fatigue",
    "few",
    "fever",
    "foot",
    "for",
    "from",
    "further",
    "given",
    "good",
    "hand",
    "happy",
    "has",
    "headache",
    "hip",
    "home",
    "if",
    "improved",
    "in",
    "increasing",
    "infection",
    "inhaler",
    "is",
    "itching",
    "joint",
    "knee",
    "last",
    "left",
    "leg",
    "less",
    "lower",
    "mild",
    "mobile",
    "months",
    "more",
    "morning",
    "movement",
    "nausea",
    "neck",
    "need",
    "nil",
    "no",
    "normal",
    "not",
    "now",
    "of",
    "on",
    "pain",
    "previous",
    "rash",
    "range",
    "red",
    "referred",
    "repeat",
    "rest",
    "result",
    "return",
    "review",
    "right",
    "routine",
    "safety",
    "same",
    "seen",
    "settled",
    "severe",
    "shoulder",
    "since",
    "skin",
    "sleep",
    "smoking",
    "some",
    "sore",
    "soon",
    "stable",
    "started",
    "stiff",
    "swelling",
    "tablets",
    "taking",
    "tender",
    "the",
    "throat",
    "to",
    "treatment",
    "upper",
    "urine",
    "walking",
    "week",
    "well",
    "with",
    "worse",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_holds_what_breaks_careless_readers() {
        let mut text = String::new();
        let mut draw = Draw::new(1, "prose");
        while text.len() < 20_000 {
            paragraph(&mut draw, &mut text);
        }
        for wanted in ["&", "<", ">", "é", "£", "“", "\n"] {
            assert!(text.contains(wanted), "{wanted}");
        }
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
    }
}
