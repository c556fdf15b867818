"""Run TorchJD, conflictfree and LibMTL on random Jacobians and write what they give to ``tests/combine/references``.

Run it where they are installed (torch 2.13, torchjd 0.18 with cvxpy, clarabel, ecos, quadprog and qpsolvers,
conflictfree 0.1.8, LibMTL 1.1.5 with ``--no-deps``); the tests read the files and need none of them:

    python scripts/make_aggregation_references.py
"""

from __future__ import annotations

import itertools
import pathlib
import random
import sys
import types
import warnings
from collections.abc import Callable
from unittest import mock

import numpy as np
import torch
from conflictfree.grad_operator import ConFIG_update, IMTLGOperator, PCGradOperator
from torchjd import aggregation as torchjd

KINDS = ("random", "scaled", "deficient", "conflicting", "aligned")
SIZES, PER_KIND, COLUMNS = (2, 3, 5, 8), 12, 9
FOLDER = pathlib.Path(__file__).parent.parent / "tests" / "combine" / "references"


def jacobian(rng: np.random.Generator, kind: str, rows: int) -> np.ndarray:
    """Rows of float32 numbers, so that both precisions start from the same matrix."""
    matrix = rng.normal(size=(rows, COLUMNS))
    if kind == "scaled":
        matrix *= 10.0 ** rng.uniform(-1.5, 1.5, size=(rows, 1))
    elif kind == "deficient":
        # Whole numbers, for which the deficiency is exact in float32.
        rank = max(1, rows - int(rng.integers(1, 3)))
        left, right = rng.integers(-3, 4, (rows, rank)), rng.integers(-3, 4, (rank, COLUMNS))
        matrix = (left @ right).astype(float)
        matrix[np.all(matrix == 0, axis=1)] = 1.0
    elif kind == "conflicting":
        matrix -= 0.9 * matrix.mean(axis=0)
    elif kind == "aligned":
        matrix = np.abs(matrix)
    return matrix.astype(np.float32)


def in_order(size: int, **_: object) -> torch.Tensor:
    return torch.arange(size)


def libmtl(name: str, matrix: torch.Tensor, **options: float) -> np.ndarray:
    """The gradient of a LibMTL weighting whose terms are linear, so that their gradients are the rows."""
    if "LibMTL" not in sys.modules:
        # The package itself fails to import with a current torchvision; its modules do not.
        package = types.ModuleType("LibMTL")
        root = next(p for p in map(pathlib.Path, sys.path) if (p / "LibMTL" / "weighting").is_dir())
        package.__path__ = [str(root / "LibMTL")]
        weighting = types.ModuleType("LibMTL.weighting")
        weighting.__path__ = [str(root / "LibMTL" / "weighting")]
        sys.modules |= {"LibMTL": package, "LibMTL.weighting": weighting}
    module = __import__(f"LibMTL.weighting.{name}", fromlist=[name])
    shared = torch.nn.Parameter(torch.zeros(matrix.shape[1]))
    shared.grad = torch.zeros_like(shared)

    class Weighting(getattr(module, name)):
        def get_share_params(self) -> list[torch.nn.Parameter]:
            return [shared]

        def zero_grad_share_params(self) -> None:
            shared.grad.zero_()

    weighting = Weighting()
    weighting.task_num, weighting.device, weighting.rep_grad = len(matrix), torch.device("cpu"), False
    weighting.init_param()
    with mock.patch.object(random, "shuffle", return_value=None):
        weighting.backward(matrix @ shared, **options)
    return shared.grad.numpy().astype(float)


def references(matrix: np.ndarray, uniform: np.ndarray, preference: np.ndarray) -> dict[str, np.ndarray]:
    rows = torch.tensor(matrix, dtype=torch.float64)
    gram, prefer = rows @ rows.T, torch.tensor(preference)
    size = len(rows)
    of_gram: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
        "upgrad": torchjd.UPGradWeighting(),
        "upgrad_preferring": torchjd.UPGradWeighting(prefer),
        "dualproj": torchjd.DualProjWeighting(),
        "dualproj_preferring": torchjd.DualProjWeighting(prefer),
        "cagrad": torchjd.CAGradWeighting(c=0.5),
        "mgda": torchjd.MGDAWeighting(epsilon=1e-9, max_iters=500),
        "imtl_g": torchjd.IMTLGWeighting(),
        "fairgrad_half": torchjd.FairGradWeighting(alpha=0.5),
        "fairgrad_two": torchjd.FairGradWeighting(alpha=2.0),
        "aligned_min": torchjd.AlignedMTLWeighting(),
        "aligned_median": torchjd.AlignedMTLWeighting(scale_mode="median"),
        "aligned_rmse": torchjd.AlignedMTLWeighting(scale_mode="rmse"),
        "aligned_preferring": torchjd.AlignedMTLWeighting(prefer),
    }
    found = {}
    with mock.patch.object(torch, "randperm", in_order):
        found["pcgrad"] = torchjd.PCGradWeighting()(gram)
        vaccine = torchjd.GradVacWeighting(beta=0.3, eps=0.0)
        found["gradvac_first"] = vaccine(gram)
        turned = (rows + 0.5 * rows.roll(1, 0)) @ (rows + 0.5 * rows.roll(1, 0)).T
        found["gradvac_second"] = vaccine(turned)
    found |= {name: weighting(gram) for name, weighting in of_gram.items()}
    found["nash"] = torchjd.NashMTL(size, max_norm=0.0, optim_niter=100).weighting(rows)
    with mock.patch.object(torch, "rand", return_value=torch.tensor(uniform)):
        found["graddrop_row"] = torchjd.GradDrop(leak=torch.full((size,), 0.25, dtype=torch.float64))(rows)
    found["config_row"] = torchjd.ConFIG()(rows)
    found["config_preferring_row"] = torchjd.ConFIG(prefer)(rows)
    found["trimmed_row"] = torchjd.TrimmedMean((size - 1) // 2)(rows)
    found["conflictfree_pcgrad_row"] = PCGradOperator().calculate_gradient(rows)
    found["conflictfree_imtl_g_row"] = IMTLGOperator().calculate_gradient(rows)
    found["conflictfree_config_row"] = ConFIG_update(rows, use_least_square=False)
    found = {name: torch.as_tensor(value).numpy().astype(float) for name, value in found.items()}
    found["libmtl_gradvac_row"] = libmtl("GradVac", rows, beta=0.5)
    found["libmtl_mgda_row"] = libmtl("MGDA", rows, mgda_gn="none")
    return found


def main() -> None:
    warnings.filterwarnings("ignore")
    torch.set_default_dtype(torch.float64)
    FOLDER.mkdir(exist_ok=True)
    for size in SIZES:
        rng = np.random.default_rng(size)
        kinds = [kind for kind, _ in itertools.product(KINDS, range(PER_KIND))]
        matrices = np.stack([jacobian(rng, kind, size) for kind in kinds])
        uniform = rng.uniform(size=COLUMNS)
        preference = rng.uniform(0.1, 2, size=size)
        records = [references(matrix, uniform, preference) for matrix in matrices]
        columns = {name: np.stack([record[name] for record in records]) for name in records[0]}
        # Full precision where the reference has it; single is enough for the looser ones.
        loose = {name: x.astype(np.float32) for name, x in columns.items() if name.startswith(("libmtl", "nash"))}
        path = FOLDER / f"aggregation_{size}.npz"
        np.savez_compressed(
            path,
            **(columns | loose),
            jacobians=matrices,
            kinds=np.array(kinds),
            uniform=uniform,
            preference=preference,
        )
        print(path, path.stat().st_size)


if __name__ == "__main__":
    main()
