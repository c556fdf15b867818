"""``jaxloss demo``: a classifier and an autoencoder on one encoder, trained on a composed objective."""

from __future__ import annotations

import errno
import os
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


def report(aux: combine.Aux, accuracy: float, steps: int, console: Console) -> None:
    """A table of every named term at the last step, and the test accuracy."""
    table = Table(title=f"Terms of the objective at step {steps}", title_justify="left")
    for heading in ("term", "raw value", "weight", "weighted value", "valid count"):
        table.add_column(heading, justify="left" if heading == "term" else "right")
    weights: dict[str, Any] = aux.weights
    for name, term in aux.terms.items():
        table.add_row(
            name,
            f"{float(term.values):.5f}",
            f"{float(weights[name]):.5f}",
            f"{float(aux.contributions[name]):.5f}",
            f"{float(term.weights):.0f}",
        )
    table.add_section()
    table.add_row("sum", "", "", f"{sum(float(c) for c in aux.contributions.values()):.5f}", "")
    console.print(table)
    console.print(f"test accuracy: {accuracy:.2%}")


def draw(history: list[dict[str, Any]], test: Digits, predicted: np.ndarray, rebuilt: np.ndarray, out: Path) -> None:
    """One picture: the curve of every term above, test images with their predictions and reconstructions below."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = [key.removeprefix("value/") for key in history[0] if key.startswith("value/")]
    figure = pyplot.figure(figsize=(12, 7), layout="constrained")
    above, below = np.ravel(figure.subfigures(2, 1, height_ratios=[1.1, 1.0]))
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


def writable_png(text: str) -> Path:
    """The path of the picture, shown to be writable before any work is done; an OSError that says why not."""
    path = Path(text)
    if path.suffix.lower() != ".png":
        raise OSError(errno.EINVAL, "the picture must be a .png file", text)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "the picture cannot be a folder", text)
    new = not path.exists()
    with path.open("ab"):
        pass
    if new:
        os.remove(path)
    return path


def run(steps: int, seed: int, out: str) -> int:
    """Train, report, draw; returns the exit code."""
    picture = writable_png(out)
    console = Console()
    train_set, test_set = read_digits(seed)
    console.print(f"{len(train_set.labels)} images to train on, {len(test_set.labels)} to test on")
    params, graph, history, aux = train(train_set, steps, seed, console)
    silent = jnp.zeros((len(test_set.labels), LATENT))
    logits, pixels, _, _ = jax.jit(lambda p, x: nnx.merge(graph, p)(x, silent))(params, test_set.images)
    predicted = np.argmax(logits, axis=-1)
    report(aux, float(np.mean(predicted == test_set.labels)), steps, console)
    draw(history, test_set, predicted, np.asarray(jax.nn.sigmoid(pixels)), picture)
    console.print(f"picture: {picture}")
    return 0
