import subprocess
import sys
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
from torch import Tensor

from selip_contracts.statements import NORMAL_TEXT
from selip_downstream.cli.explain import main
from selip_downstream.explanation.head_drawings import SLICES, draw_cosines, draw_support, strongest_slices
from selip_downstream.explanation.occlusion import (
    check_statements,
    head_of,
    likenesses,
    nearest_statements,
    support,
    windows,
)
from selip_downstream.explanation.statement_labels import statement_labels
from selip_pretrain.model.selip_model import SelipModel
from selip_pretrain.volumes.preprocess import grid_of, prepare
from selip_pretrain.volumes.read_volume import read_volume
from selip_shared.chinese_font import chinese_font
from selip_shared.errors import SelipError
from tests.commands import command
from tests.downstream.oracle_model import LEFT, RIGHT, head, seeing_model
from tests.pretrain.image_files import write_nifti, write_series
from tests.pretrain.small_cohort import AFFINE, RECIPE, SHAPE, small_configuration

# nibabel is typed in part
load: Any = nib.load


@pytest.fixture(scope="module")
def seeing() -> SelipModel:
    return seeing_model()


@pytest.fixture(scope="module")
def untrained() -> SelipModel:
    return SelipModel.build(small_configuration(), [LEFT]).train(False)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_nifti(tmp_path_factory.mktemp("image") / "DWI.nii.gz", head(), AFFINE)


@pytest.fixture(scope="module")
def image(file: Path) -> Tensor:
    return prepare(read_volume([file], "nifti"), RECIPE)


