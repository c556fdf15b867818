"""A keyword that a function does not have: what the error says, and that the functions are otherwise what they were."""

from __future__ import annotations

import copy
import doctest
import functools
import inspect
import pickle
import re
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import pytest

import jaxloss
from jaxloss.names import arguments, public_modules
from jaxloss.names.page import markdown_page
from jaxloss.names.table import ForeignArgument, Library, libraries, library

FUNCTIONS: dict[Callable, tuple[str, ...]] = {
    member: tuple(arguments.keywords(member))
    for module in public_modules()
    for member in (getattr(module, name) for name in getattr(module, "__all__", ()))
    if inspect.isfunction(member)
}
"""Every public function and its keywords."""
ENTRIES = [(lib, entry) for lib in libraries() for entry in lib.arguments]
IDS = [f"{lib.title}-{entry.names[0]}" for lib, entry in ENTRIES]


def function(path: str) -> Any:
    """A function by its path below jaxloss."""
    return functools.reduce(getattr, path.split("."), jaxloss)


def takes_any_keyword(fn: Callable) -> bool:
    return any(p.kind is p.VAR_KEYWORD for p in inspect.signature(fn).parameters.values())


def message(fn: Callable, /, *args: object, **kwargs: object) -> str:
    with pytest.raises(TypeError) as raised:
        fn(*args, **kwargs)
    error = raised.value
    assert error.__context__ is None or error.__suppress_context__, "another message is shown above ours"
    return str(raised.value)


# ---- what the error says ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fn", "keywords", "says"),
    [
        (
            jaxloss.sigmoid_binary_cross_entropy,
            {"labels": 1},
            "sigmoid_binary_cross_entropy has no argument `labels`; use `targets=`, which optax and TensorFlow call "
            "`labels`.",
        ),
        (
            jaxloss.squared_error,
            {"y_true": 1, "y_pred": 1},
            "squared_error has no argument `y_true`; use `targets=`, which Keras and TensorFlow call `y_true`.\n"
            "squared_error has no argument `y_pred`; use `predictions=`, which Keras and TensorFlow call `y_pred`.",
        ),
        (jaxloss.squared_error, {"mask": 1}, "masks are the argument `where=` of every loss, True for what counts"),
        (jaxloss.squared_error, {"preds": 1}, "squared_error has no argument `preds`; use `predictions=`."),
        (jaxloss.nll_loss, {"input": 1}, "use `log_probs=`, which PyTorch calls `input`."),
        (jaxloss.nll_loss, {"weight": 1}, "use `class_weights=`, which PyTorch calls `weight`."),
        (jaxloss.huber_loss, {"weight": 1}, "use `weights=`, which PyTorch calls `weight`."),
        (jaxloss.nll_loss, {"ignore_index": 1}, "write the mask: `where=labels != -100`."),
        (jaxloss.nll_loss, {"reduce": False}, "write `reduction='mean'`, `'sum'`, `'none'`, or one of"),
        (jaxloss.nll_loss, {"size_average": False}, "write `reduction='mean'`, `'sum'`, `'none'`, or one of"),
        (jaxloss.softmax_cross_entropy, {"axis": 1}, "classes are the last axis: `jnp.moveaxis(logits, 1, -1)`"),
        (jaxloss.binary_cross_entropy, {"from_logits": True}, "`jaxloss.binary_cross_entropy` takes probabilities"),
        (jaxloss.binary_cross_entropy, {"pos_weight": 2}, "an argument of `jaxloss.sigmoid_binary_cross_entropy`."),
        (jaxloss.kl_divergence, {"log_target": True}, "`jaxloss.kl_divergence_with_log_targets` their logarithms"),
        (
            jaxloss.circle_loss,
            {"gamma": 1},
            "circle_loss has no argument `gamma`; use `scale=`, which Keras calls `gamma`.",
        ),
        (jaxloss.cauchy_loss, {"gamma": 1}, "cauchy_loss has no argument `gamma`. "),
        (jaxloss.ctc_loss, {"log_probs": 1}, "use `logits=`, which PyTorch calls `log_probs`."),
        (jaxloss.sigmoid_focal_loss, {"log_probs": 1}, "sigmoid_focal_loss has no argument `log_probs`. "),
        (jaxloss.huber_loss, {"detla": 1}, "huber_loss has no argument `detla`. Did you mean `delta`?"),
        (jaxloss.l2_penalty, {"zzz": 1}, "l2_penalty has no argument `zzz`. Its keywords are `params`, `mask`."),
        (jaxloss.l2_penalty, {"weight": 1}, "l2_penalty has no argument `weight`. Its keywords are `params`, `mask`."),
        (jaxloss.combine.upgrad, {"zzz": 1}, "upgrad has no argument `zzz`. "),
        (jaxloss.boxes.box_iou, {"boxess": 1}, "Did you mean `boxes`?"),
    ],
)
def test_the_error_says_what_to_write(fn: Callable, keywords: dict[str, object], says: str) -> None:
    assert says in message(fn, **keywords)
    compiled = message(jax.jit(fn), **keywords)  # which sorts the keywords
    assert all(line in compiled for line in says.splitlines())


