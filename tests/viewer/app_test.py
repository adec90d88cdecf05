"""The addresses answer with what the session holds, say in one line what was wrong, and serve this machine alone."""

import gzip
import hashlib
import re

import nibabel
import numpy as np
import pytest
from starlette.testclient import TestClient
from viewed_scan import CENTRE, SPACING_MM

from lsn_tf.viewer import depths
from lsn_tf.viewer.app import ASSETS, make_app

SEED = {"layer": "yours", "equation": "lse", "points": [[*CENTRE, 2]], "parameters": {"seconds": 5}}


@pytest.fixture
def client(session):
    return TestClient(make_app(session), base_url="http://127.0.0.1:8080")


def depths_of(answer, shape):
    return np.frombuffer(answer.content, np.int8).reshape(shape)


def test_the_scan_comes_as_it_is(client, session):
    about = client.get("/scan").json()
    assert about["shape"] == list(session.image.shape) and about["spacing_mm"] == pytest.approx(SPACING_MM)
    nifti = nibabel.Nifti1Image.from_bytes(client.get("/scan.nii").content)
    np.testing.assert_array_equal(np.asarray(nifti.dataobj).transpose(2, 1, 0), session.image)
    assert client.get("/coarse.nii").status_code == 200


def test_a_seed_changes_the_depths_and_they_can_be_saved(client, session):
    assert not (depths_of(client.get("/layers/yours/depth"), session.image.shape) > 0).any()
    state = client.post("/evolve", json=SEED).json()
    session.wait()
    depth = depths_of(client.get("/layers/yours/depth"), session.image.shape)
    assert (depth[2] > 0).any() and state["evolution"]["layer"] == "yours"
    state = client.get("/state").json()
    number, count = state["evolution"]["number"], len(state["evolution"]["seconds"])
    last = depths_of(client.get(f"/evolutions/{number}/{count - 1}"), depth[2].shape)
    np.testing.assert_array_equal(last, depth[2])
    answer = client.get("/layers/yours/mask.nii.gz")
    assert answer.headers["content-disposition"] == 'attachment; filename="ct-yours-mask.nii.gz"'
    mask = np.asarray(nibabel.Nifti1Image.from_bytes(gzip.decompress(answer.content)).dataobj)
    np.testing.assert_array_equal(mask.transpose(2, 1, 0) > 0, depths.is_inside(depth))
    assert client.get("/layers/yours/1/surface.mz3").content[:2] == b"\x4d\x5a"
    assert client.post("/show", json={"number": number, "frame": 0}).json()["evolution"]["shown"] == 0
    assert client.post("/undo", json={"layer": "yours"}).json()["evolution"] is None
    assert client.get("/layers/yours/2/surface.mz3").status_code == 204


@pytest.mark.parametrize(
    "address, asked, status",
    [
        ("/evolve", {**SEED, "layer": "nobody"}, 404),
        ("/evolve", {**SEED, "points": [[1, 2]]}, 400),
        ("/evolve", {**SEED, "points": [[1e308, 1e308, 1e308]]}, 400),
        ("/evolve", {**SEED, "parameters": {"seconds": 0}}, 400),
        ("/evolve", [SEED], 400),
        ("/evolve", {}, 404),
        ("/show", {"number": "1", "frame": 0}, 400),
        ("/show", {"number": 1, "frame": 0}, 404),
        ("/undo", {"layer": "yours"}, 400),
        ("/segment", {"layer": "yours"}, 400),
        ("/clear", {"layer": ["yours"]}, 404),
    ],
)
def test_what_is_wrong_is_said_in_one_line(client, address, asked, status):
    answer = client.post(address, json=asked)
    assert answer.status_code == status
    assert answer.json()["error"] and "\n" not in answer.json()["error"]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_refused(client, body):
    answer = client.post("/stop", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400 and "must be JSON" in answer.json()["error"]


@pytest.mark.parametrize(
    "address", ["/layers/nobody/depth", "/layers/yours/kappa.nii.gz", "/evolutions/9/9", "/assets/%2e%2e/app.py"]
)
def test_what_is_not_there_is_not_found(client, address):
    assert client.get(address).status_code == 404


def test_only_this_machine_and_this_page_may_ask(client):
    for address in ("/", "/scan", "/state", "/scan.nii", "/assets/main.js"):
        assert client.get(address, headers={"host": "evil.example"}).status_code == 403
        assert client.get(address, headers={"sec-fetch-site": "cross-site"}).status_code == 403
        answer = client.get(address)
        assert answer.status_code == 200 and "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
    assert client.post("/stop", json={}).status_code == 200
    assert client.post("/stop", json={}, headers={"origin": "http://evil.example"}).status_code == 403
    assert client.post("/stop", content="{}", headers={"content-type": "text/plain"}).status_code == 403


def test_the_page_needs_nothing_from_elsewhere():
    ours = [path for path in ASSETS.iterdir() if path.suffix in (".html", ".css", ".js") and "umd" not in path.name]
    assert len(ours) > 5 and not [path.name for path in ours if re.search(r"//\w+\.\w", path.read_text())]


def test_niivue_is_the_file_that_its_licence_note_names():
    found = hashlib.sha256((ASSETS / "niivue.umd.js").read_bytes()).hexdigest()
    assert found in (ASSETS / "LICENSES.txt").read_text()
