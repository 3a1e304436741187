"""The thirteen datasets: what the paper's Table 1 says of each, where it comes from and on what terms."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Dataset:
    """A dataset as the paper counts it; figures are None where Table 1 has no row."""

    id: str
    name: str
    language: Literal["en", "zh", "en+zh"]
    style: Literal["QA", "MCQA", "dialogue", "NER"]
    topics: int | None
    instructions: int | None
    source: str
    terms: str

    @property
    def folder(self) -> str:
        """The folder below `data.root` that holds the raw files."""
        return self.id


_ALL = (
    Dataset(
        id="pubmedqa",
        name="PubMedQA",
        language="en",
        style="QA",
        topics=273_518,
        instructions=273_518,
        source="https://github.com/pubmedqa/pubmedqa",
        terms="MIT; ori_pqal.json in the repository, ori_pqaa.json and ori_pqau.json behind its Drive links",
    ),
    Dataset(
        id="medmcqa",
        name="MedMCQA",
        language="en",
        style="MCQA",
        topics=182_822,
        instructions=182_822,
        source="https://github.com/medmcqa/medmcqa",
        terms="MIT (repository), Apache-2.0 (hub card openlifescienceai/medmcqa); data behind a Drive link",
    ),
    Dataset(
        id="headqa",
        name="HeadQA",
        language="en",
        style="MCQA",  # Table 1 says QA; the published conversion asks for an option letter
        topics=2_657,
        instructions=2_657,
        source="https://github.com/aghie/head-qa",
        terms="MIT (repository); exam text: reuse terms of the Spanish Ministry of Health; Drive link",
    ),
    Dataset(
        id="cmedqa2",
        name="cMedQA2",
        language="zh",
        style="QA",
        topics=100_000,
        instructions=188_783,
        source="https://github.com/zhangsheng93/cMedQA2",
        terms="GPL-3.0 file, README: non-commercial research only",
    ),
    Dataset(
        id="cmeddialogue",
        name="cMedDialogue",
        language="zh",
        style="QA",
        topics=792_099,
        instructions=792_099,
        source="https://github.com/Toyhom/Chinese-medical-dialogue-data",
        terms="MIT",
    ),
    Dataset(
        id="webmedqa",
        name="webMedQA",
        language="zh",
        style="QA",
        topics=252_850,
        instructions=50_570,
        source="https://github.com/hejunqing/webMedQA",
        terms="Apache-2.0; train.zip is stored with Git LFS",
    ),
    Dataset(
        id="medicaldialog",
        name="MedicalDialog",
        language="zh",
        style="dialogue",
        topics=2_725_989,
        instructions=4_503_475,
        source="https://github.com/UCSD-AI4H/Medical-Dialogue-System",
        terms="no licence stated, copyright of haodf.com; processed Chinese split behind a Drive link",
    ),
    Dataset(
        id="cmid",
        name="CMID",
        language="zh",
        style="NER",
        topics=12_254,
        instructions=11_786,
        source="https://github.com/ishine/CMID",
        terms="no licence stated, README: scientific research only",
    ),
    Dataset(
        id="nlpec",
        name="NLPEC",
        language="zh",
        style="MCQA",
        topics=18_703,
        instructions=18_703,
        source="Li et al., EMNLP 2020 (download on request from the authors)",
        terms="no licence stated",
    ),
    Dataset(
        id="cmb",
        name="CMB",
        language="zh",
        style="MCQA",
        topics=269_359,
        instructions=269_359,
        source="https://github.com/FreedomIntelligence/CMB",
        terms="Apache-2.0; data also on the hub as FreedomIntelligence/CMB",
    ),
    Dataset(
        id="mlecqa",
        name="MLEC-QA",
        language="zh",
        style="MCQA",
        topics=108_988,
        instructions=108_988,
        source="https://github.com/Judenpech/MLEC-QA",
        terms="MIT; data behind a Drive link",
    ),
    Dataset(
        id="discmed",
        name="DISC-Med-SFT",
        language="zh",
        style="dialogue",
        topics=464_898,
        instructions=1_362_307,
        source="https://huggingface.co/datasets/Flmc/DISC-Med-SFT",
        terms="Apache-2.0",
    ),
    Dataset(
        id="medqajin",
        name="MedQA",
        language="en+zh",
        style="MCQA",
        topics=None,  # not in Table 1, but in the authors' training file: 48,876 published train rows
        instructions=None,
        source="https://github.com/jind11/MedQA",
        terms="MIT; data behind a Drive link",
    ),
)

DATASETS: dict[str, Dataset] = {dataset.id: dataset for dataset in _ALL}
"""By id, in the order of Table 1; MedQA, which it leaves out, comes last."""
