"""Task families: each makes instruction records of one kind from the tables of ``facts``.

A family is a ``draw`` function that picks an item, a block of wordings (style | instruction |
input) and a block of outputs. ``record`` puts one of each together. How many records of which
family make a data set is decided in ``build``; the rows written by hand are in ``handwritten``.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

from . import facts as F
from . import material as M
from . import prose as P

STYLES = ("question", "command", "polite", "terse")


@dataclass(frozen=True)
class Family:
    """One kind of task: how an item is drawn, and how it may be worded."""

    name: str
    draw: Callable[[random.Random], dict]
    wordings: list[tuple[str, ...]]
    outputs: list[str]


FAMILIES: dict[str, Family] = {}


class _Parts(dict):
    """Parts of a template; a name with a trailing underscore gives the part in quotes."""

    def __missing__(self, name: str) -> str:
        """The part in quotation marks that do not clash with it."""
        text = str(self[name.removesuffix("_")])
        mark = '"' if "'" in text else "'"
        return f"{mark}{text}{mark}"


def task(name: str, wordings: str, outputs: str) -> Callable:
    """A decorator that enters a draw function as a family."""

    def enter(draw: Callable) -> Callable:
        lines = [line.strip() for line in outputs.strip().splitlines()]
        FAMILIES[name] = Family(name, draw, F._rows(wordings), lines)
        return draw

    return enter


def _bare_capital(text: str) -> str:
    """The output with a capital, unless it is a bare word or list that needs none."""
    return M.cap(text) if text.endswith((".", "!", "?")) else text


def record(name: str, rng: random.Random, with_input: bool | None = None) -> tuple[dict, str]:
    """A record of the family and the key of the fact it uses."""
    family = FAMILIES[name]
    parts = _Parts(family.draw(rng))
    wordings = family.wordings
    if with_input is not None:
        wordings = [w for w in wordings if (len(w) > 2) is with_input] or wordings
    style, instruction, *given = rng.choice(wordings)
    outputs = parts.get("outputs") or family.outputs
    row = {
        "instruction": M.cap(instruction.format_map(parts)),
        "input": given[0].format_map(parts) if given else "",
        "output": _bare_capital(rng.choice(outputs).format_map(parts)),
        "family": name,
        "style": style,
    }
    return row, str(parts["key"])


# --- single words ------------------------------------------------------------------------------


@task(
    "antonym",
    """
    question | What is the opposite of {a_}?
    question | Which word means the opposite of {a_}?
    command | Give an antonym of {a_}.
    command | Provide the antonym of the following word. | {a}
    polite | Could you please tell me the opposite of {a_}?
    terse | Antonym of {a_}.
    terse | Opposite of the given word? | {a}
""",
    """
    The opposite of {a_} is {b_}.
    The opposite of {a_} is {b_}.
    An antonym of {a_} is {b_}.
    {b}
""",
)
def _antonym(rng: random.Random) -> dict:
    """An antonym pair in one direction."""
    a, b = rng.choice(F.ANTONYMS)
    key = f"antonym:{a}/{b}"
    if rng.random() < 0.4:
        a, b = b, a
    return {"key": key, "a": a, "b": b}


@task(
    "synonym",
    """
    question | What is a synonym for {a_}?
    question | Which other word means the same as {a_}?
    command | Give a synonym for the word {a_}.
    command | Find another word with the same meaning. | {a}
    polite | Please suggest another word for {a_}.
    terse | Synonym of {a_}.
    terse | A word with a similar meaning? | {a}
""",
    """
    A synonym for {a_} is {b_}.
    A synonym of {a_} is {b_}.
    Another word for {a_} is {b_}.
    {b}
""",
)
def _synonym(rng: random.Random) -> dict:
    """A synonym pair in one direction."""
    a, b = rng.choice(F.SYNONYMS)
    return {"key": f"synonym:{a}", "a": a, "b": b}


def _noun(rng: random.Random) -> tuple[str, str]:
    """A noun and its plural."""
    if rng.random() < 0.6:
        return rng.choice(F.IRREGULAR_PLURALS)
    noun = rng.choice(F.NOUNS)
    return noun, M.plural(noun)


@task(
    "plural",
    """
    question | What is the plural of {a_}?
    question | What do we call more than one {a}?
    command | Write the plural form of {a_}.
    command | Give the plural of the noun. | {a}
    polite | Could you give me the plural of {a_}, please?
    terse | Plural of {a_}.
""",
    """
    The plural of {a_} is {b_}.
    The plural form of {a_} is {b_}.
    {b}
""",
)
def _plural(rng: random.Random) -> dict:
    """A noun and its plural."""
    a, b = _noun(rng)
    return {"key": f"plural:{a}", "a": a, "b": b}


@task(
    "singular",
    """
    question | What is the singular of {b_}?
    command | Write the singular form of {b_}.
    command | Turn the plural noun into the singular. | {b}
    polite | Please tell me the singular form of the word {b_}.
    terse | Singular of {b_}.
""",
    """
    The singular of {b_} is {a_}.
    The singular form of {b_} is {a_}.
    {a}
""",
)
def _singular(rng: random.Random) -> dict:
    """A plural noun and its singular."""
    a, b = _noun(rng)
    while a == b:
        a, b = _noun(rng)
    return {"key": f"plural:{a}", "a": a, "b": b}


def _verb(rng: random.Random) -> dict:
    """A verb with its forms."""
    if rng.random() < 0.75:
        a, b, c = rng.choice(F.IRREGULAR_VERBS)
    else:
        a = rng.choice(F.REGULAR_VERBS)
        b, c = M.past_forms(a)
    return {"key": f"verb:{a}", "a": a, "b": b, "c": c, "i": M.ing(a), "t": M.third(a)}


@task(
    "past-tense",
    """
    question | What is the past tense of {a_}?
    question | What is the simple past of the verb {a_}?
    command | Give the past tense of {a_}.
    command | Write the past tense of the verb. | {a}
    polite | Please tell me the past tense of the verb {a_}.
    terse | Past tense of {a_}.
""",
    """
    The past tense of {a_} is {b_}.
    The past tense of {a_} is {b_}.
    {b}
""",
)
def _past_tense(rng: random.Random) -> dict:
    """A verb and its past tense."""
    return _verb(rng)


@task(
    "past-participle",
    """
    question | What is the past participle of {a_}?
    command | Give the past participle of the verb {a_}.
    command | Write the past participle. | {a}
    polite | Could you tell me the past participle of {a_}?
    terse | Past participle of {a_}.
""",
    """
    The past participle of {a_} is {c_}.
    {c}
""",
)
def _past_participle(rng: random.Random) -> dict:
    """A verb and its past participle."""
    return _verb(rng)


@task(
    "ing-form",
    """
    question | What is the -ing form of {a_}?
    command | Write the present participle of {a_}.
    command | Add -ing to the verb and spell it correctly. | {a}
    polite | Please give me the -ing form of the verb {a_}.
    terse | The -ing form of {a_}.
""",
    """
    The -ing form of {a_} is {i_}.
    The present participle of {a_} is {i_}.
    {i}
""",
)
def _ing_form(rng: random.Random) -> dict:
    """A verb and its -ing form."""
    return _verb(rng)


def _degrees(rng: random.Random) -> dict:
    """An adjective with its degrees."""
    a, b, c = rng.choice(F.COMPARATIVES)
    return {"key": f"degree:{a}", "a": a, "b": b, "c": c}


@task(
    "comparative",
    """
    question | What is the comparative form of {a_}?
    command | Give the comparative of the adjective {a_}.
    command | Write the comparative form of the adjective. | {a}
    polite | Could you please give the comparative of {a_}?
    terse | Comparative of {a_}.
""",
    """
    The comparative of {a_} is {b_}.
    The comparative form of {a_} is {b_}.
    {b}
""",
)
def _comparative(rng: random.Random) -> dict:
    """An adjective and its comparative."""
    return _degrees(rng)


@task(
    "superlative",
    """
    question | What is the superlative form of {a_}?
    command | Give the superlative of the adjective {a_}.
    command | Write the superlative form. | {a}
    polite | Please tell me the superlative of {a_}.
    terse | Superlative of {a_}.
""",
    """
    The superlative of {a_} is {c_}.
    The superlative form of {a_} is {c_}.
    {c}
""",
)
def _superlative(rng: random.Random) -> dict:
    """An adjective and its superlative."""
    return _degrees(rng)


@task(
    "gender",
    """
    question | What is the {g} counterpart of {a_}?
    question | What is the {g} form of the word {a_}?
    command | Name the {g} counterpart of {a_}.
    command | Give the opposite gender of the noun. | {a}
    polite | Please tell me the {g} form of {a_}.
    terse | {g} of {a_}.
""",
    """
    The {g} counterpart of {a_} is {b_}.
    The {g} form of {a_} is {b_}.
    {b}
""",
)
def _gender(rng: random.Random) -> dict:
    """A noun and its counterpart of the other gender."""
    male, female = rng.choice(F.GENDERS)
    key = f"gender:{male}"
    if rng.random() < 0.6:
        return {"key": key, "g": "female", "a": male, "b": female}
    return {"key": key, "g": "male", "a": female, "b": male}


@task(
    "rhyme",
    """
    question | Which word rhymes with {a_}?
    question | Can you name a word that rhymes with {a_}?
    command | Give a word that rhymes with {a_}.
    command | Find a rhyme for the word. | {a}
    polite | Please suggest a rhyme for {a_}.
    terse | A rhyme for {a_}.
""",
    """
    A word that rhymes with {a_} is {b_}.
    {b_} rhymes with {a_}.
    {b}
