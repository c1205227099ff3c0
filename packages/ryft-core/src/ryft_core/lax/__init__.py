"""Operations close to the compiler, named as in JAX: thin functions over the primitives."""

from ryft_core.lax.operations import (
    argmax,
    argmin,
    batch_matmul,
    broadcast,
    broadcasted_iota,
    dot,
    dot_general,
    full_like,
    index_in_dim,
    integer_pow,
    reduce_and,
    reduce_max,
    reduce_min,
    reduce_or,
    reduce_prod,
    reduce_sum,
    reduce_window,
    round,
    scatter_add,
    scatter_max,
    scatter_min,
    scatter_mul,
    select_n,
    slice_in_dim,
    sort,
    square,
    top_k,
)
from ryft_core.primitives.arithmetic import (
    absolute as abs,
)
from ryft_core.primitives.arithmetic import (
    add,
    ceil,
    clamp,
    floor,
    sign,
)
from ryft_core.primitives.arithmetic import (
    divide as div,
)
from ryft_core.primitives.arithmetic import (
    maximum as max,
)
from ryft_core.primitives.arithmetic import (
    minimum as min,
)
from ryft_core.primitives.arithmetic import (
    multiply as mul,
)
from ryft_core.primitives.arithmetic import (
    negative as neg,
)
from ryft_core.primitives.arithmetic import (
    power as pow,
)
from ryft_core.primitives.arithmetic import (
    remainder as rem,
)
from ryft_core.primitives.arithmetic import (
    subtract as sub,
)
from ryft_core.primitives.barriers import (
    optimization_barrier,
    stop_gradient,
)
from ryft_core.primitives.bits import (
    bitcast_convert_type,
    clz,
    population_count,
    reduce_precision,
    shift_left,
    shift_right_arithmetic,
    shift_right_logical,
)
from ryft_core.primitives.collectives import (
    all_gather,
    all_to_all,
    axis_index,
    axis_size,
    pmax,
    pmean,
    pmin,
    ppermute,
    pshuffle,
    psum,
    psum_scatter,
)
from ryft_core.primitives.comparison import (
    bitwise_and,
    bitwise_not,
    bitwise_or,
    bitwise_xor,
    is_finite,
    select,
)
from ryft_core.primitives.comparison import (
    equal as eq,
)
from ryft_core.primitives.comparison import (
    greater as gt,
)
from ryft_core.primitives.comparison import (
    greater_equal as ge,
)
from ryft_core.primitives.comparison import (
    less as lt,
)
from ryft_core.primitives.comparison import (
    less_equal as le,
)
from ryft_core.primitives.comparison import (
    not_equal as ne,
)
from ryft_core.primitives.complex_numbers import (
    conj,
    imag,
    real,
)
from ryft_core.primitives.complex_numbers import (
    make_complex as complex,
)
from ryft_core.primitives.control_flow.associative import (
    associative_scan,
)
from ryft_core.primitives.control_flow.conditional import (
    cond,
    switch,
)
from ryft_core.primitives.control_flow.loops import (
    fori_loop,
    map,
    scan,
    while_loop,
)
from ryft_core.primitives.control_flow.solves import (
    custom_linear_solve,
    custom_root,
)
from ryft_core.primitives.conversions import (
    convert as convert_element_type,
)
from ryft_core.primitives.convolution import (
    conv,
    conv_dimension_numbers,
    conv_general_dilated,
    conv_transpose,
)
from ryft_core.primitives.creation import (
    full,
    iota,
)
from ryft_core.primitives.cumulative import (
    cumlogsumexp,
    cummax,
    cummin,
    cumprod,
    cumsum,
)
from ryft_core.primitives.dynamic_slicing import (
    dynamic_index_in_dim,
    dynamic_slice,
    dynamic_slice_in_dim,
    dynamic_update_index_in_dim,
    dynamic_update_slice,
    dynamic_update_slice_in_dim,
)
from ryft_core.primitives.exponential import (
    cbrt,
    cos,
    exp,
    expm1,
    log,
    log1p,
    logistic,
    rsqrt,
    sin,
    sqrt,
    tan,
    tanh,
)
from ryft_core.primitives.fourier import (
    fft,
)
from ryft_core.primitives.general_reductions import reduce
from ryft_core.primitives.indexing import (
    GatherDimensions,
    ScatterDimensions,
    gather,
    scatter,
)
from ryft_core.primitives.manipulation import (
    broadcast_in_dimensions as broadcast_in_dim,
)
from ryft_core.primitives.manipulation import (
    broadcast_to,
    concatenate,
    expand_dims,
    pad,
    reshape,
    squeeze,
    transpose,
)
from ryft_core.primitives.manipulation import (
    reverse as rev,
)
from ryft_core.primitives.manipulation import (
    slice_ as slice,
)
from ryft_core.primitives.matrix_factorizations import (
    cholesky,
    triangular_solve,
)
from ryft_core.primitives.random_bits import (
    rng_bit_generator,
)
from ryft_core.primitives.special_functions import (
    arccos as acos,
)
from ryft_core.primitives.special_functions import (
    arccosh as acosh,
)
from ryft_core.primitives.special_functions import (
    arcsin as asin,
)
from ryft_core.primitives.special_functions import (
    arcsinh as asinh,
)
from ryft_core.primitives.special_functions import (
    arctan as atan,
)
from ryft_core.primitives.special_functions import (
    arctan2 as atan2,
)
from ryft_core.primitives.special_functions import (
    arctanh as atanh,
)
from ryft_core.primitives.special_functions import (
    bessel_i0e,
    bessel_i1e,
    cosh,
    digamma,
    erf,
    erfc,
    nextafter,
    polygamma,
    sinh,
    zeta,
)
from ryft_core.primitives.special_functions import (
    erfinv as erf_inv,
)
from ryft_core.primitives.special_functions import (
    gammaln as lgamma,
)
from ryft_core.primitives.windows import (
    reduce_window_max,
    reduce_window_min,
    reduce_window_product,
    reduce_window_sum,
)

