import shutil
from collections import Counter
from pathlib import Path

import pytest

from selip_contracts.database_file import open_store, read_store, utc_now
from selip_contracts.statements import NORMAL_TEXT
from selip_extract.api import extract
from selip_extract.database.store import Store
from selip_extract.extraction import Extraction
from selip_extract.reports.report import Report
from selip_pretrain.data.batches import load_batches
from selip_pretrain.data.pairs import Draw, PairDataset, Texts, read_pairs
from selip_pretrain.data.sentences import mirrored_sentences
from selip_pretrain.volumes.content_hash import content_hash
from selip_pretrain.volumes.volume_cache import VolumeCache
from tests.pretrain.image_files import write_nifti
from tests.pretrain.small_cohort import RECIPE

REPORTS = {
    "ill": "左侧额叶见片状异常信号，T1WI呈低信号，T2WI呈高信号。右侧颞叶另见斑点状T2高信号，大小约5mm左右。",
    "well": "双侧大脑半球对称，脑实质内未见异常信号影，脑室系统未见扩大，脑沟裂未见增宽，中线结构居中。",
}


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two reports, as the rules read them, with a T1 and a T2 each."""
    folder = tmp_path_factory.mktemp("sentences")
    db = folder / "selip.duckdb"
    with Store(db) as store:
        store.add_reports([Report(name, text, row) for row, (name, text) in enumerate(REPORTS.items(), 1)], "r.csv")
        run = store.begin_run({"extractor": "rules", "code_version": "1"})
        studies = zip(REPORTS, extract(REPORTS.values(), "rules"), strict=True)
        store.write(run, [Extraction(name, "ok", study, (), 0.1, None, None) for name, study in studies])
        store.finish_run(run, seconds=1, reports=2)
    with open_store(db) as connection, connection.appender("images") as appender:
        for name in REPORTS:
            for modality in ("T1", "T2"):
                path = write_nifti(folder / name / f"{modality}.nii.gz")
                appender.append_row(
                    f"{name}/{modality}", name, name, name, modality, "nifti", [str(path)], [9, 9, 6], [1.0, 1.0, 1.0],
                    "LAS", content_hash([path]), path.name, "test", utc_now(), None,
                )  # fmt: skip
    return db


def test_each_sequence_has_the_clauses_that_its_own_findings_rest_on(db: Path) -> None:
    with read_store(db) as connection:
        found = {pair.image_id: pair.sentences for pair in read_pairs(connection, sentences=True)}
        assert {pair.sentences for pair in read_pairs(connection)} == {""}
    assert found == {
        "ill/T1": "左侧额叶见片状异常信号，T1WI呈低信号",
        "ill/T2": "左侧额叶见片状异常信号，T2WI呈高信号，右侧颞叶另见斑点状T2高信号",
        "well/T1": "",
        "well/T2": "",
    }


def test_the_clauses_are_those_of_the_reading_that_counts(db: Path, tmp_path: Path) -> None:
    corrected = tmp_path / db.name
    shutil.copy(db, corrected)
    (study,) = extract([REPORTS["ill"]], "rules")
    assert study is not None
    kept = study.model_copy(update={"findings": tuple(f for f in study.findings if f.site != "颞叶")})
    with Store(corrected) as store:
        run = store.begin_run({"extractor": "human", "code_version": "1"})
        store.write_checked(run, [Extraction("ill", "ok", kept, (), 0.0, None, None)], {"ill": "a reader"})
        store.finish_run(run, seconds=0, reports=0)
    with read_store(corrected) as connection:
        found = {pair.image_id: (pair.text, pair.sentences) for pair in read_pairs(connection, sentences=True)}
    assert found["ill/T2"] == ("在左侧额叶表现为片状高信号", "左侧额叶见片状异常信号，T2WI呈高信号")


@pytest.mark.parametrize(
    ("texts", "shares"), [("canonical", {0.0}), ("sentences", {1.0}), ("both", {0.3, 0.4, 0.5, 0.6})]
)
def test_the_text_encoder_reads_statements_sentences_or_both(
    db: Path, tmp_path: Path, texts: Texts, shares: set[float]
) -> None:
    with read_store(db) as connection:
        pairs = read_pairs(connection, sentences=True)
    dataset = PairDataset(pairs, VolumeCache(tmp_path, RECIPE), augment=False, seed=0, texts=texts)
    draws = [Draw(epoch, pair, mirrored=epoch % 2 == 1) for epoch in range(20) for pair in range(4)]
    (batch,) = load_batches(dataset, [draws], workers=0)
    own = Counter[bool]()
    for draw, text, written in zip(draws, batch.texts, batch.written, strict=True):
        pair = pairs[draw.pair]
        sentences = mirrored_sentences(pair.sentences) if draw.mirrored else pair.sentences
        assert written in (text, sentences)
        if pair.normal:
            assert written == NORMAL_TEXT
        else:
            own[written == sentences] += 1
    assert round(own[True] / own.total(), 1) in shares


def test_left_and_right_are_exchanged_but_not_in_about() -> None:
    assert mirrored_sentences("左侧额叶及右枕叶，大小约5mm左右") == "右侧额叶及左枕叶，大小约5mm左右"