def test_the_map_lies_where_the_model_looks_and_nowhere_else(seeing: SelipModel, image: Tensor) -> None:
    heard: list[int] = []
    (found,) = support(seeing, image, "DWI", [LEFT], heard.append)
    depth, height, width = found.shape
    z, y, x = np.unravel_index(int(found.argmax()), found.shape)
    assert z >= depth // 2
    assert y < height // 2
    assert x >= width // 2
    assert found[: depth // 4].abs().max() < 1e-6
    assert found[..., : width // 4].abs().max() < 1e-6
    assert found[~head_of(image)].abs().max() == 0
    assert sum(heard) == len(windows(head_of(image)))
    assert set(strongest_slices(found, 2)) <= set(range(depth // 2, depth))


def test_the_map_is_the_mean_fall_of_the_lead_over_the_windows_that_hold_a_voxel(
    untrained: SelipModel, image: Tensor
) -> None:
    texts = [LEFT, RIGHT]
    maps = support(untrained, image, "DWI", texts, lambda _: None).numpy()
    head, usual = head_of(image), image[0][head_of(image)].median()

    def leads(volume: Tensor) -> np.ndarray[Any, np.dtype[np.float64]]:
        with torch.no_grad():
            own = untrained.embed_images(volume[None], torch.tensor([3])).double()[0]
            normal, *asked = untrained.embed_texts([NORMAL_TEXT, *texts]).double()
        return np.array([float(own @ text - own @ normal) for text in asked])

    falls = []
    for window in windows(head):
        hidden = image.clone()
        hidden[0][window] = torch.where(head[window], usual, hidden[0][window])
        falls.append(leads(image) - leads(hidden))
    for voxel in ((4, 16, 16), (2, 10, 20), (6, 20, 9)):
        holding = [
            fall
            for fall, window in zip(falls, windows(head), strict=True)
            if all(part.start <= place < part.stop for part, place in zip(window, voxel, strict=True))
        ]
        assert head[voxel]
        assert maps[(slice(None), *voxel)] == pytest.approx(np.mean(holding, axis=0), abs=1e-6)


def test_every_voxel_of_the_head_is_in_a_window(image: Tensor) -> None:
    covered = torch.zeros(head_of(image).shape, dtype=torch.bool)
    for window in windows(head_of(image)):
        covered[window] = True
    assert (head_of(image) & ~covered).float().mean() < 0.02


def test_statements_come_by_falling_cosine(seeing: SelipModel, image: Tensor) -> None:
    found = likenesses(seeing, image, "DWI", [RIGHT, LEFT, NORMAL_TEXT])
    with torch.no_grad():
        embedded = seeing.embed_images(image[None], torch.tensor([3]))[0]
        expected = {text: float(embedded @ seeing.embed_texts([text])[0]) for text, _ in found}
    assert [text for text, _ in found] == sorted(expected, key=lambda text: -expected[text])
    assert [cosine for _, cosine in found] == pytest.approx([expected[text] for text, _ in found], abs=1e-5)


def test_the_nearest_places_come_once_each_with_the_normal_text(untrained: SelipModel, image: Tensor) -> None:
    texts = nearest_statements(untrained, image, "T1CE", 5)
    assert len(texts) == 6
    assert texts[-1] == NORMAL_TEXT
    places = {text.split("表现为")[0] for text in texts[:-1]}
    assert len(places) == 5
    assert all("强化" in text for text in texts[:-1])


@pytest.mark.parametrize(
    ("text", "modality", "said"),
    [
        ("在左侧天堂表现为高信号", "T2", "天堂 in 在左侧天堂表现为高信号 is not a site of the vocabulary"),
        ("在左侧基底节表现为高信号", "T2", "高信号, and name the site 基底节区"),
        ("在左侧额叶表现为环形强化", "T2", "环形强化 is not an appearance on T2"),
        ("左额叶高信号", "T2", "左额叶高信号 is not the statement of a finding"),
    ],
)  # fmt: skip
def test_a_word_that_is_no_statements_is_named(text: str, modality: Any, said: str) -> None:
    with pytest.raises(SelipError, match=said):
        check_statements([LEFT, text] if modality == "T2" else [text], modality)


def explain(*arguments: object) -> subprocess.CompletedProcess[str]:
    code = "from selip_downstream.cli.explain import main; main()"
    return subprocess.run([sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
                          capture_output=True, text=True, check=False)  # fmt: skip


def test_the_command_writes_bars_and_maps_in_the_voxels_of_the_image(
    untrained: SelipModel, file: Path, tmp_path: Path
) -> None:
    untrained.save_pretrained(tmp_path / "soft")
    out = tmp_path / "new" / "out"
    ran = explain(file, RIGHT, LEFT, NORMAL_TEXT, "--checkpoint", tmp_path / "soft", "--modality", "DWI", "--out", out)
    assert ran.returncode == 0, ran.stderr
    rows = [line.split() for line in ran.stdout.splitlines() if "0." in line]
    assert [row[0] for row in rows] == ["1", "2", "3"]
    numbers = {row[1]: row[0] for row in rows}
    mapped = sorted(numbers[text] for text in (LEFT, RIGHT))
    assert sorted(path.name for path in out.iterdir()) == sorted(
        ["cosines.png", *(f"{number}.{form}" for number in mapped for form in ("png", "nii.gz"))]
    )
    (maps,) = support(untrained, prepare(read_volume([file], "nifti"), RECIPE), "DWI", [LEFT], lambda _: None)
    written = load(out / f"{numbers[LEFT]}.nii.gz")
    assert written.shape == SHAPE
    assert written.affine == pytest.approx(AFFINE)
    volume = read_volume([file], "nifti")
    on_grid = np.unravel_index(int(maps.argmax()), maps.shape)
    strongest = grid_of(volume, RECIPE).affine @ [*on_grid, 1]
    in_file = np.round(np.linalg.inv(AFFINE) @ strongest).astype(int)[:3]
    values = written.get_fdata()
    assert values[tuple(in_file)] > np.quantile(values, 0.99)


def test_a_dicom_series_is_explained_without_statements(
    untrained: SelipModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    untrained.save_pretrained(tmp_path / "soft")
    write_series(tmp_path / "series", head().astype(np.int16))
    run = command(main, monkeypatch, capsys)
    out = tmp_path / "out"
    code, said, progress = run(
        tmp_path / "series", "--checkpoint", tmp_path / "soft", "--modality", "DWI", "--out", out
    )
    assert code == 0, progress
    assert "信号" in said
    assert len(list(out.glob("*.nii.gz"))) == 10


def test_what_cannot_be_explained_is_said_in_a_sentence(
    untrained: SelipModel,
    file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    untrained.save_pretrained(tmp_path / "soft")
    run = command(main, monkeypatch, capsys)
    cut = tmp_path / "cut.nii.gz"
    cut.write_bytes(file.read_bytes()[:2000])
    (tmp_path / "empty").mkdir()
    (tmp_path / "taken").write_text("")
    usual = {"--checkpoint": tmp_path / "soft", "--modality": "DWI", "--out": tmp_path / "out"}
    for image, changed, said in (
        (cut, {}, "cut.nii.gz cannot be used: cut.nii.gz is truncated or its bytes were changed; name another file."),
        (tmp_path / "none.nii", {}, "There is no"),
        (tmp_path / "empty", {}, "There is no file in"),
        (file, {"--modality": "T9"}, "There is no sequence T9"),
        (file, {"--modality": "T1,T2"}, "one sequence"),
        (file, {"--checkpoint": tmp_path / "absent"}, "absent"),
        (file, {"--out": tmp_path / "taken"}, "cannot be made (File exists)"),
    ):
        options = [part for pair in (usual | changed).items() for part in pair]
        code, _, complaint = run(image, *options)
        assert code == 1
        assert said in complaint
        assert len(complaint.splitlines()) == 1
    code, _, complaint = run(file, "在左侧天堂表现为高信号", *[part for pair in usual.items() for part in pair])
    assert (code, complaint.splitlines()[0][:2]) == (1, "天堂")


def test_without_a_chinese_font_it_is_said_and_drawn_in_english(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from matplotlib import font_manager

    latin = [font.fname for font in font_manager.fontManager.ttflist if font.name == "DejaVu Sans"]
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: latin)
    with statement_labels() as label_of:
        assert label_of(LEFT, "T2") == "left frontal lobe hyperintense"
    assert "No font with Chinese characters is installed" in capsys.readouterr().err


def test_drawings_show_every_character(image: Tensor, seeing: SelipModel) -> None:
    from matplotlib import pyplot

    if chinese_font() is None:
        pytest.skip("no font with Chinese characters is installed")
    with statement_labels() as label_of:
        # A character that no font has is a warning, and so an error here.
        bars = draw_cosines(likenesses(seeing, image, "DWI", [LEFT, NORMAL_TEXT]), "DWI", label_of)
        bars.canvas.draw()
        (maps,) = support(seeing, image, "DWI", [LEFT], lambda _: None)
        slices = draw_support(image, maps, label_of(LEFT, "DWI"))
        slices.canvas.draw()
        nothing = draw_support(image, -maps.abs(), label_of(LEFT, "DWI"))
    assert bars.axes[0].get_yticklabels()[0].get_text() in (LEFT, NORMAL_TEXT[:29] + "…")
    marks = [text.get_text() for text in slices.axes[0].texts]
    assert marks == ["R", "L"]
    panels = slices.axes[: 2 * SLICES]
    assert [len(axes.images) for axes in panels] == [1] * SLICES + [2] * SLICES
    assert [axes.get_title() for axes in panels[:SLICES]] == [axes.get_title() for axes in panels[SLICES:]]
    title = nothing.get_suptitle()
    assert title.endswith("no voxel supports it")
    pyplot.close("all")
