"""Grammar helpers and the words from which sentences are made.

Here are rules for English forms (plural, third person, -ing, a/an), themes of subjects, verbs and
objects that go together, and ``Clause``, one simple sentence in any tense. No facts are here.
"""

import random
from dataclasses import dataclass, replace

from .facts import IRREGULAR_PLURALS, IRREGULAR_VERBS, _rows, _words

VOWELS = "aeiou"
DOUBLED = set(
    _words("""stop, plan, drop, clap, hug, rob, beg, chop, swim, run, sit, win, dig, cut, put,
    shut, hit, let, set, begin, forget, get, spin, wrap, grab, trim, rub, tap, knit,
    travel, quit, split, shed, upset, forbid""")
)
PLURAL_OF = {row[0]: row[1] for row in IRREGULAR_PLURALS}
PLURAL_OF |= {w: w for w in ("trout", "cod", "tuna", "shrimp", "squid")}
VERB_FORMS = {row[0]: (row[1], row[2]) for row in IRREGULAR_VERBS}


def plural(noun: str) -> str:
    """The plural of a noun; only the last word of a phrase changes."""
    head, _, last = noun.rpartition(" ")
    if last in PLURAL_OF:
        last = PLURAL_OF[last]
    elif last.endswith(("s", "x", "ch", "sh", "z")):
        last += "es"
    elif last.endswith("y") and last[-2] not in VOWELS:
        last = last[:-1] + "ies"
    else:
        last += "s"
    return f"{head} {last}" if head else last


def third(verb: str) -> str:
    """The third person singular of a verb."""
    if verb == "have":
        return "has"
    if verb.endswith(("s", "x", "ch", "sh", "z", "o")):
        return verb + "es"
    if verb.endswith("y") and verb[-2] not in VOWELS:
        return verb[:-1] + "ies"
    return verb + "s"


def ing(verb: str) -> str:
    """The -ing form of a verb."""
    if verb in DOUBLED:
        return verb + verb[-1] + "ing"
    if verb.endswith("ie"):
        return verb[:-2] + "ying"
    if verb.endswith("e") and not verb.endswith("ee"):
        return verb[:-1] + "ing"
    return verb + "ing"


def past_forms(verb: str) -> tuple[str, str]:
    """The past tense and the past participle of a verb."""
    if verb in VERB_FORMS:
        return VERB_FORMS[verb]
    if verb in DOUBLED:
        form = verb + verb[-1] + "ed"
    elif verb.endswith("e"):
        form = verb + "d"
    elif verb.endswith("y") and verb[-2] not in VOWELS:
        form = verb[:-1] + "ied"
    else:
        form = verb + "ed"
    return form, form


AN_WORDS = ("hour", "honest", "heir")
A_WORDS = ("uni", "use", "eu", "one", "ukr", "uti")


def article(phrase: str) -> str:
    """The phrase with "a" or "an" before it."""
    low = phrase.lower()
    vowel = low[0] in VOWELS and not (low.startswith(A_WORDS) and not low.startswith("unin"))
    return f"{'an' if vowel or low.startswith(AN_WORDS) else 'a'} {phrase}"


def cap(text: str) -> str:
    """The text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def listed(items: list[str], word: str = "and") -> str:
    """The items as an English list: "a, b and c"."""
    items = list(items)
    if len(items) == 1:
        return items[0]
    return f"{', '.join(items[:-1])} {word} {items[-1]}"


# subjects | verbs | objects: every verb of a theme goes with every object of it
# three lines for each theme: who, does what, with what; all verbs suit all objects
_THEME_LINES = [
    _words(row[0])
    for row in _rows("""
