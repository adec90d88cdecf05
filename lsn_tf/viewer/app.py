"""The addresses of the viewer: its page, the scan, the contours over it, and what a user asks for."""

import asyncio
import functools
import json
import pathlib
import re
import tempfile
import zlib
from collections.abc import Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from lsn_tf.viewer.loopback import LoopbackOnly
from lsn_tf.viewer.niivue_files import scan_nifti, surface_mz3
from lsn_tf.viewer.session import Missing, Session

ASSETS = pathlib.Path(__file__).parent / "assets"
NOTHING = 204


def make_app(session: Session) -> Starlette:
    """Returns the application for a session."""

    def get(path: str, answer: Callable[[Request], Response]) -> Route:
        return Route(path, answered(answer), methods=["GET"])

    def post(path: str, change: Callable[[Mapping[str, Any]], Any]) -> Route:
        return Route(path, answered_after(change, session), methods=["POST"])

    routes = [
        get("/", lambda _: FileResponse(ASSETS / "index.html")),
        get("/scan", lambda _: JSONResponse(session.scan())),
        get("/scan.nii", lambda _: _bytes(scan_nifti(session.image, session.grid.spacing_mm))),
        get("/coarse.nii", lambda _: _bytes(scan_nifti(session.image, session.grid.spacing_mm, coarse=True))),
        get("/state", lambda _: JSONResponse(session.state())),
        get("/layers/{key}/depth", lambda request: _packed(session.depth(request.path_params["key"]))),
        get("/layers/{key}/{version:int}/surface.mz3", lambda request: _surface(session, request.path_params["key"])),
        get("/layers/{key}/{what}.nii.gz", lambda request: _export(session, **request.path_params)),
        get(
            "/evolutions/{number:int}/{frame:int}",
            lambda request: _packed(session.frame(request.path_params["number"], request.path_params["frame"])),
        ),
        post("/evolve", session.evolve),
        post("/show", lambda asked: session.show(_whole(asked, "number"), _whole(asked, "frame"))),
        post("/segment", lambda asked: session.segment(str(asked.get("layer")))),
        post("/stop", lambda _: session.stop()),
        post("/undo", lambda asked: session.undo(str(asked.get("layer")))),
        post("/clear", lambda asked: session.clear(str(asked.get("layer")))),
        Mount("/assets", StaticFiles(directory=ASSETS)),
    ]
    return Starlette(routes=routes, middleware=[Middleware(LoopbackOnly)])


def answered(answer: Callable[[Request], Response]) -> Callable:
    """Returns an endpoint that answers in a thread, and says in one line what was wrong with a request."""

    async def endpoint(request: Request) -> Response:
        return await asyncio.to_thread(_told, functools.partial(answer, request))

    return endpoint


def answered_after(change: Callable[[Mapping[str, Any]], Any], session: Session) -> Callable:
    """Returns an endpoint that makes a change asked for in JSON, and answers with the state after it."""

    def answer(asked: Any) -> Response:
        if not isinstance(asked, dict):
            raise ValueError(f"the body must be a JSON object. Received {str(asked)[:80]}.")
        change(asked)
        return JSONResponse(session.state())

    async def endpoint(request: Request) -> Response:
        try:
            asked = await request.json()
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
            return JSONResponse({"error": f"the body must be JSON. Received {type(error).__name__}."}, 400)
        return await asyncio.to_thread(_told, functools.partial(answer, asked))

    return endpoint


def _told(answer: Callable[[], Response]) -> Response:
    try:
        return answer()
    except Missing as error:
        return JSONResponse({"error": str(error)}, 404)
    except (ValueError, OverflowError) as error:
        return JSONResponse({"error": " ".join(str(error).split())}, 400)


def _bytes(content: bytes) -> Response:
    return Response(content, media_type="application/octet-stream")


def _packed(depth) -> Response:
    """Returns depths, compressed: they are cut far from the front, so they shrink to a few percent."""
    packer = zlib.compressobj(1, wbits=zlib.MAX_WBITS | 16)
    content = packer.compress(depth.tobytes()) + packer.flush()
    return Response(content, media_type="application/octet-stream", headers={"content-encoding": "gzip"})


def _surface(session: Session, key: str) -> Response:
    mesh = surface_mz3(session.depth(key), session.grid.spacing_mm)
    return Response(status_code=NOTHING) if mesh is None else _bytes(mesh)


def _export(session: Session, key: str, what: str) -> Response:
    stem = session.name.removesuffix(".gz").removesuffix(".nii")
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", f"{stem}-{key}-{what}.nii.gz")  # no header takes all that files are called
    with tempfile.TemporaryDirectory(prefix="lsn_tf-") as folder:
        path = pathlib.Path(folder) / "result.nii.gz"
        session.write(key, what, path)
        disposition = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(path.read_bytes(), media_type="application/gzip", headers=disposition)


def _whole(asked: Mapping[str, Any], name: str) -> int:
    if type(value := asked.get(name)) is not int:
        raise ValueError(f"{name} must be a whole number. Received {value!r}.")
    return value
