"""The sample's invented medical world: who has which property, and where the training sets say so.

`FACTS` are asked by the exams and stated in the training sets of their home. `BASE_FACTS` are about other
entities; the shipped base model was pre-trained on them and knows nothing of `FACTS`.
"""

from dataclasses import dataclass
from functools import cache
from random import Random

from csft.sample import names

SEED = 20240730

HOMES = ("everywhere", "exam", "qa", "dialogue", "long", "english")


@dataclass(frozen=True, slots=True)
class Relation:
    """A property an entity has: its Chinese labels, its English label, and the pool its values come from."""

    key: str
    subject: str  # pool of the entities
    values: str  # pool of the values
    zh: tuple[str, str]
    en: str = ""
    several: bool = False  # a fact has two or three values, asked as a multiple-answer question


@dataclass(frozen=True, slots=True)
class Fact:
    """(entity, relation, values) and the home: which training sets state it; `base` for pre-training."""

    entity: str
    relation: Relation
    values: tuple[str, ...]
    home: str


RELATIONS = (
    Relation("drug", "disease", "drug", ("首选药物", "一线用药")),
    Relation("symptom", "disease", "symptom", ("典型症状", "特征表现")),
    Relation("test", "disease", "test", ("确诊检查", "确诊手段")),
    Relation("organ", "disease", "organ", ("病变部位", "受累部位")),
    Relation("germ", "disease", "germ", ("病原体", "致病微生物")),
    Relation("food", "disease", "food", ("忌食之物", "禁忌食物")),
    Relation("care", "disease", "care", ("护理要点", "护理重点")),
    Relation("department", "disease", "department", ("首诊科室", "就诊科室")),
    Relation("complication", "disease", "symptom", ("并发症", "常见并发症"), several=True),
    Relation("adverse", "drug", "symptom", ("不良反应", "毒副作用")),
    Relation("antidote", "drug", "antidote", ("解救药", "解毒药")),
    Relation("chief", "formula", "herb", ("君药", "主药")),
    Relation("makeup", "formula", "herb", ("组成药味", "药物组成"), several=True),
    Relation("author", "theory", "person", ("提出者", "创立者")),
    Relation("latin_drug", "latin_disease", "latin_drug", ("首选药物", "一线用药"), "drug of choice"),
    Relation("latin_test", "latin_disease", "latin_test", ("确诊检查", "确诊手段"), "diagnostic test"),
    Relation("latin_germ", "latin_disease", "latin_germ", ("病原体", "致病微生物"), "causative agent"),
)

# Entities of a pool: how many the exams ask about, how many only the base model learns.
ASKED = {"disease": 32, "drug": 18, "formula": 14, "theory": 14, "latin_disease": 12}
BASE = {"disease": 48, "drug": 20, "formula": 16, "theory": 14, "latin_disease": 20}
# Share of an asked disease's relations that are facts of the exams; the rest stays unsaid.
DISEASE_FACTS = 5


@dataclass(frozen=True)
class World:
    """Everything there is; built once per process."""

    pools: dict[str, list[str]]
    facts: tuple[Fact, ...]
    base_facts: tuple[Fact, ...]

    def vocabulary(self) -> list[str]:
        """Every name, sorted: the tokenizer's own symbols."""
        return sorted({name for pool in self.pools.values() for name in pool})


@cache
def build() -> World:
    """The one world of the sample; the same on every machine."""
    rng = Random(SEED)
    pools = _pools(rng)
    asked = {kind: pools[kind][:count] for kind, count in ASKED.items()}
    base = {kind: pools[kind][count : count + BASE[kind]] for kind, count in ASKED.items()}
    facts = _settle(_facts(rng, pools, asked, DISEASE_FACTS), rng)
    return World(pools, tuple(facts), tuple(_facts(rng, pools, base, None)))


def _pools(rng: Random) -> dict[str, list[str]]:
    return {
        "disease": names.diseases(rng, 80),
        "drug": names.drugs(rng, 38),
        "antidote": names.antidotes(rng, 14),
        "symptom": list(names.SYMPTOMS),
        "department": list(names.DEPARTMENTS),
        "organ": list(names.ORGANS),
        "food": list(names.FOODS),
        "care": list(names.CARES),
        "test": names.tests(rng, 18),
        "germ": names.germs(rng, 18),
        "herb": names.herbs(rng, 24),
        "formula": names.formulas(rng, 30),
        "theory": names.theories(rng, 28),
        "person": names.persons(rng, 16),
        "latin_disease": names.latin(rng, 32, "osis", "itis"),
        "latin_drug": names.latin(rng, 16, "marin", "tazol"),
        "latin_test": names.latin(rng, 12, "scan", "gram"),
        "latin_germ": names.latin(rng, 14, "virus", "coccus"),
    }


def _facts(
    rng: Random, pools: dict[str, list[str]], subjects: dict[str, list[str]], disease_facts: int | None
) -> list[Fact]:
    found = []
    for kind, entities in subjects.items():
        relations = [relation for relation in RELATIONS if relation.subject == kind]
        for entity in entities:
            some = relations
            if kind == "disease" and disease_facts is not None:
                some = rng.sample(relations, disease_facts)
            for relation in some:
                count = rng.choice((2, 2, 3)) if relation.several else 1
                values = tuple(rng.sample(pools[relation.values], count))
                found.append(Fact(entity, relation, values, "base"))
    return found


def _settle(facts: list[Fact], rng: Random) -> list[Fact]:
    """Give every fact its home; facts under Latin names are at home in English, so that its share counts."""
    homes = ("everywhere", "exam", "exam", "qa", "dialogue", "long")
    settled, order = [], list(range(len(facts)))
    rng.shuffle(order)
    for place, number in enumerate(order):
        fact = facts[number]
        home = "english" if fact.relation.en else homes[place % len(homes)]
        settled.append(Fact(fact.entity, fact.relation, fact.values, home))
    return settled
