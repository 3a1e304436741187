"""Figures show what was found, of studies of any size, in colours that both themes have."""

import json
import re
from dataclasses import replace
from functools import cache

import pytest
from made_data import PAPER, made
from made_study import study

from csft.report.analysis import Analysis, Interaction
from csft.report.figures import curves, figures, style, sub_exams, trade_offs, truncation
from csft.report.figures.naming import base_of, ranked
from csft.report.study_data import SELECT, TEST

NOTHING = Analysis(None, (), (), (), (), (), ())
PAIR = Interaction(("cutoff", "mix"), 0.02, {(256, "paper"): (61.0, 2), (512, "exam"): (63.5, 1)})


@cache
def drawn():
    data, found = study()
    return figures(data, replace(found, interactions=(PAIR,)))


def test_every_question_of_the_report_has_its_figure_and_each_says_in_words_what_it_shows():
    assert set(drawn()) == {
        "best-trials", "effect-cutoff", "effect-epochs", "effect-lr", "effect-mix", "interaction-cutoff-mix",
        "importance", "history", "loss", "exams", "sub-exams", "sub-exams-base", "sub-exams-paper",
        "rivals-select", "rivals-test", "truncation", "cost", "conversation",
    }  # fmt: skip
    for name, (figure, says) in drawn().items():
        assert figure.layout.title.text and says.endswith("."), name
        for axis in [*figure.select_xaxes(), *figure.select_yaxes()]:
            assert axis.title.text or axis.tickmode == "array" or axis.anchor, name


def test_figures_have_no_colour_but_those_that_the_dark_theme_has_too():
    for name, (figure, _) in drawn().items():
        colours = set(re.findall(r"\"(#[0-9a-fA-F]{3,8}|rgba?\([^)]*\))\"", figure.to_json()))
        assert colours <= style.DARK.keys() | {"rgba(0,0,0,0)"}, name


def test_a_setting_is_shown_as_it_stands_and_never_read_as_a_tag():
    data, found = study()
    bad = "mix=<a href='https://example.org'>x</a>"
    trials = tuple(replace(one, setting=bad, params={**one.params, "mix": bad}) for one in data.trials)
    for name, (figure, _) in figures(replace(data, trials=trials), found).items():
        assert "<a " not in figure.to_json().replace("\\u003c", "<"), name


@pytest.mark.parametrize("settings", [[], [PAPER]])
def test_a_study_of_no_trial_or_of_one_is_drawn_as_far_as_it_goes(settings):
    data = made(settings=settings, questions=56, states=False)
    names = set(figures(data, NOTHING))
    assert names == (
        {"best-trials", "history", "loss", "exams", "sub-exams", "truncation", "cost", "conversation"}
        if settings
        else set()
    )


def test_effects_stand_on_one_scale_with_the_levels_that_were_found():
    _, found = study()
    by_name = {one.parameter: one for one in found.effects}
    ranges = {tuple(drawn()[f"effect-{name}"][0].layout.yaxis.range) for name in by_name}
    assert len(ranges) == 1
    points = drawn()["effect-epochs"][0].data[1]
    assert list(points.x) == [level.value for level in by_name["epochs"].levels]
    assert [y - low for y, low in zip(points.y, points.error_y.arrayminus, strict=True)] == pytest.approx(
        [level.low for level in by_name["epochs"].levels], abs=1e-3
    )
    assert drawn()["effect-lr"][0].layout.xaxis.type == "log"
    assert drawn()["effect-lr"][0].data[1].fill == "toself", "a band along an interval"


def test_the_heat_map_holds_what_each_trial_gained_in_each_sub_exam_best_first():
    data, _ = study()
    heat = drawn()["sub-exams"][0].data[0]
    best = ranked(data)[0]
    assert heat.x[0] == str(best.number) and len(heat.z) == 28
    scores, base = best.scores(TEST), base_of(best, TEST)
    assert scores and base
    key = "nursing/licensed_nurse"
    row = next(place for place, text in enumerate(heat.text) if "护士执业资格 · licensed nurse" in text[0])
    assert heat.z[row][0] == pytest.approx(scores.by_sub_exam[key] - base.by_sub_exam[key], abs=0.01)


def test_the_heat_map_shows_the_best_of_many_and_says_so(monkeypatch):
    monkeypatch.setattr(sub_exams, "DRAWN", 4)
    drawn_now = sub_exams.heat_map(study()[0])
    assert drawn_now is not None and len(drawn_now[0].data[0].x) == 4
    assert f"the best 4 of {len(study()[0].finished)} trials" in drawn_now[1]


def test_differences_are_coloured_only_where_the_corrected_p_is_small():
    _, found = study()
    assert found.winner
    parts = found.winner.sub_exams["base", TEST]
    clear = {key for key, one in parts.items() if one.clear}
    figure, says = drawn()["sub-exams-base"]
    coloured = sum(len(trace.x) for trace in figure.data if trace.name != "undecided")
    assert coloured == len(clear)
    assert f"undecided in {28 - len(clear)}" in says or len(clear) == 28


def test_the_front_is_of_those_that_none_beats_in_score_and_hours():
    trial = study()[0].finished[0]
    points = [
        (trial, 1.0, 50.0),
        (trial, 2.0, 49.0),
        (trial, 2.0, 60.0),
        (trial, 3.0, 60.0),
        (trial, 0.5, 40.0),
    ]
    assert [(hours, score) for _, hours, score in trade_offs.pareto(points)] == [(0.5, 40), (1, 50), (2, 60)]


def test_what_a_cut_off_removed_is_the_share_over_all_trials_that_had_it():
    data, _ = study()
    costs = truncation.summed(data.finished)
    runs = [one.run.result for one in data.finished if one.run and one.run.cutoff == 256]
    before, after = (
        sum(run.truncation["cmb"][key] for run in runs) for key in ("tokens_before", "tokens_after")
    )
    assert truncation.share(costs[256]["cmb"], "tokens") == pytest.approx(100 * (before - after) / before)
    heat = drawn()["truncation"][0].data[2]
    place = list(heat.y).index("cmb")
    assert heat.z[place][list(heat.x).index("256")] == truncation.share(costs[256]["cmb"], "tokens")


def test_exams_during_training_end_with_the_exam_at_the_end():
    data, _ = study()
    best = ranked(data)[0]
    scores = best.scores(SELECT)
    trace = next(one for one in drawn()["exams"][0].data if one.name == f"trial {best.number}")
    assert scores and trace.y[-1] == pytest.approx(scores.total, abs=1e-3)
    assert trace.x[-1] == best.epochs
    assert curves.loss(made(settings=[], questions=56)) is None


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([128, 200, 1024], ["128", "256", "512", "1024"]),
        ([5e-6, 1e-4], ["5e-6", "1e-5", "2e-5", "5e-5", "1e-4"]),
        ([1e-6, 1e-2], ["1e-6", "1e-5", "1e-4", "0.001", "0.01"]),
        ([0.00021, 0.00034], ["2.1e-4", "3.4e-4"]),
    ],
)
def test_a_logarithmic_axis_has_round_ticks_within_what_was_tried(values, ticks):
    assert style.logarithmic(values)["ticktext"] == ticks


def test_a_study_of_a_thousand_trials_makes_figures_of_bounded_size():
    data, _ = study()
    many = tuple(replace(data.finished[at % 10], number=at) for at in range(1000))
    drawn_now = figures(replace(data, trials=many, best=(0,)), NOTHING)
    sizes = {
        name: len(json.dumps(figure.to_plotly_json(), default=str)) for name, (figure, _) in drawn_now.items()
    }
    assert max(sizes.values()) < 600_000, sizes
