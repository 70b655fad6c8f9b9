import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from selip_pretrain.volumes.content_hash import content_hash
from selip_pretrain.volumes.preprocess import VolumeRecipe, prepare
from selip_pretrain.volumes.read_volume import Source, read_volume
from selip_pretrain.volumes.volume_cache import MAX_ROUNDING_ERROR, Problem, UnusableImage, VolumeCache, prepare_all
from selip_shared.execution.processes import ProcessWorkers
from tests.pretrain.image_files import write_nifti, write_series

RECIPE = VolumeRecipe(shape=(6, 16, 16))
ANOTHER = np.random.default_rng(9).integers(0, 1000, (7, 8, 9), dtype=np.int16)


class Scanned(NamedTuple):
    image_id: str
    source: Source
    files: tuple[Path, ...]
    content_hash: str
    frames: tuple[int, ...] | None = None


def scanned(files: list[Path], source: Source = "nifti") -> Scanned:
    return Scanned(f"{files[0].parent.name}/{files[0].name}", source, tuple(files), content_hash(files))


@pytest.fixture
def image(tmp_path: Path) -> Scanned:
    return scanned([write_nifti(tmp_path / "study" / "T1.nii.gz")])


@pytest.fixture
def cache(tmp_path: Path) -> VolumeCache:
    return VolumeCache(tmp_path / "cache", RECIPE)


def entries(cache: VolumeCache) -> list[Path]:
    return sorted(cache.folder.rglob("*.safetensors"))


def prepared(image: Scanned) -> torch.Tensor:
    return prepare(read_volume(image.files, image.source), RECIPE)


def refused(cache: VolumeCache, image: Scanned) -> Problem:
    with pytest.raises(UnusableImage) as error:
        cache.get(image)
    assert image.image_id in str(error.value)
    return error.value.problem


def make_later(path: Path) -> None:
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))


def test_a_volume_is_what_was_prepared_and_is_kept(cache: VolumeCache, image: Scanned) -> None:
    first = cache.get(image)
    assert first.dtype == torch.float32
    assert first.shape == (1, *RECIPE.shape)
    wanted = prepared(image)
    assert (first - wanted).norm() <= MAX_ROUNDING_ERROR * (wanted - wanted.mean()).norm()
    assert torch.equal(first, cache.get(image))
    assert torch.equal(first, VolumeCache(cache.folder.parent, RECIPE).get(image))
    assert len(entries(cache)) == 1


def test_it_is_kept_in_bytes_where_these_are_exact_enough(cache: VolumeCache, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).random((20, 20, 12), dtype=np.float32)
    outshone = noise.copy()
    # One voxel in five hundred is far brighter than all others: a byte would leave these a few steps.
    outshone.flat[::500] = 40
    even, uneven = (
        scanned([write_nifti(tmp_path / "study" / f"{name}.nii", data)])
        for name, data in (("even", noise), ("uneven", outshone))
    )
    kinds = []
    for image, most in ((even, 1 / 510), (uneven, 2**-12)):
        assert (cache.get(image) - prepared(image)).abs().max() <= most + 1e-6
        newest = max(entries(cache), key=lambda entry: entry.stat().st_mtime_ns)
        kinds.append(load_file(newest)["volume"].dtype)
    assert kinds == [torch.uint8, torch.float16]


def test_without_its_files_the_entry_holds(cache: VolumeCache, image: Scanned) -> None:
    first = cache.get(image)
    shutil.rmtree(image.files[0].parent)
    assert torch.equal(cache.get(image), first)


def test_a_changed_file_is_noticed(cache: VolumeCache, image: Scanned) -> None:
    cache.get(image)
    write_nifti(image.files[0], ANOTHER)
    assert refused(cache, image).reason == "changed"
    scanned_again = scanned(list(image.files))
    assert torch.allclose(cache.get(scanned_again), prepared(scanned_again), atol=1 / 255)


def test_a_file_of_the_same_size_is_noticed_by_its_time(cache: VolumeCache, tmp_path: Path) -> None:
    image = scanned([write_nifti(tmp_path / "study" / "T1.nii")])
    cache.get(image)
    before = image.files[0].stat()
    write_nifti(image.files[0], ANOTHER)
    assert image.files[0].stat().st_size == before.st_size
    assert refused(cache, image).reason == "changed"


