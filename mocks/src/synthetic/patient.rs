//! A synthetic patient.

use std::fmt;

use gp2gp_model::NhsNumber;
use gp2gp_wire::pds::Person;

use super::draw::Draw;
use super::names;

/// A patient that nobody is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patient {
    /// A number of the synthetic range whose check digit fits.
    pub nhs_number: NhsNumber,
    /// Name.
    pub name: PersonName,
    /// Date of birth, 1930 to 2019.
    pub birth_date: BirthDate,
    /// Administrative sex.
    pub sex: Sex,
    /// House and street, town, county: without the postcode.
    pub address: [String; 3],
    /// A postcode of the pseudo area `ZZ99`.
    pub postcode: String,
}

/// The name of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonName {
    /// Title, such as `Mx`.
    pub prefix: String,
    /// Given name.
    pub given: String,
    /// Family name.
    pub family: String,
}

/// Administrative sex. Shown in the words of FHIR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sex {
    /// `female`
    Female,
    /// `male`
    Male,
}

/// A date of birth. Shown as `yyyy-mm-dd`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BirthDate {
    year: u16,
    month: u8,
    day: u8,
}

/// Runs of ten serials among the million of the synthetic range.
const TENS: u32 = 100_000;

impl Patient {
    /// The patient with this index among those of `seed`.
    ///
    /// Indexes that differ by less than 900 000 have different NHS numbers, for one seed;
    /// after that the numbers start again.
    pub fn generate(seed: u64, index: u32) -> Self {
        let mut draw = Draw::new(seed, &format!("patient/{index}"));
        let sex = *draw.pick(&[Sex::Female, Sex::Male]);
        Self {
            nhs_number: nhs_number(first_ten(seed), index),
            name: name(&mut draw, sex),
            birth_date: birth_date(&mut draw),
            sex,
            address: [
                names::street(&mut draw),
                names::town(&mut draw),
                "Testshire".to_owned(),
            ],
            postcode: names::postcode(&mut draw),
        }
    }
}

impl Patient {
    /// Name and birth date as PDS tells them.
    pub fn on_pds(&self) -> Option<Person> {
        Some(Person {
            given: self.name.given.clone(),
            family: self.name.family.clone(),
            birth_date: self.birth_date.to_string().parse().ok()?,
        })
    }
}

/// The run of ten serials from which the patients of this seed are numbered.
fn first_ten(seed: u64) -> u32 {
    Draw::new(seed, "nhs-numbers").below(TENS)
}

/// Ten serials that share all digits but the last have ten different check sums modulo 11, of
/// which at most one leaves no check digit. So each ten has room for nine patients, and the
/// index says which ten and which of the nine.
fn nhs_number(first_ten: u32, index: u32) -> NhsNumber {
    let mut serial = (first_ten + index / 9 % TENS) % TENS * 10;
    let mut before = index % 9;
    loop {
        if let Some(number) = NhsNumber::synthetic(serial) {
            if before == 0 {
                return number;
            }
            before -= 1;
        }
        serial += 1;
    }
}

fn name(draw: &mut Draw, sex: Sex) -> PersonName {
    let prefix = match sex {
        Sex::Female => draw.pick(&["Ms", "Mrs", "Miss", "Dr", "Mx"]),
        Sex::Male => draw.pick(&["Mr", "Mr", "Mr", "Dr", "Mx"]),
    };
    PersonName {
        prefix: (*prefix).to_owned(),
        given: names::given(draw, sex == Sex::Female).to_owned(),
        family: names::family(draw),
    }
}

fn birth_date(draw: &mut Draw) -> BirthDate {
    BirthDate {
        year: draw.between(1930, 2019) as u16,
        month: draw.between(1, 12) as u8,
        day: draw.between(1, 28) as u8,
    }
}

impl BirthDate {
    /// Calendar year.
    pub const fn year(self) -> u16 {
        self.year
    }

    /// `yyyymmdd`, the form of HL7.
    pub fn to_hl7(self) -> String {
        format!("{:04}{:02}{:02}", self.year, self.month, self.day)
    }
}

impl fmt::Display for BirthDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl fmt::Display for Sex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Female => "female",
            Self::Male => "male",
        })
    }
}

impl fmt::Display for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.prefix, self.given, self.family)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_index_has_an_nhs_number_of_its_own_and_it_fits() {
        let first = TENS - 1;
        let numbers: BTreeSet<_> = (0..90_000)
            .chain(810_000..900_000)
            .map(|index| nhs_number(first, index))
            .inspect(|number| assert!(number.check_digit_fits() && number.is_synthetic()))
            .collect();
        assert_eq!(numbers.len(), 180_000);
        assert_eq!(nhs_number(first, 900_000), nhs_number(first, 0));
    }

    #[test]
    fn the_same_seed_and_index_give_the_same_patient() {
        assert_eq!(Patient::generate(3, 5), Patient::generate(3, 5));
        assert_ne!(Patient::generate(3, 5), Patient::generate(3, 6));
        assert_ne!(Patient::generate(3, 5), Patient::generate(4, 5));
    }

    #[test]
    fn a_patient_lives_nowhere() {
        for index in 0..500 {
            let patient = Patient::generate(1, index);
            assert!(patient.postcode.starts_with("ZZ99 "));
            assert_eq!(patient.postcode.len(), 8);
            assert_eq!(patient.birth_date.to_hl7().len(), 8);
            assert_eq!(patient.birth_date.to_string().len(), 10);
        }
    }
}
