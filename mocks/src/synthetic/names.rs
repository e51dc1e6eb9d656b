//! Names and places put together from common words: they sound right and are nobody's.

use super::draw::Draw;

const GIVEN_FEMALE: [&str; 16] = [
    "Amaryllis",
    "Bryony",
    "Calla",
    "Dahlia",
    "Élodie",
    "Fern",
    "Ginger",
    "Hazel",
    "Ivy",
    "Juniper",
    "Lavender",
    "Marigold",
    "Olive",
    "Primrose",
    "Tansy",
    "Zoë",
];

const GIVEN_MALE: [&str; 16] = [
    "Alder", "Ash", "Basil", "Cedar", "Dill", "Elm", "Flint", "Gorse", "Heath", "Jasper", "Linden",
    "Oakley", "Réed", "Rowan", "Sorrel", "Yarrow",
];

const STEMS: [&str; 24] = [
    "Amber", "Barley", "Brack", "Clover", "Copper", "Dun", "Elder", "Fal", "Garnet", "Harrow",
    "Inkle", "Kestrel", "Larch", "Marl", "Nettle", "Otter", "Pebble", "Quill", "Russet", "Saffron",
    "Thistle", "Umber", "Velvet", "Wren",
];

const ENDINGS: [&str; 12] = [
    "bridge", "by", "combe", "dale", "field", "ford", "ham", "ley", "mere", "stead", "thorpe",
    "worth",
];

const STREETS: [&str; 8] = [
    "Avenue", "Close", "Crescent", "Lane", "Rise", "Road", "Street", "Terrace",
];

pub(super) fn given(draw: &mut Draw, female: bool) -> &'static str {
    let names = if female { &GIVEN_FEMALE } else { &GIVEN_MALE };
    draw.pick::<&str, 16>(names)
}

/// A family name; some are double-barrelled or carry an apostrophe.
pub(super) fn family(draw: &mut Draw) -> String {
    let name = compound(draw);
    match draw.below(12) {
        0 => format!("{name}-{}", compound(draw)),
        1 => format!("O'{name}"),
        _ => name,
    }
}

/// A town: a name such as `Thistleford`.
pub(super) fn town(draw: &mut Draw) -> String {
    compound(draw)
}

/// A house number and a street.
pub(super) fn street(draw: &mut Draw) -> String {
    format!(
        "{} {} {}",
        draw.between(1, 199),
        compound(draw),
        draw.pick(&STREETS)
    )
}

/// A postcode of the pseudo area `ZZ99`, which no letter is ever delivered to.
pub(super) fn postcode(draw: &mut Draw) -> String {
    const LETTERS: &[u8; 20] = b"ABDEFGHJLNPQRSTUWXYZ";
    let sector = draw.below(10);
    let first = char::from(*draw.pick(LETTERS));
    let second = char::from(*draw.pick(LETTERS));
    format!("ZZ99 {sector}{first}{second}")
}

fn compound(draw: &mut Draw) -> String {
    let stem = *draw.pick(&STEMS);
    format!("{stem}{}", draw.pick(&ENDINGS))
}
