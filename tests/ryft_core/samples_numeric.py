"""Samples of special functions, complex numbers, bits, convolution, windows, factorizations and transforms."""

from __future__ import annotations

from typing import Any

import numpy
from samples import Sample, distinct, numbers, sample

from ryft_core.primitives import bits, complex_numbers, special_functions
from ryft_core.primitives.convolution import ConvDimensionNumbers, Convolution
from ryft_core.primitives.fourier import FourierTransform
from ryft_core.primitives.matrix_factorizations import Cholesky, TriangularSolve
from ryft_core.primitives.windows import (
    ReduceWindowMaximum,
    ReduceWindowMinimum,
    ReduceWindowProduct,
    ReduceWindowSum,
    SelectAndGather,
    SelectAndScatter,
)

CHLO = {"interpreter": "the reference interpreter does not evaluate CHLO"}
NO_REFERENCE = {"reference": "NumPy has no such function; test_special_functions compares with SciPy", **CHLO}
WINDOWS = {"interpreter": "the reference interpreter takes minutes for windows of several operands"}

SAMPLES: list[Sample] = []


def special(primitive: Any, *ranges: tuple[float, float], without: Any = CHLO, **options: Any) -> None:
    """Adds samples of a primitive for operands in `ranges`, in double and single precision."""
    for dtype in ("float64", "float32"):
        operands = [numbers((2, 3), dtype, low, high, seed) for seed, (low, high) in enumerate(ranges)]
        if "tolerance" not in options or dtype == "float64":
            SAMPLES.append(sample(primitive, *operands, without=without, **options))


special(special_functions.ArcSine(), (-0.9, 0.9))
special(special_functions.ArcCosine(), (-0.9, 0.9))
special(special_functions.ArcTangent(), (-3, 3))
special(special_functions.HyperbolicSine(), (-2, 2))
special(special_functions.HyperbolicCosine(), (-2, 2))
special(special_functions.ArcHyperbolicSine(), (-2, 2))
special(special_functions.ArcHyperbolicCosine(), (1.2, 3))
special(special_functions.ArcHyperbolicTangent(), (-0.9, 0.9))
special(special_functions.ArcTangentOfQuotient(), (0.3, 2), (0.3, 2), without={})
special(special_functions.ErrorFunction(), (-2, 2))
special(special_functions.ErrorFunctionComplement(), (-2, 2))
special(special_functions.ErrorFunctionInverse(), (-0.9, 0.9), without=NO_REFERENCE)
special(special_functions.LogGamma(), (0.5, 4), tolerance=1e-10)
special(special_functions.Digamma(), (0.5, 4), without=NO_REFERENCE)
special(special_functions.BesselI1Exponential(), (-4, 4), without=NO_REFERENCE)
special(special_functions.NextAfter(), (-2, 2), (-2, 2))
for each in (special_functions.Polygamma(), special_functions.Zeta()):
    order = numpy.array([2.0, 3.0, 2.0])
    SAMPLES.append(sample(each, order, numbers((3,), low=1, high=3), without=NO_REFERENCE, constant=(0,)))

SAMPLES += [
    sample(complex_numbers.Complex(), numbers((2, 3)), numbers((3,), seed=1)),
    sample(complex_numbers.Real(), numbers((2, 3), "complex128")),
    sample(complex_numbers.Imaginary(), numbers((2, 3), "complex128")),
    sample(bits.PopulationCount(), numbers((6,), "int32", -99, 99)),
    sample(bits.CountLeadingZeros(), numbers((6,), "uint16", 0, 999)),
    sample(bits.BitcastConvert(numpy.dtype("int32")), numbers((2, 3), "float32")),
    sample(bits.BitcastConvert(numpy.dtype("uint8")), numbers((2, 3), "float32")),
    sample(bits.BitcastConvert(numpy.dtype("float64")), numbers((3, 2), "float32")),
    sample(
        bits.ReducePrecision(8, 7),
        numbers((2, 3)),
        without={
            "jvp": "rounding is a step function; its derivative is taken to be that of the identity",
        },
    ),
]
for each in (bits.ShiftLeft(), bits.ShiftRightArithmetic(), bits.ShiftRightLogical()):
    for dtype in ("int32", "uint8"):
        SAMPLES.append(sample(each, numbers((6,), dtype, 0, 99), numbers((6,), dtype, 0, 9, 1)))
    SAMPLES.append(sample(each, numbers((6,), "int16", -99, 99), numbers((6,), "int16", 0, 20, 1)))