""",
)
def _rhyme(rng: random.Random) -> dict:
    """Two words that rhyme."""
    a, b = rng.choice(F.RHYMES)
    key = f"rhyme:{a}/{b}"
    return {"key": key, "a": a, "b": b} if rng.random() < 0.5 else {"key": key, "a": b, "b": a}


@task(
    "homophone",
    """
    question | Which word sounds like {a_} but means "{y}"?
    question | What is a homophone of {a_}?
    command | Name a homophone of {a_}.
    command | Give a word that sounds the same as the word below. | {a}
    polite | Could you give me a homophone of {a_}?
    terse | Homophone of {a_}.
""",
    """
    A homophone of {a_} is {b_}.
    {b_} sounds the same as {a_}.
    {b}
""",
)
def _homophone(rng: random.Random) -> dict:
    """Two words that sound alike."""
    a, x, b, y = rng.choice(F.HOMOPHONES)
    key = f"homophone:{a}"
    if rng.random() < 0.5:
        a, x, b, y = b, y, a, x
    return {"key": key, "a": a, "b": b, "x": x, "y": y}


@task(
    "homophone-choice",
    """
    question | Which word means "{x}": {first_} or {second_}?
    command | Choose the word that means "{x}": {first_} or {second_}.
    command | Pick the word that fits the meaning "{x}". | {first}, {second}
    polite | Please say which word means "{x}", {first_} or {second_}.
    terse | {first} or {second}: "{x}".
""",
    """
    The word that means "{x}" is {a_}.
    {a_} means "{x}".
    {a}
""",
)
def _homophone_choice(rng: random.Random) -> dict:
    """A choice between two words that sound alike."""
    parts = _homophone(rng)
    first, second = rng.sample([parts["a"], parts["b"]], 2)
    return {**parts, "first": first, "second": second}


@task(
    "spelling-word",
    """
    question | What is the correct spelling of {a_}?
    question | How should the word {a_} be spelled?
    command | Correct the spelling of {a_}.
    command | Correct the spelling of the following word. | {a}
    polite | Could you please correct the spelling of {a_}?
    terse | Fix the spelling: {a}
""",
    """
    The correct spelling is {b_}.
    The correct spelling of {a_} is {b_}.
    {b}
""",
)
def _spelling_word(rng: random.Random) -> dict:
    """A misspelt word and the right one."""
    a, b = rng.choice(F.MISSPELT)
    return {"key": f"spelling:{b}", "a": a, "b": b}


SPELLING_FRAMES = {
    "receive": "Did you {} my letter?",
    "believe": "I do not {} that story.",
    "friend": "My best {} lives next door.",
    "weird": "We heard a {} noise in the night.",
    "definitely": "She will {} come to the party.",
    "separate": "The twins sleep in {} rooms.",
    "occurred": "The accident {} at noon.",
    "until": "We waited {} the rain stopped.",
    "tomorrow": "The train leaves early {}.",
    "beginning": "The {} of the film was slow.",
    "necessary": "It is {} to wear a helmet.",
    "address": "Please write your {} on the form.",
    "argument": "They had a long {} about money.",
    "calendar": "The {} hangs in the kitchen.",
    "disappoint": "I do not want to {} you.",
    "environment": "We must protect the {}.",
    "familiar": "Her voice sounded {}.",
    "finally": "The bus {} arrived.",
    "foreign": "He speaks two {} languages.",
    "forty": "There were {} guests at the wedding.",
    "government": "The {} made a new law.",
    "grammar": "The teacher explained the {} again.",
    "guard": "A {} stood at the gate.",
    "happened": "Nobody knows what {}.",
    "height": "The {} of the tower surprised us.",
    "immediately": "Call the doctor {}.",
    "interesting": "It was a very {} book.",
    "knowledge": "Her {} of plants is great.",
    "library": "The {} closes at six.",
    "niece": "My {} is five years old.",
    "piece": "May I have a {} of cake?",
    "probably": "It will {} rain tonight.",
    "really": "The soup is {} good.",
    "remember": "I cannot {} his name.",
    "restaurant": "We ate in a small {}.",
    "surprise": "The party was a {}.",
    "speech": "He gave a short {}.",
    "successful": "The trip was very {}.",
    "usually": "She {} walks to work.",
    "vegetable": "My favourite {} is the carrot.",
    "which": "I do not know {} road to take.",
    "writing": "She is {} a letter.",
    "business": "The family runs a small {}.",
    "beautiful": "What a {} garden!",
    "because": "He stayed at home {} he was ill.",
    "chocolate": "The children love {}.",
    "different": "My sister and I are very {}.",
    "exercise": "Walking is good {}.",
    "neighbour": "Our {} has three cats.",
    "opinion": "In my {}, the film was too long.",
    "people": "Many {} came to the market.",
    "question": "May I ask a {}?",
    "scissors": "The {} are in the drawer.",
    "sandwich": "He ate a cheese {}.",
    "tongue": "I bit my {}.",
    "holiday": "Our {} starts on Monday.",
    "medicine": "Take the {} twice a day.",
    "truly": "I am {} sorry.",
    "twelfth": "Today is her {} birthday.",
    "temperature": "The {} fell below zero.",
}
SPELLING_FRAMES = {k: v for k, v in SPELLING_FRAMES.items() if k in {r[1] for r in F.MISSPELT}}


@task(
    "spelling-sentence",
    """
    question | What is the correct spelling of this sentence? | {s}
    command | Correct the spelling mistake in the sentence. | {s}
    command | Rewrite the sentence with the right spelling: {s_}
    polite | Please fix the spelling in this sentence: {s_}
    terse | Fix the spelling. | {s}
""",
    """
    {r}
    The corrected sentence is: {r_}
""",
)
def _spelling_sentence(rng: random.Random) -> dict:
    """A sentence with one misspelt word, and the right sentence."""
    wrong = {right: bad for bad, right in F.MISSPELT}
    word = rng.choice(list(SPELLING_FRAMES))
    frame = SPELLING_FRAMES[word]
    return {"key": f"spelling:{word}", "s": frame.format(wrong[word]), "r": frame.format(word)}


@task(
    "contraction",
    """
    question | What is the contraction of {a_}?
    command | Write the contraction of {a_}.
    command | Shorten the words to a contraction. | {a}
    polite | Please give me the contracted form of {a_}.
    terse | Contraction of {a_}.
""",
    """
    The contraction of {a_} is {b_}.
    The short form of {a_} is {b_}.
    {b}
""",
)
def _contraction(rng: random.Random) -> dict:
    """A full form and its contraction."""
    a, b = rng.choice(F.CONTRACTIONS)
    return {"key": f"contraction:{a}", "a": a, "b": b}


@task(
    "expand-contraction",
    """
    question | What does {b_} stand for?
    command | Write {b_} in full.
    command | Expand the contraction. | {b}
    polite | Could you please write out {b_} in full?
    terse | Full form of {b_}.
""",
    """
    The full form of {b_} is {a_}.
    {b_} stands for {a_}.
    {a}
""",
)
def _expand_contraction(rng: random.Random) -> dict:
    """A contraction and its full form."""
    return _contraction(rng)


@task(
    "acronym",
    """
    question | What does {s_} stand for?
    question | What is the full form of {s}?
    command | Expand the abbreviation {s_}.
    command | Write out the abbreviation. | {s}
    polite | Could you tell me what {s} stands for?
    terse | Full form of {s}.
""",
    """
    {s} stands for {l}.
    {s} stands for {l}, {w}.
    {l}
""",
)
def _acronym(rng: random.Random) -> dict:
    """A short form and its long form."""
    s, long, w = rng.choice(F.ACRONYMS)
    return {"key": f"acronym:{s}", "s": s, "l": long, "w": w}


@task(
    "part-of-speech",
    """
    question | What part of speech is the word {a_}?
    question | Is {a_} {x} or {y}?
    command | Name the part of speech of {a_}.
    command | Identify the part of speech of the word. | {a}
    polite | Please tell me which part of speech {a_} is.
    terse | Part of speech: {a}
""",
    """
    The word {a_} is {k}.
    {a_} is {k}.
""",
)
def _part_of_speech(rng: random.Random) -> dict:
    """A word and its part of speech."""
    kind = rng.choice(list(F.PARTS_OF_SPEECH)[:4] * 2 + list(F.PARTS_OF_SPEECH))
    word = rng.choice(F.PARTS_OF_SPEECH[kind])
    other = rng.choice([k for k in F.PARTS_OF_SPEECH if k != kind])
    x, y = rng.sample([M.article(kind), M.article(other)], 2)
    return {"key": f"pos:{word}", "a": word, "k": M.article(kind), "x": x, "y": y}


@task(
    "define",
    """
    question | What is {the}?
    question | What does the word {a_} mean?
    command | Define the word {a_}.
    command | Define the word in one sentence. | {a}
    polite | Could you please explain what {a_} means?
    terse | Meaning of {a_}.
""",
    """
    {t}
""",
)
def _define(rng: random.Random) -> dict:
    """A word and its definition."""
    word, meaning = rng.choice([r for r in F.DEFINITIONS if r[0] != "scissors"])
    the = word if word in P.MASS else M.article(word)
    return {"key": f"define:{word}", "a": word, "the": the, "t": M.cap(f"{the} is {meaning}.")}


@task(
    "word-for",
    """
    question | What do we call {m}?
    question | Which word means "{m}"?
    command | Name the word that means "{m}".
    command | Give the word for the definition. | {m}
    polite | Please tell me the word for {m}.
    terse | One word for: {m}
""",
    """
    The word is {a_}.
    We call it {the}.
    {the}
