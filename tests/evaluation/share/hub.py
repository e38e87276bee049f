"""A stand-in of the Hugging Face Hub on this computer: the few calls of pushing and pulling, repositories in memory."""

import base64
import hashlib
import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

TOKEN = "hf_test"


class Hub(ThreadingHTTPServer):
    """`repositories[name]["main"]` is the newest commit; `commits[id]` are a commit's files by their names."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories: dict[str, dict[str, str]] = {}
        self.commits: dict[str, dict[str, bytes]] = {}
        self.private: set[str] = set()
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def commit(self, name: str, files: dict[str, bytes], branch: str = "main") -> str:
        refs = self.repositories.setdefault(name, {})
        whole = {**self.commits.get(refs.get(branch, ""), {}), **files}
        told = json.dumps([name, len(self.commits), {k: hashlib.sha1(v).hexdigest() for k, v in whole.items()}])
        refs[branch] = hashlib.sha1(told.encode()).hexdigest()
        self.commits[refs[branch]] = whole
        return refs[branch]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Tests have nothing to say of each request."""

    def do_GET(self) -> None:
        self.hub.asked.append(self.path)
        path = unquote(self.path.partition("?")[0])
        if match := re.fullmatch(r"/api/models/(\w+/[\w-]+)(?:/revision/(.+))?", path):
            if commit := self.commit_of(match[1], match[2] or "main"):
                files = self.hub.commits[commit]
                siblings = [{"rfilename": name, "size": len(data)} for name, data in files.items()]
                self.answer(200, {"id": match[1], "sha": commit, "siblings": siblings, "tags": []})
        elif (match := re.fullmatch(r"/(\w+/[\w-]+)/resolve/(\w+)/(.+)", path)) and (
            commit := self.commit_of(match[1], match[2])
        ):
            data = self.hub.commits[commit].get(match[3])
            if data is None:
                self.answer(404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"})
            else:
                etag = hashlib.sha1(data).hexdigest()
                self.answer(200, data, {"X-Repo-Commit": commit, "ETag": f'"{etag}"'})

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or self.chunks()
        path = self.path.partition("?")[0]
        self.hub.asked.append(path)
        if path == "/api/validate-yaml":
            self.answer(200, {"errors": [], "warnings": []})
        elif self.headers.get("authorization") != f"Bearer {TOKEN}":
            self.answer(401, {"error": "Invalid username or password."})
        elif path == "/api/repos/create":
            table = json.loads(body)
            name = f"{table.get('organization') or 'me'}/{table['name']}"
            there = name in self.hub.repositories
            self.hub.repositories.setdefault(name, {})
            if "private" in (table.get("visibility"), table.get("private") and "private"):
                self.hub.private.add(name)
            self.answer(409 if there else 200, {"url": f"{self.hub.url}/{name}", "error": "exists"})
        elif match := re.fullmatch(r"/api/models/(\w+/[\w-]+)/preupload/(.+)", path):
            files = [file["path"] for file in json.loads(body)["files"]]
            modes = [{"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in files]
            self.answer(200, {"files": modes})
        elif match := re.fullmatch(r"/api/models/(\w+/[\w-]+)/commit/(.+)", path):
            lines = [json.loads(line) for line in body.splitlines()]
            files = {v["value"]["path"]: base64.b64decode(v["value"]["content"]) for v in lines if v["key"] == "file"}
            commit = self.hub.commit(match[1], files, match[2])
            self.answer(200, {"commitUrl": f"{self.hub.url}/{match[1]}/commit/{commit}", "commitOid": commit})

    @property
    def hub(self) -> Hub:
        return self.server

    def commit_of(self, name: str, revision: str) -> str:
        """The commit of a revision; empty where it is refused, which is then answered."""
        refs = self.hub.repositories.get(name)
        if refs is None or (name in self.hub.private and self.headers.get("authorization") != f"Bearer {TOKEN}"):
            self.answer(401, {"error": "Invalid username or password."})  # which does not tell whether it is there
            return ""
        commit = refs.get(revision, revision if revision in self.hub.commits else "")
        if not commit:
            self.answer(404, {"error": "Invalid rev id"}, {"X-Error-Code": "RevisionNotFound"})
        return commit

    def answer(self, status: int, value: object, headers: dict[str, str] | None = None) -> None:
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, text in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def chunks(self) -> bytes:
        """A body that comes in chunks."""
        data = b""
        while self.headers.get("Transfer-Encoding") == "chunked" and (size := int(self.rfile.readline(), 16)):
            data += self.rfile.read(size)
            self.rfile.readline()
        return data


@contextmanager
def serving():
    """A hub that answers until the end."""
    hub = Hub()
    thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
        thread.join()