def test_a_file_that_was_only_touched_is_read_again_and_still_good(cache: VolumeCache, image: Scanned) -> None:
    first = cache.get(image)
    (entry,) = entries(cache)
    inode = entry.stat().st_ino
    make_later(image.files[0])
    assert not cache.holds(image)
    assert torch.equal(cache.get(image), first)
    assert cache.holds(image)
    assert entry.stat().st_ino != inode


def test_a_slice_that_went_missing_is_noticed(cache: VolumeCache, tmp_path: Path) -> None:
    image = scanned(write_series(tmp_path / "study"), "dicom")
    cache.get(image)
    assert cache.holds(image)
    image.files[3].unlink()
    problem = refused(cache, image)
    assert problem.reason == "missing"
    assert image.files[3].name in problem.detail


def truncate(entry: Path) -> None:
    os.truncate(entry, entry.stat().st_size // 2)


def empty(entry: Path) -> None:
    os.truncate(entry, 0)


def flip_a_bit(entry: Path) -> None:
    content = bytearray(entry.read_bytes())
    content[-100] ^= 4
    entry.write_bytes(content)


def replace_with_something_else(entry: Path) -> None:
    entry.write_bytes(b"{}" * 500)


@pytest.mark.parametrize("spoil", [truncate, empty, flip_a_bit, replace_with_something_else])
def test_a_damaged_entry_is_made_anew(cache: VolumeCache, image: Scanned, spoil: Callable[[Path], None]) -> None:
    first = cache.get(image)
    (entry,) = entries(cache)
    spoil(entry)
    assert torch.equal(cache.get(image), first)
    assert cache.holds(image)


def test_every_recipe_has_its_own_entries(cache: VolumeCache, image: Scanned) -> None:
    cache.get(image)
    other = VolumeCache(cache.folder.parent, VolumeRecipe(shape=(6, 8, 8)))
    assert other.get(image).shape == (1, 6, 8, 8)
    assert VolumeRecipe.model_validate_json((other.folder / "recipe.json").read_text(encoding="utf-8")) == other.recipe
    assert len(entries(cache)) == len(entries(other)) == 1


def test_two_images_with_the_same_bytes_do_not_unmake_each_other(cache: VolumeCache, tmp_path: Path) -> None:
    one = scanned([write_nifti(tmp_path / "one" / "T1.nii")])
    copy = tmp_path / "two" / "T1.nii"
    copy.parent.mkdir()
    shutil.copyfile(one.files[0], copy)
    two = scanned([copy])
    assert one.content_hash == two.content_hash
    cache.get(one)
    cache.get(two)
    assert cache.holds(one)
    assert cache.holds(two)


@pytest.mark.parametrize("processes", [1, 2])
def test_what_cannot_be_used_is_named_and_left_out(cache: VolumeCache, tmp_path: Path, processes: int) -> None:
    good = [scanned([write_nifti(tmp_path / f"good{number}" / "T2.nii.gz")]) for number in range(3)]
    truncated = write_nifti(tmp_path / "truncated" / "T2.nii")
    os.truncate(truncated, 600)
    nan = write_nifti(tmp_path / "nan" / "T2.nii", np.full((5, 5, 5), np.nan, np.float32))
    flat = write_nifti(tmp_path / "flat" / "T2.nii", np.zeros((8, 8), np.int16))
    moving = write_nifti(tmp_path / "moving" / "T2.nii", np.zeros((4, 4, 4, 4), np.int16))
    missing = scanned([write_nifti(tmp_path / "missing" / "T2.nii")])
    missing.files[0].unlink()
    bad = [scanned([path]) for path in (truncated, nan, flat, moving)]
    with ProcessWorkers(processes) as workers:
        usable, problems = prepare_all([good[0], *bad, good[1], missing, good[2]], cache, workers)
        assert prepare_all(good, cache, workers) == (good, [])
    assert usable == good
    assert [(problem.image_id, problem.reason) for problem in problems] == [
        ("truncated/T2.nii", "damaged"),
        ("nan/T2.nii", "not_finite"),
        ("flat/T2.nii", "not_3d"),
        ("moving/T2.nii", "not_3d"),
        ("missing/T2.nii", "missing"),
    ]


PREPARE = """
import sys
from pathlib import Path
from selip_pretrain.volumes.volume_cache import VolumeCache
from tests.pretrain.volumes.test_volume_cache import RECIPE, scanned
cache = VolumeCache(Path(sys.argv[1]), RECIPE)
print([cache.get(scanned([Path(file)])).sum().item() for file in sys.argv[2:]])
"""


def test_processes_may_prepare_the_same_volumes_at_once(cache: VolumeCache, tmp_path: Path) -> None:
    files = [write_nifti(tmp_path / f"study{number}" / "T1.nii.gz") for number in range(4)]
    command = [sys.executable, "-c", PREPARE, str(cache.folder.parent), *map(str, files)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = {process.communicate()[0] for process in running}
    assert said == {f"{[cache.get(scanned([file])).sum().item() for file in files]}\n"}
    assert len(list(cache.folder.rglob("*.*"))) == len(files) + 1


ON_A_SMALL_DISK = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=1m none "$0" && exec "$@"']
FILL = """
import sys
from pathlib import Path
from selip_pretrain.volumes.volume_cache import VolumeCache
from selip_pretrain.volumes.preprocess import VolumeRecipe
from selip_shared.errors import run_command
from tests.pretrain.volumes.test_volume_cache import scanned

def main():
    cache = VolumeCache(Path(sys.argv[1]), VolumeRecipe(shape=(24, 128, 128)))
    images = [scanned([Path(file)]) for file in sys.argv[2:]]
    try:
        for image in images:
            cache.get(image)
    finally:
        print(sum(map(cache.holds, images)), len(list(cache.folder.rglob("*.partial"))))

run_command(main)
"""


@pytest.mark.skipif(
    not shutil.which("unshare") or subprocess.run(["unshare", "-rm", "true"], check=False).returncode != 0,
    reason="a disk of its own needs user namespaces",
)
def test_a_full_disk_is_one_sentence_and_keeps_what_is_there(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    files = [str(write_nifti(tmp_path / f"study{number}" / "T1.nii.gz")) for number in range(4)]
    command = [*ON_A_SMALL_DISK, str(disk), sys.executable, "-c", FILL, str(disk), *files]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith(f"No space is left on the disk for {disk}")
    assert "Traceback" not in ended.stderr
    assert ended.stdout == "2 0\n"


def test_killed_processes_are_a_clear_error(cache: VolumeCache, tmp_path: Path) -> None:
    """The work of a process that is ended from outside, as for lack of memory.

    All images but the first are pipes, at which the processes wait: what writes to one is let in once it is being read.
    """
    command = """
import os, signal, sys, threading, time
from multiprocessing import active_children
from pathlib import Path
from selip_pretrain.volumes.volume_cache import VolumeCache, prepare_all
from selip_shared.errors import run_command
from selip_shared.execution.processes import ProcessWorkers
from tests.pretrain.volumes.test_volume_cache import RECIPE, Scanned

def is_read(pipe):
    try:
        return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return False

def kill_one():
    for pipe in sys.argv[3:]:
        while not is_read(pipe):
            time.sleep(0.01)
    os.kill(active_children()[0].pid, signal.SIGKILL)

if __name__ == "__main__":
    threading.Thread(target=kill_one, daemon=True).start()
    images = [Scanned(file, "nifti", (Path(file),), "") for file in sys.argv[2:]]
    run_command(lambda: prepare_all(images, VolumeCache(Path(sys.argv[1]), RECIPE), ProcessWorkers(2)))
"""
    pipes = [tmp_path / "first.nii", tmp_path / "second.nii"]
    for pipe in pipes:
        os.mkfifo(pipe)
    script = tmp_path / "prepare.py"
    script.write_text(command, encoding="utf-8")
    paths = [str(Path(__file__).parents[3]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    ended = subprocess.run(
        [sys.executable, script, cache.folder.parent, write_nifti(tmp_path / "T1.nii.gz"), *pipes],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("A worker process was killed, possibly out of memory")
    assert "Traceback" not in ended.stderr
