"""``jaxloss demo``: a classifier and an autoencoder on one encoder, trained on a composed objective."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import jaxloss
from jaxloss import combine, reductions
from jaxloss.cli.output import print_json
from jaxloss.cli.pictures import writable

BATCH = 128
LATENT = 16


class Digits(NamedTuple):
    """Images ``[N, 64]`` in [0, 1] and labels ``[N]``."""

    images: np.ndarray
    labels: np.ndarray


class TwoHeads(nnx.Module):
    """An encoder to a Gaussian code, with a classifier and a decoder on top."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.encoder = nnx.Linear(64, 128, rngs=rngs)
        self.code = nnx.Linear(128, 2 * LATENT, rngs=rngs)
        self.classifier = nnx.Linear(LATENT, 10, rngs=rngs)
        self.decoder = nnx.Linear(LATENT, 128, rngs=rngs)
        self.pixels = nnx.Linear(128, 64, rngs=rngs)

    def __call__(self, images: jax.Array, noise: jax.Array) -> tuple[jax.Array, ...]:
        mean, log_variance = jnp.split(self.code(nnx.relu(self.encoder(images))), 2, axis=-1)
        code = mean + jnp.exp(0.5 * log_variance) * noise
        return self.classifier(code), self.pixels(nnx.relu(self.decoder(code))), mean, log_variance


def losses(params: Any, graph: Any, batch: dict[str, jax.Array], noise: jax.Array) -> dict[str, Any]:
    """One forward pass, four named terms. Rows that only fill the last batch up are masked, not averaged in."""
    logits, pixels, mean, log_variance = nnx.merge(graph, params)(batch["images"], noise)
    valid = batch["valid"]
    return {
        "classes": jaxloss.softmax_cross_entropy_with_integer_labels(
            logits, batch["labels"], label_smoothing=0.05, where=valid, reduction=reductions.term
        ),
        "pixels": jaxloss.sigmoid_binary_cross_entropy(
            pixels, batch["images"], where=valid[:, None], reduction=reductions.term
        ),
        "code": jaxloss.gaussian_kl_standard_normal(mean, log_variance, where=valid, reduction=reductions.term),
        "size": jaxloss.l2_penalty(params, mask=lambda _, leaf: leaf.ndim > 1),
    }


def read_digits(seed: int) -> tuple[Digits, Digits]:
    """Scikit-learn's 1797 images of 8 x 8 pixels, a quarter of each class held out."""
    images, labels = (np.asarray(part) for part in load_digits(return_X_y=True))
    train, test = train_test_split(np.arange(len(labels)), test_size=0.25, random_state=seed, stratify=labels)
    scaled, classes = (images / 16).astype(np.float32), labels.astype(np.int32)
    return Digits(scaled[train], classes[train]), Digits(scaled[test], classes[test])


def batches(data: Digits, seed: int):
    """Batches of one size for ever, in a new order every epoch; the last of an epoch is filled up with masked rows."""
    rng = np.random.default_rng(seed)
    while True:
        order = rng.permutation(len(data.labels))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            filled = np.resize(rows, BATCH)
            valid = np.arange(BATCH) < len(rows)
            yield {"images": data.images[filled], "labels": data.labels[filled], "valid": valid}


