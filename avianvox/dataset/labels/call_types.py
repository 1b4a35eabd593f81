"""Call types: the sound types of xeno-canto, and how else people write them."""

from avianvox.dataset.labels.vocabulary import Vocabulary

CALL_TYPES = Vocabulary(
    "call_type",
    {
        "song": "songs|singing|sings|sang|sing|full song|primary song|male song|gesang|gesange|singend|chant"
        "|chants|canto|cantos|cantando|zang|sang|piosenka|spiew|canto territorial|пение|песня",
        "call": "calls|calling|called|call note|note|notes|chip|chips|chirp|chirps|chatter|chattering|rattle"
        "|rattles|bark|barks|squawk|squeal|tick|ticks|tink|honk|gargle|twitter|whistle|whistles|chuck|chup"
        "|cackle|croak|caw|quack|mew|scream|screech|ruf|rufe|rufend|lockruf|cri|cris|appel|llamada|llamadas"
        "|reclamo|chamado|chamada|richiamo|richiami|roep|roepend|lokroep|late|lockläte|glos|wabienie|позывка"
        "|крик",
        "alarm call": "alarm|alarm calls|alarm note|alarm notes|alarmed|scold|scolds|scolding|scolding call"
        "|scold call|mobbing|mobbing call|mobbing calls|warning call|distraction call|warnruf|warnrufe"
        "|alarmruf|alarmrufe|warnt|alarmierend|cri d'alarme|cris d'alarme|alarme|alarma|llamada de alarma"
        "|reclamo de alarma|canto de alarma|voz de alarma|chamado de alarme|allarme|richiamo di allarme"
        "|alarmroep|varningsläte|тревога",
        "flight call": "flight calls|flight note|flight notes|call in flight|calls in flight|in flight call"
        "|flugruf|flugrufe|ruf im flug|cri de vol|cris de vol|cri en vol|llamada de vuelo|llamada en vuelo"
        "|reclamo en vuelo|chamado de voo|chamada de voo|richiamo in volo|vluchtroep|flyktläte"
        "|lockläte i flykt",
        "nocturnal flight call": "nocturnal flight calls|nfc|night flight call|night flight calls"
        "|nocturnal migration call|nachtzugruf|cri de vol nocturne|nachtelijke vluchtroep",
        "begging call": "begging|begging calls|begs|beg|begging note|begging notes|food begging|bettelruf"
        "|bettelrufe|bettelnd|cri de quemandage|cris de quemandage|quemandage|petición de comida|suplica"
        "|llamada de petición|chamado de filhote|bedelroep|bedelend|tiggläte",
        "dawn song": "dawn songs|dawn chorus song|dawn singing|morgengesang|chant de l'aube|canto del alba"
        "|canto al amanecer|canto de la madrugada|canto do amanhecer|dageraadzang",
        "subsong": "sub song|subsongs|sub songs|whisper song|whispered song|plastic song|subgesang"
        "|sous chant|subcanto|subzang",
        "duet": "duets|duetting|duet call|duet calls|duet song|duett|duette|duo|dúo|dueto|duetto",
        "female song": "song of female|song by female|weibchengesang|gesang weibchen|chant de la femelle"
        "|chant femelle|canto de hembra|canto de la hembra|canto da femea",
        "flight song": "flight songs|song flight|song in flight|display flight song|singflug|fluggesang"
        "|chant en vol|canto en vuelo|canto de vuelo|canto em voo|zangvlucht",
        "courtship song": "courtship songs|courtship display song|balzgesang|chant nuptial|canto de cortejo"
        "|baltszang",
        "mating call": "mating calls|copulation call|copulation calls|copulation|solicitation call"
        "|solicitation calls|courtship call|courtship calls|balzruf|balzrufe|llamada de cortejo",
        "social call": "social calls|contact|contact call|contact calls|contact note|contact notes"
        "|interaction call|interaction calls|kontaktruf|kontaktrufe|cri de contact|cris de contact"
        "|llamada de contacto|reclamo de contacto|chamado de contato|contactroep|kontaktläte",
        "territorial call": "territorial calls|territory call|revierruf|revierrufe|cri territorial"
        "|llamada territorial|territoriumroep",
        "agonistic call": "agonistic|agonistic calls|aggressive|aggressive call|aggressive calls"
        "|aggression call|aggression calls|territorial aggression call|territorial aggression calls"
        "|chase call|chase calls|threat call|threat calls|fighting call|drohruf|cri d'agression"
        "|llamada agresiva",
        "defensive call": "defensive calls|defence call|defense call|nest defence|nest defense",
        "distress call": "distress|distress calls|angstruf|notruf|cri de detresse|llamada de angustia"
        "|llamada de socorro|chamado de socorro|noodkreet",
        "advertisement call": "advertisement|advertisement calls|advertising call|advertising calls",
        "release call": "release calls",
        "calling song": "calling songs",
        "rivalry song": "rivalry songs|rivalengesang",
        "disturbance song": "disturbance songs",
        "searching song": "searching songs",
        "echolocation": "echolocation call|echolocation calls|echolocating|echoortung|ecolocalizacion",
        "feeding buzz": "feeding buzzes|terminal buzz",
        "drumming": "drum|drums|drummed|drumroll|drum roll|trommeln|trommelwirbel|trommelt|tambourinage"
        "|tamborileo|tamborilado|tambureggiamento|roffel|roffelend|trumning|trumma|bebnienie|дробь",
        "mechanical sound": "mechanical|mechanical sounds|mechanical noise|wing noise|wing noises|wing sound"
        "|wing sounds|wing flapping|wing flaps|wing whirr|wing whistle|wing clapping|wing beats|wingbeats"
        "|bill snapping|bill snap|bill snaps|bill clicking|bill clapping|bill clattering|tapping|tap"
        "|dive sound|tail sound|flügelgeräusch|schnabelklappern|bruit d'ailes|ruido de alas|vleugelgeluid",
        "imitation": "imitations|mimicry|mimic|mimics|imitating|nachahmung|imitación|imitação|imitatie",
        "aberrant": "aberrant song|aberrant call|abnormal|abnormal song",
    },
)
"""What xeno-canto calls the type of a sound, for all groups of animals, and spellings of each."""

SONGS = frozenset(
    (
        *("song", "dawn song", "subsong", "female song", "flight song", "courtship song", "calling song"),
        *("rivalry song", "disturbance song", "searching song"),
    )
)
CALLS = frozenset(value for value in CALL_TYPES.values if value.endswith(" call") or value == "call")
VOICES = ("song", "call")
"""The two kinds into which most call types fall; a duet, a drum and an imitation are neither."""


def voices_of(call_types: tuple[str, ...]) -> tuple[str, ...]:
    """Whether there is song among call types, and whether there are calls.

    Examples
    --------
    >>> voices_of(("dawn song", "alarm call", "duet"))
    ('song', 'call')
    """
    there = (any(t in SONGS for t in call_types), any(t in CALLS for t in call_types))
    return tuple(voice for voice, heard in zip(VOICES, there, strict=True) if heard)