""",
)
def _word_for(rng: random.Random) -> dict:
    """A definition and its word."""
    word, meaning = rng.choice([r for r in F.DEFINITIONS if r[0] != "scissors"])
    the = word if word in P.MASS else M.article(word)
    return {"key": f"define:{word}", "a": word, "the": the, "m": meaning}


# --- letters and lists -------------------------------------------------------------------------


@task(
    "letters",
    """
    question | How many letters does the word {a_} have?
    question | How many letters are there in {a_}?
    command | Count the letters in the word {a_}.
    command | Count the letters. | {a}
    polite | Please count the letters in {a_}.
    terse | Number of letters in {a_}.
""",
    """
    The word {a_} has {n} letters.
    {a_} has {n} letters.
""",
)
def _letters(rng: random.Random) -> dict:
    """A word and the number of its letters."""
    word = rng.choice(P.SHORT)
    return {"key": f"letters:{word}", "a": word, "n": F.number_word(len(word))}


@task(
    "spell-out",
    """
    question | How do you spell {a_} letter by letter?
    command | Spell the word {a_} letter by letter.
    command | Spell the word with hyphens between the letters. | {a}
    polite | Could you spell {a_} for me, letter by letter?
    terse | Spell out {a_}.
""",
    """
    {s}
    The word {a_} is spelled {s}.
""",
)
def _spell_out(rng: random.Random) -> dict:
    """A word and its letters."""
    word = rng.choice(P.SHORT)
    return {"key": f"letters:{word}", "a": word, "s": "-".join(word)}


@task(
    "first-letter",
    """
    question | What is the {w} letter of {a_}?
    question | Which letter does the word {a_} {v} with?
    command | Name the {w} letter of the word {a_}.
    command | Give the {w} letter of the word. | {a}
    polite | Please tell me the {w} letter of {a_}.
    terse | {w} letter of {a_}.
""",
    """
    The {w} letter of {a_} is {c_}.
    The word {a_} {v}s with the letter {c_}.
""",
)
def _first_letter(rng: random.Random) -> dict:
    """A word and its first or last letter."""
    word = rng.choice(P.SHORT)
    w, v, c = rng.choice([("first", "begin", word[0]), ("last", "end", word[-1])])
    return {"key": f"letters:{word}", "a": word, "w": w, "v": v, "c": c}


@task(
    "capitals",
    """
    question | How is {a_} written in capital letters?
    command | Write the word {a_} in upper case.
    command | Write the text in capital letters. | {a}
    polite | Please write {a_} in capital letters.
    terse | Upper case: {a}
""",
    """
    {u}
    In capital letters, {a_} is {u_}.
""",
)
def _capitals(rng: random.Random) -> dict:
    """One or two words in small and in capital letters."""
    text = rng.choice(P.SHORT)
    if rng.random() < 0.5:
        text = f"the {rng.choice(M.THING_ADJECTIVES)} {rng.choice(F.NOUNS)}"
    return {"key": f"capitals:{text}", "a": text, "u": text.upper()}


@task(
    "alphabetical",
    """
    question | What is the alphabetical order of these words? | {w}
    command | Put these words in alphabetical order: {w}.
    command | Arrange the words in alphabetical order. | {w}
    command | Sort the list alphabetically. | {w}
    polite | Could you please put the words {m} in alphabetical order?
    terse | Alphabetical order: {w}
""",
    """
    {d}
    In alphabetical order: {d}.
    In alphabetical order, the words are {e}.
""",
)
def _alphabetical(rng: random.Random) -> dict:
    """A few words and their order."""
    words = rng.sample(P.SHORT, rng.choice([3, 3, 4, 4, 5]))
    done = sorted(words)
    while done == words:
        rng.shuffle(words)
    return {
        "key": "abc:" + "".join(done),
        "w": ", ".join(words),
        "m": M.listed(words),
        "d": ", ".join(done),
        "e": M.listed(done),
    }


@task(
    "reverse-list",
    """
    question | What is this list in reverse order? | {w}
    command | Reverse the order of this list: {w}.
    command | Write the list in reverse order. | {w}
    polite | Please write the list {w} from the last word to the first.
    terse | Reverse the list: {w}
""",
    """
    {d}
    In reverse order: {d}.
""",
)
def _reverse_list(rng: random.Random) -> dict:
    """A list and the same from last to first."""
    words = rng.sample(P.SHORT, rng.choice([3, 3, 4]))
    return {"key": "rev:" + "".join(words), "w": ", ".join(words), "d": ", ".join(reversed(words))}


@task(
    "longest-word",
    """
    question | Which is the longest word: {w}?
    question | Which of these words is the longest? | {w}
    command | Find the longest word among {m}.
    polite | Please tell me which word is the longest: {w}.
    terse | Longest word: {w}
""",
    """
    The longest word is {g_}.
    {g_} is the longest word.
""",
)
def _longest_word(rng: random.Random) -> dict:
    """A few words and the longest of them."""
    words = rng.sample(P.WORDS, 4)
    while not P._one_longest(words):
        words = rng.sample(P.WORDS, 4)
    return {
        "key": "long:" + "".join(sorted(words)),
        "w": ", ".join(words),
        "m": M.listed(words),
        "g": max(words, key=len),
    }


# --- the world ---------------------------------------------------------------------------------


@task(
    "capital",
    """
    question | What is the capital of {c}?
    question | Which city is the capital of {c}?
    command | Name the capital of {c}.
    command | Name the capital of the country. | {C}
    polite | Could you tell me the capital of {c}, please?
    terse | Capital of {c}.
""",
    """
    The capital of {c} is {k}.
    The capital of {c} is {k}.
    {k} is the capital of {c}.
    {k}
""",
)
def _capital(rng: random.Random) -> dict:
    """A country and its capital."""
    c, k, m, t, land = rng.choice([r for r in F.COUNTRIES if not r[1].endswith(".")])
    return {"key": f"capital:{c}", "c": c, "C": M.cap(c), "k": k, "m": m, "t": t, "l": land}


@task(
    "country-of",
    """
    question | {k} is the capital of which country?
    question | Which country has {k} as its capital?
    command | Name the country whose capital is {k}.
    command | Name the country of which this city is the capital. | {k}
    polite | Please tell me which country has the capital {k}.
    terse | Country with the capital {k}.
""",
    """
    {k} is the capital of {c}.
    The country with the capital {k} is {c}.
    {C}
""",
)
def _country_of(rng: random.Random) -> dict:
    """A capital and its country."""
    parts = _capital(rng)
    while parts["c"] in parts["k"]:
        parts = _capital(rng)
    return parts


@task(
    "currency",
    """
    question | What is the currency of {c}?
    question | Which currency is used in {c}?
    command | Name the currency of {c}.
    command | Name the currency of the country. | {C}
    polite | Could you tell me which currency people use in {c}?
    terse | Currency of {c}.
""",
    """
    The currency of {c} is the {m}.
    People in {c} pay with the {m}.
    The {m}
""",
)
def _currency(rng: random.Random) -> dict:
    """A country and its money."""
    return {**(p := _capital(rng)), "key": f"currency:{p['c']}"}


@task(
    "language",
    """
    question | What is the main language of {c}?
    question | Which language is spoken in {c}?
    command | Name the main language of {c}.
    command | Name an official language of the country. | {C}
    polite | Please tell me which language people speak in {c}.
    terse | Language of {c}.
""",
    """
    People in {c} speak {t}.
    The main language of {c} is {t}.
    {t}
""",
)
def _language(rng: random.Random) -> dict:
    """A country and its language."""
    return {**(p := _capital(rng)), "key": f"language:{p['c']}"}


@task(
    "continent",
    """
    question | On which continent is {c}?
    question | Which continent does {c} belong to?
    command | Name the continent of {c}.
    command | Name the continent on which the country lies. | {C}
    polite | Could you tell me on which continent {c} lies?
    terse | Continent of {c}.
""",
    """
    {c} is in {l}.
    {c} is a country in {l}.
    {c} belongs to {l}.
""",
)
def _continent(rng: random.Random) -> dict:
    """A country and its continent."""
    parts = _capital(rng)
    while parts["c"] in F.TWO_CONTINENTS:
        parts = _capital(rng)
    return {**parts, "key": f"continent:{parts['c']}"}


def _animal(rng: random.Random, column: int) -> dict:
    """An animal and one cell of its row that is not empty."""
    row = rng.choice([r for r in F.ANIMALS if r[column] != "-"])
    return {
        "key": f"animal{column}:{row[0]}",
        "n": row[0],
        "the": M.article(row[0]),
        "m": M.plural(row[0]),
        "x": row[column],
        "X": M.article(row[column]),
    }


@task(
    "animal-class",
    """
    question | What kind of animal is {the}?
    question | Which class of animals does {the} belong to?
    command | Classify the animal {n_} as a mammal, bird, reptile, fish or other class.
    command | Name the class of the animal. | {n}
    polite | Please tell me what kind of animal {the} is.
    terse | Animal class of {the}.
""",
    """
    {the} is {X}.
    {m} are {xs}.
""",
)
def _animal_class(rng: random.Random) -> dict:
    """An animal and its class."""
    parts = _animal(rng, 1)
    return {**parts, "xs": M.plural(parts["x"]) if parts["x"] != "fish" else "fish"}


@task(
    "animal-young",
    """
    question | What is a baby {n} called?
    question | What do you call the young of {the}?
    command | Name the young of {the}.
    command | Give the name for the young of the animal. | {n}
    polite | Could you tell me what a young {n} is called?
    terse | Baby {n}.
""",
    """
    A baby {n} is called {X}.
    A young {n} is called {X}.
    {X}
""",
)
def _animal_young(rng: random.Random) -> dict:
    """An animal and its young."""
    return _animal(rng, 2)


@task(
    "animal-group",
    """
    question | What is a group of {m} called?
    question | What do you call many {m} together?
    command | Name the word for a group of {m}.
    command | Give the collective noun for the animals. | {m}
    polite | Please tell me the collective noun for {m}.
    terse | A group of {m}.