def test_every_function_answers_a_keyword_that_it_does_not_have() -> None:
    for fn, known in FUNCTIONS.items():
        if takes_any_keyword(fn):
            continue
        if fn.__module__.startswith("jaxloss.reductions"):  # made by ``reducer``, which binds the arguments itself
            assert message(fn, zzz_zzz=1).startswith(f"{fn.__name__}({', '.join(inspect.signature(fn).parameters)}): ")
        else:
            text = message(fn, **dict.fromkeys(known, 1), zzz_zzz=1)
            assert text.startswith(f"{fn.__name__} has no argument `zzz_zzz`")
            assert "\n" not in text, "one of its own arguments is refused"


@pytest.mark.parametrize(("of", "entry"), ENTRIES, ids=IDS)
def test_an_answer_names_an_argument_of_the_function(of: Library, entry: ForeignArgument) -> None:
    """Over all functions: what the tables say of a keyword is an argument of this one."""
    reached = 0
    for fn, known in FUNCTIONS.items():
        for name in set(entry.names) - {*known}:
            ours, _ = arguments.find(fn, name)
            text = arguments.explain(fn, [name])
            assert text.startswith(f"{fn.__name__} has no argument `{name}`")
            if ours:
                reached += ours in entry.ours
                assert ours in known
                assert f"`{ours}=" in text
            elif known:
                named = re.findall(r"`(\w+)`", re.split(r"Its keywords are |Did you mean ", text)[-1])
                assert named, text
                assert set(named) <= {*known}
    assert reached or not entry.ours, "stands for an argument that no function has"


@pytest.mark.parametrize(("of", "entry"), ENTRIES, ids=IDS)
def test_a_keyword_of_a_library_is_answered_on_a_loss_of_it(of: Library, entry: ForeignArgument) -> None:
    rows = [function(row.functions[0]) for row in of.rows]
    losses = rows if of.imports else [*FUNCTIONS]  # names in common use are those of any loss
    for name in entry.names:
        answered = [arguments.find(fn, name) for fn in losses if name not in FUNCTIONS[fn]]
        if name in FUNCTIONS[jaxloss.squared_error]:
            continue  # asked for as if it were a loss: every loss has it
        assert any((of, entry) in entries for _, entries in answered), name


def test_each_argument_that_stands_for_a_keyword_is_reached() -> None:
    existing = set().union(*FUNCTIONS.values())
    names = {fn.__name__ for fn in FUNCTIONS}
    for of, entry in ENTRIES:
        assert set(entry.ours) <= existing, f"{of.title}: no function has one of these arguments"
        assert set(entry.losses) <= names


