"""``jaxloss bench``: what a reader and a program get, and the inputs that it draws. No time is asserted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from jaxloss import benchmarks, cli
from jaxloss.benchmarks import comparing, growing, tpu
from jaxloss.benchmarks.formulas import FORMULAS, POOLED
from jaxloss.benchmarks.inputs import NoInputs, arguments, draw
from jaxloss.benchmarks.peers import builtin
from jaxloss.benchmarks.programs import QUANTITIES
from jaxloss.benchmarks.tasks import task_of
from jaxloss.benchmarks.timing import BUILDS
from jaxloss.cli.parser import parse
from tests.registry import losses
from tests.support import run_examples

pytestmark = pytest.mark.usefixtures("no_compilation_cache")

OWN = """
import jax.numpy as jnp

def mine(predictions, targets):
    return jnp.mean((predictions - targets) ** 2)

def wrong(predictions, targets):
    return jnp.mean(jnp.abs(predictions - targets))

def inputs(size=8):
    return {"guesses": jnp.arange(float(size)), "truth": jnp.ones(size)}
"""
QUICK = "--rounds 1"
FIGURES = {"temp_bytes", "argument_bytes", "output_bytes", "bytes_accessed", "flops"}


@pytest.fixture
def own(tmp_path: Path) -> str:
    path = tmp_path / "my_losses.py"
    path.write_text(OWN)
    return str(path)


def said(words: str, capsys: pytest.CaptureFixture[str], *, code: int = 0) -> str:
    """What the command prints if it ends with a code; its errors if the code is 2."""
    try:
        found = cli.main(f"bench {words}".split())
    except SystemExit as stop:
        found = stop.code
    out, err = capsys.readouterr()
    assert found == code, err or out
    return err if code == 2 else out


def test_a_public_loss_is_compared_with_its_peers(capsys) -> None:
    found = json.loads(said(f"squared_error --size 100 {QUICK} --json", capsys))
    assert found["environment"]["packages"]["jax"] == jax.__version__
    (one,) = found["comparisons"]
    assert one["inputs"] == {"predictions": "float32[100]", "targets": "float32[100]"}
    entries = {entry["label"]: entry for entry in one["entries"]}
    assert list(entries)[:2] == ["squared_error", "plain jnp"]
    assert entries["plain jnp"]["status"] == "agrees"
    assert entries["plain jnp"]["difference"] == {"value": 0.0, "gradient": 0.0}
    for entry in one["entries"]:
        if entry["status"] == "agrees":
            assert set(entry["seconds"]) == {*QUANTITIES, *BUILDS}
            assert set(entry["cpu_seconds"]) == set(QUANTITIES)
            assert all(set(figures) == FIGURES for figures in entry["compiled"].values())


def test_eighty_columns_and_every_name_in_full(capsys) -> None:
    name = "softmax_cross_entropy_with_integer_labels"
    text = said(f"{name} --size 4 --axis K=8 --label-smoothing 0.1 --where --weights {QUICK}", capsys)
    assert max(map(len, text.splitlines())) <= 80
    assert f"1  {name}\n" in text
    assert "plain jnp" in text
    for word in ("label_smoothing=0.1", "float32[4,8]", "bool[4]", "value and gradient", "compiled for cpu", "cpu"):
        assert word in text


def test_what_disagrees_is_named_and_not_timed(capsys, own) -> None:
    words = f"squared_error {own}:mine {own}:wrong --size 8 --no-peers {QUICK}"
    text = said(words, capsys, code=1)
    assert "2  mine" in text
    assert "3  wrong          disagrees: value by" in text
    assert "3  wrong  " not in text.partition("value and gradient")[2]
    text = said(f"{words} --differ", capsys)
    assert "3  wrong          differs by" in text
    assert "3  wrong  " in text.partition("value and gradient")[2]


def test_inputs_of_the_users_own(capsys, own) -> None:
    words = f"{own}:mine --inputs {own}:inputs {QUICK} --json"
    (one,) = json.loads(said(words, capsys))["comparisons"]
    assert one["inputs"] == {"guesses": "float32[8]", "truth": "float32[8]"}
    assert [entry["label"] for entry in one["entries"]] == ["mine"]
    (one,) = json.loads(said(f"{words} --size 20 --dtype bfloat16", capsys))["comparisons"]
    assert one["inputs"]["guesses"] == "bfloat16[20]"


def test_several_sizes_and_a_chart(capsys, own, tmp_path) -> None:
    chart = tmp_path / "bench.svg"
    text = said(f"huber_loss {own}:mine --size 8,32 --no-peers --differ {QUICK} --out {chart}", capsys)
    assert "size" in text
    assert [line.split()[0] for line in text.splitlines() if line.startswith(("8 ", "32 "))] == ["8", "32"]
    assert "behind by" in text or "ahead of or level with all at every size" in text
    assert "huber_loss" in chart.read_text()


def test_several_values_of_a_hyperparameter(capsys) -> None:
    text = said(f"huber_loss --delta 1,2 --size 8 --no-peers --differ {QUICK}", capsys)
    assert "1  huber_loss(delta=1)" in text
    assert "2  huber_loss(delta=2)  differs by" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("huber_los", "huber_loss"),
        ("huber_loss --axis K=3", "has no axis K"),
        ("huber_loss --axis K", "such as K=32768"),
        ("huber_loss --size 0", "whole numbers >= 1"),
        ("huber_loss --sharpness 3", "--sharpness is neither an option of bench nor a hyperparameter"),
        ("huber_loss --delta -1", "delta"),
        ("huber_loss --tpu v9", "no TPU generation is named 'v9'"),
        ("huber_loss --out bench.txt", "must be a .png or .svg or .pdf file"),
        ("center_loss", "center_loss takes `state`, which is not described by a shape; give --inputs module:function"),
        ("nowhere_at_all:mine", "no module named nowhere_at_all"),
        ("OWN:mine", "give --inputs module:function"),
        ("OWN:mine --inputs OWN:inputs --where", "--where is for inputs that are drawn"),
        ("OWN:mime", "has no function 'mime'"),
        ("squared_error OWN:mine --where", "mine takes no `where`"),
    ],
)
def test_wrong_use_says_what_to_do(words: str, message: str, capsys, own) -> None:
    assert message in said(words.replace("OWN", own), capsys, code=2)


def test_without_libtpu_it_says_so(monkeypatch, capsys) -> None:
    monkeypatch.setattr(tpu, "unavailable", lambda topology="": "RuntimeError: libtpu is not installed")
    text = said(f"squared_error --size 8 --no-peers --tpu v5e {QUICK}", capsys)
    assert "no TPU compiler: RuntimeError: libtpu is not installed" in text


@pytest.mark.full
def test_figures_of_a_tpu_generation(capsys) -> None:
    if reason := tpu.unavailable():
        pytest.skip(reason)
    words = f"squared_error --size 1000000 --no-peers --tpu v5e,v6e {QUICK} --json"
    (one,) = json.loads(said(words, capsys))["comparisons"]
    figures = one["entries"][0]["tpu"]
    assert set(figures) == {"v5e", "v6e"}
    moved = figures["v5e"]["value_and_grad"]["traffic_bytes"]
    np.testing.assert_allclose(moved, 3 * 4e6, rtol=0.05)  # two arrays read, one written


def test_the_function_is_imported_when_asked_for() -> None:
    code = "import sys, jaxloss; print('jaxloss.benchmarks' in sys.modules); from jaxloss import benchmarks; "
    code += "print(benchmarks.compare.__name__, 'matplotlib' in sys.modules, 'optax' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "compare", "False", "False"]


def test_the_examples_run() -> None:
    names = {"jaxloss": jaxloss, "jax": jax, "jnp": jnp}
    assert run_examples(benchmarks, "benchmarks", names)
    assert run_examples(comparing.compare, "compare", names)


def test_pytrees_and_several_arguments() -> None:
    params = {"kernel": jnp.ones((3, 2)), "bias": jnp.zeros(2)}
    loss = lambda params, x, y: jnp.mean((x @ params["kernel"] + params["bias"][None] - y) ** 2)
    same = lambda params, x, y: jnp.mean((jnp.dot(x, params["kernel"]) + params["bias"][None] - y) ** 2)
    found = benchmarks.compare({"one": loss, "same": same}, (params, jnp.ones((5, 3)), jnp.ones((5, 2))), rounds=1)
    assert [entry.status for entry in found.entries] == ["agrees", "agrees"]
    assert found.inputs["argument 0"] == "(float32[2], float32[3,2])"
    assert found.entries[0].copies is None
    both = benchmarks.compare({"one": loss}, (params, jnp.ones((5, 3)), jnp.ones((5, 2))), argnums=(0, 1), rounds=1)
    assert both.entries[0].compiled["value_and_grad"]["output_bytes"] >= 4 * (1 + 8 + 15)


def test_wrong_calls_of_compare() -> None:
    with pytest.raises(ValueError, match="nothing to compare"):
        benchmarks.compare({}, (jnp.ones(3),))
    with pytest.raises(ValueError, match="v5e"):
        benchmarks.compare({"mean": jnp.mean}, (jnp.ones(3),), tpu=("v5",))
    with pytest.raises(TypeError, match="scalar"):
        benchmarks.compare({"square": jnp.square}, (jnp.ones(3),))


def test_sizes_grow_until_the_memory_is_full() -> None:
    compare = lambda size: benchmarks.compare({"mean": lambda x: jnp.mean(x**2)}, (jnp.ones(size),), rounds=1)
    found = dict(growing.until_full(compare, 256, budget=60_000))
    assert list(found) == [256, 1024, 4096]
    assert 2 * 4 * 4096 <= growing.peak_bytes(found[4096]) <= 60_000
    assert "4096" in growing.growth_table(found)


def drawn(name: str, size: int = 6):
    try:
        return draw(jaxloss.__dict__[name], size=size)
    except NoInputs:
        return None


NOT_DRAWN = {
    "adaface_loss": "a state",
    "adaptive_softmax_loss": "a pair of kernels for each tail",
    "auc_margin_loss": "three numbers that are trained",
    "center_loss": "a state",
    "content_loss": "feature maps of any structure",
    "convexity_penalty": "a function",
    "curricularface_loss": "a state",
    "deep_ritz_loss": "a function",
    "dino_loss": "a state",
    "dirichlet_boundary_loss": "a function",
    "eikonal_loss": "a function",
    "force_matching_loss": "a function",
    "freematch_loss": "a state",
    "gradient_penalty": "a function",
    "implicit_score_matching_loss": "a function",
    "initial_condition_loss": "a function",
    "jacobian_penalty": "a function",
    "lecam_penalty": "a state",
    "lipschitz_penalty": "a function",
    "lpips_loss": "feature maps of any structure",
    "monotonicity_penalty": "a function",
    "neumann_boundary_loss": "a function",
    "path_length_penalty": "a function",
    "pde_residual_loss": "a function",
    "periodic_boundary_loss": "a function",
    "r1_penalty": "a function",
    "r2_penalty": "a function",
    "robin_boundary_loss": "a function",
    "semantic_loss": "a formula",
    "sliced_score_matching_loss": "a function",
    "sobolev_loss": "a function",
    "softmatch_loss": "a state",
    "style_loss": "feature maps of any structure",
    "virtual_adversarial_loss": "a function",
    "weak_form_loss": "a function",
}
"""Losses whose inputs no docstring describes by shapes, and what they take."""


def test_every_loss_of_arrays_has_inputs() -> None:
    """By the docstrings alone: nothing is drawn."""
    missing = {name for name, fn in losses().items() if any(a.dims is None for a in arguments(fn))}
    assert missing == set(NOT_DRAWN) - {"semantic_loss"}


@pytest.mark.parametrize(
    ("name", "dtypes"),
    [
        ("linear_softmax_cross_entropy", ("float32", "float32", "int32")),
        ("supcon_loss", ("float32", "int32")),
        ("ciou_loss", ("float32", "float32")),
        ("cox_breslow_nll", ("float32", "float32", "bool")),
    ],
)
def test_drawn_inputs_are_legal(name: str, dtypes: tuple[str, ...]) -> None:
    check_inputs(name, dtypes)


@pytest.mark.full
@pytest.mark.parametrize("name", sorted(set(losses()) - set(NOT_DRAWN)))
def test_drawn_inputs_of_every_loss_are_legal(name: str) -> None:
    check_inputs(name)


def check_inputs(name: str, dtypes: tuple[str, ...] | None = None) -> None:
    """Value and gradient are finite, and there is a gradient."""
    found = draw(getattr(jaxloss, name), size=6)
    assert dtypes is None or tuple(str(x.dtype) for x in found.inputs) == dtypes
    fn = jax.value_and_grad(lambda *args: getattr(jaxloss, name)(*args, **found.hypers), argnums=found.argnums)
    value, gradients = jax.jit(fn)(*found.inputs)
    assert jnp.isfinite(value)
    assert all(jnp.all(jnp.isfinite(g)) for g in gradients)
    assert max(float(jnp.max(jnp.abs(g))) for g in gradients) > 0


@pytest.mark.full
@pytest.mark.parametrize("masks", [(), ("where", "weights")], ids=["plain", "masked"])
@pytest.mark.parametrize("name", sorted(FORMULAS))
def test_formulas_and_optax_agree(name: str, masks: tuple[str, ...]) -> None:
    task = task_of(name, size=16, masks=masks)
    labels = [implementation.label for implementation in task.implementations]
    assert ("plain jnp" in labels) == (not masks or name not in POOLED)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        found = task.compare(rounds=1, builds=1)
    assert {entry.label: entry.detail for entry in found.entries if entry.status != "agrees"} == {}


@pytest.mark.full
@pytest.mark.parametrize(
    ("name", "hypers"),
    [
        ("huber_loss", {"delta": 0.3}),
        ("softmax_cross_entropy_with_integer_labels", {"label_smoothing": 0.2, "z_loss": 1e-2}),
        ("sigmoid_binary_cross_entropy", {"pos_weight": 3.0, "label_smoothing": 0.1}),
        ("poly_loss_cross_entropy", {"poly_weight": 2.5}),
        ("sigmoid_focal_loss", {"alpha": 0.3, "gamma": 1.5}),
        ("quantile_loss", {"quantile": 0.8}),
    ],
)
def test_peers_take_the_hyperparameters(name: str, hypers: dict[str, float]) -> None:
    task = task_of(name, size=16, hypers=hypers)
    assert len(task.implementations) > 1
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        found = task.compare(rounds=1, builds=1)
    assert [entry.status for entry in found.entries] == ["agrees"] * len(found.entries)


def test_a_peer_without_an_option_is_left_out() -> None:
    labels = lambda *given: [one.label for one in builtin(*given)]
    assert labels("huber_loss", {}) == ["plain jnp", "optax"]
    assert labels("clip_loss", {}, ("where",)) == []
    assert labels("softmax_cross_entropy_with_integer_labels", {"label_smoothing": 0.1}) == ["plain jnp"]
    assert labels("barron_loss", {}) == []


def test_help_fits_60_columns_and_its_examples_are_read(monkeypatch, capsys) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    with pytest.raises(SystemExit):
        cli.main(["bench", "--help"])
    lines, _, examples = capsys.readouterr().out.partition("\nexample")
    assert max(map(len, lines.splitlines())) <= 60
    asked = [parse(line.split()[1:]) for line in examples.splitlines()[1:]]
    assert [options.losses[0] for options in asked] == [
        "huber_loss",
        "softmax_cross_entropy_with_integer_labels",
        "squared_error",
    ]
    assert asked[0].size == (10**6,)
    assert asked[1].axis == [("K", 32768)]
    assert asked[1].parameters == {"label_smoothing": 0.1}