""",
    """
    A group of {m} is called {X}.
    {X} of {m}
""",
)
def _animal_group(rng: random.Random) -> dict:
    """An animal and the word for a group of it."""
    return _animal(rng, 3)


@task(
    "animal-sound",
    """
    question | What sound does {the} make?
    question | Which verb describes the sound of {the}?
    command | Name the sound that {the} makes.
    command | Say which sound the animal makes. | {n}
    polite | Could you tell me which sound {the} makes?
    terse | Sound of {the}.
""",
    """
    {the} can {x}.
    {m} {x}.
    The sound of {the} is called {X}.
""",
)
def _animal_sound(rng: random.Random) -> dict:
    """An animal and its sound."""
    return _animal(rng, 4)


@task(
    "animal-home",
    """
    question | What is the home of {the} called?
    question | Where does {the} live?
    command | Name the home of {the}.
    command | Name the home of the animal. | {n}
    polite | Please tell me what the home of {the} is called.
    terse | Home of {the}.
""",
    """
    The home of {the} is called {X}.
    {the} lives in {X}.
""",
)
def _animal_home(rng: random.Random) -> dict:
    """An animal and its home."""
    return _animal(rng, 5)


def _element(rng: random.Random) -> dict:
    """An element with symbol and number."""
    n, s, z = rng.choice(F.ELEMENTS)
    return {"key": f"element:{n}", "n": n, "s": s, "z": z}


@task(
    "element-symbol",
    """
    question | What is the chemical symbol for {n}?
    question | Which symbol stands for {n} in chemistry?
    command | Give the chemical symbol of {n}.
    command | Give the chemical symbol of the element. | {n}
    polite | Could you tell me the chemical symbol for {n}?
    terse | Symbol of {n}.
""",
    """
    The chemical symbol for {n} is {s}.
    The chemical symbol of {n} is {s}.
    {s}
""",
)
def _element_symbol(rng: random.Random) -> dict:
    """An element and its symbol."""
    return _element(rng)


@task(
    "element-name",
    """
    question | Which element has the symbol {s}?
    question | What does {s} stand for in chemistry?
    command | Name the chemical element with the symbol {s}.
    command | Name the element with this symbol. | {s}
    polite | Please tell me which element {s} stands for.
    terse | Element with the symbol {s}.
""",
    """
    {s} is the symbol of {n}.
    The element with the symbol {s} is {n}.
    {n}
""",
)
def _element_name(rng: random.Random) -> dict:
    """A symbol and its element."""
    return _element(rng)


@task(
    "atomic-number",
    """
    question | What is the atomic number of {n}?
    command | Give the atomic number of {n}.
    command | Give the atomic number of the element. | {n}
    polite | Could you tell me the atomic number of {n}?
    terse | Atomic number of {n}.
""",
    """
    The atomic number of {n} is {z}.
    {z}
""",
)
def _atomic_number(rng: random.Random) -> dict:
    """An element and its number."""
    return {**(p := _element(rng)), "key": f"number:{p['n']}"}


@task(
    "profession",
    """
    question | What does {a} do?
    question | What is the work of {a}?
    command | Explain what {a} does.
    command | Say in one sentence what this person does. | {n}
    polite | Please tell me what {a} does.
    terse | Work of {a}.
""",
    """
    {A} {d}.
    {A} is a person who {d}.
""",
)
def _profession(rng: random.Random) -> dict:
    """A profession and what it does."""
    n, d = rng.choice(F.PROFESSIONS)
    return {"key": f"profession:{n}", "n": n, "a": M.article(n), "A": M.cap(M.article(n)), "d": d}


@task(
    "profession-name",
    """
    question | Who {d}?
    question | What do you call a person who {d}?
    command | Name the profession of someone who {d}.
    command | Name the profession. | someone who {d}
    polite | Could you tell me what a person who {d} is called?
    terse | A person who {d}.
""",
    """
    A person who {d} is called {a}.
    {A} {d}.
    {a}
""",
)
def _profession_name(rng: random.Random) -> dict:
    """What a person does, and the profession."""
    return _profession(rng)


PROPER = {"a month", "a planet", "a language"}


@task(
    "classify",
    """
    question | Which category does {w_} belong to: {x} or {y}?
    question | Is {w_} the name of {p} or {r}?
    command | Classify {w_} as one of these: {x}, {y}.
    command | Assign the word to one category: {x} or {y}. | {w}
    polite | Please say whether {w_} belongs to {x} or {y}.
    terse | {x} or {y}: {w}
""",
    """
    {w_} belongs to the category of {ks}.
    {w_} is the name of {k}.
""",
)
def _classify(rng: random.Random) -> dict:
    """A word, its category and a wrong category."""
    kind, other, members, _ = P.odd_words(rng)
    word = members[0]
    while word in F.CATEGORIES[other]:
        kind, other, members, _ = P.odd_words(rng)
        word = members[0]
    p, r = rng.sample([kind, other], 2)
    return {
        "key": f"classify:{word}",
        "w": word,
        "k": kind,
        "ks": F.CATEGORY_PLURALS[kind],
        "x": F.CATEGORY_PLURALS[p],
        "y": F.CATEGORY_PLURALS[r],
        "p": p,
        "r": r,
    }


@task(
    "examples",
    """
    question | What are {n} examples of {ks}?
    question | Can you name {n} {ks}?
    command | List {n} {ks}.
    command | Give {n} examples of the category. | {ks}
    polite | Please name {n} {ks}.
    terse | {n} {ks}.
""",
    """
    {w}
    {Kn} are {m}.
    Here are {n} {ks}: {w}.
""",
)
def _examples(rng: random.Random) -> dict:
    """A category and a few of its members."""
    kind = rng.choice(list(F.CATEGORIES))
    count = rng.choice([2, 3, 3, 3, 4])
    words, name = rng.sample(F.CATEGORIES[kind], count), F.CATEGORY_PLURALS[kind]
    number = F.number_word(count)
    return {
        "key": f"examples:{kind}",
        "n": number,
        "ks": name,
        "w": ", ".join(words),
        "m": M.listed(words),
        "Kn": M.cap(f"{number} {name}"),
    }


@task(
    "odd-one-out",
    """
    question | Which word does not belong: {w}?
    question | Which of these is the odd one out? | {w}
    command | Find the odd one out: {w}.
    command | Pick the word that does not fit with the others. | {w}
    polite | Could you please find the word that does not belong: {w}?
    terse | Odd one out: {w}
""",
    """
    The odd one out is {o_}, because the others are {ks}.
    {o_} does not belong, because it is not {k}.
    The odd one out is {o_}.
""",
)
def _odd_one_out(rng: random.Random) -> dict:
    """Four words of which one is of another category."""
    kind, _, members, odd = P.odd_words(rng)
    words = rng.sample([*members, odd], 4)
    return {
        "key": "odd:" + "".join(sorted(words)),
        "w": ", ".join(words),
        "o": odd,
        "k": kind,
        "ks": F.CATEGORY_PLURALS[kind],
    }


@task(
    "sort-groups",
    """
    question | Which of these words are {x}, and which are {y}? | {w}
    command | Sort the words into {x} and {y}. | {w}
    command | Put these words into two groups, {x} and {y}: {w}.
    polite | Please sort these words into {x} and {y}: {w}.
    terse | Sort into {x} and {y}: {w}
""",
    """
    {X}: {a}. {Y}: {b}.
    The {x} are {am}, and the {y} are {bm}.
""",
)
def _sort_groups(rng: random.Random) -> dict:
    """Four or five words of two categories, and the groups."""
    kind, other, members, _ = P.odd_words(rng)
    rest = rng.sample([w for w in F.CATEGORIES[other] if w not in F.CATEGORIES[kind]], 2)
    x, y = F.CATEGORY_PLURALS[kind], F.CATEGORY_PLURALS[other]
    words = rng.sample(members + rest, 5)
    a, b = [w for w in words if w in members], [w for w in words if w in rest]
    return {
        "key": "sort:" + "".join(sorted(words)),
        "w": ", ".join(words),
        "x": x,
        "y": y,
        "X": M.cap(x),
        "Y": M.cap(y),
        "a": ", ".join(a),
        "b": ", ".join(b),
        "am": M.listed(a),
        "bm": M.listed(b),
    }


@task(
    "colour",
    """
    question | What colour {be} {n}?
    command | Name the colour of {n}.
    command | Name the usual colour. | {n}
    polite | Could you tell me the colour of {n}?
    terse | Colour of {n}.
""",
    """
    {t} {c}.
""",
)
def _colour(rng: random.Random) -> dict:
    """A thing and its colour."""
    thing, shade = rng.choice(F.COLOURS)
    noun, be = thing.removesuffix(" often").removesuffix(" usually").rsplit(" ", 1)
    return {"key": f"colour:{noun}", "n": noun, "be": be, "t": M.cap(thing), "c": shade}


@task(
    "place",
    """
    question | Where would you look for {t}?
    question | In which place can one find {t}?
    command | Name a place where {t} can be found.
    command | Name a place where these can be found. | {t}
    polite | Please tell me where I can find {t}.
    terse | A place for {t}.
""",
    """
    You can find {t} in {w}.
    One place to find {t} is {w}.
""",
)
def _place(rng: random.Random) -> dict:
    """Something and where it is found."""
    things, where = rng.choice(F.PLACES)
    return {"key": f"place:{things}", "t": things, "w": where}


@task(
    "how-many",
    """
    question | How many {t}?
    question | Do you know how many {t}?
    command | Say how many {t}.
    command | State the number of {t}.
    polite | Could you tell me how many {t}?
    terse | Number of {t}.
""",
    """
    {s}