def convolution(specs: tuple[str, str, str], groups: tuple[int, int] = (1, 1), **options: Any) -> Sample:
    """Returns a sample of a convolution of 2 to 4 examples with 4 features by a 3 by 2 kernel."""
    lhs, rhs, out = specs
    sizes = {"N": 4 if groups[1] > 1 else 2, "C": 4, "H": 5, "W": 4, "O": 4, "I": 4 // groups[0]}
    kernel = {**sizes, "H": 3, "W": 2}
    dimensions = ConvDimensionNumbers(
        tuple(map(lhs.index, "NCHW")), tuple(map(rhs.index, "OIHW")), tuple(map(out.index, "NCHW"))
    )
    parameters = {
        "strides": (1, 1),
        "padding": ((0, 0), (0, 0)),
        "lhs_dilation": (1, 1),
        "rhs_dilation": (1, 1),
        **options,
    }
    primitive = Convolution(dimensions, feature_groups=groups[0], batch_groups=groups[1], **parameters)
    operands = (numbers([sizes[letter] for letter in lhs]), numbers([kernel[letter] for letter in rhs], seed=1))
    return sample(primitive, *operands, tolerance=1e-10)


SAMPLES += [
    convolution(("NCHW", "OIHW", "NCHW"), strides=(2, 1), padding=((1, 2), (0, 1))),
    convolution(("NHWC", "HWIO", "NHWC"), rhs_dilation=(1, 2), lhs_dilation=(2, 1)),
    convolution(("CNHW", "IOHW", "HWNC"), (2, 1), padding=((1, 1), (1, 0))),
    convolution(("NCHW", "OIHW", "NCHW"), (1, 2), strides=(1, 2)),
]

PLAIN: tuple[Any, ...] = ((2, 3), (1, 1), ((0, 0), (0, 0)), (1, 1), (1, 1))
STRIDED: tuple[Any, ...] = ((2, 3), (2, 2), ((1, 0), (2, 1)), (1, 1), (1, 1))
DILATED: tuple[Any, ...] = ((2, 3), (2, 1), ((1, 3), (2, 1)), (2, 1), (1, 2))
NO_SCATTER = {
    "transpose": "StableHLO's select_and_scatter has no dilation; the error is tested in test_windows",
    "jvp": "a window without elements gives infinity, whose differences are not numbers",
}
X = distinct((5, 6)) / 7
for parameters in (PLAIN, STRIDED, DILATED):
    SAMPLES += [
        sample(ReduceWindowSum(*parameters), X),
        sample(ReduceWindowMaximum(*parameters), X, without=NO_SCATTER if parameters is DILATED else {}),
        sample(ReduceWindowMinimum(*parameters), X, without=NO_SCATTER if parameters is DILATED else {}),
        sample(ReduceWindowProduct(*parameters), X),
    ]
for parameters in (PLAIN, STRIDED):
    results = ReduceWindowSum(*parameters).result_shape(X.shape)
    for direction in ("GE", "LE"):
        SAMPLES += [
            sample(SelectAndGather(*parameters, direction), numbers(X.shape), X, constant=(1,), without=WINDOWS),
            sample(SelectAndScatter(*parameters, direction), numbers(results), X, constant=(1,), without=WINDOWS),
        ]

MATRIX = numbers((2, 3, 3)) + 3 * numpy.eye(3)
POSITIVE = MATRIX @ MATRIX.swapaxes(-1, -2)
UNSUPPORTED = {"interpreter": "the reference interpreter does not evaluate it"}
SAMPLES.append(
    sample(
        Cholesky(),
        POSITIVE,
        tolerance=1e-9,
        without={
            **UNSUPPORTED,
            "jvp": "NumPy reads one triangle, the rule is of the symmetric part; see test_matrix_factorizations",
            "vmap": "batches of the samples are not positive definite; see test_matrix_factorizations",
        },
    )
)
for solve in (
    TriangularSolve(),
    TriangularSolve(left_side=False),
    TriangularSolve(lower_triangular=False, transpose_a=True),
    TriangularSolve(unit_diagonal=True, left_side=False),
):
    right = numbers((2, 3, 2) if solve.left_side else (2, 2, 3), seed=2)
    SAMPLES.append(sample(solve, MATRIX, right, tolerance=1e-9, without=UNSUPPORTED))
SIGNAL = numbers((2, 4, 6))
for kind, operand, lengths in (
    ("FFT", SIGNAL + 1j, (6,)),
    ("IFFT", SIGNAL * 1j, (4, 6)),
    ("RFFT", SIGNAL, (6,)),
    ("RFFT", SIGNAL[..., :5], (4, 5)),
    ("IRFFT", SIGNAL[..., :4] + 1j, (6,)),
    ("IRFFT", SIGNAL[..., :4] + 1j, (4, 7)),
):
    SAMPLES.append(sample(FourierTransform(kind, lengths), operand, tolerance=1e-9, without=UNSUPPORTED))