UNANSWERED = {
    "name": "a label of an object",
    "identifier": "a label of an object",
    "dtype": "of an object",
    "device": "of an object",
    "options": "of compilation",
    "in_features": "a size that arrays have",
    "out_features": "a size that arrays have",
    "num_classes": "a size that arrays have",
    "n_classes": "a size that arrays have",
    "cutoffs": "a size that arrays have",
    "div_value": "a size that arrays have",
    "head_bias": "a layer with a bias, which our loss does not have",
    "swap": "of another of the two functions that a row is about",
    "ref_embeddings": "a memory, which our loss does not have",
    "ref_labels": "a memory, which our loss does not have",
    "remove_diagonal": "of a memory, which our loss does not have",
    "label_fn": "a transformation that the caller does",
    "margin_ranking_loss: anchor": "its distances are ours to take",
    "margin_ranking_loss: positive": "its distances are ours to take",
    "margin_ranking_loss: negative": "its distances are ours to take",
    "cosine_distance: epsilon": "our loss is finite without it",
    "softmax_dice_loss: alpha": "of the Tversky loss",
    "softmax_dice_loss: beta": "of the Tversky loss",
    "binary_cross_entropy: label_smoothing": "which our loss does not have",
    "softmax_focal_loss: label_smoothing": "which our loss does not have",
    "sigmoid_focal_loss: label_smoothing": "which our loss does not have",
}
"""Keywords of other libraries' functions, of one loss or of all, that the tables leave to our list, and why."""


def keywords_of(of: Library) -> Iterator[tuple[str, str]]:
    """The loss of ours and the keyword of theirs, for every function that is called in the rows of a library."""
    scope: dict[str, object] = {}
    for statement in of.imports:
        exec(statement, scope)
    for row in of.rows:
        for path in re.findall(r"(?<![\w.])(?:F|nn|optax|keras|rax)(?:\.\w+)+", " ".join(row.theirs)):
            theirs = eval(path, scope)
            for called in (theirs, getattr(theirs, "forward", None), getattr(theirs, "call", None)):
                try:
                    parameters = inspect.signature(called).parameters if called else {}
                except ValueError:  # a function of C
                    continue
                for name, parameter in dict(parameters).items():
                    if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) and name != "self":
                        yield row.functions[0], name


@pytest.mark.full
@pytest.mark.parametrize("stem", ["torch", "optax", "keras", "rax"])
def test_no_keyword_of_the_library_is_forgotten(stem: str) -> None:
    pytest.importorskip(stem)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pairs = dict.fromkeys(keywords_of(library(stem)))
    assert len(pairs) > 2
    forgotten = []
    for path, name in pairs:
        fn = function(path)
        known = {*FUNCTIONS[fn], *UNANSWERED}
        if not {name, f"{path}: {name}"} & known:
            ours, entries = arguments.find(fn, name)
            if not (ours or entries):
                forgotten.append(f"{path}: {name}")
    assert not forgotten


def test_the_page_lists_the_arguments() -> None:
    page = markdown_page()
    for _, entry in ENTRIES:
        for piece in (*entry.names, *entry.ours, *entry.losses):
            assert f"`{piece}`" in page or f"`{piece}=" in page
        assert entry.says in page


# ---- otherwise the functions are what they were ----------------------------------------------------------------


def test_a_function_is_one_object_wherever_it_is_found() -> None:
    plain = {inspect.unwrap(fn): fn for fn in FUNCTIONS}
    assert len(plain) == len(FUNCTIONS)
    for fn in FUNCTIONS:
        assert vars(sys.modules[fn.__module__])[fn.__name__] is fn
    for path, module in list(sys.modules.items()):
        if path.partition(".")[0] == "jaxloss":
            for name in getattr(module, "__all__", ()):
                member = getattr(module, name)
                if inspect.isfunction(member) and inspect.unwrap(member) in plain:
                    assert member is plain[inspect.unwrap(member)], f"{path}.{name}"