""",
)
def _how_many(rng: random.Random) -> dict:
    """A number worth knowing."""
    thing, number = rng.choice(F.COUNTS)
    return {"key": f"count:{thing}", "t": thing, "s": P.count_sentence(thing, number)}


@task(
    "calendar",
    """
    question | Which {k} comes {w} {a}?
    question | What is the {k} {w} {a}?
    command | Name the {k} that comes {w} {a}.
    command | Name the {k} that comes {w} this one. | {A}
    polite | Please tell me which {k} comes {w} {a}.
    terse | The {k} {w} {a}.
""",
    """
    The {k} {w} {a} is {b}.
    {b} comes {w} {a}.
""",
)
def _calendar(rng: random.Random) -> dict:
    """A day, month or season and the one before or after it."""
    items, kind = rng.choice([(F.DAYS, "day"), (F.MONTHS, "month"), (F.SEASONS, "season")])
    i = rng.randrange(len(items))
    word, step = rng.choice([("after", 1), ("before", -1)])
    a, b = items[i], items[(i + step) % len(items)]
    first = a if step == 1 else b
    return {"key": f"calendar:{first}", "k": kind, "w": word, "a": a, "A": M.cap(a), "b": b}


# --- numbers -----------------------------------------------------------------------------------


@task(
    "units",
    """
    question | How many {s} are there in {n} {u}?
    question | What is {n} {u} in {s}?
    command | Convert {n} {u} to {s}.
    command | Convert the quantity to {s}. | {n} {u}
    polite | Could you please convert {n} {u} to {s}?
    terse | {n} {u} in {s}.
""",
    """
    {n} {u} {be} {t} {s}.
    There are {t} {s} in {n} {u}.
    {t} {s}
""",
)
def _units(rng: random.Random) -> dict:
    """A quantity in a large and in a small unit."""
    big, small, factor, one = rng.choice(F.UNITS)
    n = rng.choice([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25])
    return {
        "key": f"units:{n}{big}{small}",
        "n": n,
        "u": one if n == 1 else big,
        "s": small,
        "t": f"{n * int(factor):,}",
        "be": "is" if n == 1 else "are",
    }


ARITHMETIC = {
    "plus": lambda a, b: (a, b, a + b),
    "minus": lambda a, b: (a + b, b, a),
    "times": lambda a, b: (a % 11 + 2, b % 9 + 2, (a % 11 + 2) * (b % 9 + 2)),
    "divided by": lambda a, b: ((a % 11 + 2) * (b % 9 + 2), b % 9 + 2, a % 11 + 2),
}


def _sum(rng: random.Random) -> tuple[int, str, int, int]:
    """A small sum: number, operation, number, result."""
    word = rng.choice(list(ARITHMETIC))
    a, b, c = ARITHMETIC[word](rng.randint(1, 20), rng.randint(1, 20))
    return a, word, b, c


@task(
    "arithmetic-words",
    """
    question | What is {a} {o} {b}?
    question | How much is {a} {o} {b}?
    command | Calculate {a} {o} {b}.
    command | Work out the sum and answer in words. | {a} {o} {b}
    polite | Could you tell me what {a} {o} {b} is?
    terse | {a} {o} {b}.
""",
    """
    {a} {o} {b} is {c}.
    {a} {o} {b} equals {c}.
""",
)
def _arithmetic_words(rng: random.Random) -> dict:
    """A small sum in words."""
    a, o, b, c = _sum(rng)
    words = [F.number_word(n) for n in (a, b, c)]
    return {"key": f"sum:{o}{sorted((a, b))}", "a": words[0], "o": o, "b": words[1], "c": words[2]}


@task(
    "arithmetic",
    """
    question | What is {a} {o} {b}?
    question | What is the result of {a} {s} {b}?
    command | Calculate {a} {s} {b}.
    command | Work out the result. | {a} {s} {b}
    polite | Please work out {a} {o} {b}.
    terse | {a} {s} {b} =
""",
    """
    {a} {o} {b} is {c}.
    {a} {s} {b} = {c}
    The result is {c}.
""",
)
def _arithmetic(rng: random.Random) -> dict:
    """A small sum in digits."""
    a, o, b, c = _sum(rng)
    sign = {"plus": "+", "minus": "-", "times": "x", "divided by": "/"}[o]
    return {"key": f"sum:{o}{sorted((a, b))}", "a": a, "o": o, "b": b, "c": c, "s": sign}


STORIES = F._rows("""
{n} has {a} {t} and buys {b} more. How many {t} does {n} have now?|+|{n} has {c} {t} now.
{n} finds {a} {t} at home and {b} at school. How many {t} does {n} find in all?|+|{n} finds {c} {t} in all.
{n} had {a} {t} and gave away {b}. How many {t} are left?|-|{n} has {c} {t} left.
There were {a} {t} here, and {n} took {b} of them. How many {t} remained?|-|There were {c} {t} left.
{n} fills {a} boxes with {b} {t} each. How many {t} are in the boxes?|*|There are {c} {t} in the boxes.
{n} shares {a} {t} equally among {b} friends. How many {t} does each friend get?|/|Each friend gets {c} {t}.
""")


@task(
    "word-problem",
    """
    question | {p}
    command | Solve the word problem. | {p}
    command | Read the story and answer the question. | {p}
    polite | Please solve this problem: {p}
    terse | Solve: {p}
""",
    """
    {r}
""",
)
def _word_problem(rng: random.Random) -> dict:
    """A small sum told as a story."""
    story, sign, answer = rng.choice(STORIES)
    a, b = rng.randint(2, 12), rng.randint(2, 9)
    a, c = {"+": (a, a + b), "-": (a + b, a), "*": (a, a * b), "/": (a * b, a)}[sign]
    things = rng.choice(
        F._words(
            "apples, books, pencils, stamps, coins, eggs, oranges, shells, cards, "
            "buttons, marbles, sweets, nuts, pears"
        )
    )
    parts = {"n": rng.choice(M.NAMES), "a": a, "b": b, "c": c, "t": things}
    return {
        "key": f"story:{sign}{a}{b}{things}",
        "p": story.format(**parts),
        "r": answer.format(**parts),
    }


@task(
    "number-words",
    """
    question | How is the number {n} written in words?
    command | Write {n} in words.
    command | Write the number in words. | {n}
    polite | Please write the number {n} in words.
    terse | {n} in words.
""",
    """
    {n} is written {w_}.
    {n} in words is {w_}.
    {w}
""",
)
def _number_words(rng: random.Random) -> dict:
    """A number and its words."""
    n = rng.randint(11, 100) if rng.random() < 0.6 else rng.randint(101, 999)
    return {"key": f"words:{n}", "n": n, "w": F.number_word(n)}


@task(
    "sequence",
    """
    question | What number comes next: {r}?
    question | Which number continues this sequence? | {r}
    command | Continue the sequence: {r}
    command | Give the next number in the sequence. | {r}
    polite | Could you tell me the next number in the sequence {r}?
    terse | Next number: {r}
""",
    """
    The next number is {x}.
    The next number in the sequence is {x}.
    The next number is {x}, because each number is {s} {w} than the one before.
""",
)
def _sequence(rng: random.Random) -> dict:
    """A row of numbers and the number that follows."""
    start, step = rng.randint(1, 30), rng.randint(2, 10)
    word = "more"
    row = [start + step * i for i in range(5)]
    if rng.random() < 0.3:
        row, word = row[::-1], "less"
    text = ", ".join(map(str, row[:4]))
    return {"key": f"sequence:{text}", "r": text, "x": row[4], "s": step, "w": word}


@task(
    "sort-numbers",
    """
    question | What are these numbers from {o}? | {r}
    command | Order these numbers from {o}: {r}.
    command | Sort the numbers from {o}. | {r}
    polite | Please put the numbers {r} in order from {o}.
    terse | From {o}: {r}
""",
    """
    {d}
    From {o}: {d}.
""",
)
def _sort_numbers(rng: random.Random) -> dict:
    """A few numbers and their order."""
    nums = rng.sample(range(1, 100), rng.choice([3, 4, 5]))
    down = rng.random() < 0.4
    text, done = (", ".join(map(str, x)) for x in (nums, sorted(nums, reverse=down)))
    return {
        "key": f"numbers:{done}",
        "r": text,
        "d": done,
        "o": "largest to smallest" if down else "smallest to largest",
    }


@task(
    "largest-number",
    """
    question | Which number is the {w}: {r}?
    question | Which of these numbers is the {w}? | {r}
    command | Find the {w} number: {r}.
    polite | Please tell me the {w} of these numbers: {r}.
    terse | The {w} of {r}.
""",
    """
    The {w} number is {x}.
    {x} is the {w} number.
""",
)
def _largest_number(rng: random.Random) -> dict:
    """A few numbers and the largest or smallest of them."""
    nums = rng.sample(range(1, 200), rng.choice([3, 4]))
    w, pick = rng.choice([("largest", max), ("smallest", min)])
    return {
        "key": f"numbers:{sorted(nums)}",
        "r": ", ".join(map(str, nums)),
        "w": w,
        "x": pick(nums),
    }


@task(
    "odd-even",
    """
    question | Is {n} an odd or an even number?
    question | Is the number {n} even?
    command | Say whether {n} is odd or even.
    command | Classify the number as odd or even. | {n}
    polite | Could you tell me whether {n} is odd or even?
    terse | {n}: odd or even?
""",
    """
    {n} is an {k} number.
    The number {n} is {k}.