chef, cook, grandmother, uncle, waiter, woman
prepare, taste, serve, burn, heat, make, spoil, cook
soup, stew, sauce, pudding, meal, omelette, pie
farmer, shepherd, neighbour, boy, old man, girl
feed, find, sell, buy, chase, catch, lose, wash
goat, calf, horse, pig, donkey, lamb, hen, cow
teacher, pupil, student, professor, boy, girl
read, copy, explain, finish, forget, understand, write, correct
poem, story, sentence, essay, report, letter
manager, secretary, clerk, lawyer, editor, director
sign, print, send, check, lose, read, translate, hide
contract, letter, report, document, form, invoice, message
mechanic, engineer, inventor, student, boy, expert
repair, build, test, design, break, sell, clean, move
machine, clock, cart, boat, bicycle, radio, robot, engine
singer, musician, pianist, band, choir, orchestra
play, record, practise, learn, love, perform, choose, enjoy
song, melody, waltz, tune, duet, march, hymn
gardener, girl, neighbour, grandfather, widow, queen
plant, water, pick, grow, sell, draw, measure, protect
rose, tulip, lily, sunflower, daffodil, orchid, pumpkin
dog, cat, fox, wolf, lion, eagle, snake
chase, watch, follow, catch, bite, see, scare, hear, attack
mouse, rabbit, squirrel, rat, bird, lizard, frog
builder, painter, family, neighbour, owner, company
build, paint, repair, buy, sell, clean, visit, photograph
house, garage, cottage, barn, cabin, hotel, church
customer, merchant, tourist, woman, shopkeeper, prince
buy, sell, choose, wrap, carry, drop, admire, break
basket, vase, lamp, clock, mirror, painting, bowl
detective, police officer, guard, journalist, neighbour, king
question, follow, help, recognise, find, warn, photograph, invite
thief, witness, stranger, driver, visitor, tourist, actor
doctor, nurse, surgeon, dentist, mother, teacher
examine, treat, help, visit, calm, wake, cure, call
patient, child, soldier, boy, girl, sailor, baby
player, goalkeeper, captain, girl, trainer, boy
throw, catch, drop, lose, find, hold, bring, hide
ball, racket, bat, helmet, glove, cup, key
captain, sailor, explorer, pilot, traveller, scientist
discover, explore, cross, see, describe, reach, leave, photograph
island, desert, lake, forest, valley, river, canyon
artist, student, child, painter, girl, master
draw, paint, sell, finish, show, sketch, copy, hide
portrait, picture, landscape, poster, map, drawing
librarian, reader, girl, student, author, uncle
read, borrow, return, open, recommend, buy, review, lose
novel, book, magazine, comic, dictionary, biography
""")
]
THEMES = [tuple(_THEME_LINES[i : i + 3]) for i in range(0, len(_THEME_LINES), 3)]

# what people do without an object: verb | rest of the sentence
DOINGS = _rows("""
sleep|on the sofa
walk|to school
swim|in the lake
dance|at the party
work|in the garden
wait|at the station
live|in a small village
live|near the river
sit|under the tree
play|tennis
play|the piano
play|football in the park
drink|tea
drink|coffee with milk
eat|apples
eat|breakfast at seven o'clock
like|chocolate
like|old films
love|music
speak|French
speak|Spanish and German
study|history
study|at the library
teach|mathematics
travel|by train
travel|to Italy
drive|a red car
drive|to work
ride|a bicycle
ride|a grey horse
run|along the beach
sing|in the choir
sing|old songs
write|long letters
read|the newspaper
read|stories about pirates
wear|a blue coat
wear|glasses
need|a new umbrella
need|more time
want|a glass of water
want|a bigger house
help|in the kitchen
help|the neighbours
cook|dinner for the family
bake|bread
collect|stamps
collect|old coins
watch|the birds
watch|the stars
climb|the hill
work|in a bank
work|at the hospital
paint|the fence
feed|the ducks
clean|the windows
wash|the dishes
carry|a heavy bag
grow|tomatoes
visit|the museum
visit|the old castle
listen|to the radio
laugh|at the joke
look|for the keys
go|to the market
go|home early
come|by bus
sell|flowers
buy|fresh fish
know|the answer
know|the way to the station
understand|the question
keep|bees
build|wooden boats
stay|at a hotel
arrive|before noon
leave|in the evening
""")

# verbs that name a state and so have no continuous form
STATES = set(_words("know, like, love, need, want, understand, see, recognise, live, hear"))

NAMES = _words("""Anna, Ben, Clara, David, Emma, Felix, Grace, Henry, Ida, Jack, Kate, Leo, Maria, Noah,
    Olivia, Peter, Rosa, Sam, Tom, Vera, Adam, Zoe, Alice, Martin, Nora, Oscar, Paul, Ruth, Simon, Lucy""")
FEMALE = set(
    _words(
        "Anna, Clara, Emma, Grace, Ida, Kate, Maria, Olivia, Rosa, Vera, Zoe, Alice, Nora, Ruth, Lucy"
    )
)
PAST_TIMES = _words(
    "yesterday, last week, last night, two days ago, last summer, an hour ago, last Monday"
)
ADVERBS = _words("carefully, quickly, quietly, slowly, happily, proudly, secretly, gladly")
ADJECTIVES = _words("""old, young, tall, small, big, little, clever, tired, strange, famous, gentle,
    quiet, happy, hungry, friendly, busy, kind""")
THING_ADJECTIVES = _words("old, new, small, big, beautiful, strange, little, lovely, fine, large")
PREDICATES = _words("""tired, hungry, ready, late, happy, ill, afraid, at home, in the garden, busy, angry,
    in Paris, at school, very kind, thirsty, right, wrong, lost, proud, awake""")


@dataclass(frozen=True)
class Clause:
    """One simple sentence, kept in parts: who, which verb, what, and what follows."""

    subject: str
    verb: str
    object: str = ""
    tail: str = ""
    many: bool = False

    def _build(self, *verb: str, lead: str = "", end: str = ".") -> str:
        """The sentence around the verb words given; ``lead`` opens a question."""
        parts = [lead, self.subject, *verb, self.object, self.tail]
        return cap(" ".join(p for p in parts if p)) + end

    @property
    def plural_verb(self) -> bool:
        """True where the verb takes its base form in the present."""
        return self.many or self.subject in {"I", "you", "we", "they"}

    @property
    def be(self) -> str:
        """The present form of "be" for the subject."""
        return "am" if self.subject == "I" else "are" if self.plural_verb else "is"

    @property
    def was(self) -> str:
        """The past form of "be" for the subject."""
        return "were" if self.plural_verb and self.subject != "I" else "was"

    @property
    def do(self) -> str:
        """The present form of "do" for the subject."""
        return "do" if self.plural_verb else "does"

    @property
    def have(self) -> str:
        """The present form of "have" for the subject."""
        return "have" if self.plural_verb else "has"

    def verb_words(self, name: str) -> tuple[str, ...]:
        """The verb with its helpers in the tense named."""
        past, participle = past_forms(self.verb)
        present = self.verb if self.plural_verb else third(self.verb)
        return {
            "present": (present,),
            "past": (past,),
            "future": ("will", self.verb),
            "present continuous": (self.be, ing(self.verb)),
            "past continuous": (self.was, ing(self.verb)),
            "present perfect": (self.have, participle),
            "past perfect": ("had", participle),
        }[name]

    def tense(self, name: str) -> str:
        """The statement in the tense named."""
        return self._build(*self.verb_words(name))

    def negative(self, name: str, short: bool = False) -> str:
        """The statement with "not" in the tense named (present, past or future)."""
        aux = {"present": self.do, "past": "did", "future": "will"}[name]
        word = {"do": "don't", "does": "doesn't", "did": "didn't", "will": "won't"}[aux]
        return self._build(word if short else f"{aux} not", self.verb)

    def question(self, name: str) -> str:
        """The yes-or-no question in the tense named (present, past or future)."""
        aux = {"present": self.do, "past": "did", "future": "will"}[name]
        return self._build(self.verb, lead=aux, end="?")

    def passive(self, name: str) -> str:
        """The passive statement in the tense named (present, past or future)."""
        participle = past_forms(self.verb)[1]
        many = self.object.startswith(("the ", "two ", "three ")) and self.object_many
        be = {
            "present": "are" if many else "is",
            "past": "were" if many else "was",
            "future": "will be",
        }[name]
        words = [self.object, be, participle, "by", self.subject, self.tail]
        return cap(" ".join(w for w in words if w)) + "."

    @property
    def object_many(self) -> bool:
        """True where the object is a plural made by ``transitive``."""
        return self.object in _PLURAL_OBJECTS

    def with_(self, **changes) -> "Clause":
        """The same clause with some parts changed."""
        return replace(self, **changes)


_PLURAL_OBJECTS = {
    f"{det} {plural(noun)}"
    for _, _, nouns in THEMES
    for noun in nouns
    for det in ("the", "two", "three")
}


def subject(rng: random.Random, nouns: list[str], adjectives: bool = True) -> tuple[str, bool]:
    """A subject phrase and whether it is plural."""
    noun = rng.choice(nouns)
    if adjectives and " " not in noun and rng.random() < 0.25:
        noun = f"{rng.choice(ADJECTIVES)} {noun}"
    if rng.random() < 0.2:
        return f"the {plural(noun)}", True
    return f"the {noun}", False


def transitive(rng: random.Random, names: bool = True, singular: bool = False) -> Clause:
    """A clause with an object that suits its verb; its subject is a noun or a name."""
    nouns, verbs, objects = rng.choice(THEMES)
    who, many = subject(rng, nouns)
    if singular:
        who, many = f"the {rng.choice(nouns)}", False
    if names and not singular and nouns[0] != "dog" and rng.random() < 0.3:
        who, many = rng.choice(NAMES), False
    thing = rng.choice([o for o in objects if o not in who])
    roll = rng.random()
    if roll < 0.15 and not singular:
        return Clause(who, rng.choice(verbs), f"the {plural(thing)}", many=many)
    if roll < 0.35:
        thing = f"{rng.choice(THING_ADJECTIVES)} {thing}"
    thing = article(thing) if rng.random() < 0.2 else f"the {thing}"
    return Clause(who, rng.choice(verbs), thing, many=many)


def doing(rng: random.Random) -> Clause:
    """A clause about what somebody does; its subject is a pronoun, a name or a person."""
    verb, rest = rng.choice(DOINGS)
    who = rng.choice(
        [
            "he",
            "she",
            "they",
            "we",
            "I",
            "you",
            rng.choice(NAMES),
            rng.choice(NAMES),
            "my sister",
            "my brother",
            "the teacher",
            "our neighbour",
            "the children",
        ]
    )
    return Clause(who, verb, rest, many=who == "the children")


def clause(rng: random.Random) -> Clause:
    """A clause of either kind."""
    return transitive(rng) if rng.random() < 0.55 else doing(rng)
