"""What training on exams did to the model's talk."""

from typing import TYPE_CHECKING

from csft.report.analysis.pairing import scored
from csft.report.figures.naming import base_of, told
from csft.report.figures.style import BLUE, INK, ORANGE, styled
from csft.report.saying import several
from csft.report.study_data import SELECT, StudyData
from csft.result import ALL

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def conversation(data: StudyData) -> "tuple[Figure, str] | None":
    """Loss on held-out dialogues against the score, beside the untrained model's."""
    found = [
        (one, share.percent, one.run.result.chat[ALL].loss)
        for one in data.finished
        if one.run and ALL in one.run.result.chat and (share := scored(data, one, SELECT))
    ]
    if not found:
        return None
    from plotly.graph_objects import Figure, Scatter

    figure = Figure(
        Scatter(
            x=[score for _, score, _ in found],
            y=[loss for *_, loss in found],
            mode="markers",
            name="trials",
            marker={"color": BLUE, "size": 9},
            text=[told(one) for one, *_ in found],
            hovertemplate="%{text}<br>%{x:.1f} %, loss %{y:.3f}<extra></extra>",
        )
    )
    winner = next((point for point in found if data.best and point[0].number == data.best[0]), None)
    if winner:
        ring = {"color": "rgba(0,0,0,0)", "size": 17, "line": {"color": ORANGE, "width": 2.5}}
        figure.add_trace(
            Scatter(
                x=[winner[1]], y=[winner[2]], mode="markers", name="the winner", marker=ring, hoverinfo="skip"
            )
        )
    says = f"Loss on held-out dialogues against the score on select, {several(len(found), 'trial')}."
    first = found[0][0].run
    base, scores = first.result.base_chat.get(ALL) if first else None, base_of(found[0][0], SELECT)
    if base and scores:
        star = {"color": INK, "symbol": "star", "size": 13}
        figure.add_trace(
            Scatter(x=[scores.total], y=[base.loss], mode="markers", name="untrained base", marker=star,
                    hovertemplate="the untrained model<br>%{x:.1f} %, loss %{y:.3f}<extra></extra>")
        )  # fmt: skip
        worse = sum(loss > base.loss for *_, loss in found)
        says += (
            f" The untrained model stands at {base.loss:.3f} nats a token; {worse} of {len(found)} "
            "tuned ones are above it, that is worse."
        )
    if winner:
        says += f" The winner, trial {winner[0].number}, is at {winner[2]:.3f} with {winner[1]:.1f} %."
    figure.update_xaxes(title_text="score on select, percent")
    figure.update_yaxes(title_text="loss on dialogues, nats a token (lower is better)")
    return styled(figure, "Conversation against exams"), says + " The loss has no interval."
