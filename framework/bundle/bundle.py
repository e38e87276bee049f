"""A trained cascade on disk: safetensors and JSON, every file hashed, no pickle.

zebra-giraffe/bundle.json           format, versions, domains, encoder and its hash, the hash of every other file
              recipe.json           fully resolved
              statistics.safetensors
              a2b/level5.safetensors …  a2b/inverter5.safetensors …  a2b/inverter.safetensors   b2a/…
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import torch
from attrs import evolve, frozen
from torch import Tensor, nn
from torch.nn.modules.module import register_module_module_registration_hook
from torch.overrides import TorchFunctionMode

from ..catalogue.catalogue import Catalogue
from ..contracts import freeze
from ..data.dataset import WHITE
from ..encoder import Encoder
from ..errors import InputError
from ..features.normalise import Normalise, from_tensors
from ..recipe.recipe import Recipe
from ..spec import DIRECTIONS, Direction, ImageSpec, Pair
from ..support import atomic, fetch, tensor_files
from ..support.device import CPU
from .anywhere import encoder_of, no_bundle, public, recipe_of
from .cascade import Cascade
from .named import located
from .networks import Networks

FORMAT = "crosscade.cascade/1"
MOST_MODULES = 20_000
"""Those of the built-in recipes have some hundreds."""


def weights_hash(module: nn.Module) -> str:
    """SHA-256 over a module's parameters and buffers, names and values."""
    digest = hashlib.sha256()
    for name, value in module.state_dict().items():
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def write(
    folder: Path,
    recipe: Recipe,
    catalogue: Catalogue,
    domains: Pair[str],
    encoder: Encoder,
    normalise: Pair[Normalise],
    networks: Networks,
    facts: Mapping[str, Any],
) -> Path:
    """Writes a bundle; `facts` go into its manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    statistics = {"none": torch.zeros(1)} | {
        f"{side}.{k}": v for side, n in zip("ab", normalise) for k, v in n.state_dict().items()
    }
    files = {"statistics.safetensors": statistics}
    for direction in DIRECTIONS:
        files |= {f"{name}.safetensors": net.state_dict() for name, net in networks.files(direction).items()}
    for name, tensors in files.items():
        tensor_files.write(folder / name, tensors)
    atomic.write_json(folder / "recipe.json", public(recipe.plain()))
    atomic.write_json(
        folder / "bundle.json",
        {
            "format": FORMAT,
            "domains": {"a": domains.a, "b": domains.b},
            "image": {"size": recipe.image.size, "channels": 3},
            "encoder": {"use": recipe.encoder.use, "weights_sha256": weights_hash(encoder)},
            "components": versions(recipe, catalogue),
            "versions": {"torch": torch.__version__},
            **public(dict(facts)),
            "files": {name: atomic.sha256(folder / name) for name in [*files, "recipe.json"]},
        },
        sealed=True,
    )
    return folder


def versions(recipe: Recipe, catalogue: Catalogue) -> dict[str, str]:
    """The installed version of every component that `recipe` uses."""
    used = [("encoder", recipe.encoder.use)]
    used += [("translator", s.translator.use) for s in recipe.translate]
    used += [("inverter", s.inverter.use) for s in recipe.invert]
    entries = {(kind, name): catalogue.entry(kind, name) for kind, name in used}
    return {f"{kind} {e.qualified}": e.version for (kind, _), e in entries.items()}


@frozen
class Bundle:
    """A loaded bundle: one `Cascade` a direction, made from what the manifest vouches for."""

    folder: Path
    manifest: Mapping[str, Any]
    recipe: Recipe
    domains: Pair[str]
    image: ImageSpec
    encoder: Encoder
    normalise: Pair[Normalise]
    catalogue: Catalogue
    device: torch.device = CPU

    @property
    def white(self) -> int:
        """White in the grey files of 16 bits that it was trained on."""
        return int(self.manifest.get("white", WHITE))

    def on(self, device: torch.device) -> Bundle:
        """The same bundle with its networks on `device`; this one's stay where they are."""
        if device == self.device:
            return self
        encoder, normalise = copy.deepcopy((self.encoder, self.normalise))
        return evolve(self, encoder=encoder.to(device), normalise=normalise.map(lambda n: n.to(device)), device=device)

    def cascade(self, direction: str = "a2b") -> Cascade:
        """The trained cascade of a direction, in eval mode."""
        if direction not in DIRECTIONS:
            raise InputError(f"direction '{direction}'", expected=" or ".join(DIRECTIONS))
        parts, way = (self.recipe, self.catalogue, self.encoder), Direction(direction)
        self._check_shapes(parts, way)
        networks = Networks.build(*parts)
        for name, net in networks.files(way).items():
            file = f"{name}.safetensors"
            fill(net, read_checked(self.folder, file, self.manifest), str(self.folder / file))
        cascade = networks.cascade(way, self.encoder, self.normalise).to(self.device)
        freeze(cascade)
        return cascade

    def _check_shapes(self, parts: tuple[Recipe, Catalogue, Encoder], way: Direction) -> None:
        """Refuses files that are not of the recipe's networks before these take any memory."""
        with torch.device("meta"), _Unfilled(), _bounded(str(self.folder / "recipe.json")):
            described = Networks.build(*parts).files(way)
        for name, net in described.items():
            file = f"{name}.safetensors"
            check_file(self.folder, file, self.manifest)
            held, wanted = tensor_files.shapes(self.folder / file), net.state_dict()
            for key in sorted(held.keys() | wanted.keys()):
                if key not in held or key not in wanted or held[key] != tuple(wanted[key].shape):
                    raise InputError(
                        str(self.folder / file),
                        found="weights of another network",
                        expected=type(net).__name__,
                        cure=f"'{key}' is {held.get(key, 'not there')} in the file.",
                    )


