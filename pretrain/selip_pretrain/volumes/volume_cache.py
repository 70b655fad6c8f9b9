"""Prepared volumes on disk: made once, mapped into memory, shared between processes, never stale.

An entry stands for an image, the bytes of its files and the recipe, and remembers size and time of these files. Where
they are no longer the same, or the entry itself is damaged, it is made anew; files with other bytes than were scanned
are refused. An entry whose files are all gone still holds: nothing newer is there.
"""

import json
import sys
import zlib
from collections.abc import Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from selip_pretrain.volumes.content_hash import content_hash
from selip_pretrain.volumes.preprocess import VolumeRecipe, prepare
from selip_pretrain.volumes.read_volume import Source, VolumeError, read_volume
from selip_shared.errors import SelipError
from selip_shared.files import write_bytes, write_text
from selip_shared.processes import Workers
from selip_shared.progress import progress

SHOWN = 10
"""How many images that are left out are named."""

MOST_ROUNDING = 0.01
"""A volume is kept in bytes where that changes it by at most this share of its intensities' standard deviation."""


class ScannedImage(Protocol):
    """What the cache must know of an image: a row of `images` or `pairs`."""

    @property
    def image_id(self) -> str:
        """Its name."""

    @property
    def source(self) -> Source:
        """Which kind of files it is in."""

    @property
    def files(self) -> tuple[Path, ...]:
        """Its files in order."""

    @property
    def content_hash(self) -> str:
        """Hash of their bytes when they were scanned."""


Image = TypeVar("Image", bound=ScannedImage)


class Problem(NamedTuple):
    """An image that cannot be used; `reason` as in excluded_images, or changed or missing since it was scanned."""

    image_id: str
    reason: str
    detail: str


class UnusableImage(SelipError):
    """Says which image cannot be used and why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        name, reason, detail = self.problem
        return f"The image {name} cannot be used ({reason}: {detail}): put its files right and run selip-scan again."


class VolumeCache:
    """The prepared volumes of one recipe, in a folder of their own under `folder`; several processes may share it."""

    def __init__(self, folder: Path, recipe: VolumeRecipe) -> None:
        self.recipe = recipe
        self.folder = folder / recipe.key
        self.folder.mkdir(parents=True, exist_ok=True)
        write_text(self.folder / "recipe.json", recipe.model_dump_json(indent=1) + "\n")

    def get(self, image: ScannedImage) -> Tensor:
        """Float32 (1, D, H, W) in 0..1, prepared now where no entry holds; UnusableImage where it cannot be."""
        kept = self._entry(image)
        if kept is None:
            kept = self._made(image)
        return kept.float().div_(255) if kept.dtype == torch.uint8 else kept.float()

    def holds(self, image: ScannedImage) -> bool:
        """Whether an entry holds, so that `get` only reads it."""
        return self._entry(image) is not None

    def _entry(self, image: ScannedImage) -> Tensor | None:
        """What is kept of the image; None where nothing is, or where it is damaged or stale."""
        try:
            with safe_open(self._path(image), framework="pt") as entry:
                metadata = entry.metadata()
                kept: Tensor = entry.get_tensor("volume")
        except (SafetensorError, OSError):
            return None
        if metadata["checksum"] != _checksum(kept) or not _same(json.loads(metadata["files"]), _stamps(image.files)):
            return None
        return kept

    def _made(self, image: ScannedImage) -> Tensor:
        # Taken before the files are read: what changes meanwhile is noticed the next time.
        stamps = _stamps(image.files)
        kept = _rounded(self._prepared(image))
        path = self._path(image)
        try:
            path.parent.mkdir(exist_ok=True)
            write_bytes(path, save({"volume": kept}, {"files": json.dumps(stamps), "checksum": _checksum(kept)}))
        except OSError as error:
            error.filename = error.filename or str(path)
            raise
        return kept

    def _prepared(self, image: ScannedImage) -> Tensor:
        try:
            if content_hash(image.files) != image.content_hash:
                raise UnusableImage(Problem(image.image_id, "changed", "its files are not those that were scanned"))
            return prepare(read_volume(image.files, image.source), self.recipe)
        except VolumeError as error:
            raise UnusableImage(Problem(image.image_id, error.reason, error.detail)) from error
        except OSError as error:
            raise UnusableImage(Problem(image.image_id, "missing", f"{error.filename}: {error.strerror}")) from error

    def _path(self, image: ScannedImage) -> Path:
        # Of two images with the same bytes each has its own entry: their files change apart.
        name = sha256(f"{image.image_id}\n{image.content_hash}".encode()).hexdigest()
        return self.folder / name[:2] / f"{name}.safetensors"


def prepare_all(images: Sequence[Image], cache: VolumeCache, processes: int) -> tuple[list[Image], list[Problem]]:
    """Prepare what the cache does not hold yet; the images that can be used, in their order, and why others cannot."""
    problems: dict[str, Problem] = {}
    with progress("volumes", len(images)) as advance:
        to_do = []
        for image in images:
            if cache.holds(image):
                advance(1)
            else:
                to_do.append(image)
        # Each worker process uses one thread.
        with Workers(min(processes, len(to_do)), torch.set_num_threads, (1,)) as workers:
            for problem in workers.map(partial(_problem, cache), to_do):
                advance(1)
                if problem is not None:
                    problems[problem.image_id] = problem
    return [image for image in images if image.image_id not in problems], list(problems.values())


def print_problems(problems: Sequence[Problem]) -> None:
    """On stderr, which images are left out and why."""
    if not problems:
        return
    print(f"{len(problems):,} images are left out:", file=sys.stderr)
    for name, reason, detail in problems[:SHOWN]:
        print(f"  {name}: {reason}, {detail}", file=sys.stderr)
    if len(problems) > SHOWN:
        print(f"  and {len(problems) - SHOWN:,} more", file=sys.stderr)


def _problem(cache: VolumeCache, image: ScannedImage) -> Problem | None:
    try:
        cache.get(image)
    except UnusableImage as error:
        return error.problem
    return None


def _rounded(volume: Tensor) -> Tensor:
    """In bytes where these are exact enough, else in half precision."""
    in_bytes = volume.mul(255).round_().to(torch.uint8)
    error = in_bytes.float().div_(255).sub_(volume)
    return in_bytes if error.norm() <= MOST_ROUNDING * (volume - volume.mean()).norm() else volume.half()


def _checksum(kept: Tensor) -> str:
    return f"{zlib.crc32(kept.numpy().data):08x}"


def _stamps(files: Sequence[Path]) -> list[list[int] | None]:
    """Size and time of each file, None where it is gone."""
    return [_stamp(file) for file in files]


def _stamp(file: Path) -> list[int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]


def _same(then: list[list[int] | None], now: list[list[int] | None]) -> bool:
    return now == then or not any(now)