""",
)
def _odd_even(rng: random.Random) -> dict:
    """A number that is odd or even."""
    n = rng.randint(3, 150)
    return {"key": f"parity:{n}", "n": n, "k": "odd" if n % 2 else "even"}


# --- sentences ---------------------------------------------------------------------------------


def _stem(text: str) -> str:
    """The words of a sentence that make it the same task as another."""
    return " ".join(sorted(text.lower().split()))


@task(
    "passive",
    """
    question | How do you say this in the passive voice? | {s}
    command | Rewrite the sentence in the passive voice. | {s}
    command | Rewrite this sentence in the passive voice: {s_}
    command | Convert the active sentence to passive: {s_}
    polite | Could you please change this sentence to the passive voice? | {s}
    terse | Passive voice: {s}
""",
    """
    {r}
    {r}
    In the passive voice, the sentence is: {r_}
""",
)
def _passive(rng: random.Random) -> dict:
    """An active sentence and its passive form."""
    c = M.transitive(rng)
    tense = rng.choice(["past", "past", "present", "future"])
    return {"key": "voice:" + _stem(c.tense("past")), "s": c.tense(tense), "r": c.passive(tense)}


@task(
    "active",
    """
    question | What is the active form of this sentence? | {r}
    command | Rewrite the sentence in the active voice. | {r}
    command | Turn the passive sentence into an active one: {r_}
    polite | Please change this sentence to the active voice: {r_}
    terse | Active voice: {r}
""",
    """
    {s}
    {s}
    In the active voice, the sentence is: {s_}
""",
)
def _active(rng: random.Random) -> dict:
    """A passive sentence and its active form."""
    return _passive(rng)


def _asked(rng: random.Random) -> dict:
    """A statement and its question."""
    c = M.clause(rng)
    tense = rng.choice(["past", "present", "future"])
    s, r = c.tense(tense), c.question(tense)
    if rng.random() < 0.25:
        s, r = P._be_question(_Picker(rng))
    return {"key": "asked:" + _stem(s), "s": s, "r": r}


class _Picker:
    """The least that the sentence makers of ``prose`` need: a way to pick."""

    def __init__(self, rng: random.Random):
        self.pick = rng.choice


@task(
    "to-question",
    """
    question | How would you ask this as a question? | {s}
    command | Turn the statement into a question. | {s}
    command | Change this statement into a question: {s_}
    polite | Please rewrite this statement as a question: {s_}
    terse | As a question: {s}
""",
    """
    {r}
""",
)
def _to_question(rng: random.Random) -> dict:
    """A statement and its question."""
    return _asked(rng)


@task(
    "to-statement",
    """
    question | What is the statement behind this question? | {r}
    command | Turn the question into a statement. | {r}
    command | Rewrite this question as a statement: {r_}
    polite | Could you change this question into a statement? | {r}
    terse | As a statement: {r}
""",
    """
    {s}
""",
)
def _to_statement(rng: random.Random) -> dict:
    """A question and its statement."""
    return _asked(rng)


@task(
    "negate",
    """
    question | What is the negative form of this sentence? | {s}
    command | Make the sentence negative. | {s}
    command | Rewrite this sentence in the negative: {s_}
    polite | Please turn this sentence into a negative one: {s_}
    terse | Negative form: {s}
""",
    """
    {r}
    The negative form is: {r_}
""",
)
def _negate(rng: random.Random) -> dict:
    """A sentence and its negative form."""
    c = M.clause(rng)
    tense = rng.choice(["past", "present", "future"])
    s = c.tense(tense)
    return {"key": "negate:" + _stem(s), "s": s, "r": c.negative(tense)}


def _retell(rng: random.Random, goal: str, sources: list[str]) -> dict:
    """A sentence in one tense and the same in the tense wanted."""
    c = M.clause(rng)
    s = c.tense(rng.choice(sources))
    while s == c.tense(goal):
        c = M.clause(rng)
        s = c.tense(rng.choice(sources))
    return {"key": f"{goal}:" + _stem(s), "s": s, "r": c.tense(goal)}


@task(
    "to-past",
    """
    question | How does this sentence read in the past tense? | {s}
    command | Rewrite the sentence in the past tense. | {s}
    command | Change this sentence to the past tense: {s_}
    polite | Could you please put this sentence into the past tense: {s_}
    terse | Past tense: {s}
""",
    """
    {r}
""",
)
def _to_past(rng: random.Random) -> dict:
    """A sentence and its past tense."""
    return _retell(rng, "past", ["present", "future", "present"])


@task(
    "to-future",
    """
    question | How does this sentence read in the future tense? | {s}
    command | Rewrite the sentence in the future tense. | {s}
    command | Change this sentence to the future tense: {s_}
    polite | Please put this sentence into the future tense: {s_}
    terse | Future tense: {s}
""",
    """
    {r}
""",
)
def _to_future(rng: random.Random) -> dict:
    """A sentence and its future tense."""
    return _retell(rng, "future", ["present", "past"])


@task(
    "to-present",
    """
    question | How does this sentence read in the present tense? | {s}
    command | Rewrite the sentence in the present tense. | {s}
    command | Change this sentence to the present tense: {s_}
    polite | Please put this sentence into the present tense: {s_}
    terse | Present tense: {s}
""",
    """
    {r}
""",
)
def _to_present(rng: random.Random) -> dict:
    """A sentence and its present tense."""
    return _retell(rng, "present", ["past", "future"])


@task(
    "to-continuous",
    """
    question | How does this sentence read in the {g} tense? | {s}
    command | Rewrite the sentence in the {g} tense. | {s}
    command | Change this sentence to the {g} tense: {s_}
    polite | Please put this sentence into the {g} tense: {s_}
    terse | {g}: {s}
""",
    """
    {r}
""",
)
def _to_continuous(rng: random.Random) -> dict:
    """A sentence in a simple and in a longer tense."""
    goal, source = rng.choice(
        [
            ("present continuous", "present"),
            ("past continuous", "past"),
            ("present perfect", "past"),
        ]
    )
    c = M.clause(rng)
    while c.verb in M.STATES:
        c = M.clause(rng)
    return {
        "key": "long:" + _stem(c.tense(source)),
        "g": goal,
        "s": c.tense(source),
        "r": c.tense(goal),
    }


@task(
    "which-tense",
    """
    question | Which tense is used in the sentence {s_}?
    question | What is the tense of this sentence? | {s}
    command | Name the tense of the sentence {s_}
    command | Identify the tense of the sentence. | {s}
    polite | Please tell me the tense of this sentence: {s_}
    terse | Tense of {s_}
""",
    """
    The sentence {s_} is in the {t} tense.
    The verb {v_} is in the {t} tense.
""",
)
def _which_tense(rng: random.Random) -> dict:
    """A sentence and the name of its tense."""
    c = M.clause(rng)
    tense = rng.choice(P.TENSES[:3] if c.verb in M.STATES else P.TENSES)
    s = c.tense(tense)
    if c.plural_verb and c.verb == M.past_forms(c.verb)[0]:
        return _which_tense(rng)
    return {"key": "tense:" + _stem(s), "s": s, "t": tense, "v": " ".join(c.verb_words(tense))}


@task(
    "reported",
    """
    question | How do you put this into reported speech? | {s}
    command | Change the direct speech to reported speech. | {s}
    command | Rewrite in reported speech: {s}
    polite | Please rewrite this as reported speech: {s}
    terse | Reported speech: {s}
""",
    """
    {r}
""",
)
def _reported(rng: random.Random) -> dict:
    """Direct speech and reported speech."""
    _, s, r = P.reported_pair(rng)
    return {"key": "reported:" + _stem(r), "s": s, "r": r}


@task(
    "plural-sentence",
    """
    question | How does this sentence read with plural nouns? | {s}
    command | Rewrite the sentence in the plural. | {s}
    command | Make the nouns in this sentence plural: {s_}
    polite | Please put the nouns of this sentence into the plural: {s_}
    terse | In the plural: {s}
""",
    """
    {r}
""",
)
def _plural_sentence(rng: random.Random) -> dict:
    """A sentence in the singular and in the plural."""
    s, r = P.plural_pair(rng)
    return {"key": "plurals:" + _stem(s), "s": s, "r": r}


@task(
    "join",
    """
    question | How can these sentences be joined with {w_}? | {a} {b}
    command | Join the two sentences with {w_}. | {a} {b}
    command | Combine {a_} and {b_} with the word {w_}.
    polite | Please join these sentences with {w_}: {a} {b}
    terse | Join with {w_}: {a} {b}
""",
    """
    {c}
""",
)
def _join(rng: random.Random) -> dict:
    """Two sentences and the one that they make."""
    a, b, w, c = P.joined(rng)
    return {
        "key": f"join:{_stem(a)}" if w in {"so", "because"} else f"join:{_stem(a + b)}",
        "a": a,
        "b": b,
        "w": w,
        "c": c,
    }


@task(
    "short-forms",
    """
    question | How does this sentence read with a contraction? | {a}
    command | Rewrite the sentence with a contraction. | {a}
    command | Use a contraction in this sentence: {a_}
    polite | Could you rewrite this sentence with a contraction: {a_}
    terse | With a contraction: {a}
""",
    """
    {b}
""",
)
def _short_forms(rng: random.Random) -> dict:
    """A negative sentence in full and with a contraction."""
    c = M.clause(rng)
    tense = rng.choice(["past", "present", "future"])
    a = c.negative(tense)
    return {"key": "short:" + _stem(a), "a": a, "b": c.negative(tense, short=True)}


@task(
    "punctuate",
    """
    question | How should this sentence be written correctly? | {w}
    command | Correct the capital letters and the punctuation. | {w}
    command | Add the missing capital letters and the end mark: {w_}
    polite | Please correct the punctuation and capitals of this sentence: {w_}
    terse | Punctuate: {w}
""",
    """
    {r}
    The corrected sentence is: {r_}
