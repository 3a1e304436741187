"""The thirteen datasets: what the paper's Table 1 says of each, where it comes from and on what terms."""

# Downloads name the revision wherever the source keeps history, so that everyone gets the same bytes.

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class HubFiles:
    """Files of a dataset repository on the Hugging Face hub, by glob patterns; they keep their paths."""

    repo: str
    patterns: tuple[str, ...]

    def __str__(self) -> str:
        return f"https://huggingface.co/datasets/{self.repo}"


@dataclass(frozen=True)
class WebFile:
    """One file of a plain address, and where it goes below the dataset's folder."""

    url: str
    path: str

    def __str__(self) -> str:
        return self.url


Download = HubFiles | WebFile


def _github(repository: str, revision: str, *paths: str) -> tuple[WebFile, ...]:
    base = f"https://raw.githubusercontent.com/{repository}/{revision}"
    return tuple(WebFile(f"{base}/{path}", path) for path in paths)


@dataclass(frozen=True)
class Dataset:
    """A dataset as the paper counts it; figures are None where Table 1 has no row.

    What cannot be downloaded by a program has no `downloads` but says `by_hand` what to get where.
    """

    id: str
    name: str
    language: Literal["en", "zh", "en+zh"]
    style: Literal["QA", "MCQA", "dialogue", "NER"]
    topics: int | None
    instructions: int | None
    source: str
    terms: str
    downloads: tuple[Download, ...] = ()
    by_hand: str = ""

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
        terms="MIT; ori_pqal.json in the repository, the other two parts behind its Drive links; on the hub",
        downloads=(
            HubFiles(
                "qiaojin/PubMedQA",
                (
                    "pqa_labeled/train-*.parquet",
                    "pqa_artificial/train-*.parquet",
                    "pqa_unlabeled/train-*.parquet",
                ),
            ),
        ),
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
        downloads=(HubFiles("openlifescienceai/medmcqa", ("data/train-*.parquet",)),),
    ),
    Dataset(
        id="headqa",
        name="HeadQA",
        language="en",
        style="MCQA",  # Table 1 says QA; the published conversion asks for an option letter
        topics=2_657,
        instructions=2_657,
        source="https://github.com/aghie/head-qa",
        terms="MIT (repository); exam text: reuse terms of the Spanish Ministry of Health",
        downloads=(HubFiles("dvilares/head_qa", ("data/head-qa-es-en-pdfs.zip",)),),
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
        downloads=_github(
            "zhangsheng93/cMedQA2",
            "85feb9278c3ae552c591205cbf3e828368c91f8f",
            "question.zip",
            "answer.zip",
            "train_candidates.zip",
        ),
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
        downloads=_github(
            "Toyhom/Chinese-medical-dialogue-data",
            "26724a4357fcd142f0cab81188cacf1a2dd8a827",
            "Data_数据/Andriatria_男科/男科5-13000.csv",
            "Data_数据/IM_内科/内科5000-33000.csv",
            "Data_数据/OAGD_妇产科/妇产科6-28000.csv",
            "Data_数据/Oncology_肿瘤科/肿瘤科5-10000.csv",
            "Data_数据/Pediatric_儿科/儿科5-14000.csv",
            "Data_数据/Surgical_外科/外科5-14000.csv",
        ),
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
        by_hand="clone the repository with Git LFS (git lfs install; git clone …) and copy its train.zip",
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
        by_hand="download the processed data from "
        "https://drive.google.com/drive/folders/11sglwm6-cY7gjeqlZaMxL_MDKDMLdhym "
        "(the raw text: https://drive.google.com/drive/folders/1r09_i8nJ9c1nliXVGXwSqRYqklcHd9e2)",
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
        downloads=_github("ishine/CMID", "c5facdda5037445db72db7cdea8e5b9fbd5fed9b", "CMID.json"),
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
        by_hand="ask the authors of the paper for NLPEC_public_data",
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
        # The exam's questions and key come along: the exam reads them from the same folder.
        downloads=(
            HubFiles(
                "FreedomIntelligence/CMB",
                (
                    "CMB-Exam/CMB-train/CMB-train-merge.json",
                    "CMB-Exam/CMB-val/CMB-val-merge.json",
                    "CMB-Exam/CMB-test/CMB-test-choice-question-merge.json",
                ),
            ),
            WebFile(
                "https://raw.githubusercontent.com/FreedomIntelligence/CMB/"
                "6c8ece46097dae736c6805dd3b831e1a38c08971/data/CMB-test-choice-answer.json",
                "CMB-test-choice-answer.json",
            ),
        ),
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
        by_hand="download https://drive.google.com/file/d/1-v4c8bcTspgBINKticTF7A9OMum0CB_y/view",
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
        downloads=(HubFiles("Flmc/DISC-Med-SFT", ("DISC-Med-SFT_released.jsonl",)),),
    ),
    Dataset(
        id="medqajin",
        name="MedQA",
        language="en+zh",
        style="MCQA",
        topics=None,  # not in Table 1, but in the authors' training file: 48,876 published train rows
        instructions=None,
        source="https://github.com/jind11/MedQA",
        terms="MIT; data behind a Drive link; its archive on the hub as bigbio/med_qa (licence: unknown)",
        downloads=(HubFiles("bigbio/med_qa", ("data_clean.zip",)),),
    ),
)

DATASETS: dict[str, Dataset] = {dataset.id: dataset for dataset in _ALL}
"""By id, in the order of Table 1; MedQA, which it leaves out, comes last."""
