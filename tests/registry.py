"""A package registry on loopback (PEP 503, with PEP 658), wheels made here, and the ways in which registries fail."""

import base64
import hashlib
import io
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def wheel(name, version="1.0", files=None, requires=()):
    """A wheel's file name and bytes. Without files it holds one module, called like the package."""
    stem = f"{name.replace('-', '_')}-{version}"
    files = files or {f"{name.replace('-', '_')}.py": f"VERSION = {version!r}\n"}
    needed = "".join(f"Requires-Dist: {it}\n" for it in requires)
    files = files | {
        f"{stem}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needed}",
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{path},{_digest(text)},{len(text)}" for path, text in files.items()]
    files[f"{stem}.dist-info/RECORD"] = "\n".join([*record, f"{stem}.dist-info/RECORD,,", ""])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), text)  # the same bytes each time
    return f"{stem}-py3-none-any.whl", packed.getvalue()


def sdist(name, version="1.0", setup="raise SystemExit('it was built')\n"):
    """A package that has no wheel: whoever builds it runs its `setup`."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for path, text in {
            "setup.py": setup,
            "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        }.items():
            entry = tarfile.TarInfo(f"{name}-{version}/{path}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return f"{name}-{version}.tar.gz", packed.getvalue()


def _metadata(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return next(archive.read(name) for name in archive.namelist() if name.endswith(".dist-info/METADATA"))


def _digest(text):
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


class Registry:
    """Serves packages until it is closed.

    Args:
        packages: file names and bytes.
        fails: `500`, `401` or `hangs`: what it does instead.
        hashes: whether it tells the files' digests.
        holds: seconds for which clients may keep its pages.
    """

    def __init__(self, *packages, fails="", hashes=True, holds=0):
        self.files = dict(packages)
        self.metadata = {f"{name}.metadata": _metadata(content) for name, content in packages if name.endswith(".whl")}
        self.fails = fails
        self.hashes = hashes
        self.holds = holds
        self.asked = []
        self.closing = threading.Event()
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 65_536  # head and body in one packet

            def do_GET(self):
                registry.answer(self)

            def do_HEAD(self):
                registry.answer(self)

            def log_message(self, *words):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/simple/"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def answer(self, request):
        self.asked.append(request.path)
        if self.fails == "hangs":
            self.closing.wait(30)
            request.close_connection = True
            return
        status, body = self.found(request.path)
        request.send_response(status)
        request.send_header("Content-Type", "text/html" if request.path.endswith("/") else "application/octet-stream")
        request.send_header("Cache-Control", f"max-age={self.holds}")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if request.command == "GET":
            request.wfile.write(body)

    def found(self, path):
        if self.fails:
            return int(self.fails), b""
        if not path.endswith("/"):
            body = (self.files | self.metadata).get(path.rpartition("/")[2])
            return (404, b"") if body is None else (200, body)
        wanted = path.rstrip("/").rpartition("/")[2]
        told = {True: 'data-dist-info-metadata="true" data-core-metadata="true"', False: ""}
        lines = [
            f'<a href="/files/{name}{self._fragment(name)}" {told[name.endswith(".whl")]}>{name}</a>'
            for name in sorted(self.files)
            if name.rpartition("-")[0].split("-")[0].replace("_", "-").lower() == wanted
        ]
        page = "<!DOCTYPE html><html><body>{}</body></html>".format("\n".join(lines))
        return (200, page.encode()) if lines else (404, b"")

    def _fragment(self, name):
        return f"#sha256={hashlib.sha256(self.files[name]).hexdigest()}" if self.hashes else ""


def variables(registry_url, folder):
    """What an installer needs to use a registry and nothing else, and to give up soon."""
    return {
        "PATH": "/usr/bin:/bin", "HOME": str(folder),
        "UV_CACHE_DIR": str(folder / "uv"), "PIP_CACHE_DIR": str(folder / "pip"),
        "UV_DEFAULT_INDEX": registry_url, "PIP_INDEX_URL": registry_url, "PIP_CONFIG_FILE": "/dev/null",
        "UV_HTTP_RETRIES": "0", "UV_HTTP_TIMEOUT": "1", "PIP_DEFAULT_TIMEOUT": "1",
    }  # fmt: skip
