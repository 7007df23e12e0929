"""The words of the story world: what may stand in each slot, and the forms each value takes.

A *role* (hero, thing, colour, ...) holds one value for a whole story. A *form* turns the value into one word
(`hero.his` of Tom is `his`). Widening the world means adding rows here.
"""

MALE, FEMALE = "male", "female"
PRONOUNS = {MALE: {"he": "he", "his": "his", "him": "him"}, FEMALE: {"he": "she", "his": "her", "him": "her"}}
NAMES = {
    MALE: ("Tom", "Ben", "Sam", "Max", "Leo", "Finn", "Oscar", "Hugo"),
    FEMALE: ("Lily", "Anna", "Mia", "Rosa", "Ella", "Nora", "Zoe", "Ruby"),
}
GROWN = {FEMALE: ("Mum", "Grandma"), MALE: ("Dad", "Grandpa")}

COLOURS = ("red", "blue", "green", "yellow", "orange", "purple", "white", "black", "brown", "pink")
THINGS = (
    "ball", "kite", "drum", "doll", "boat", "robot", "train", "truck", "puppet", "whistle", "bell", "hat",
    "flag", "lantern", "umbrella", "bucket", "hoop", "trumpet", "wagon", "puzzle", "flute", "crown", "plane",
    "bear",
)  # fmt: skip
PLACES = ("park", "farm", "beach", "market", "lake", "playground", "harbour", "mill", "pond", "fair")
SPOTS = ("wall", "fence", "tree", "hedge", "rock", "shed", "barrel", "tent", "cart", "statue")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
TIMES = ("morning", "afternoon")
# adjective: (noun, verb of the noun)
WEATHERS = {
    "sunny": ("sun", "shone"), "rainy": ("rain", "fell"), "windy": ("wind", "blew"),
    "snowy": ("snow", "drifted"), "foggy": ("fog", "lingered"), "frosty": ("frost", "sparkled"),
}  # fmt: skip
ANIMALS = {
    "dog": "puppy", "cat": "kitten", "duck": "duckling", "cow": "calf", "sheep": "lamb", "goose": "gosling",
    "hen": "chick", "fox": "cub", "deer": "fawn", "owl": "owlet", "horse": "foal", "pig": "piglet",
}  # fmt: skip
FOODS = {
    "apple": "apples", "pear": "pears", "plum": "plums", "bun": "buns", "muffin": "muffins", "egg": "eggs",
    "cookie": "cookies", "carrot": "carrots", "peach": "peaches", "pancake": "pancakes",
    "strawberry": "strawberries", "tart": "tarts",
}  # fmt: skip
PLANTS = {
    "rose": "roses", "bean": "beans", "pumpkin": "pumpkins", "sunflower": "sunflowers",
    "tomato": "tomatoes", "tulip": "tulips", "melon": "melons", "pepper": "peppers",
}  # fmt: skip
FEELINGS = {
    "sad": "happy", "worried": "calm", "gloomy": "merry", "unhappy": "glad", "upset": "cheerful",
    "miserable": "joyful",
}  # fmt: skip
NUMBERS = ("one", "two", "three", "four", "five", "six")
COUNTS = NUMBERS[1:]  # a story starts with at least two, so that one can be given away

GENDER = {name: sex for table in (NAMES, GROWN) for sex, names in table.items() for name in names}
PEOPLE = ("hero", "friend", "grown")
NOUNS = ("food", "plant")  # roles whose number follows the count


def article(word: str) -> str:
    """`an` before a vowel letter, else `a`: right for every word of this world."""
    return "an" if word[:1] in tuple("aeiou") else "a"


def _person(name: str) -> dict[str, str]:
    forms = {"name": name, "own": name, **PRONOUNS[GENDER[name]]}
    return forms | {form.capitalize(): forms[form].capitalize() for form in ("he", "his")}


def _noun(single: str, plural: str) -> dict[str, str]:
    return {"name": single, "a": article(single), "pl": plural}


def _count(word: str) -> dict[str, str]:
    less = NUMBERS[NUMBERS.index(word) - 1]
    return {"name": word, "less": less, "were": "was" if less == "one" else "were"}


def _table() -> dict[str, dict[str, dict[str, str]]]:
    child = {name: _person(name) for sex in (FEMALE, MALE) for name in NAMES[sex]}
    colour = {c: {"name": c, "a": article(c)} for c in COLOURS}
    thing = {t: {"name": t, "a": article(t)} for t in THINGS}
    plain = {"place": PLACES, "spot": SPOTS, "time": TIMES}
    weather = {w: {"name": w, "noun": noun, "verb": verb} for w, (noun, verb) in WEATHERS.items()}
    tomorrow = (*DAYS[1:], DAYS[0])
    return {
        "hero": child,
        "friend": child,
        "grown": {name: _person(name) for sex in (FEMALE, MALE) for name in GROWN[sex]},
        "thing": thing,
        "thing2": thing,
        "colour": colour,
        "colour2": colour,
        **{role: {v: {"name": v} for v in values} for role, values in plain.items()},
        "day": {day: {"name": day, "next": after} for day, after in zip(DAYS, tomorrow, strict=True)},
        "weather": weather,
        "weather2": weather,
        "animal": {a: {"name": a, "a": article(a), "young": young} for a, young in ANIMALS.items()},
        "food": {f: _noun(f, plural) for f, plural in FOODS.items()},
        "plant": {p: _noun(p, plural) for p, plural in PLANTS.items()},
        "feel": {f: {"name": f, "after": after} for f, after in FEELINGS.items()},
        "n": {word: _count(word) for word in COUNTS},
    }


ROLES: dict[str, dict[str, dict[str, str]]] = _table()
"""role -> value -> form -> word."""

DISTINCT = {"friend": "hero", "thing2": "thing", "colour2": "colour", "weather2": "weather"}
"""Roles that must not repeat the value of another."""
