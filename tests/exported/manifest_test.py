"""A folder is the one of its manifest, byte for byte, or it is not read."""

import pytest

from lsn_tf.exported.manifest import PLACE, check_manifest, write_manifest

CONTENT = {"saved_model.pb": b"graph", "variables/variables.index": b"index", "assets.extra/card.json": b"{}"}


@pytest.fixture
def folder(tmp_path):
    for name, content in CONTENT.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    write_manifest(tmp_path)
    return tmp_path


def test_what_was_written_is_accepted_wherever_it_lies(folder):
    check_manifest(folder)
    check_manifest(folder.rename(folder.with_name("elsewhere")))


@pytest.mark.parametrize("name", CONTENT)
def test_one_flipped_bit_of_any_file_is_noticed_and_named(folder, name):
    content = bytearray((folder / name).read_bytes())
    for bit in range(8 * len(content)):
        content[bit // 8] ^= 1 << bit % 8
        (folder / name).write_bytes(content)
        with pytest.raises(ValueError, match=f"Changed, added or lost: {name}"):
            check_manifest(folder)
        content[bit // 8] ^= 1 << bit % 8


def test_a_file_that_was_lost_or_added_is_named(folder):
    (folder / "saved_model.pb").rename(folder / "variables" / "more")
    with pytest.raises(ValueError, match="Changed, added or lost: saved_model.pb, variables/more"):
        check_manifest(folder)


@pytest.mark.parametrize("content", [None, b"", b"[]", b"{}", b"\xff", b'{"sha256": 1}'])
def test_without_a_manifest_that_can_be_read_nothing_is(folder, content):
    (folder / PLACE).unlink() if content is None else (folder / PLACE).write_bytes(content)
    with pytest.raises(ValueError, match="expected the manifest .*python -m lsn_tf.export") as caught:
        check_manifest(folder)
    assert "\n" not in str(caught.value)