""",
)
def _punctuate(rng: random.Random) -> dict:
    """A sentence without capitals and end mark, and the right one."""
    r, w = P.unpunctuated(rng)
    return {"key": "punctuate:" + _stem(w), "w": w, "r": r}


@task(
    "grammar",
    """
    question | What is the correct form of this sentence? | {w}
    command | Correct the grammar of the sentence. | {w}
    command | Fix the grammar mistake: {w_}
    polite | Could you please correct this sentence: {w_}
    terse | Correct the grammar: {w}
""",
    """
    {r}
    The correct sentence is: {r_}
""",
)
def _grammar(rng: random.Random) -> dict:
    """A sentence with a grammar mistake, and the right one."""
    w, r = P.grammar_pair(rng)
    while w == r:
        w, r = P.grammar_pair(rng)
    return {"key": "grammar:" + _stem(r), "w": w, "r": r}


@task(
    "sentiment",
    """
    question | Is this review positive or negative? | {s}
    question | Does the sentence {s_} express a positive or a negative feeling?
    command | Classify the sentiment of the sentence as positive or negative. | {s}
    polite | Please tell me the sentiment of this sentence: {s_}
    terse | Positive or negative: {s}
""",
    """
    The sentence {s_} is {k}.
    The sentiment is {k}: the writer {liked} the {x}.
    {K}. The writer {liked} the {x}.
""",
)
def _sentiment(rng: random.Random) -> dict:
    """A review sentence and its sentiment."""
    good, x = rng.random() < 0.5, rng.choice(F.SENTIMENT_THINGS)
    s = rng.choice(F.POSITIVE if good else F.NEGATIVE).format(x=x)
    k = "positive" if good else "negative"
    return {
        "key": f"sentiment:{s}",
        "s": s,
        "x": x,
        "k": k,
        "K": k.capitalize(),
        "liked": "liked" if good else "did not like",
    }


@task(
    "sentence-type",
    """
    question | What type of sentence is {s_}?
    question | Is this a statement, a question, a command or an exclamation? | {s}
    command | Classify the sentence as a statement, question, command or exclamation. | {s}
    polite | Please name the type of this sentence: {s_}
    terse | Sentence type: {s}
""",
    """
    The sentence {s_} is {k}.
    {s_} is {k}.
""",
)
def _sentence_type(rng: random.Random) -> dict:
    """A sentence and its type."""
    s, k = P.typed_sentence(rng)
    return {"key": f"type:{s}", "s": s, "k": k}


@task(
    "shorten",
    """
    question | How can this sentence be said in fewer words? | {a}
    command | Shorten the sentence. | {a}
    command | Make this sentence shorter without changing its meaning: {a_}
    polite | Could you please shorten this sentence: {a_}
    terse | Shorten: {a}
""",
    """
    {b}
""",
)
def _shorten(rng: random.Random) -> dict:
    """A wordy sentence and a short one."""
    a, b = P.shortened(rng)
    return {"key": "shorten:" + _stem(b), "a": a, "b": b}


@task(
    "formal",
    """
    question | How would you say this formally? | {a}
    command | Rewrite the sentence in a more formal way. | {a}
    command | Rewrite {a_} in formal English.
    polite | Please make this sentence more formal: {a_}
    terse | Formal version of {a_}
""",
    """
    {b}
    {b}
    A more formal version is: {b_}
""",
)
def _formal(rng: random.Random) -> dict:
    """An informal sentence and a formal one."""
    a, b = rng.choice(F.FORMAL_PAIRS)
    return {"key": f"formal:{a}", "a": a, "b": b}


@task(
    "register",
    """
    question | Is the sentence {s_} formal or informal?
    question | Is this sentence formal or informal? | {s}
    command | Say whether the sentence is formal or informal. | {s}
    polite | Please tell me whether {s_} is formal or informal.
    terse | Formal or informal: {s}
""",
    """
    The sentence {s_} is {k}.
    {s_} is {k}.
""",
)
def _register(rng: random.Random) -> dict:
    """A sentence that is formal or informal."""
    a, b = rng.choice(F.FORMAL_PAIRS)
    s, k = (a, "informal") if rng.random() < 0.5 else (b, "formal")
    return {"key": f"formal:{a}", "s": s, "k": k}


@task(
    "pronouns",
    """
    question | How does this sentence read with pronouns? | {a}
    command | Replace the nouns with pronouns. | {a}
    command | Rewrite this sentence with pronouns instead of nouns: {a_}
    polite | Please replace the nouns in this sentence with pronouns: {a_}
    terse | With pronouns: {a}
""",
    """
    {b}
""",
)
def _pronouns(rng: random.Random) -> dict:
    """A sentence with nouns and with pronouns."""
    a, b = P.pronoun_pair(rng)
    return {"key": f"pronouns:{_stem(a)}", "a": a, "b": b}


@task(
    "find-part",
    """
    question | What is the {k} of the sentence {s_}?
    question | What is the {k} in this sentence? | {s}
    command | Name the {k} of the sentence {s_}
    command | Identify the {k} of the sentence. | {s}
    polite | Could you name the {k} in this sentence: {s_}
    terse | {k} of {s_}
""",
    """
    The {k} is {x_}.
    The {k} of the sentence is {x_}.
""",
)
def _find_part(rng: random.Random) -> dict:
    """A sentence and its subject, verb or object."""
    c = M.transitive(rng)
    s = c.tense("past")
    past = M.past_forms(c.verb)[0]
    k, x = rng.choice([("subject", c.subject), ("verb", past), ("object", c.object)])
    return {"key": f"part:{_stem(s)}", "s": s, "k": k, "x": x}


@task(
    "read-and-answer",
    """
    question | {ask} | {s}
    command | Read the sentence and answer: {ask} | {s}
    command | Answer from the sentence {s_} {ask}
    polite | Please answer this question about the sentence {s_} {ask}
    terse | {s} {ask}
""",
    """
    {r}
""",
)
def _read_and_answer(rng: random.Random) -> dict:
    """A sentence, a question about it, and the answer."""
    c = M.transitive(rng)
    past, when = M.past_forms(c.verb)[0], rng.choice(M.PAST_TIMES)
    s = c.with_(tail=when).tense("past")
    do = f"did {c.subject} {c.verb}"
    ask, r = rng.choice(
        [
            (f"Who {past} {c.object}?", f"{M.cap(c.subject)} {past} {c.object}."),
            (
                f"What {do}?"
                if c.object.split()[-1].rstrip("s") not in P.PEOPLE
                else f"Whom {do}?",
                f"{M.cap(c.subject)} {past} {c.object}.",
            ),
            (f"When {do} {c.object}?", f"{M.cap(c.subject)} {past} {c.object} {when}."),
        ]
    )
    return {"key": f"read:{_stem(c.tense('past'))}", "s": s, "ask": ask, "r": r}


@task(
    "count-words",
    """
    question | How many words are in this sentence? | {s}
    question | How many words does the sentence {s_} have?
    command | Count the words in the sentence. | {s}
    polite | Please count the words in this sentence: {s_}
    terse | Number of words: {s}
""",
    """
    The sentence {s_} has {n} words.
    There are {n} words in the sentence {s_}
""",
)
def _count_words(rng: random.Random) -> dict:
    """A sentence and the number of its words."""
    s = M.clause(rng).tense(rng.choice(["past", "present", "future"]))
    return {"key": f"count:{_stem(s)}", "s": s, "n": F.number_word(len(s.split()))}


@task(
    "add-word",
    """
    question | How can {w_} be added to this sentence? | {s}
    command | Add the {k} {w_} to the sentence. | {s}
    command | Put the {k} {w_} into this sentence: {s_}
    polite | Please add the {k} {w_} to this sentence: {s_}
    terse | Add {w_}: {s}
""",
    """
    {r}
""",
)
def _add_word(rng: random.Random) -> dict:
    """A sentence without and with an adverb or adjective."""
    c = M.transitive(rng, singular=True)
    s = c.tense("past")
    if rng.random() < 0.5:
        w = rng.choice(M.ADVERBS)
        return {
            "key": f"add:{_stem(s)}",
            "k": "adverb",
            "w": w,
            "s": s,
            "r": c.with_(tail=w).tense("past"),
        }
    w = rng.choice([a for a in M.ADJECTIVES if a not in c.subject and a not in c.object])
    noun = c.subject.removeprefix("the ")
    return {
        "key": f"add:{_stem(s)}",
        "k": "adjective",
        "w": w,
        "s": s,
        "r": c.with_(subject=f"the {w} {noun}").tense("past"),
    }


THING_QUALITIES = F._rows("""
The soup is {}.|hot|cold
The room was {}.|light|dark
The suitcase is {}.|full|empty
The street is {}.|wide|narrow
The knife was {}.|sharp|blunt
The road is {}.|straight|crooked
The window is {}.|open|closed
The water was {}.|deep|shallow
The music is {}.|loud|quiet
The test was {}.|easy|difficult
The shirt is {}.|clean|dirty
The towels are {}.|wet|dry
The old man is {}.|rich|poor
The shop was {}.|crowded|deserted
The waiter was {}.|polite|rude
The ticket is {}.|cheap|expensive
The bread is {}.|fresh|stale
The story was {}.|true|false
The train was {}.|early|late
The bridge is {}.|safe|dangerous
The pupils were {}.|awake|asleep
The answer is {}.|right|wrong
The children are {}.|happy|sad
The wall is {}.|high|low
The cushion is {}.|soft|hard
The dog was {}.|big|small
The runner is {}.|fast|slow
The meat is {}.|raw|cooked
The king was {}.|kind|cruel
The lemonade is {}.|sweet|bitter
The board is {}.|smooth|rough
The sea was {}.|calm|stormy
The book is {}.|thick|thin
The house was {}.|modern|ancient
The rope is {}.|tight|loose
The horse was {}.|strong|weak
The desk is {}.|tidy|untidy
The film was {}.|interesting|boring
The lamp is {}.|bright|dim
The lion was {}.|tame|wild
""")


@task(
    "opposite-sentence",
    """
    question | What is the opposite of the sentence {s_}?
    command | Rewrite the sentence with the opposite adjective. | {s}
    command | Replace the adjective in {s_} with its opposite.
    polite | Please give the sentence the opposite meaning by changing one word: {s_}
    terse | Opposite meaning: {s}
