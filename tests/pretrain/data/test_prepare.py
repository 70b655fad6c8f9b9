import re
import shutil
from pathlib import Path

import pytest

from selip_pretrain.cli.prepare import main
from selip_pretrain.data.cohort import prepare_cohort, read_cohort
from selip_pretrain.volumes.volume_cache import VolumeCache
from selip_shared.errors import SelipError
from tests.commands import command
from tests.pretrain.small_cohort import RECIPE, small_configuration, write_cohort


def test_what_was_prepared_needs_no_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    db, config = write_cohort(tmp_path, 40), tmp_path / "config.json"
    config.write_text(small_configuration().json_text(), encoding="utf-8")
    run = command(main, monkeypatch, capsys)
    code, said, told = run("--db", db, "--config", config, "--workers", 1)
    assert code == 0
    # Said before the others are prepared: the last line is that of the progress.
    assert re.fullmatch(
        r"40 volumes are to be prepared: about [\d.,]+ (min|h) \(workers: 1\) and at least 0.0 GB in .*",
        told.splitlines()[0],
    )
    assert told.splitlines()[-1].startswith("40/40 volumes")
    assert "to be prepared" not in run("--db", db, "--config", config, "--workers", 1)[2]
    assert said.startswith(f"40 of 40 volumes are prepared in {tmp_path / 'selip-volumes'}")
    shutil.rmtree(tmp_path / "images")
    cohort = read_cohort(db, seed=0)
    assert prepare_cohort(cohort, VolumeCache(tmp_path / "selip-volumes", RECIPE)) == cohort


def test_the_shares_of_the_splits_can_be_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    db, config = write_cohort(tmp_path, 40), tmp_path / "config.json"
    config.write_text(small_configuration().json_text(), encoding="utf-8")
    run = command(main, monkeypatch, capsys)
    words = ("--db", db, "--config", config, "--workers", 1, "--shares")
    assert run(*words, "0.5,0.5")[::2] == (
        1,
        "0.5,0.5 are not the shares of three splits: write e.g. --shares 0.7,0.1,0.2.\n",
    )
    assert run(*words, "0.5,0.3,0.3")[0] == 1
    code, said, _ = run(*words, "0.25,0.25,0.5")
    assert code == 0
    found = re.search(r"patients: (\d+) train, (\d+) validation, (\d+) test", said)
    assert found is not None
    train, validation, test = map(int, found.groups())
    assert (train + validation + test, test > train, test > validation) == (40, True, True)


def test_a_database_or_a_cache_that_cannot_be_is_one_sentence_and_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, file = command(main, monkeypatch, capsys), tmp_path / "file"
    code, _, said = run("--db", tmp_path / "nowhere.duckdb", "--cache", tmp_path / "volumes")
    assert (code, said.count("\n")) == (1, 1)
    assert said.startswith(f"There is no database {tmp_path / 'nowhere.duckdb'}: ")
    assert not list(tmp_path.iterdir())
    file.touch()
    code, _, said = run("--db", write_cohort(tmp_path, 3), "--cache", file)
    assert (code, said) == (
        1,
        f"The folder {file} for prepared volumes cannot be created (Not a directory): name another one.\n",
    )


def test_volumes_that_the_disk_has_no_room_for_are_refused(tmp_path: Path) -> None:
    cache = VolumeCache(tmp_path, RECIPE)
    with pytest.raises(SelipError, match=r"need at least .* GB, and .* has .* GB: name a folder on another disk"):
        cache.check_space(10**15)
    cache.check_space(10)
