"""Prepared volumes on disk: prepared once, mapped into memory, shared between processes, never stale.

An entry belongs to an image, the content of its files and the recipe, and stores size and modification time of the
files. Where these differ, or the entry is damaged, the volume is prepared again; files with another content than when
they were scanned are refused. An entry whose files are all missing stays valid.
"""

import json
import math
import shutil
import sys
import time
import zlib
from collections.abc import Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import NamedTuple, Protocol, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from selip_pretrain.volumes.content_hash import content_hash
from selip_pretrain.volumes.preprocess import VolumeRecipe, prepare
from selip_pretrain.volumes.read_volume import Source, VolumeError, read_volume
from selip_shared.errors import SelipError
from selip_shared.execution.base import Workers
from selip_shared.execution.progress import progress, rough_duration
from selip_shared.files import write_bytes, write_text
from selip_shared.messages.console import say

MAX_NAMED_IMAGES = 10

MIN_ESTIMATED = 30
"""With fewer volumes to prepare, their time is not estimated."""

MAX_ROUNDING_ERROR = 0.01
"""A volume is stored as uint8 where the error is at most this share of its standard deviation (root mean squares)."""


class ScannedImage(Protocol):
    """What the cache needs to know of an image: a row of `images` or `pairs`."""

    @property
    def image_id(self) -> str:
        """Its id."""

    @property
    def source(self) -> Source:
        """The format of its files."""

    @property
    def files(self) -> tuple[Path, ...]:
        """Its files in order."""

    @property
    def content_hash(self) -> str:
        """The hash of their content when they were scanned."""

    @property
    def frames(self) -> tuple[int, ...] | None:
        """The frames of DICOM files that are the image; None for all."""


Image = TypeVar("Image", bound=ScannedImage)


class Problem(NamedTuple):
    """An image that cannot be used; `reason` as in excluded_images, or changed or missing since it was scanned."""

    image_id: str
    reason: str
    detail: str


