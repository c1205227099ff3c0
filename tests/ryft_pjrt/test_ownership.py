"""Random sequences of operations, against a model of who owns what."""

import gc

import numpy
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

import ryft_pjrt as pjrt
from ryft_pjrt.errors import BufferInUseError, ClosedError
from ryft_pjrt.testing import live_objects

PROGRAM = """
module {
  func.func @main(%x: tensor<4xf32> {tf.aliasing_output = 0 : i32}, %y: tensor<4xf32>) -> tensor<4xf32> {
    %sum = stablehlo.add %x, %y : tensor<4xf32>
    return %sum : tensor<4xf32>
  }
}
"""

PLUGIN = pjrt.load_cpu_plugin()


class Model:
    """What should be true of a buffer.

    Attributes:
        values: Its elements.
        open: Whether it was neither closed nor donated.
        views: Number of views that are alive.
    """

    def __init__(self, values: numpy.ndarray) -> None:
        self.values = values
        self.open = True
        self.views = 0


class Ownership(RuleBasedStateMachine):
    """Makes, uses, donates, views and closes buffers of one client."""

    buffers = Bundle("buffers")
    views = Bundle("views")

    @initialize()
    def start(self) -> None:
        gc.collect()
        self.before = live_objects()
        self.client = PLUGIN.client()
        self.executable = self.client.compile(PROGRAM)
        self.client_open = True
        self.executable_open = True

    @rule(target=buffers, value=st.integers(0, 9))
    def make(self, value: int) -> tuple[pjrt.Buffer | None, Model]:
        values = numpy.full(4, value, numpy.float32)
        try:
            buffer = self.client.buffer(values)
        except ClosedError:
            assert not self.client_open
            model = Model(values)
            model.open = False
            return None, model
        assert self.client_open
        return buffer, Model(values)

    @rule(pair=buffers)
    def read(self, pair: tuple[pjrt.Buffer | None, Model]) -> None:
        buffer, model = pair
        if buffer is None:
            return
        try:
            values = buffer.to_numpy()
        except ClosedError:
            assert not (model.open and self.client_open)
        else:
            assert model.open
            assert self.client_open
            numpy.testing.assert_array_equal(values, model.values)

    @rule(target=buffers, first=buffers, second=buffers, donate=st.booleans())
    def execute(
        self, first: tuple[pjrt.Buffer | None, Model], second: tuple[pjrt.Buffer | None, Model], donate: bool
    ) -> tuple[pjrt.Buffer | None, Model]:
        (x, x_model), (y, y_model) = first, second
        model = Model(x_model.values + y_model.values)
        model.open = False
        if x is None or y is None:
            return None, model
        try:
            result = self.executable(x, y, donate=(0,) if donate else ())
        except BufferInUseError:
            assert donate
            assert x_model.views or x is y
            return None, model
        except ClosedError:
            usable = self.client_open and self.executable_open and x_model.open and y_model.open
            assert not usable
            return None, model
        assert self.client_open
        assert self.executable_open
        assert x_model.open
        assert y_model.open
        assert not (donate and (x_model.views or x is y))
        x_model.open = not donate
        model.open = True
        return result, model

    @rule(target=views, pair=buffers, kind=st.sampled_from(["numpy", "dlpack"]))
    def view(self, pair: tuple[pjrt.Buffer | None, Model], kind: str) -> tuple[numpy.ndarray | None, Model]:
        buffer, model = pair
        if buffer is None:
            return None, model
        try:
            view = numpy.asarray(buffer) if kind == "numpy" else numpy.from_dlpack(buffer)
        except ClosedError:
            assert not (model.open and self.client_open)
            return None, model
        assert model.open
        assert self.client_open
        model.views += 1
        # The list is the only holder of the view.
        return [view], model

    @rule(pair=views)
    def read_view(self, pair: tuple[list[numpy.ndarray] | None, Model]) -> None:
        held, model = pair
        if held:
            numpy.testing.assert_array_equal(held[0], model.values)

    @rule(pair=consumes(views))
    def drop_view(self, pair: tuple[list[numpy.ndarray] | None, Model]) -> None:
        held, model = pair
        if held:
            held.clear()
            model.views -= 1

    @rule(pair=buffers)
    def close(self, pair: tuple[pjrt.Buffer | None, Model]) -> None:
        buffer, model = pair
        if buffer is not None:
            buffer.close()
            model.open = False

    @rule(pair=consumes(buffers))
    def drop(self, pair: tuple[pjrt.Buffer | None, Model]) -> None:
        del pair

    @rule(really=st.integers(0, 5))
    def close_executable(self, really: int) -> None:
        if really == 0:
            self.executable.close()
            self.executable_open = False

    @rule(really=st.integers(0, 9))
    def close_client(self, really: int) -> None:
        if really == 0:
            self.client.close()
            self.client_open = False

    @invariant()
    def state_is_that_of_the_model(self) -> None:
        if hasattr(self, "client"):
            assert self.client.closed == (not self.client_open)
            assert self.executable.closed == (not (self.executable_open and self.client_open))

    def teardown(self) -> None:
        if hasattr(self, "client"):
            self.client.close()


Ownership.TestCase.settings = settings(
    max_examples=30, stateful_step_count=30, deadline=None, phases=[Phase.explicit, Phase.generate]
)
test_random_operations_follow_the_model_of_ownership = Ownership.TestCase
