"""``jaxloss bench``: losses beside each other, by the clock and by the compilers."""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxloss.benchmarks import Comparison
from jaxloss.benchmarks.charts import chart
from jaxloss.benchmarks.comparing import Implementation
from jaxloss.benchmarks.growing import growth_table, until_full
from jaxloss.benchmarks.inputs import NoInputs, arguments
from jaxloss.benchmarks.inputs.sizes import default_size
from jaxloss.benchmarks.machine import environment
from jaxloss.benchmarks.peers import builtin
from jaxloss.benchmarks.tasks import MASKS, OF_LOGITS, Task, masked, task_of, through_softmax
from jaxloss.benchmarks.tpu import GENERATIONS
from jaxloss.cli.lookup import loss_named
from jaxloss.cli.output import advancing, print_json, print_text
from jaxloss.cli.own import own_function
from jaxloss.cli.pictures import writable
from jaxloss.cli.wrong_use import WrongUse, what_users_say

__all__ = ["run"]

STYLES = {
    r"\A.*": "bold",
    r"\bagrees (to \S+|exactly)": "green",
    r"\b(disagrees|failed|absent|differs)\b.*": "yellow",
    r"(?m)^(value|compiled for \w+|size) .*": "bold",
}
SUFFIXES = (".png", ".svg", ".pdf")


class Setting(NamedTuple):
    """One of the losses that are named, with its hyperparameters."""

    label: str
    fn: Callable[..., Any]
    hypers: Mapping[str, Any]
    public: bool


def run(losses: Sequence[str], parameters: Mapping[str, Any], json: bool, **options: Any) -> int:
    picture = writable(options["out"], SUFFIXES) if options["out"] else None
    generations = _generations(options["tpu"])
    named = _settings(losses, parameters)
    make = _from_function(named, options) if options["inputs"] else _drawn(named, options)
    measure = {"rounds": options["rounds"], "tpu": generations, "must_agree": not options["differ"]}

    def compare(size: int | None) -> Comparison:
        with what_users_say(), advancing(named[0].label) as progress:
            try:
                return make(size).compare(**measure, progress=progress)
            except NoInputs as error:
                raise WrongUse(f"{error}; give --inputs module:function, which returns the arguments") from error

    found: dict[int, Comparison] = {}
    for size, one in _all_sizes(compare, named, options):
        found[size] = one
        if not json:
            print_text(one.table(), STYLES)
            print()
    if json:
        print_json({"environment": environment(), "comparisons": [one.to_dict() for one in found.values()]})
    elif len(found) > 1:
        print_text(growth_table(found), STYLES)
    if picture is not None:
        chart(list(found.values()), picture, first=named[0].label)
        if not json:
            print(f"picture: {picture}")
    return 0 if all(e.status != "disagrees" for one in found.values() for e in one.entries) else 1