class UnusableImage(SelipError):
    """An image that cannot be used, and why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        name, reason, detail = self.problem
        return f"The image {name} cannot be used ({reason}: {detail}): correct its files and run selip-scan again."


class VolumeCache:
    """The prepared volumes of a recipe, in a subfolder of `folder`; several processes may share it."""

    def __init__(self, folder: Path, recipe: VolumeRecipe) -> None:
        self.recipe = recipe
        self.folder = folder / recipe.key
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SelipError(
                f"The folder {folder} for prepared volumes cannot be created ({error.strerror}): name another one."
            ) from error
        write_text(self.folder / "recipe.json", recipe.model_dump_json(indent=1) + "\n")

    def get(self, image: ScannedImage) -> Tensor:
        """Float32 (1, D, H, W) in 0..1, prepared now where no entry is valid; UnusableImage where it cannot be."""
        stored = self._entry(image)
        if stored is None:
            stored = self._new_entry(image)
        return stored.float().div_(255) if stored.dtype == torch.uint8 else stored.float()

    def bytes_needed(self, volumes: int) -> int:
        """At least so much is needed for so many volumes, which are stored in one or two bytes a voxel."""
        return volumes * math.prod(self.recipe.shape)

    def check_space(self, volumes: int) -> None:
        """SelipError where the disk has no room for so many further volumes."""
        needed, free = self.bytes_needed(volumes), shutil.disk_usage(self.folder).free
        if needed > free:
            raise SelipError(
                f"{volumes:,} prepared volumes need at least {needed / 1e9:,.1f} GB, and {self.folder} has"
                f" {free / 1e9:,.1f} GB: name a folder on another disk with --cache."
            )

    def holds(self, image: ScannedImage) -> bool:
        """Whether there is a valid entry, so that `get` only reads it."""
        return self._entry(image) is not None

    def _entry(self, image: ScannedImage) -> Tensor | None:
        """The stored volume; None where there is none, or where it is damaged or stale."""
        try:
            with safe_open(self._path(image), framework="pt") as entry:
                metadata = entry.metadata()
                stored: Tensor = entry.get_tensor("volume")
        except (SafetensorError, OSError):
            return None
        if metadata["checksum"] != _checksum(stored) or not _is_current(
            json.loads(metadata["files"]), _stamps(image.files)
        ):
            return None
        return stored

    def _new_entry(self, image: ScannedImage) -> Tensor:
        # Before the files are read, so that a change in between is noticed the next time.
        stamps = _stamps(image.files)
        stored = _rounded(self._prepared(image))
        path = self._path(image)
        try:
            path.parent.mkdir(exist_ok=True)
            write_bytes(path, save({"volume": stored}, {"files": json.dumps(stamps), "checksum": _checksum(stored)}))
        except OSError as error:
            error.filename = error.filename or str(path)
            raise
        return stored

    def _prepared(self, image: ScannedImage) -> Tensor:
        try:
            if content_hash(image.files) != image.content_hash:
                raise UnusableImage(Problem(image.image_id, "changed", "its files changed since they were scanned"))
            return prepare(read_volume(image.files, image.source, image.frames), self.recipe)
        except VolumeError as error:
            raise UnusableImage(Problem(image.image_id, error.reason, error.detail)) from error
        except OSError as error:
            raise UnusableImage(Problem(image.image_id, "missing", f"{error.filename}: {error.strerror}")) from error

    def _path(self, image: ScannedImage) -> Path:
        # Two images with the same content have an entry each, since their files may change separately.
        name = sha256(f"{image.image_id}\n{image.content_hash}".encode()).hexdigest()
        return self.folder / name[:2] / f"{name}.safetensors"


def prepare_all(images: Sequence[Image], cache: VolumeCache, workers: Workers) -> tuple[list[Image], list[Problem]]:
    """Prepare the volumes that are not cached; the usable images in their order, and the problems of the others.

    With many, a few are prepared first and the time that the others will take is printed on stderr. SelipError where
    the disk has no room for them.
    """
    problems: dict[str, Problem] = {}
    with progress("volumes", len(images)) as advance:
        pending = []
        for image in images:
            if cache.holds(image):
                advance(1)
            else:
                pending.append(image)
        cache.check_space(len(pending))
        if len(pending) >= MIN_ESTIMATED:
            _print_estimate(pending, cache, workers.count)
        for problem in workers.map(partial(_problem, cache), pending):
            advance(1)
            if problem is not None:
                problems[problem.image_id] = problem
    return [image for image in images if image.image_id not in problems], list(problems.values())


def _print_estimate(pending: Sequence[Image], cache: VolumeCache, workers: int) -> None:
    """Prepare three of the volumes, spread over all, and print how long the others will take."""
    seconds = []
    for image in (pending[len(pending) * part // 6] for part in (1, 3, 5)):
        began = time.perf_counter()
        _problem(cache, image)
        seconds.append(time.perf_counter() - began)
    # The median, since the first one waits for libraries to be loaded, and one may be unusable.
    needed = rough_duration(median(seconds) * len(pending) / workers)
    gigabytes = cache.bytes_needed(len(pending)) / 1e9
    say(
        f"{len(pending):,} volumes are to be prepared: about {needed} (workers: {workers}) and at least"
        f" {gigabytes:,.1f} GB in {cache.folder}.",
        sys.stderr,
    )


def print_problems(problems: Sequence[Problem]) -> None:
    """Print on stderr which images are left out and why."""
    if not problems:
        return
    say(f"{len(problems):,} images are left out:", sys.stderr)
    for name, reason, detail in problems[:MAX_NAMED_IMAGES]:
        say(f"  {name}: {reason}, {detail}", sys.stderr)
    if len(problems) > MAX_NAMED_IMAGES:
        say(f"  and {len(problems) - MAX_NAMED_IMAGES:,} more", sys.stderr)


def _problem(cache: VolumeCache, image: ScannedImage) -> Problem | None:
    try:
        cache.get(image)
    except UnusableImage as error:
        return error.problem
    return None


def _rounded(volume: Tensor) -> Tensor:
    """As uint8 where that is exact enough, else as float16."""
    as_bytes = volume.mul(255).round_().to(torch.uint8)
    error = as_bytes.float().div_(255).sub_(volume)
    return as_bytes if error.norm() <= MAX_ROUNDING_ERROR * (volume - volume.mean()).norm() else volume.half()


def _checksum(stored: Tensor) -> str:
    return f"{zlib.crc32(stored.numpy().data):08x}"


def _stamps(files: Sequence[Path]) -> list[list[int] | None]:
    """Size in bytes and modification time in ns of each file, None where it is missing."""
    return [_stamp(file) for file in files]


def _stamp(file: Path) -> list[int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]


def _is_current(stored: list[list[int] | None], now: list[list[int] | None]) -> bool:
    """Whether the files are unchanged, or all missing."""
    return now == stored or not any(now)
