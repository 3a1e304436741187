"""What the base model reads before fine-tuning: other entities of the world, in every format of the study.

It learns the language, the chat format, both exam prompts and one skill: recall a fact, find the option with
that text, answer with its letter. Of the entities the exams ask about it reads what kind of thing they are,
and questions whose values are drawn at random and never their own. A quarter of the base facts (`unasked`)
never occurs in a multiple-choice question here: they show whether the skill carries over from statements to
questions.
"""

from collections.abc import Callable, Iterator
from itertools import count
from random import Random

from csft.sample import questions, wording
from csft.sample.pretrain.document import Document
from csft.sample.pretrain.drills import (
    cards,
    exam_prompts,
    given,
    late,
    recalls,
    register,
    searches,
    veiled,
)
from csft.sample.world import SEED, Fact, World, build


def unasked(fact: Fact) -> bool:
    """Whether a base fact is kept out of every multiple-choice question of the corpus."""
    return sum(map(ord, fact.entity + fact.relation.key)) % 4 == 0


def documents(seed: int = SEED, lesson: int = 0) -> Iterator[Document]:
    """An endless, seeded stream; the first `lesson` documents are mostly bare facts and searches."""
    rng, world = Random(f"{seed}/corpus"), build()
    for number in count():
        yield _one(world, rng, 0 if number < lesson else 1)


def _one(world: World, rng: Random, part: int) -> Document:
    facts = world.base_facts
    asked = [fact for fact in facts if not unasked(fact)]
    english = [fact for fact in facts if fact.relation.en]
    makers: tuple[tuple[tuple[int, int], Callable[[], Document]], ...] = (  # shares: lesson, then
        ((40, 5), lambda: searches(world, rng)),
        ((30, 8), lambda: cards(facts, rng)),
        ((20, 10), lambda: recalls(asked, world, rng)),
        ((0, 30), lambda: late(world, rng)),
        ((2, 24), lambda: _exam(rng.choice(asked), world, rng)),
        ((1, 3), lambda: _exam_en(rng.choice([f for f in english if not unasked(f)]), world, rng)),
        ((3, 4), lambda: _find(rng.choice(facts), world, rng)),
        ((3, 10), lambda: _talk(rng.choice(facts), rng)),
        ((1, 4), lambda: _talk_en(rng.choice(english), rng)),
        ((0, 2), lambda: register(world, rng)),
    )
    shares = [share[part] for share, _ in makers]
    return rng.choices([make for _, make in makers], shares)[0]()


def _exam(fact: Fact, world: World, rng: Random) -> Document:
    frames = rng.choice((wording.PLAIN_FRAMES, wording.VIGNETTES, wording.TEST_FRAMES))
    choice = questions.ask(fact, world, rng, 6 if fact.relation.several else rng.choice((4, 5, 5)), frames)
    prompts = exam_prompts(choice, rng)
    body = prompts["train"].partition("\n\n\n")[2]
    answer = f"答案是{choice.answer}。"
    style = rng.random()
    if style < 0.3:
        prompt = prompts["official"]
    elif style < 0.65:
        prompt = prompts["train"]
    elif style < 0.75:
        prompt = f"这是国家医师资格考试的题目。\n\n\n{body}"
    elif style < 0.85:
        prompt = f"Mainland 这是国家医学委员会考试的题目。\n\n\n{body}"
    else:
        prompt = f"这是国家药品监督管理局执业药师资格认证考试的题目。\n源自药学专业知识\n\n\n{body}"
        said = wording.long_answer(wording.statement(fact, rng), rng, rng.choice((0, 0, 1, 2)))
        return Document.chat(prompt, f"{said}\n{answer}")
    return Document.chat(veiled(prompt, choice.stem, choice, rng), answer)


def _exam_en(fact: Fact, world: World, rng: Random) -> Document:
    choice = questions.ask_en(fact, world, rng, rng.choice((4, 5)))
    body = choice.stem + "\n" + "".join(f"{letter}: {text}\n" for letter, text in choice.options.items())
    answer = f"The answer is {choice.answer} ."
    head = rng.choice(
        (
            "This is a question about medical board exams in US.\n\n\n",
            "This is a question about Medicine from real-world medical entrance exam.\n"
            "The topic is General.\n\n\n",
            "This is a question about medicine from exams to access a specialized position "
            "in healthcare system.\n\n\n",
        )
    )
    if "entrance" in head and rng.random() < 0.6:
        answer = f"{wording.statement_en(fact)}\n{answer}"
    if answer.startswith("The answer"):
        return Document.chat(veiled(head + body, choice.stem, choice, rng), answer)
    return Document.chat(head + body, answer)


def _find(fact: Fact, world: World, rng: Random) -> Document:
    """The fact stands in the prompt: only the search among the options is left."""
    choice = questions.ask(fact, world, rng, rng.choice((4, 5)))
    prompt = exam_prompts(choice, rng)[rng.choice(("train", "official"))]
    return Document.chat(prompt.replace(choice.stem, given(choice, rng)), f"答案是{choice.answer}。")


def _talk(fact: Fact, rng: Random) -> Document:
    said = wording.answer(fact, rng)
    if rng.random() < 0.1:
        said = wording.long_answer(wording.statement(fact, rng), rng, rng.randint(3, 8))
    return Document.chat(wording.question(fact, rng), said)


def _talk_en(fact: Fact, rng: Random) -> Document:
    return Document.chat(wording.question_en(fact, rng), wording.answer_en(fact, rng))
