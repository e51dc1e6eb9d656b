//! Clinical codes in common use, for records that look like records. Nothing here is a
//! terminology: codes are only as right as a test needs them.

/// Root of SNOMED CT codes.
pub(super) const SNOMED: &str = "2.16.840.1.113883.2.1.3.2.4.15";
/// Root of five-byte Read codes.
pub(super) const READ: &str = "2.16.840.1.113883.2.1.6.2";
/// Root of drug codes as a clinical system keeps them.
pub(super) const SYSTEM_DRUG: &str = "2.16.840.1.113883.2.1.6.9";

/// A concept in both codings, and its term.
pub(super) struct Concept {
    pub(super) read: &'static str,
    pub(super) snomed: &'static str,
    pub(super) term: &'static str,
}

/// A concept that is measured. The value lies between `low` and `high`, in tenths of the unit;
/// results outside `normal` are flagged.
pub(super) struct Measurement {
    pub(super) concept: Concept,
    pub(super) unit: &'static str,
    pub(super) tenths: (u32, u32),
    pub(super) normal: (u32, u32),
}

/// A drug as it is prescribed.
#[derive(Clone, Copy)]
pub(super) struct Drug {
    pub(super) system: &'static str,
    pub(super) snomed: &'static str,
    pub(super) name: &'static str,
    pub(super) dose: &'static str,
    pub(super) quantity: u32,
    pub(super) unit: &'static str,
}

const fn concept(read: &'static str, snomed: &'static str, term: &'static str) -> Concept {
    Concept { read, snomed, term }
}

const fn measurement(
    concept: Concept,
    unit: &'static str,
    tenths: (u32, u32),
    normal: (u32, u32),
) -> Measurement {
    Measurement {
        concept,
        unit,
        tenths,
        normal,
    }
}

pub(super) const PROBLEMS: [Concept; 16] = [
    concept("G20..00", "59621000", "Essential hypertension"),
    concept("H33..00", "195967001", "Asthma"),
    concept("C10..00", "73211009", "Diabetes mellitus"),
    concept("F26..00", "37796009", "Migraine"),
    concept("M161.00", "9014002", "Psoriasis"),
    concept("M111.00", "24079001", "Atopic dermatitis/eczema"),
    concept("N05..11", "396275006", "Osteoarthritis"),
    concept(
        "H3...00",
        "13645005",
        "Chronic obstructive pulmonary disease",
    ),
    concept("G573000", "49436004", "Atrial fibrillation"),
    concept("C04..13", "40930008", "Hypothyroidism"),
    concept(
        "K190.00",
        "68566005",
        "Urinary tract infection, site not specified",
    ),
    concept("H05z.00", "54150009", "Upper respiratory infection NOS"),
    concept("E2B..00", "35489007", "Depressive disorder NEC"),
    concept("D00..00", "87522002", "Iron deficiency anaemias"),
    concept("N142.00", "279039007", "Pain in lumbar spine"),
    concept("F561100", "13445001", "Ménière's disease"),
];

pub(super) const SYMPTOMS: [Concept; 8] = [
    concept("171..00", "49727002", "Cough"),
    concept("1B1G.00", "25064002", "Headache"),
    concept("168..00", "84229001", "Tiredness symptom"),
    concept("182..00", "29857009", "Chest pain"),
    concept("1B13.00", "48694002", "Anxiousness"),
    concept("173..00", "267036007", "Breathlessness"),
    concept("19C..00", "14760008", "Constipation"),
    concept("1D13.00", "22253000", "C/O: a pain"),
];

pub(super) const PRESSURE: Concept =
    concept("246..00", "163020007", "O/E - blood pressure reading");

pub(super) const SYSTOLIC: Measurement = measurement(
    concept("2469.00", "163030003", "O/E - Systolic BP reading"),
    "mmHg",
    (950, 1850),
    (900, 1400),
);

pub(super) const DIASTOLIC: Measurement = measurement(
    concept("246A.00", "163031004", "O/E - Diastolic BP reading"),
    "mmHg",
    (550, 1100),
    (600, 900),
);

pub(super) const EXAMINATIONS: [Measurement; 6] = [
    measurement(
        concept("22A..00", "162763007", "O/E - weight"),
        "kg",
        (420, 1300),
        (450, 1100),
    ),
    measurement(
        concept("229..00", "162755006", "O/E - height"),
        "cm",
        (1450, 1950),
        (1400, 2000),
    ),
    measurement(
        concept("22K..00", "60621009", "Body mass index"),
        "kg/m2",
        (170, 400),
        (185, 250),
    ),
    measurement(
        concept("242..00", "78564009", "O/E - pulse rate"),
        "bpm",
        (500, 1200),
        (600, 1000),
    ),
    measurement(
        concept("2E3..00", "276885007", "O/E - temperature"),
        "Cel",
        (358, 398),
        (360, 375),
    ),
    measurement(
        concept("339A.00", "18491006", "Peak expiratory flow rate"),
        "L/min",
        (2000, 6500),
        (4000, 6500),
    ),
];

