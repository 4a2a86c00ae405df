"""The face mesh with attention as an OpenVINO model (Grishchenko et al. 2020, arXiv:2006.10962).

Its file holds three operations that OpenVINO's TFLite reader doesn't have; each is put together here from ordinary
ones: Landmarks2TransformMatrix finds a region (the lips, an eye) in the coarse mesh, TransformTensorBilinear cuts the
feature map there, TransformLandmarks puts the refined points back. What none of the wanted outputs needs is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mouthpiece.errors import WeightsError

if TYPE_CHECKING:
    import openvino

MESH, SCORE, LIPS = "output_mesh_identity", "conv_faceflag", "output_lips"
EYES = ("output_left_eye", "output_right_eye")
IRISES = ("output_left_iris", "output_right_iris")
"""Names of the outputs."""

MARGIN = 1.5
"""Side of a region over the longer side of its points' box."""
SIDE, FEATURES = 16, 48
"""Cells of a region's cut-out and of the feature map, each way."""

# fmt: off
LIP_POINTS = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409, 78, 95, 88, 178, 87, 14,
    317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415, 76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306,
    184, 74, 73, 72, 11, 302, 303, 304, 408, 62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292, 183, 42, 41, 38, 12, 268,
    271, 272, 407,
)
LEFT_EYE_POINTS = (
    33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173, 130, 25, 110, 24, 23, 22, 26, 112, 243,
    247, 30, 29, 27, 28, 56, 190, 226, 31, 228, 229, 230, 231, 232, 233, 244, 113, 225, 224, 223, 222, 221, 189, 35,
    124, 46, 53, 52, 65, 143, 111, 117, 118, 119, 120, 121, 128, 245, 156, 70, 63, 105, 66, 107, 55, 193,
)
RIGHT_EYE_POINTS = (
    263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398, 359, 255, 339, 254, 253, 252, 256,
    341, 463, 467, 260, 259, 257, 258, 286, 414, 446, 261, 448, 449, 450, 451, 452, 453, 464, 342, 445, 444, 443, 442,
    441, 413, 265, 353, 276, 283, 282, 295, 372, 340, 346, 347, 348, 349, 350, 357, 465, 383, 300, 293, 334, 296, 336,
    285, 417,
)
# fmt: on
"""Mesh points of each region, in the order of its output. The first sixteen of an eye are its opening's rim."""
_REGIONS = ((LIP_POINTS, 61, 291), (LEFT_EYE_POINTS, 33, 133), (RIGHT_EYE_POINTS, 362, 263))
"""Points, and the two whose line is level in the cut-out, of each region in the order of the file's operations."""


def read_attention_mesh(path: Path, outputs: Sequence[str]) -> openvino.Model:
    """Read the model with the named outputs, in that order.

    Raises:
        RuntimeError: OpenVINO can't read the file.
        WeightsError: it is another model.
    """
    import openvino
    from openvino.frontend import ConversionExtension

    core = openvino.Core()  # of its own: the conversion counts the regions as they come
    converter = _Converter()
    for name, convert in converter.operations.items():
        core.add_extension(ConversionExtension(name, convert))
    model = core.read_model(path)
    known = {output.get_any_name(): output for output in model.outputs}
    if not set(outputs) <= known.keys():
        raise WeightsError(f"{path.name} is not the face mesh with attention; reinstall mouthpiece")
    return openvino.Model([known[name] for name in outputs], model.get_parameters(), "face_mesh")


