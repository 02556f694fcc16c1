import sys

import pytest

from skmmgenre.items import import_from_extra


def test_what_is_there_is_imported():
    assert import_from_extra("json.decoder", "Reading", extra="data") is sys.modules["json.decoder"]


@pytest.mark.parametrize(
    ("name", "package"), [("rapidfuzz.process", "rapidfuzz"), ("yaml", "pyyaml")]
)
def test_what_is_absent_is_told_with_its_remedy(monkeypatch, name, package):
    monkeypatch.setitem(sys.modules, name, None)
    told = rf'Matching needs {package}, which is not installed: pip install "skmmgenre\[cli\]"'
    with pytest.raises(ImportError, match=told):
        import_from_extra(name, "Matching", extra="cli")
