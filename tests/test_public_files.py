"""What a public project has beside its code is well-formed and agrees with it."""

import re
import tomllib

import pytest

from crosscade.framework import Catalogue
from tests.docs_tools import ROOT

yaml = pytest.importorskip("yaml", reason="PyYAML comes with mkdocs")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TEMPLATES = ROOT / ".github" / "ISSUE_TEMPLATE"


def test_the_changelog_has_this_version_and_what_is_not_released():
    text = (ROOT / "CHANGELOG.md").read_text()
    headings = re.findall(r"^## \[?([^\]\s]+)\]?", text, re.MULTILINE)
    assert headings[:1] == ["Unreleased"]
    assert PROJECT["version"] in headings
    kinds = set(re.findall(r"^### (.*)", text, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    first = text[text.index("## 0.1.0") :]
    named = re.findall(r"`(\w+)`", re.search(r"Commands (.*?);", first, re.DOTALL)[1])
    assert set(named) <= {offer.name for offer in Catalogue.discover().offers("command")}


def test_the_citation_is_of_this_version_and_of_the_paper():
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert (cff["cff-version"], cff["version"], cff["license"]) == ("1.2.0", PROJECT["version"], PROJECT["license"])
    assert cff["title"].lower() == PROJECT["name"]
    for paper in (cff["preferred-citation"], *cff["references"]):
        assert [a["family-names"] for a in paper["authors"]] == ["Katzir", "Lischinski", "Cohen-Or"]
        assert paper["title"].startswith("Cross-Domain Cascaded Deep ")


@pytest.mark.parametrize("name", ["bug_report.yml", "feature_request.yml"])
def test_an_issue_template_asks_something(name):
    template = yaml.safe_load((TEMPLATES / name).read_text())
    assert {"name", "description", "body"} <= template.keys()
    assert len({field["id"] for field in template["body"]}) == len(template["body"]) >= 3
    assert all(field["type"] == "textarea" and field["attributes"]["label"] for field in template["body"])
    assert any(field.get("validations", {}).get("required") for field in template["body"])


def test_pre_commit_runs_what_lint_runs():
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"
    assert [hook["entry"] for hook in repository["hooks"]] == ["make lint"]
    assert re.search(
        r"^lint:.*\n\truff check \.\n\truff format --check \.\n\tmypy$", (ROOT / "Makefile").read_text(), re.M
    )
