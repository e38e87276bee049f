"""Bundles and exports of the Hugging Face Hub: `hf://owner/name`, or one revision of it, `hf://owner/name@REVISION`.

Of a repository those files are fetched that its manifest names, and no others; they are kept when each has the hash
that stands there. Torch-free; needs `crosscade[hub]`.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import CrosscadeError, InputError, RunError, said
from ..support import atomic, fetch
from ..support.folders import Held

SCHEME = "hf://"
ADDRESS = re.compile(rf"(?:{SCHEME})?([\w.-]+/[\w.-]+?)(?:@([\w./-]+))?")
COMMIT = re.compile(r"[0-9a-f]{40}")
MARKS = ("manifest.json", "bundle.json")
"""What an export and a bundle are known by: the file that names and vouches for all others."""
CARD = "README.md"
NAME = re.compile(r"(?:\w[\w-]*/){0,4}\w[\w.-]*")
"""Of a file that may be fetched: one that stays in its folder."""
MOST_MANIFEST, MOST_FILES, MOST_BYTES = 1 << 20, 256, 8 << 30
SECONDS = 10.0
"""How long the hub may take to say what a repository holds."""
FETCHED_ONCE = "A commit that was fetched once needs no answer: hf://owner/name@COMMIT."


def parsed(address: str) -> tuple[str, str]:
    """`owner/name` and the revision, empty where none is named. InputError for what is no address.

    >>> parsed("hf://me/zebra-giraffe@v1")
    ('me/zebra-giraffe', 'v1')
    """
    match = ADDRESS.fullmatch(address)
    if match is None:
        raise InputError(address, expected="hf://owner/name, or hf://owner/name@REVISION")
    return match[1], match[2] or ""


def fetched(address: str) -> Path:
    """The folder in the user's cache that holds what is at `address`; a commit that is there is not asked for again."""
    repo, revision = parsed(address)
    kept = fetch.cache_dir() / "hub" / repo.replace("/", "--")
    if COMMIT.fullmatch(revision) and _whole(kept / revision):
        return kept / revision
    found = repository(address)
    folder = kept / str(found.sha)
    if not _whole(folder):
        with Held(folder, lambda: None) as held:
            held.replace(lambda part: download(address, found, part))
    return folder


def repository(address: str) -> Any:
    """What the hub says of a repository: its commit and its files. Raises as `asking` does."""
    repo, revision = parsed(address)
    with asking(address):
        info = client().model_info(repo, revision=revision or None, files_metadata=True, timeout=SECONDS)
    if not COMMIT.fullmatch(info.sha or ""):
        raise RunError(address, found=f"commit {info.sha!r:.60}", expected="40 hexadecimal digits")
    return info


def download(address: str, info: Any, folder: Path) -> None:
    """The files of a repository's commit into the empty `folder`. InputError when one is not what its manifest says."""
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
    mark = next((name for name in MARKS if name in sizes), None)
    if mark is None:
        found = f"no {' and no '.join(MARKS)} in it"
        raise InputError(address, found=found, expected="a bundle or an export that `crosscade push` sent")

    def get(name: str) -> Path:
        from huggingface_hub import hf_hub_download

        with asking(address):
            hf_hub_download(
                parsed(address)[0], name, revision=info.sha, local_dir=folder, endpoint=os.environ.get("HF_ENDPOINT")
            )
        return folder / name

    if sizes[mark] > MOST_MANIFEST:
        raise InputError(f"{address}: {mark}", found=f"{sizes[mark]} bytes", expected=f"at most {MOST_MANIFEST}")
    files = _hashes(address, atomic.read_json(get(mark), "a manifest", most=MOST_MANIFEST))
    for name in files:
        if not NAME.fullmatch(name) or name not in sizes:
            raise InputError(f"{address}: {mark}", found=f"a file {name!r:.80}", expected="files of the repository")
    total = sum(sizes[name] for name in files)
    if len(files) > MOST_FILES or total > MOST_BYTES:
        found, expected = f"{len(files)} files of {total} bytes", f"at most {MOST_FILES} of {MOST_BYTES}"
        raise InputError(address, found=found, expected=expected)
    for name, digest in files.items():
        if (have := atomic.sha256(get(name))) != digest:
            found, expected = f"sha256 {have[:12]}…", f"{digest[:12]}…, as {mark} says"
            raise InputError(f"{address}: {name}", found=found, expected=expected, cure="Nothing of it was kept.")
    if sizes.get(CARD, MOST_MANIFEST) < MOST_MANIFEST:
        get(CARD)
    shutil.rmtree(folder / ".cache", ignore_errors=True)  # the client's notes


@contextmanager
def asking(address: str, no_answer: str = FETCHED_ONCE) -> Iterator[None]:
    """Whatever the hub's client raises meanwhile becomes one line; `no_answer` is what to do where none comes."""
    try:
        yield
    except CrosscadeError:
        raise
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] != "huggingface_hub":
            raise
        cure = "pip install 'crosscade[hub]'"
        raise InputError(f"no package '{error.name}'", expected="it: this needs crosscade[hub]", cure=cure) from None
    except Exception as error:  # of several libraries, which change
        raise _refusal(address, error, no_answer) from error


def client() -> Any:
    """The hub's: https://huggingface.co, or where HF_ENDPOINT says."""
    from huggingface_hub import HfApi

    return HfApi(endpoint=os.environ.get("HF_ENDPOINT"), library_name="crosscade")


def _hashes(address: str, table: dict[str, Any]) -> dict[str, str]:
    """Each file's SHA-256: an export's manifest says sizes beside them."""
    files = table.get("files")
    said_of = files if isinstance(files, dict) else {}
    hashes = {name: v.get("sha256") if isinstance(v, dict) else v for name, v in said_of.items()}
    texts = {name: digest for name, digest in hashes.items() if isinstance(digest, str)}
    if not texts or len(texts) < len(hashes):
        raise InputError(address, found="a manifest without hashes", expected="one that `crosscade push` sent")
    return texts


def _whole(folder: Path) -> bool:
    return any((folder / mark).is_file() for mark in MARKS)


def _refusal(address: str, error: Exception, no_answer: str) -> CrosscadeError:
    kinds = {kind.__name__ for kind in type(error).__mro__}
    status = getattr(getattr(error, "response", None), "status_code", None)
    login = "Log in with `hf auth login`, or set HF_TOKEN."
    if "GatedRepoError" in kinds:
        return InputError(address, found="a gated repository", cure=f"Ask for access on its page. {login}")
    if "RevisionNotFoundError" in kinds:
        return InputError(address, found="no such revision", expected="a branch, a tag or a commit")
    if "RepositoryNotFoundError" in kinds or status in (401, 403):
        return InputError(address, found="no such repository, or one that is not open to you", cure=login)
    if "HFValidationError" in kinds:
        return InputError(address, found=said(error), expected="owner/name")
    if status is not None:
        return RunError(address, found=f"answer {status} of the hub ({said(error)})", cure="Try again later.")
    where = os.environ.get("HF_ENDPOINT", "the hub")
    return RunError(address, found=f"no answer from {where} ({said(error)})", cure=no_answer)
