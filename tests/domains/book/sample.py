"""Books to set: a cookbook of any length, seeded, and small ones in scripts that are hard to set."""

import random
import struct
import zlib

TITLE = "Twirls & Tastes: A Journey Through Italian Pasta"
_SUBJECTS = (
    "A good dough|The first fold|Semolina|The water in the pot|A heavy board|My grandmother in Gragnano|The sauce|"
    "An egg yolk|Fresh tagliatelle|Every shape on the table|The cook who waits|Dried pasta"
)
_VERBS = (
    "asks for patience|takes up more water than one thinks|wants to rest under a cloth|tells you when it is ready|"
    "loses its bite in a minute|carries the salt of the sea|keeps its edges rough, so that the sauce clings|"
    "needs no machine|was never a matter of measures|forgives a clumsy hand|rewards a *slow* simmer"
)
_ENDS = (
    "and that is the whole secret|which no recipe can spell out|as any cook between Bari and Bologna will tell you|"
    "because starch is a patient glue|long before the table is laid|if the flour is honest and the kitchen cool|"
    'so taste early and taste often|though "al dente" means something else in every house|'
    "while the steam fogs the window|and the pot must be large"
)
_SHAPES = "Orecchiette|Tagliatelle|Cavatelli|Pici|Trofie|Agnolotti|Busiate|Culurgiones|Strozzapreti|Malloreddus"
_SAUCES = "Cime di Rapa|Ragù alla Bolognese|Pesto Trapanese|Brown Butter & Sage|Guanciale and Pecorino|Sea Urchin"
_THINGS = (
    "300 g semola rimacinata|150 ml lukewarm water|2 egg yolks|1 tsp fine sea salt|80 g Pecorino Romano, grated|"
    "1 clove of garlic|4 anchovies in oil|½ tsp chilli flakes|60 ml olive oil|500 g greens, washed"
)
TERMS = {
    "al dente": "Cooked so that it still resists the tooth.",
    "semola rimacinata": "Durum wheat, ground twice; the flour of the *south*.",
    "ragù": "A sauce of meat, cooked for hours.",
    "starch": "What thickens the water and binds it to the fat.",
    "guanciale": "Cured pork jowl.",
    "never-found": "A word that occurs nowhere.",
}


_SUBJECTS, _VERBS, _ENDS, _SHAPES, _SAUCES, _THINGS = (
    it.split("|") for it in (_SUBJECTS, _VERBS, _ENDS, _SHAPES, _SAUCES, _THINGS)
)


def sentence(rng):
    return f"{rng.choice(_SUBJECTS)} {rng.choice(_VERBS)}, {rng.choice(_ENDS)}."


def paragraph(rng, sentences=6):
    return " ".join(sentence(rng) for _ in range(sentences))


def recipe(rng, number):
    things = "\n".join(f"- {it}" for it in rng.sample(_THINGS, 6))
    steps = "\n".join(f"{n}. {sentence(rng)}" for n in range(1, 6))
    return (
        f"## {rng.choice(_SHAPES)} with {rng.choice(_SAUCES)}\n\n{paragraph(rng, 4)}[^r{number}]\n\n"
        f"**Yield:** 4 servings. **Time:** 45 minutes, and 30 minutes of rest.\n\n"
        f"### Ingredients\n\n{things}\n\n### Method\n\n{steps}\n\n[^r{number}]: {sentence(rng)}\n"
    )


def chapter(rng, number, words, links=True):
    title = f"{rng.choice(_SHAPES)}, {rng.choice(('Slowly', 'by Hand', 'from the South', 'for a Crowd'))}"
    text = [f"---\nid: c{number}\ntitle: {title}\nindex: [guanciale, ragù]\n---\n# {title}\n"]
    text.append(f"{paragraph(rng)}\n\n{paragraph(rng)}\n")
    if links and number > 1:
        text.append("As [chapter one](001-c.md) says, and [its flour](001-c.md#flour), starch and ragù matter.\n")
    text.append(
        f"## Flour {{#flour}}\n\n{paragraph(rng)} Use semola rimacinata; cook it al dente.\n\n> {paragraph(rng, 2)}\n"
    )
    text.append(
        "| Flour | Protein | Best for |\n|:--|--:|:-:|\n"
        "| Semola | 13 % | orecchiette |\n| 00 | 10.5 % | tagliatelle |\n"
    )
    count = 0
    while sum(len(it.split()) for it in text) < words:
        count += 1
        text.append(f"{recipe(rng, count)}\n\n{paragraph(rng)}\n\n{paragraph(rng, 8)}\n")
    return title, "\n\n".join(text)


def cookbook(chapters=8, words=900, seed=1):
    """A book's folder as path → text."""
    rng = random.Random(seed)
    made = [chapter(rng, number, words) for number in range(1, chapters + 1)]
    third = max(1, chapters // 2)
    parts = ("The Dough", "The Table")
    entries = [
        f"  - {{id: c{n}, title: {title!r}, file: {n:03}-c.md, words: {words}, part: {parts[n > third]}}}"
        for n, (title, _) in enumerate(made, 1)
    ]
    terms = "".join(f"- term: {term}\n  definition: {text}\n" for term, text in TERMS.items())
    return {
        "book.yaml": f"title: '{TITLE}'\nsubtitle: Ninety recipes, and the reasons behind them\nauthor: Ada Lovelace\n"
        "language: en-GB\ndescription: What flour and water can do in twenty minutes and in twenty years.\n",
        "outline.yaml": "chapters:\n" + "\n".join(entries),
        "canon/terms.yaml": terms,
    } | {f"chapters/{n:03}-c.md": text for n, (_, text) in enumerate(made, 1)}


def png(width=400, height=260, colour=(180, 90, 40)):
    """A picture of one colour."""
    rows = (b"\0" + bytes(colour) * width) * height

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
