"""Trains a two-layer classifier on scikit-learn's handwritten digits, with `ryft.jit(ryft.value_and_grad(loss))`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tqdm import tqdm

import ryft
import ryft.numpy as rnp

matplotlib.use("Agg")
import matplotlib.pyplot as plt

HIDDEN, CLASSES, EPOCHS, BATCH, RATE, MOMENTUM = 64, 10, 30, 64, 0.1, 0.9
Parameters = dict[str, dict[str, Any]]


def initial_parameters(features: int, generator: np.random.Generator) -> Parameters:
    """Returns small random weights and zero biases for both layers."""

    def layer(rows: int, columns: int) -> dict[str, Any]:
        weight = generator.normal(0, (2 / rows) ** 0.5, (rows, columns)).astype(np.float32)
        return {"weight": weight, "bias": np.zeros(columns, np.float32)}

    return {"hidden": layer(features, HIDDEN), "output": layer(HIDDEN, CLASSES)}


def scores(parameters: Parameters, images: Any) -> Any:
    """Returns the logarithm of each class's probability, up to a constant, for each image."""
    hidden = rnp.maximum(images @ parameters["hidden"]["weight"] + parameters["hidden"]["bias"], 0)
    return hidden @ parameters["output"]["weight"] + parameters["output"]["bias"]


def loss(parameters: Parameters, images: Any, targets: Any) -> Any:
    """Returns the mean cross-entropy; `targets` holds one row with a single 1 for each image."""
    values = scores(parameters, images)
    shifted = values - rnp.max(values, axis=1, keepdims=True)
    log_probabilities = shifted - rnp.log(rnp.sum(rnp.exp(shifted), axis=1, keepdims=True))
    return -rnp.mean(rnp.sum(targets * log_probabilities, axis=1))


value_and_gradient = ryft.jit(ryft.value_and_grad(loss))


@ryft.jit
def step(parameters: Parameters, velocity: Parameters, images: Any, targets: Any) -> tuple[Any, Parameters, Parameters]:
    """Returns the loss of one batch, and the parameters and velocity after one step of momentum descent."""
    value, gradient = value_and_gradient(parameters, images, targets)
    velocity = ryft.tree.map(lambda v, g: MOMENTUM * v - RATE * g, velocity, gradient)
    return value, ryft.tree.map(lambda p, v: p + v, parameters, velocity), velocity


@ryft.jit
def accuracy(parameters: Parameters, images: Any, labels: Any) -> Any:
    """Returns the share of images whose class is predicted right."""
    return rnp.mean(rnp.argmax(scores(parameters, images), axis=1) == labels)


def main(chart: Path) -> float:
    """Trains, prints the accuracy on images that were not trained on, draws the losses, and returns the accuracy."""
    digits: Any = load_digits()
    images = (digits.data / 16).astype(np.float32)
    split = train_test_split(images, digits.target.astype(np.int32), test_size=0.2, random_state=0)
    train_images, test_images, train_labels, test_labels = split
    targets = np.eye(CLASSES, dtype=np.float32)[train_labels]
    generator = np.random.default_rng(0)
    parameters = initial_parameters(images.shape[1], generator)
    velocity = ryft.tree.map(np.zeros_like, parameters)
    losses: list[float] = []
    for _ in tqdm(range(EPOCHS), desc="training", unit="epoch"):
        order = generator.permutation(len(train_images))[: len(train_images) // BATCH * BATCH]
        for batch in order.reshape(-1, BATCH):
            value, parameters, velocity = step(parameters, velocity, train_images[batch], targets[batch])
            losses.append(float(value))
    result = float(accuracy(parameters, test_images, test_labels))
    print(f"test accuracy: {result:.4f}")
    chart.parent.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(figsize=(7, 4))
    axes.semilogy(losses)
    axes.set(xlabel="step", ylabel="training loss", title=f"Handwritten digits, test accuracy {result:.3f}")
    figure.savefig(chart, dpi=120, bbox_inches="tight")
    print(f"loss curve: {chart}")
    return result


if __name__ == "__main__":
    reached = main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("out/loss.png"))
    if reached <= 0.95:
        raise SystemExit(f"expected a test accuracy above 0.95, but got {reached:.4f}")
