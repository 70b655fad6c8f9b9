import hashlib
import platform
from pathlib import Path

import pytest

from selip_shared.provenance import code_hash, environment, file_hash, folder_hash


def test_file_hash_is_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert file_hash(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


def model_folder(folder: Path) -> Path:
    (folder / "sub").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "sub" / "weights").write_bytes(b"\0\1")
    return folder


def test_folder_hash_depends_on_names_and_bytes_alone(tmp_path: Path) -> None:
    here, there = model_folder(tmp_path / "here"), model_folder(tmp_path / "there")
    assert folder_hash(here) == folder_hash(there)
    (there / "sub" / "weights").write_bytes(b"\0\2")
    assert folder_hash(here) != folder_hash(there)
    (here / "config.json").rename(here / "configuration.json")
    assert folder_hash(here) != folder_hash(model_folder(tmp_path / "again"))


def test_code_hash_changes_with_the_packages() -> None:
    assert code_hash(["selip_shared"]) == code_hash(["selip_shared"])
    assert code_hash(["selip_shared"]) != code_hash(["selip_shared", "selip_contracts"])


def test_code_hash_changes_with_the_data_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "package_with_words"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "words.toml").write_text("words = []")
    monkeypatch.syspath_prepend(tmp_path)
    before = code_hash([package.name])
    (package / "weights.bin").write_bytes(b"0")
    assert code_hash([package.name]) == before
    (package / "words.toml").write_text("words = [1]")
    assert code_hash([package.name]) != before


def test_environment_says_what_is_absent() -> None:
    versions = environment(["selip", "no-such-distribution"])
    assert versions["python"] == platform.python_version()
    assert versions["selip"] == "0.1.0"
    assert versions["no-such-distribution"] == "absent"