/// Batteries of results that a laboratory reports together.
pub(super) const BATTERIES: [(Concept, [Measurement; 3]); 3] = [
    (
        concept("424..00", "26604007", "Full blood count - FBC"),
        [
            measurement(
                concept("423..00", "38082009", "Haemoglobin estimation"),
                "g/L",
                (900, 1700),
                (1150, 1650),
            ),
            measurement(
                concept("42H..00", "767002", "Total white cell count"),
                "10*9/L",
                (25, 150),
                (40, 110),
            ),
            measurement(
                concept("42P..00", "61928009", "Platelet count"),
                "10*9/L",
                (1000, 5000),
                (1500, 4500),
            ),
        ],
    ),
    (
        concept("44J..00", "252167001", "Blood urea/renal function"),
        [
            measurement(
                concept("44J3.00", "113075003", "Serum creatinine"),
                "umol/L",
                (400, 1600),
                (600, 1100),
            ),
            measurement(
                concept("44I5.00", "104934005", "Serum sodium"),
                "mmol/L",
                (1280, 1500),
                (1330, 1460),
            ),
            measurement(
                concept("44I4.00", "271236005", "Serum potassium"),
                "mmol/L",
                (30, 62),
                (35, 53),
            ),
        ],
    ),
    (
        concept("44P..00", "121868005", "Serum cholesterol"),
        [
            measurement(
                concept("44P5.00", "28036006", "Serum HDL cholesterol level"),
                "mmol/L",
                (7, 25),
                (12, 25),
            ),
            measurement(
                concept("44P6.00", "113079009", "Serum LDL cholesterol level"),
                "mmol/L",
                (10, 55),
                (10, 30),
            ),
            measurement(
                concept("44Q..00", "271245006", "Serum triglycerides"),
                "mmol/L",
                (4, 45),
                (4, 17),
            ),
        ],
    ),
];

pub(super) const PLANS: [Concept; 4] = [
    concept("8B31400", "182836005", "Medication review"),
    concept("8H8..00", "308273005", "Follow-up arranged"),
    concept("65E..00", "86198006", "Influenza vaccination"),
    concept("66YJ.00", "394720003", "Asthma annual review"),
];

pub(super) const REFERRALS: [Concept; 4] = [
    concept("8H44.00", "183523003", "Cardiological referral"),
    concept("8H77.00", "306170007", "Refer to physiotherapist"),
    concept("8H46.00", "183518007", "Dermatological referral"),
    concept("8H4..00", "3457005", "Referral to other doctor"),
];

pub(super) const FAMILY_HISTORY: Concept =
    concept("12C..00", "266894000", "FH: Cardiovascular disease");

pub(super) const DRUGS: [Drug; 6] = [
    Drug {
        system: "AMTA1721",
        snomed: "319775004",
        name: "Aspirin 75mg tablets",
        dose: "One To Be Taken Each Day",
        quantity: 28,
        unit: "tablet",
    },
    Drug {
        system: "RATA3520",
        snomed: "318135008",
        name: "Ramipril 5mg capsules",
        dose: "One To Be Taken Each Morning & Reviewed After 4 Weeks",
        quantity: 28,
        unit: "capsule",
    },
    Drug {
        system: "SAIN8813",
        snomed: "320151000",
        name: "Salbutamol 100micrograms/dose inhaler CFC free",
        dose: "Inhale 2 Doses When Required; <= 8 Doses Daily",
        quantity: 200,
        unit: "dose",
    },
    Drug {
        system: "METF5014",
        snomed: "325278007",
        name: "Metformin 500mg tablets",
        dose: "One To Be Taken Twice Daily With Meals",
        quantity: 56,
        unit: "tablet",
    },
    Drug {
        system: "EMOL0117",
        snomed: "332788008",
        name: "Emollient cream (Brackmere & Co Ltd)",
        dose: "Apply As Often As Needed",
        quantity: 500,
        unit: "gram",
    },
    Drug {
        system: "AMOX2350",
        snomed: "323509004",
        name: "Amoxicillin 500mg capsules",
        dose: "One To Be Taken Three Times A Day\nFor 7 Days",
        quantity: 21,
        unit: "capsule",
    },
];