def test_tools_see_the_function_of_the_source() -> None:
    for fn in FUNCTIONS:
        plain = inspect.unwrap(fn)
        assert f"def {fn.__name__}(" in inspect.getsource(fn)
        assert inspect.getmodule(fn) is inspect.getmodule(plain)
        for name in functools.WRAPPER_ASSIGNMENTS:
            assert getattr(fn, name) == getattr(plain, name)
        assert inspect.signature(functools.partial(fn)) == inspect.signature(fn)
        if not fn.__module__.startswith(
            "jaxloss.reductions"
        ):  # whose functions take the further arguments of their rule
            assert inspect.signature(fn) == inspect.signature(plain)
        assert pickle.loads(pickle.dumps(fn)) is fn
        assert copy.copy(fn) is fn
        assert copy.deepcopy(fn) is fn


def test_doctest_finds_the_examples_of_every_module() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = {test.name for home in {fn.__module__ for fn in FUNCTIONS} for test in finder.find(sys.modules[home])}
    for fn in FUNCTIONS:
        assert f"{fn.__module__}.{fn.__name__}" in found or ">>>" not in (fn.__doc__ or "")


def test_static_arguments_and_partial_functions_are_known() -> None:
    x = jnp.ones(3)
    compiled = jax.jit(jaxloss.huber_loss, static_argnames=("reduction", "delta"))
    assert compiled(x, x, delta=2.0, reduction="sum") == 0
    compiled = jax.jit(functools.partial(jaxloss.huber_loss, delta=2.0), static_argnames="reduction")
    assert compiled(x, x, reduction="sum") == 0
    with pytest.raises(ValueError, match="no_such_argument"):
        jax.jit(jaxloss.huber_loss, static_argnames="no_such_argument")
    assert jax.jit(jaxloss.huber_loss).lower(x, x).as_text().startswith("module @jit_huber_loss ")


def test_other_errors_pass_unchanged() -> None:
    """Errors of the call, of the function itself, and of a function that it calls with a wrong keyword."""
    huber_loss: Any = jaxloss.huber_loss
    shift: Any = lambda values: values
    with pytest.raises(TypeError, match=r"missing 1 required positional argument: 'targets'$"):
        huber_loss(jnp.ones(3))
    with pytest.raises(TypeError, match=r"got multiple values for argument 'targets'$"):
        huber_loss(jnp.ones(3), jnp.ones(3), targets=jnp.ones(3))
    with pytest.raises(TypeError, match="floating") as raised:
        huber_loss(jnp.ones(3, bool), jnp.ones(3), delta=1.0)
    assert raised.value.__cause__ is None
    with pytest.raises(TypeError, match=r"<lambda>\(\) got an unexpected keyword argument 'zzz'$"):
        huber_loss(jnp.ones(3), jnp.ones(3), reduction=lambda values, weights: shift(values, zzz=weights))


def test_a_traceback_shows_the_call_and_nothing_else_of_the_answers() -> None:
    for fn in (jaxloss.huber_loss, jax.jit(jaxloss.huber_loss)):
        with pytest.raises(ValueError, match="must have the same shape") as raised:
            fn(jnp.ones(3), jnp.ones(4))
        frames = traceback.extract_tb(raised.value.__traceback__)
        assert [frame.line for frame in frames if "names" in frame.filename] == ["return fn(*args, **kwargs)"]


def test_a_reloaded_package_does_not_wrap_twice() -> None:
    program = (
        "import importlib, jaxloss\n"
        "first = jaxloss.huber_loss\n"
        "importlib.reload(jaxloss)\n"
        "assert jaxloss.huber_loss is first\n"
        "assert not hasattr(first.__wrapped__, '__wrapped__')\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def test_the_tables_are_read_on_an_error_only() -> None:
    program = (
        "import sys, jaxloss\n"
        "loaded = lambda: {'jaxloss.names.table', 'jaxloss.names.arguments', 'tomllib'} & sys.modules.keys()\n"
        "jaxloss.huber_loss([1.0], [1.0], delta=2.0)\n"
        "try: jaxloss.huber_loss([1.0])\n"
        "except TypeError: pass\n"
        "assert not loaded(), loaded()\n"
        "try: jaxloss.huber_loss(input=[1.0])\n"
        "except TypeError: pass\n"
        "assert loaded()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