""",
    """
    {r}
    The opposite is: {r_}
""",
)
def _opposite_sentence(rng: random.Random) -> dict:
    """A sentence and the same with the opposite adjective."""
    frame, a, b = rng.choice(THING_QUALITIES)
    if rng.random() < 0.4:
        a, b = b, a
    return {"key": f"opposite:{frame}", "s": frame.format(a), "r": frame.format(b)}


@task(
    "simile",
    """
    question | How do you complete the simile "as {a} as"?
    question | What is a common simile with the word {a_}?
    command | Complete the simile: as {a} as ...
    command | Complete the comparison. | as {a} as
    polite | Could you please finish the simile "as {a} as"?
    terse | As {a} as ...
""",
    """
    as {a} as {t}
    The simile is "as {a} as {t}".
    As {a} as {t}.
""",
)
def _simile(rng: random.Random) -> dict:
    """A quality and what it is compared with."""
    a, t = rng.choice(F.SIMILES)
    return {"key": f"simile:{a}", "a": a, "t": t}


@task(
    "use-simile",
    """
    question | Can you rewrite this sentence with a simile? | {s}
    command | Rewrite the sentence using a simile. | {s}
    command | Rewrite {s_} using a simile.
    polite | Please add a simile to this sentence: {s_}
    terse | Add a simile: {s}
""",
    """
    {r}
""",
)
def _use_simile(rng: random.Random) -> dict:
    """A plain sentence and the same with a simile."""
    a, t = rng.choice([r for r in F.SIMILES if r[0] in SIMILE_SUBJECTS])
    who = rng.choice(SIMILE_SUBJECTS[a])
    be = rng.choice(["is", "was"])
    return {
        "key": f"use-simile:{a}",
        "s": f"{who} {be} very {a}.",
        "r": f"{who} {be} as {a} as {t}.",
    }


_PEOPLE_QUALITIES = F._words("""brave, busy, sly, slow, quiet, strong, proud, stubborn, gentle, wise,
    happy, hungry, graceful, playful, loyal, pale, poor, rich, tall, fit, innocent, silent, tough, thin""")
SIMILE_SUBJECTS = dict.fromkeys(_PEOPLE_QUALITIES, M.NAMES) | {
    "cold": ["The water", "The room"],
    "white": ["The sheet", "Her hair"],
    "black": ["The sky", "The cave"],
    "light": ["The suitcase", "The chair"],
    "heavy": ["The box", "The bag"],
    "hard": ["The bread", "The bed"],
    "soft": ["The pillow", "Her scarf"],
    "smooth": ["The lake", "The table"],
    "sharp": ["The knife", "The tooth"],
    "sweet": ["The tea", "The melon"],
    "sour": ["The juice", "The apple"],
    "clear": ["The water", "The answer"],
    "dry": ["The well", "The cake"],
    "flat": ["The tyre", "The field"],
    "deep": ["The pool", "The hole"],
    "old": ["The story", "The castle"],
    "dark": ["The cellar", "The forest"],
    "fast": ["The car", "The runner"],
    "clean": ["The kitchen", "The floor"],
    "round": ["The stone", "The moon"],
    "steady": ["The table", "His hand"],
    "green": ["The frog", "The door"],
    "blue": ["The dress", "The lake"],
    "red": ["His face", "The scarf"],
    "warm": ["The bed", "The room"],
    "easy": ["The test", "The game"],
    "bright": ["The lamp", "Her smile"],
}


@task(
    "proverb",
    """
    question | How does this proverb end? | {a} ...
    question | What is the rest of the proverb "{a} ..."?
    command | Complete the proverb: {a} ...
    command | Complete the proverb. | {a} ...
    polite | Please finish the proverb "{a} ..."
    terse | Finish: {a} ...
""",
    """
    {f}
    The proverb ends with "{b}".
""",
)
def _proverb(rng: random.Random) -> dict:
    """The first half of a proverb and the whole."""
    a, b = rng.choice(F.PROVERBS)
    return {"key": f"proverb:{a}", "a": a, "b": b, "f": f"{a} {b}."}


@task(
    "fill-in",
    """
    question | Which word is missing? | {s}
    command | Fill in the blank: {s}
    command | Complete the sentence with the missing word. | {s}
    polite | Could you please fill in the missing word: {s}
    terse | Missing word: {s}
""",
    """
    {r}
    The missing word is {x_}.
""",
)
def _fill_in(rng: random.Random) -> dict:
    """A sentence of fact with a gap, and the whole sentence."""
    kind = rng.randrange(6)
    a, b = rng.choice(F.ANTONYMS)
    c = rng.choice(F.COUNTRIES[:60])
    n, y = rng.choice([(r[0], r[2]) for r in F.ANIMALS[:60]])
    one, many = rng.choice(F.IRREGULAR_PLURALS)
    thing, shade = rng.choice(F.COLOURS)
    who, does = rng.choice(F.PROFESSIONS)
    frame, x, key = [
        (f"The opposite of '{a}' is '{{}}'.", b, f"antonym:{a}/{b}"),
        (f"{{}} is the capital of {c[0]}.", c[1], f"capital:{c[0]}"),
        (f"A young {n} is called a {{}}.", y, f"animal2:{n}"),
        (f"One {one}, two {{}}.", many, f"plural:{one}"),
        (
            f"The colour of {thing.rsplit(' ', 1)[0]} is {{}}.",
            shade,
            f"colour:{thing.rsplit(' ', 1)[0]}",
        ),
        (f"A person who {does} is called a {{}}.", who, f"profession:{who}"),
    ][kind]
    if "a {}" in frame and x[0] in M.VOWELS:
        frame = frame.replace("a {}", "an {}")
    if kind == 4 and ("often" in thing or "usually" in thing):
        return _fill_in(rng)
    return {"key": key, "s": frame.format("____"), "r": frame.format(x), "x": x}


@task(
    "true-false",
    """
    question | Is it true that {s}?
    question | Is this statement true or false? | {S}.
    command | Say whether the statement is true or false. | {S}.
    polite | Please tell me whether this is true: {S}.
    terse | True or false: {S}.
""",
    """
    {r}
""",
)
def _true_false(rng: random.Random) -> dict:
    """A statement that is true or false, with the answer and its reason."""
    frame, subject, right, wrong, key = _claim(rng)
    fact = frame.format(subject, right)
    if rng.random() < 0.5:
        return {"key": key, "s": fact, "S": M.cap(fact), "r": f"True. {M.cap(fact)}."}
    lie = frame.format(subject, wrong)
    return {"key": key, "s": lie, "S": M.cap(lie), "r": f"False. {M.cap(fact)}."}


def _claim(rng: random.Random) -> tuple[str, str, str, str, str]:
    """A frame, a subject, a right and a wrong word, and a key."""
    kind = rng.randrange(4)
    if kind == 0:
        one, two = rng.sample(F.COUNTRIES[:40], 2)
        return "the capital of {} is {}", one[0], one[1], two[1], f"capital:{one[0]}"
    if kind == 1:
        one, two = rng.sample(F.ANIMALS, 2)
        while one[1] == two[1]:
            one, two = rng.sample(F.ANIMALS, 2)
        return (
            "{} is {}",
            M.article(one[0]),
            M.article(one[1]),
            M.article(two[1]),
            f"animal1:{one[0]}",
        )
    if kind == 2:
        one, two = rng.sample(F.ELEMENTS, 2)
        return "the chemical symbol of {} is {}", one[0], one[1], two[1], f"element:{one[0]}"
    i = rng.randrange(12)
    wrong = F.MONTHS[(i + rng.choice([2, 3, -2])) % 12]
    return (
        "the month after {} is {}",
        F.MONTHS[i],
        F.MONTHS[(i + 1) % 12],
        wrong,
        f"calendar:{F.MONTHS[i]}",
    )


@task(
    "extract",
    """
    question | Which {k} are mentioned in this text? | {s}
    command | List the {k} in the text. | {s}
    command | Extract the {k} from this text: {s_}
    polite | Please list the {k} that appear in this text: {s_}
    terse | {k} in the text: {s}
""",
    """
    {w}
    The {k} are {m}.
""",
)
def _extract(rng: random.Random) -> dict:
    """A short text and the names, animals or numbers in it."""
    people, n = rng.sample(M.NAMES, 2), rng.sample(range(3, 60), 2)
    beasts = [M.article(b) for b in rng.sample(LAND_ANIMALS, 2)]
    things = rng.sample(["eggs", "apples", "stamps", "candles", "pencils", "buttons", "pears"], 2)
    place = rng.choice(["near the bridge", "at the market", "in the park", "at the station"])
    k, s, w, m = rng.choice(
        [
            ("names", f"{people[0]} met {people[1]} {place}.", people, people),
            (
                "animals",
                f"At the zoo {people[0]} drew {beasts[0]} and {beasts[1]}.",
                [b.split()[-1] for b in beasts],
                beasts,
            ),
            (
                "numbers",
                f"{people[0]} bought {n[0]} {things[0]} and {n[1]} {things[1]}.",
                list(map(str, n)),
                list(map(str, n)),
            ),
        ]
    )
    return {"key": f"extract:{s}", "k": k, "s": s, "w": ", ".join(w), "m": M.listed(m)}


LAND_ANIMALS = [r[0] for r in F.ANIMALS[:44] if r[0] not in {"whale", "dolphin"}]