__all__ = [
    "GatherDimensions",
    "ScatterDimensions",
    "abs",
    "acos",
    "acosh",
    "add",
    "all_gather",
    "all_to_all",
    "argmax",
    "argmin",
    "asin",
    "asinh",
    "associative_scan",
    "atan",
    "atan2",
    "atanh",
    "axis_index",
    "axis_size",
    "batch_matmul",
    "bessel_i0e",
    "bessel_i1e",
    "bitcast_convert_type",
    "bitwise_and",
    "bitwise_not",
    "bitwise_or",
    "bitwise_xor",
    "broadcast",
    "broadcast_in_dim",
    "broadcast_to",
    "broadcasted_iota",
    "cbrt",
    "ceil",
    "cholesky",
    "clamp",
    "clz",
    "complex",
    "concatenate",
    "cond",
    "conj",
    "conv",
    "conv_dimension_numbers",
    "conv_general_dilated",
    "conv_transpose",
    "convert_element_type",
    "cos",
    "cosh",
    "cumlogsumexp",
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "custom_linear_solve",
    "custom_root",
    "digamma",
    "div",
    "dot",
    "dot_general",
    "dynamic_index_in_dim",
    "dynamic_slice",
    "dynamic_slice_in_dim",
    "dynamic_update_index_in_dim",
    "dynamic_update_slice",
    "dynamic_update_slice_in_dim",
    "eq",
    "erf",
    "erf_inv",
    "erfc",
    "exp",
    "expand_dims",
    "expm1",
    "fft",
    "floor",
    "fori_loop",
    "full",
    "full_like",
    "gather",
    "ge",
    "gt",
    "imag",
    "index_in_dim",
    "integer_pow",
    "iota",
    "is_finite",
    "le",
    "lgamma",
    "log",
    "log1p",
    "logistic",
    "lt",
    "map",
    "max",
    "min",
    "mul",
    "ne",
    "neg",
    "nextafter",
    "optimization_barrier",
    "pad",
    "pmax",
    "pmean",
    "pmin",
    "polygamma",
    "population_count",
    "pow",
    "ppermute",
    "pshuffle",
    "psum",
    "psum_scatter",
    "real",
    "reduce",
    "reduce_and",
    "reduce_max",
    "reduce_min",
    "reduce_or",
    "reduce_precision",
    "reduce_prod",
    "reduce_sum",
    "reduce_window",
    "reduce_window_max",
    "reduce_window_min",
    "reduce_window_product",
    "reduce_window_sum",
    "rem",
    "reshape",
    "rev",
    "rng_bit_generator",
    "round",
    "rsqrt",
    "scan",
    "scatter",
    "scatter_add",
    "scatter_max",
    "scatter_min",
    "scatter_mul",
    "select",
    "select_n",
    "shift_left",
    "shift_right_arithmetic",
    "shift_right_logical",
    "sign",
    "sin",
    "sinh",
    "slice",
    "slice_in_dim",
    "sort",
    "sqrt",
    "square",
    "squeeze",
    "stop_gradient",
    "sub",
    "switch",
    "tan",
    "tanh",
    "top_k",
    "transpose",
    "triangular_solve",
    "while_loop",
    "zeta",
]