class _Unfilled(TorchFunctionMode):
    """Random numbers are not drawn: on the meta device there is nothing to fill, and torch takes 0.1 s to find out."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        return args[0] if func in (Tensor.uniform_, Tensor.normal_) else func(*args, **(kwargs or {}))


@contextmanager
def _bounded(where: str) -> Iterator[None]:
    """While it is open, at most MOST_MODULES modules are built: whoever wrote the recipe chose its numbers."""
    built = count(1)

    def registered(*_: object) -> None:
        if next(built) > MOST_MODULES:
            found = f"networks of more than {MOST_MODULES} modules"
            raise InputError(where, found=found, expected="those of the bundle's files", cure="Copy it again.")

    handle = register_module_module_registration_hook(registered)
    try:
        yield
    finally:
        handle.remove()


def fill(net: nn.Module, tensors: Mapping[str, Tensor], where: str) -> None:
    """Loads weights, or says that they are another network's."""
    try:
        net.load_state_dict(dict(tensors))
    except RuntimeError as error:
        raise InputError(
            where,
            found="weights of another network",
            expected=type(net).__name__,
            cure=str(error).splitlines()[-1].strip(),
        ) from None


def read_checked(folder: Path, name: str, manifest: Mapping[str, Any]) -> dict[str, Tensor]:
    """A bundle file's tensors, its hash checked."""
    check_file(folder, name, manifest)
    tensors = tensor_files.read(folder / name)
    tensor_files.refuse_non_finite(tensors, str(folder / name))
    return tensors


def check_file(folder: Path, name: str, manifest: Mapping[str, Any]) -> None:
    """Refuses a file that the manifest does not name, that is missing, cut short or edited."""
    path, expected = folder / name, manifest.get("files", {}).get(name)
    if expected is None:
        raise InputError(str(path), found="a file that bundle.json does not name", expected="a whole bundle")
    if not path.is_file():
        raise InputError(str(path), found="no such file", expected="a whole bundle", cure="Copy the bundle again.")
    digest = atomic.sha256(path)
    if digest != expected:
        raise InputError(
            str(path),
            found=f"sha256 {digest[:12]}…",
            expected=f"{expected[:12]}… (truncated or edited)",
            cure="Copy the bundle again.",
        )


def _check_manifest(path: Path, manifest: Mapping[str, Any]) -> None:
    """Refuses a manifest in which something is missing or of another kind: it is the one file without a hash."""
    if type(white := manifest.get("white", WHITE)) is not int or not 0 < white <= WHITE:
        raise InputError(str(path), found=f"'white' = {white!r:.60}", expected=f"1 to {WHITE}", cure="Copy it again.")
    texts = {"domains": ("a", "b"), "encoder": ("use", "weights_sha256"), "files": ()}
    for key, names in texts.items():
        table = manifest.get(key)
        if not isinstance(table, dict) or not all(isinstance(table.get(n), str) for n in names or table):
            raise InputError(
                str(path),
                found=f"'{key}' = {table!r:.60}" if key in manifest else f"no '{key}'",
                expected="a whole manifest",
                cure="Copy the bundle again.",
            )


def load(path: str | Path, catalogue: Catalogue | None = None, settings: Sequence[str] = ()) -> Bundle:
    """Reads a bundle (or the run folder that holds one), by its path or the name of one that a plugin offers.

    InputError names what is wrong with which file.

    The encoder's weights are found by their hash: where `settings` say (`encoder.weights=PATH`), where its run had
    them if it lies in that, or in the encoder's own place.
    """
    folder = given = located(path, catalogue)
    if not (folder / "bundle.json").exists() and (folder / "bundle" / "bundle.json").exists():
        folder = folder / "bundle"
    if not (folder / "bundle.json").exists():
        raise no_bundle(path, given)
    manifest = atomic.read_json(folder / "bundle.json", "a bundle's manifest", FORMAT)
    _check_manifest(folder / "bundle.json", manifest)
    catalogue = catalogue or Catalogue.discover()
    check_file(folder, "recipe.json", manifest)
    recipe = recipe_of(folder, atomic.read_json(folder / "recipe.json", "a bundle's recipe"), catalogue, settings)
    with fetch.nothing():
        encoder = encoder_of(recipe, catalogue, manifest["encoder"]["weights_sha256"], weights_hash)
    tensors = read_checked(folder, "statistics.safetensors", manifest)
    sides = Pair("a.", "b.").map(lambda p: {k.removeprefix(p): v for k, v in tensors.items() if k.startswith(p)})
    normalise = sides.map(lambda t: from_tensors(t, recipe.training.clip_sigma))
    names = manifest["domains"]
    return Bundle(
        folder,
        manifest,
        recipe,
        Pair(names["a"], names["b"]),
        ImageSpec(recipe.image.size),
        encoder,
        normalise,
        catalogue,
    )