def _all_sizes(
    compare: Callable[[int | None], Comparison], named: Sequence[Setting], options: Mapping[str, Any]
) -> Iterator[tuple[int, Comparison]]:
    sizes = list(options["size"])
    if not options["grow"]:
        yield from ((size or 0, compare(size)) for size in sizes or [None])
        return
    if not sizes and options["inputs"]:
        raise WrongUse("--grow with --inputs needs a first --size")
    public = next((setting.fn for setting in named if setting.public), named[0].fn)
    first = sizes[-1] if sizes else max(1, default_size(arguments(public), dict(options["axis"])) // 16)
    yield from ((size, compare(size)) for size in sizes[:-1])
    yield from until_full(compare, first)


def _generations(text: str) -> tuple[str, ...]:
    found = tuple(GENERATIONS) if text == "all" else tuple(filter(None, text.split(",")))
    if unknown := [name for name in found if name not in GENERATIONS]:
        raise WrongUse(f"no TPU generation is named {unknown[0]!r}; they are {', '.join(GENERATIONS)}, or all")
    return found


def _settings(names: Sequence[str], parameters: Mapping[str, Any]) -> list[Setting]:
    """Every loss with every value of the hyperparameters that it takes; a tuple is several values."""
    several = {name: value if isinstance(value, tuple) else (value,) for name, value in parameters.items()}
    found = []
    for name in dict.fromkeys(names):
        own = ":" in name
        fn = own_function(name) if own else loss_named(name)
        label = name.rpartition(":")[2] if own else fn.__name__
        label = name if any(setting.label == label for setting in found) else label
        taken = {k: v for k, v in several.items() if _takes(fn, k)}
        for values in itertools.product(*taken.values()):
            hypers = dict(zip(taken, values, strict=True))
            words = ", ".join(f"{k}={v}" for k, v in hypers.items() if len(several[k]) > 1)
            found.append(Setting(f"{label}({words})" if words else label, fn, hypers, not own))
    for name in parameters:
        if not any(name in setting.hypers for setting in found):
            option = name.replace("_", "-")
            raise WrongUse(f"--{option} is neither an option of bench nor a hyperparameter of these losses")
    return found


def _takes(fn: Callable[..., Any], name: str) -> bool:
    parameters = inspect.signature(fn).parameters.values()
    return any(p.kind is p.VAR_KEYWORD or (p.name == name and p.kind is not p.POSITIONAL_ONLY) for p in parameters)


def _implementations(
    named: Sequence[Setting], needed: Mapping[str, Any], masks: Sequence[str], peers: bool
) -> tuple[Implementation, ...]:
    """In the order of the command line, then the peers of the first loss of jaxloss."""
    found = []
    for setting in named:
        if missing := [mask for mask in masks if not _takes(setting.fn, mask)]:
            raise WrongUse(f"{setting.label} takes no `{missing[0]}`: leave out --{missing[0]}")
        hypers = {**{k: v for k, v in needed.items() if _takes(setting.fn, k)}, **setting.hypers}
        loss = masked(setting.fn, hypers, masks)
        found.append(Implementation(setting.label, functools.partial(lambda fn: fn, loss)))
    public = next((setting for setting in named if setting.public), None)
    if peers and public is not None:
        found += builtin(public.fn.__name__, {**needed, **public.hypers}, masks)
    if public is not None and public.fn.__name__ in OF_LOGITS:
        found = list(map(through_softmax, found))
    return tuple(found)


def _drawn(named: Sequence[Setting], options: Mapping[str, Any]) -> Callable[[int | None], Task]:
    """Inputs of the first loss of jaxloss that is named."""
    public = next((setting for setting in named if setting.public), None)
    if public is None:
        raise WrongUse("give --inputs module:function, which returns the arguments, or name a loss of jaxloss as well")
    masks = tuple(mask for mask in MASKS if options[mask])
    axes = dict(options["axis"])

    def make(size: int | None) -> Task:
        fixed = {"dtype": options["dtype"], "axes": axes, "hypers": public.hypers, "masks": masks, "peers": False}
        task = task_of(public.fn.__name__, size=size, **fixed)
        others = _implementations(named, task.hypers, masks, not options["no_peers"])
        argnums = options["argnums"] or task.argnums
        return Task(task.title, task.names, task.inputs, argnums, others, task.batch)

    return make


def _from_function(named: Sequence[Setting], options: Mapping[str, Any]) -> Callable[[int | None], Task]:
    """What a function of the user's returns; it is given the size if it takes one."""
    if unused := [mask for mask in MASKS if options[mask]]:
        raise WrongUse(f"--{unused[0]} is for inputs that are drawn; with --inputs, make it an argument of the loss")
    if options["axis"]:
        raise WrongUse("--axis is for inputs that are drawn; with --inputs, the function decides")
    supply = own_function(options["inputs"])

    def make(size: int | None) -> Task:
        given = supply(size) if size is not None and inspect.signature(supply).parameters else supply()
        inputs = tuple(given.values()) if isinstance(given, Mapping) else tuple(given)
        names = tuple(given) if isinstance(given, Mapping) else ()
        cast = functools.partial(_cast, dtype=options["dtype"])
        losses = _implementations(named, {}, (), not options["no_peers"])
        title = ", ".join(setting.label for setting in named)
        return Task(title, names, jax.tree.map(cast, inputs), options["argnums"] or (0,), losses)

    return make


def _cast(x: Any, dtype: str) -> jax.Array:
    array = jnp.asarray(x)
    return array.astype(dtype) if jnp.issubdtype(array.dtype, jnp.floating) else array