def train(data: Digits, steps: int, seed: int, console: Console) -> tuple[Any, Any, list[dict[str, Any]], combine.Aux]:
    """Parameters, network graph, the metrics of every step, and the report of the last one."""
    graph, params = nnx.split(TwoHeads(nnx.Rngs(seed)))
    objective = combine.objective(
        losses,
        combine.weigh(
            pixels=optax.constant_schedule(4.0),
            code=optax.linear_schedule(0.0, 0.02, max(steps // 2, 1)),
            size=1e-4,
        ),
    )
    optimiser = optax.adam(optax.cosine_decay_schedule(4e-3, steps))

    def step(carry: Any, batch: dict[str, jax.Array], key: jax.Array) -> tuple[Any, combine.Aux]:
        params, state, momentum = carry
        noise = jax.random.normal(jax.random.fold_in(key, state.step), (BATCH, LATENT))
        (_, aux), gradient = jax.value_and_grad(objective, has_aux=True)(params, state, graph, batch, noise)
        updates, momentum = optimiser.update(gradient, momentum, params)
        return (optax.apply_updates(params, updates), aux.state, momentum), aux

    stream = batches(data, seed)
    state = objective.init(params, graph, next(stream), jnp.zeros((BATCH, LATENT)))
    carry, history, aux = (params, state, optimiser.init(params)), [], None
    jitted, key = jax.jit(step, donate_argnums=0), jax.random.key(seed)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("training", total=steps)
        for _ in range(steps):
            carry, aux = jitted(carry, next(stream), key)
            history.append(aux.metrics())
            progress.advance(task)
    assert aux is not None
    return carry[0], graph, jax.device_get(history), aux


def numbers(aux: combine.Aux) -> dict[str, dict[str, float]]:
    """What is reported of every named term at the last step."""
    weights: dict[str, Any] = aux.weights
    return {
        name: {
            "raw value": float(term.values),
            "weight": float(weights[name]),
            "weighted value": float(aux.contributions[name]),
            "valid count": float(term.weights),
        }
        for name, term in aux.terms.items()
    }


def report(terms: Mapping[str, Mapping[str, float]], accuracy: float, steps: int, console: Console) -> None:
    """A table of the terms, and the test accuracy."""
    table = Table(title=f"Terms of the objective at step {steps}", title_justify="left")
    table.add_column("term")
    for heading in next(iter(terms.values())):
        table.add_column(heading, justify="right")
    for name, (raw, weight, weighted, count) in ((name, term.values()) for name, term in terms.items()):
        table.add_row(name, f"{raw:.5f}", f"{weight:.5f}", f"{weighted:.5f}", f"{count:.0f}")
    table.add_section()
    table.add_row("sum", "", "", f"{sum(term['weighted value'] for term in terms.values()):.5f}", "")
    console.print(table)
    console.print(f"test accuracy: {accuracy:.2%}")


def draw(history: list[dict[str, Any]], test: Digits, predicted: np.ndarray, rebuilt: np.ndarray, out: Path) -> None:
    """One picture: the curve of every term above, test images with their predictions and reconstructions below."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = [key.removeprefix("value/") for key in history[0] if key.startswith("value/")]
    figure = pyplot.figure(figsize=(12, 7), layout="constrained")
    rows = figure.add_gridspec(2, 1, height_ratios=[1.1, 1.0])
    above, below = figure.add_subfigure(rows[0]), figure.add_subfigure(rows[1])
    for axis, name in zip(above.subplots(1, len(names)), names, strict=True):
        axis.plot([step[f"value/{name}"] for step in history], linewidth=0.8, label="raw value")
        axis.plot([step[f"weighted/{name}"] for step in history], linewidth=0.8, label="weighted")
        axis.set(title=name, xlabel="step", yscale="log")
        axis.grid(alpha=0.3)
        axis.legend(fontsize="small")
    for column, axes in enumerate(below.subplots(2, 12).T):
        right = predicted[column] == test.labels[column]
        axes[0].imshow(test.images[column].reshape(8, 8), cmap="gray_r")
        axes[1].imshow(rebuilt[column].reshape(8, 8), cmap="gray_r")
        axes[0].set_title(f"{predicted[column]}", color="tab:green" if right else "tab:red")
        for axis in axes:
            axis.set_xticks([])
            axis.set_yticks([])
    below.suptitle("test images, predicted digit above, reconstruction below")
    figure.savefig(out, dpi=110)
    pyplot.close(figure)


def run(steps: int, seed: int, out: str, json: bool) -> int:
    """Train, report, draw; returns the exit code. With ``json`` the words for people go to stderr."""
    picture = writable(out)
    console = Console(stderr=json)
    train_set, test_set = read_digits(seed)
    console.print(f"{len(train_set.labels)} images to train on, {len(test_set.labels)} to test on")
    params, graph, history, aux = train(train_set, steps, seed, console)
    silent = jnp.zeros((len(test_set.labels), LATENT))
    logits, pixels, _, _ = jax.jit(lambda p, x: nnx.merge(graph, p)(x, silent))(params, test_set.images)
    predicted = np.argmax(logits, axis=-1)
    terms, accuracy = numbers(aux), float(np.mean(predicted == test_set.labels))
    report(terms, accuracy, steps, console)
    draw(history, test_set, predicted, np.asarray(jax.nn.sigmoid(pixels)), picture)
    console.print(f"picture: {picture}")
    if json:
        print_json({"steps": steps, "terms": terms, "test_accuracy": accuracy, "picture": str(picture)})
    return 0