class _Converter:
    """The three operations, each from ordinary ones; one converter reads one model."""

    def __init__(self) -> None:
        import openvino.opset13 as operations

        self._op: Any = operations
        self._regions: Iterator[tuple[tuple[int, ...], int, int]] = iter(_REGIONS)

    @property
    def operations(self) -> dict[str, Callable[[Any], list[Any]]]:
        """Return the conversions by the operations' names."""
        return {
            "Landmarks2TransformMatrix": self._region_matrix,
            "TransformTensorBilinear": self._cut_features,
            "TransformLandmarks": self._place_landmarks,
        }

    def _region_matrix(self, node: Any) -> list[Any]:
        """Convert (1, 468, 3) points to the (1, 4, 4) matrix from a region's cut-out to the crop."""
        op = self._op
        points_of, left, right = next(self._regions)
        points = op.reshape(node.get_input(0), _whole(op, 468, 3), False)
        x, y = (self._column(points, points_of, axis) for axis in (0, 1))
        across, down = (
            op.subtract(self._column(points, (right,), axis), self._column(points, (left,), axis)) for axis in (0, 1)
        )
        length = op.sqrt(op.add(op.multiply(across, across), op.multiply(down, down)))
        cos, sin = op.divide(across, length), op.negative(op.divide(down, length))
        turned = (
            op.subtract(op.multiply(x, cos), op.multiply(y, sin)),
            op.add(op.multiply(x, sin), op.multiply(y, cos)),
        )
        low = [op.reduce_min(values, _whole(op, 0), True) for values in turned]
        high = [op.reduce_max(values, _whole(op, 0), True) for values in turned]
        middle = [op.multiply(op.add(a, b), _real(op, 0.5)) for a, b in zip(low, high, strict=True)]
        scale = [op.multiply(op.subtract(b, a), _real(op, MARGIN / SIDE)) for a, b in zip(low, high, strict=True)]
        centre = (
            op.add(op.multiply(middle[0], cos), op.multiply(middle[1], sin)),
            op.subtract(op.multiply(middle[1], cos), op.multiply(middle[0], sin)),
        )
        a, b = op.multiply(cos, scale[0]), op.multiply(sin, scale[1])
        c, d = op.negative(op.multiply(sin, scale[0])), op.multiply(cos, scale[1])
        half = _real(op, SIDE / 2)
        shift_x = op.subtract(centre[0], op.multiply(op.add(a, b), half))
        shift_y = op.subtract(centre[1], op.multiply(op.add(c, d), half))
        zero, one = _real(op, [0.0]), _real(op, [1.0])
        cells = [a, b, zero, shift_x, c, d, zero, shift_y, zero, zero, one, zero, zero, zero, zero, one]
        flat = op.concat([op.reshape(cell, _whole(op, 1), False) for cell in cells], 0)
        return [op.reshape(flat, _whole(op, 1, 4, 4), False).output(0)]

    def _cut_features(self, node: Any) -> list[Any]:
        """Convert (1, 48, 48, 32) features and a matrix to the (1, 16, 16, 32) cut-out, bilinear."""
        op = self._op
        matrix = op.reshape(node.get_input(1), _whole(op, 4, 4), False)
        cells = np.arange(SIDE) + 0.5  # pixel centres lie at halves
        grid = np.stack([np.tile(cells, SIDE), np.repeat(cells, SIDE), np.zeros(SIDE**2), np.ones(SIDE**2)])
        places = op.gather(op.matmul(matrix, _real(op, grid), False, False), _whole(op, 0, 1), _axis(op, 0))
        places = op.subtract(op.multiply(places, _real(op, 2 / FEATURES)), _real(op, 1.0))
        places = op.reshape(op.transpose(places, _whole(op, 1, 0)), _whole(op, 1, SIDE, SIDE, 2), False)
        sampling = {"align_corners": False, "mode": "bilinear", "padding_mode": "zeros"}
        cut = op.grid_sample(op.transpose(node.get_input(0), _whole(op, 0, 3, 1, 2)), places, sampling)
        return [op.transpose(cut, _whole(op, 0, 2, 3, 1)).output(0)]

    def _place_landmarks(self, node: Any) -> list[Any]:
        """Convert (1, n, 2) points of a cut-out and a matrix to the same points in the crop's pixels."""
        op = self._op
        matrix = op.reshape(node.get_input(1), _whole(op, 4, 4), False)
        rows = op.gather(matrix, _whole(op, 0, 1), _axis(op, 0))
        turn = op.gather(rows, _whole(op, 0, 1), _axis(op, 1))
        shift = op.reshape(op.gather(rows, _whole(op, 3), _axis(op, 1)), _whole(op, 1, 1, 2), False)
        return [op.add(op.matmul(node.get_input(0), turn, False, True), shift).output(0)]

    def _column(self, points: Any, numbers: Sequence[int], axis: int) -> Any:
        """Pick one coordinate of some points: (468, 3) -> (n,)."""
        op = self._op
        return op.gather(op.gather(points, _whole(op, *numbers), _axis(op, 0)), _axis(op, axis), _axis(op, 1))


def _real(op: Any, value: Any) -> Any:
    return op.constant(np.asarray(value, np.float32))


def _whole(op: Any, *values: int) -> Any:
    return op.constant(np.array(values, np.int64))


def _axis(op: Any, value: int) -> Any:
    return op.constant(np.array(value, np.int64))
