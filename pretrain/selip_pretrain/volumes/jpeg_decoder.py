"""The decoder of lossless JPEG and JPEG-LS that pydicom is given: imagecodecs, whose libraries have free licences.

Of the decoders that pydicom knows, one is under the GPL and one ends the process on damaged files.
"""

import imagecodecs
import numpy as np
from pydicom.pixels.decoders.base import DecodeRunner, get_decoder
from pydicom.uid import (
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    JPEGLSTransferSyntaxes,
)

NAME = "imagecodecs"
SYNTAXES = (JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1, JPEGLSLossless, JPEGLSNearLossless)
DECODER_DEPENDENCIES = dict.fromkeys(SYNTAXES, (NAME,))
_END = b"\xff\xd9"


def is_available(uid: str) -> bool:
    """Whether there is a decoder for the transfer syntax, as pydicom asks."""
    return uid in SYNTAXES


def decode_frame(source: bytes, runner: DecodeRunner) -> bytearray:
    """The pixels of a frame (rows, columns); ValueError, or one of imagecodecs' errors, where they are damaged."""
    # The library fills what is missing with grey.
    if not source.rstrip(b"\0\xff").endswith(_END):
        raise ValueError("the end of the image is missing")
    decode = imagecodecs.jpegls_decode if runner.transfer_syntax in JPEGLSTransferSyntaxes else imagecodecs.jpeg8_decode
    # A file that claims a larger image than its header does is refused before memory is taken for it.
    image = np.empty((runner.rows, runner.columns), np.uint8 if runner.bits_stored <= 8 else np.uint16)
    decode(source, out=image)
    runner.set_option("bits_allocated", 8 * image.itemsize)
    return bytearray(image.tobytes())


def register() -> None:
    """Make the decoder known to pydicom."""
    for syntax in SYNTAXES:
        decoder = get_decoder(syntax)
        if NAME not in decoder.available_plugins:
            decoder.add_plugin(NAME, (__name__, "decode_frame"))
