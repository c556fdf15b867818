"""VGG features and the files they are read from, against PyTorch."""

from __future__ import annotations

import builtins
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxloss
from tests.support import run_examples

torch = pytest.importorskip("torch")
nnx = pytest.importorskip("flax.nnx")
safetensors = pytest.importorskip("safetensors.torch")

from jaxloss.nn import VGG, load_lpips_heads, load_vgg, vgg  # noqa: E402

MEAN, DEVIATION = (torch.tensor(v).reshape(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
LAYERS = ("relu1_2", "conv2_1", "pool2", "relu3_3")


def torch_features(plan: list):
    """torchvision's ``vgg.features``, with random weights and the names of its layers."""
    modules = {"conv": lambda a, b: torch.nn.Conv2d(a, b, 3, padding=1), "relu": lambda a, b: torch.nn.ReLU()}
    modules["pool"] = lambda a, b: torch.nn.MaxPool2d(2, 2)
    torch.manual_seed(0)
    network = torch.nn.Module()
    network.features = torch.nn.Sequential(*(modules[layer.kind](layer.inputs, layer.outputs) for layer in plan))
    return network


def outputs(network, plan: list, images: np.ndarray) -> dict:
    x = (torch.tensor(images).permute(0, 3, 1, 2) - MEAN) / DEVIATION
    found = {}
    for layer, module in zip(plan, network.features, strict=True):
        x = found[layer.name] = module(x)
    return found


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory):
    """Networks of torch up to the deepest layer, and their tensors in both kinds of file."""
    folder = tmp_path_factory.mktemp("weights")
    networks = {}
    for depth in (16, 19):
        plan = vgg._cut(("relu3_3",), depth)
        networks[depth] = torch_features(plan), plan
        tensors = networks[depth][0].state_dict()
        torch.save(tensors, folder / f"vgg{depth}.pth")
        safetensors.save_file(tensors, folder / f"vgg{depth}.safetensors")
    return folder, networks


def test_layout_is_torchvisions() -> None:
    """The indices of torchvision's ``features``, as its documentation prints them."""
    places = {depth: {layer.name: layer.place for layer in vgg._plan(depth)} for depth in (16, 19)}
    assert [len(places[depth]) for depth in (16, 19)] == [31, 37]
    assert [places[16][n] for n in ("conv1_1", "relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")] == [
        0,
        3,
        8,
        15,
        22,
        29,
    ]
    assert [places[19][n] for n in ("conv1_1", "relu3_4", "conv4_2", "relu5_4", "pool5")] == [0, 17, 21, 35, 36]


@pytest.mark.parametrize(("depth", "suffix"), [(16, "pth"), (16, "safetensors"), (19, "pth")])
def test_features_equal_torchs(files, rng: np.random.Generator, depth: int, suffix: str) -> None:
    folder, networks = files
    images = rng.uniform(size=(2, 16, 20, 3)).astype(np.float32)
    network = load_vgg(folder / f"vgg{depth}.{suffix}", LAYERS, depth=depth)
    ours = nnx.jit(lambda network, x: network(x))(network, images)
    theirs = outputs(*networks[depth], images)
    assert set(ours) == set(LAYERS)
    for name, features in ours.items():
        expected = theirs[name].detach().permute(0, 2, 3, 1).numpy()
        np.testing.assert_allclose(features, expected, atol=1e-4 * np.abs(expected).max(), err_msg=name)


def test_losses_and_their_gradients_equal_torchs(files, rng: np.random.Generator) -> None:
    folder, networks = files
    images, targets = rng.uniform(size=(2, 2, 16, 20, 3)).astype(np.float32)
    layers = ("relu1_2", "relu2_2")
    network = load_vgg(folder / "vgg16.pth", layers)
    heads = {"relu1_2": rng.uniform(size=64), "relu2_2": rng.uniform(size=128)}
    x = torch.tensor(images, requires_grad=True)
    normalised = [(i.permute(0, 3, 1, 2) - MEAN) / DEVIATION for i in (x, torch.tensor(targets))]
    features = []
    for image in normalised:
        found = {}
        for layer, module in zip(networks[16][1], networks[16][0].features, strict=True):
            image = module(image)
            found[layer.name] = image
        features.append(found)
    pairs = {name: (features[0][name], features[1][name]) for name in layers}
    gram = lambda f: torch.einsum("nchw,ndhw->ncd", f, f) / f[0].numel()
    unit = lambda f: f / (f.square().sum(1, keepdim=True).sqrt() + 1e-10)
    head = lambda name: torch.tensor(heads[name], dtype=torch.float32).reshape(1, -1, 1, 1)
    theirs = {
        "content": sum(torch.nn.functional.mse_loss(a, b) for a, b in pairs.values()),
        "style": sum((gram(a) - gram(b)).square().sum((1, 2)).mean() for a, b in pairs.values()),
        "lpips": sum(((unit(a) - unit(b)).square() * head(n)).sum(1).mean() for n, (a, b) in pairs.items()),
    }
    ours = {
        "content": jaxloss.content_loss,
        "style": jaxloss.style_loss,
        "lpips": lambda a, b: jaxloss.lpips_loss(a, b, heads),
    }
    for name, loss in theirs.items():
        value, gradient = jax.jit(jax.value_and_grad(lambda i, name=name: ours[name](network(i), network(targets))))(
            images
        )
        np.testing.assert_allclose(value, loss.item(), rtol=1e-4, err_msg=name)
        (expected,) = torch.autograd.grad(loss, x, retain_graph=True)
        np.testing.assert_allclose(gradient, expected, atol=1e-4 * expected.abs().max().item(), err_msg=name)


def test_heads_are_read(tmp_path: Path) -> None:
    widths = (64, 128, 256, 512, 512)
    tensors = {f"lin{k}.model.1.weight": torch.rand(1, n, 1, 1) for k, n in enumerate(widths)}
    torch.save(tensors, tmp_path / "vgg.pth")
    heads = load_lpips_heads(tmp_path / "vgg.pth")
    assert list(heads) == ["relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"]
    for vector, tensor in zip(heads.values(), tensors.values(), strict=True):
        np.testing.assert_array_equal(vector, tensor.reshape(-1).numpy())
    torch.save({**tensors, "lin5.model.1.weight": torch.rand(1)}, tmp_path / "vgg.pth")
    with pytest.raises(ValueError, match=r"unexpected: lin5\.model"):
        load_lpips_heads(tmp_path / "vgg.pth")


def test_says_what_is_wrong_with_a_file(files, tmp_path: Path) -> None:
    _, networks = files
    tensors = networks[16][0].state_dict()
    path = tmp_path / "weights.pth"

    def fails(content: object, message: str, **kwargs: object) -> None:
        torch.save(content, path)
        with pytest.raises(ValueError, match=message):
            load_vgg(path, **{"layers": ("relu3_3",), **kwargs})

    fails({n: t for n, t in tensors.items() if n != "features.5.bias"}, r"missing: features\.5\.bias")
    fails({**tensors, "features.1.weight": torch.zeros(64)}, r"vgg16.*unexpected: features\.1\.weight")
    fails(
        {**tensors, "features.0.weight": torch.zeros(64, 1, 3, 3)},
        r"wrong shape: features\.0\.weight \(64, 1, 3, 3\) instead of \(64, 3, 3, 3\)",
    )
    fails(tensors, r"missing: features\.17\.weight", layers=("relu4_1",))
    fails(tensors, r"vgg19", layers=("relu3_4",), depth=19)
    fails([1, 2], "state_dict, names to tensors; found list")
    fails({"state_dict": dict(tensors)}, r"state_dict \(dict\)")
    fails({}, "missing: .* and 8 more")
    torch.save({**tensors, "classifier.0.weight": torch.zeros(2, 2)}, path)
    assert load_vgg(path, ("relu1_1",)).layers == ("relu1_1",)
    for broken in (path, tmp_path / "weights.safetensors"):
        broken.write_bytes(b"no weights")
        with pytest.raises(ValueError, match="not a readable"):
            load_vgg(broken)
    with pytest.raises(FileNotFoundError, match="not downloaded"):
        load_vgg(tmp_path / "absent.pth")


def test_names_the_package_that_is_absent(files, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = files
    real = builtins.__import__

    def without(name: str, *args: object, **kwargs: object):
        if name.split(".")[0] in ("torch", "safetensors"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install torch.*safetensors"):
        load_vgg(folder / "vgg16.pth")
    with pytest.raises(ImportError, match="pip install safetensors"):
        load_vgg(folder / "vgg16.safetensors")


def test_refuses_names_and_images_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="relu1_3"):
        VGG(("relu1_3",), rngs=nnx.Rngs(0))
    for layers in ((), "relu1_1"):
        with pytest.raises(ValueError, match="layers"):
            VGG(layers, rngs=nnx.Rngs(0))
    with pytest.raises(ValueError, match="depth"):
        VGG(depth=11, rngs=nnx.Rngs(0))
    network = VGG(("pool1",), rngs=nnx.Rngs(0))
    for shape in ((4, 4, 1), (1, 4, 3), (3, 8), (2, 3, 8, 8)):
        with pytest.raises(ValueError, match="height|H, W, 3"):
            network(jnp.ones(shape))
    with pytest.raises(TypeError, match="images"):
        network(jnp.ones((4, 4, 3), jnp.uint8))
    assert network(jnp.ones((4, 4, 3), jnp.bfloat16))["pool1"].shape == (2, 2, 64)


def test_example() -> None:
    assert run_examples(VGG, "VGG", {"jax": jax, "jnp": jnp})
