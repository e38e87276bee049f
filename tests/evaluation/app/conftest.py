import pytest

from tests.exporters import tiny_export


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    return tiny_export.write(tmp_path_factory.mktemp("app") / "export", style_size=3)


@pytest.fixture(scope="module")
def ask(export):
    """Asks a server of that export."""
    from crosscade.evaluation.opening import open_translator
    from crosscade.framework import Catalogue
    from tests.evaluation.app.asking import running

    with running(open_translator(export, Catalogue.of())) as ask:
        yield ask
