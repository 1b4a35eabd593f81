"""Sex and stage of life of the animal that is heard."""

from avianvox.dataset.labels.vocabulary import SEVERAL, Vocabulary

SEXES = Vocabulary(
    "sex",
    {
        "female": "females|f|♀|hen|weiblich|weibchen|femelle|femelles|hembra|hembras|femea|femeas|femmina"
        "|femmine|vrouw|vrouwtje|vrouwelijk|hona|honor|samica|самка",
        "male": "males|m|♂|cock|mannlich|mannchen|mâle|mâles|macho|machos|maschio|maschi|man|mannetje"
        "|mannelijk|hane|hanar|samiec|самец",
        SEVERAL: "both|both sexes|beide|les deux|ambos|entrambi",
    },
)

STAGES = Vocabulary(
    "stage",
    {
        "adult": "adults|ad|adulte|adultes|adulto|adultos|adulta|adulti|altvogel|altvögel|volwassen|adulta"
        "|dorosly|взрослый",
        "subadult": "subadults|sub adult|immature|immatures|imm|immatur|immaturo|inmaduro|unausgefärbt",
        "juvenile": "juveniles|juv|juvs|young|young bird|young birds|fledgling|fledglings|fledged young"
        "|jungvogel|jungvögel|jung|jeune|jeunes|juvénile|joven|jovenes|juvenil|juveniles|jovem|giovane|giovani"
        "|juveniel|jong|jongen|ungfågel|mlody|молодой|птенец слеток",
        "nestling": "nestlings|chick|chicks|hatchling|hatchlings|pullus|pulli|pull|küken|poussin|poussins"
        "|pichón|pichones|polluelo|polluelos|filhote|filhotes|ninhego|pulcino|nestjong|kuiken|pisklę|птенец",
        "nymph": "nymphs|nymphe|ninfa",
        SEVERAL: "",
    },
)
