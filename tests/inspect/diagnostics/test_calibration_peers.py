"""Calibration against netcal 1.4.0, uncertainty-calibration 0.1.4 and relplot 1.0.3.

Their numbers are written down, so that the comparison runs everywhere; where a package is installed, they are also
computed again. The predictions need no random numbers. They are under-confident where they are unsure and over-confident
where they are sure: where all bins err in one direction, most calibration errors are the same number.
"""

from __future__ import annotations

import functools

import jax
import numpy as np
import pytest
import scipy.special

from jaxloss.inspect.diagnostics import calibration
from tests.inspect.diagnostics.test_calibration import counted, predictions, sample

BINS = 15
SIZES = pytest.mark.parametrize("size", [60, 1000, 6000])

NETCAL = {
    60: {"ECE": 0.14104971715780837, "equal mass": 0.16464371904961733, "MCE": 0.6777878467523046, "ACE": 0.16981098404654052},
    1000: {"ECE": 0.10250100228022721, "equal mass": 0.1041101704098695, "MCE": 0.24047984006286827, "ACE": 0.1071187028131073},
    6000: {"ECE": 0.10815877438508847, "equal mass": 0.10765318363030577, "MCE": 0.23638093218307632, "ACE": 0.11111239822694205},
}  # fmt: skip
"""Size to ``netcal.metrics.{ECE,MCE,ACE}(bins=15)``, and ``ECE`` with ``equal_intervals=False``."""

DEBIASED = {60: 0.0, 1000: 0.11623383681230991, 6000: 0.12556954636381784}
"""Size to the root of ``calibration.utils.unbiased_square_ce`` of uncertainty-calibration."""

SMOOTH = {60: 0.10401413560822752, 1000: 0.09767299351557371, 6000: 0.10018898591746293}
"""Size to ``relplot.metrics.smECE(eps=1e-4)``, which is 2e-4 from the exact fixed point."""


@functools.cache
def crossing(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Confidences in [0.3, 1] and hits, by multiples of irrational numbers."""
    number = np.arange(1, size + 1)
    confidences = 0.3 + 0.7 * (number * 0.6180339887498949 % 1)
    return confidences, (number * 0.41421356237309515 % 1 < 0.35 + 0.4 * confidences).astype(float)


@functools.cache
def state(size: int) -> calibration.Calibration:
    confidences, hits = (x.astype(np.float32) for x in crossing(size))
    return jax.jit(calibration.update_with_confidences)(calibration.init(), confidences, hits)


def debiased(confidences: np.ndarray, hits: np.ndarray) -> float:
    utils = pytest.importorskip("calibration.utils", reason="uncertainty-calibration is not installed")
    bins = utils.bin(list(zip(confidences, hits, strict=True)), list(np.linspace(0, 1, BINS + 1)[1:]))
    kept = [b for b in bins if len(b) > 1]
    return np.sqrt(max(utils.unbiased_square_ce(kept) * sum(map(len, kept)) / len(hits), 0))


@SIZES
def test_errors_are_the_numbers_of_netcal(size: int) -> None:
    found, expected = state(size), NETCAL[size]
    np.testing.assert_allclose(calibration.ece(found), expected["ECE"], rtol=1e-6)
    # A cell that a border of bins of equal mass crosses is divided in proportion.
    np.testing.assert_allclose(calibration.adaptive_ece(found), expected["equal mass"], atol=5e-4)
    diagram = calibration.diagram(found)
    gaps = np.abs(diagram.confidence - diagram.accuracy)
    np.testing.assert_allclose([np.nanmax(gaps), np.nanmean(gaps)], [expected["MCE"], expected["ACE"]], rtol=1e-6)


@SIZES
def test_debiased_error_is_the_number_of_uncertainty_calibration(size: int) -> None:
    np.testing.assert_allclose(calibration.debiased_l2(state(size)), DEBIASED[size], rtol=1e-6)


@SIZES
def test_smooth_error_is_the_number_of_relplot(size: int) -> None:
    np.testing.assert_allclose(calibration.smooth_ece(state(size)), SMOOTH[size], atol=3e-4)


@pytest.mark.full
@SIZES
def test_netcal_itself(size: int) -> None:
    metrics = pytest.importorskip("netcal.metrics", reason="netcal is not installed")
    given, equal_mass = crossing(size), {"equal mass": metrics.ECE(bins=BINS, equal_intervals=False)}
    found = equal_mass | {name: getattr(metrics, name)(bins=BINS) for name in ("ECE", "MCE", "ACE")}
    for name, metric in found.items():
        np.testing.assert_allclose(metric.measure(*given), NETCAL[size][name], rtol=1e-9)
    probs = scipy.special.softmax(sample(size)[0].astype(np.float64), axis=-1)
    of_classes = metrics.ECE(bins=BINS).measure(probs, sample(size)[1])
    np.testing.assert_allclose(calibration.ece(counted(size)), of_classes, rtol=1e-6)


@pytest.mark.full
@SIZES
def test_uncertainty_calibration_itself(size: int) -> None:
    np.testing.assert_allclose(debiased(*crossing(size)), DEBIASED[size], rtol=1e-9)
    found = calibration.debiased_l2(counted(size))
    np.testing.assert_allclose(found, debiased(*predictions(*sample(size))), rtol=1e-5)


@pytest.mark.full
@SIZES
def test_relplot_itself(size: int) -> None:
    metrics = pytest.importorskip("relplot.metrics", reason="relplot is not installed")
    np.testing.assert_allclose(metrics.smECE(*crossing(size), eps=1e-4), SMOOTH[size], rtol=1e-9)
    of_classes = metrics.smECE(*predictions(*sample(size)), eps=1e-4)
    np.testing.assert_allclose(calibration.smooth_ece(counted(size)), of_classes, atol=3e-4)
