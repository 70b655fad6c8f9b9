"""Lossless JPEG and JPEG-LS are decoded exactly, and damaged images are refused."""

import random
import struct
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID, JPEGLossless, JPEGLosslessSV1, JPEGLSLossless

from selip_pretrain.volumes import jpeg_decoder

ROWS, COLUMNS = 37, 29
FRAME_HEADER = {JPEGLosslessSV1: b"\xff\xc3", JPEGLSLossless: b"\xff\xf7"}


def stored(bits: int) -> npt.NDArray[Any]:
    return np.random.default_rng(0).integers(0, 2**bits, (ROWS, COLUMNS)).astype(np.uint8 if bits <= 8 else np.uint16)


def encoded(syntax: UID, values: npt.NDArray[Any], bits: int) -> bytes:
    if syntax == JPEGLSLossless:
        return bytes(imagecodecs.jpegls_encode(values))
    predictor = 1 if syntax == JPEGLosslessSV1 else 6
    return bytes(imagecodecs.jpeg8_encode(values, lossless=True, bitspersample=bits, predictor=predictor))


def decoded(syntax: UID, image: bytes, bits: int, signed: bool = False) -> npt.NDArray[Any]:
    jpeg_decoder.register()
    decoder: Any = get_decoder(syntax)
    values: npt.NDArray[Any] = decoder.as_array(
        encapsulate([image]),
        decoding_plugin=jpeg_decoder.NAME,
        rows=ROWS,
        columns=COLUMNS,
        bits_allocated=16 if bits > 8 else 8,
        bits_stored=bits,
        pixel_representation=int(signed),
        samples_per_pixel=1,
        photometric_interpretation="MONOCHROME2",
        number_of_frames=1,
        pixel_keyword="PixelData",
    )[0]
    return values


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("syntax", [JPEGLosslessSV1, JPEGLossless, JPEGLSLossless])
def test_every_precision_is_exact(syntax: UID, bits: int) -> None:
    values = stored(bits)
    np.testing.assert_array_equal(decoded(syntax, encoded(syntax, values, bits), bits), values)


@pytest.mark.parametrize("syntax", [JPEGLosslessSV1, JPEGLSLossless])
def test_signed_values_keep_their_sign(syntax: UID) -> None:
    values = stored(16)
    np.testing.assert_array_equal(decoded(syntax, encoded(syntax, values, 16), 16, signed=True), values.view(np.int16))


@pytest.mark.parametrize("syntax", FRAME_HEADER)
def test_what_is_missing_or_too_large_is_refused(syntax: UID) -> None:
    whole = encoded(syntax, stored(12), 12)
    size = whole.index(FRAME_HEADER[syntax]) + 5
    huge = whole[:size] + struct.pack(">HH", 65_000, 65_000) + whole[size + 4 :]
    for image in (huge, whole[:-400], whole[:20], b""):
        with pytest.raises((RuntimeError, ValueError)):
            decoded(syntax, image, 12)


@pytest.mark.parametrize("syntax", FRAME_HEADER)
def test_random_damage_ends_no_process(syntax: UID) -> None:
    whole, rng = encoded(syntax, stored(12), 12), random.Random(0)
    for _ in range(300):
        damaged = bytearray(whole)
        start = rng.randrange(len(whole))
        damaged[start : start + 8] = rng.randbytes(8)
        try:
            assert decoded(syntax, bytes(damaged), 12).shape == (ROWS, COLUMNS)
        except (RuntimeError, ValueError):
            continue
